//! Tables `observation` and `reading`: what came in, once for good; and what of it is still to be reduced.
//!
//! Kept true: an observation has one row however often and by however many senders it comes; nothing is added to a record
//! that was sealed. A request's resources are taken in one transaction, and are on disk when it returns.

use nacre_schemas::Digest;
use sqlx::SqliteConnection;

use super::{
    Outbox, OutboxError, digest,
    month::{self, Closing},
    person::{self, ArrivingPatient},
    record::State,
};

/// A value of an observation that came in.
#[derive(Clone)]
pub(crate) struct ArrivingReading {
    /// The record it counts in.
    pub(crate) record: Digest,
    /// The person's month, and whose it is.
    pub(crate) month: Digest,
    pub(crate) person: Digest,
    /// When that month closes.
    pub(crate) closing: Closing,
    /// Measure, time and value, encrypted.
    pub(crate) sealed: Vec<u8>,
}

/// How an observation came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As a new one.
    Create,
    /// As a new one, unless there is one of its identifier.
    CreateIfNone,
    /// In place of the one of its id.
    Replace,
}

/// An observation that came in.
#[derive(Clone)]
pub(crate) struct ArrivingObservation {
    /// HMAC of its id.
    pub(crate) id: Digest,
    /// HMAC of its business identifier.
    pub(crate) identifier: Option<Digest>,
    /// HMAC of what it says.
    pub(crate) content: Digest,
    /// Whether it says that it was entered in error.
    pub(crate) withdrawn: bool,
    pub(crate) manner: Manner,
    /// The version that it must replace, if the sender says one.
    pub(crate) if_match: Option<i64>,
    /// Id, status and code, encrypted.
    pub(crate) sealed: Vec<u8>,
    pub(crate) readings: Vec<ArrivingReading>,
}

/// What came in.
pub(crate) enum Arrival {
    Patient(ArrivingPatient),
    Observation(ArrivingObservation),
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is new.
    Created,
    /// It replaced another version, and is of this one.
    Updated(i64),
    /// It, or another of its identifier, was there.
    Unchanged(Kept),
    /// It is not taken.
    Refused(Conflict),
}

/// An observation as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// HMAC of its id.
    pub(crate) id: Digest,
    pub(crate) version: i64,
    pub(crate) withdrawn: bool,
    /// Id, status and code, encrypted.
    pub(crate) sealed: Vec<u8>,
}

/// Why an observation cannot be taken beside what is there; of several reasons the last one listed is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Conflict {
    /// Its person's month is sealed.
    Late,
    /// A record that it would count in was destroyed.
    Erased,
    /// It says that what is not here was entered in error.
    NothingToWithdraw,
    /// It is to replace another version than is here.
    OtherVersion,
    /// One of the same id or identifier says something else.
    OtherContent,
    /// Another one has its identifier.
    IdentifierTaken,
}

/// Where one reading of an observation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Where the record is that it counts in; nothing, if that is not sealed yet.
    pub(crate) record: Option<(Digest, State)>,
    /// Whether its month was set aside.
    pub(crate) set_aside: bool,
}

type Row = (Vec<u8>, Vec<u8>, i64, i64, Vec<u8>);

struct Found {
    kept: Kept,
    content: Digest,
}

const COLUMNS: &str = "SELECT id, content, withdrawn, version, sealed FROM observation WHERE ";

fn found_of((id, content, withdrawn, version, sealed): Row) -> Result<Found, OutboxError> {
    let kept = Kept { id: digest(&id, "observation")?, version, withdrawn: withdrawn != 0, sealed };
    Ok(Found { kept, content: digest(&content, "observation")? })
}

async fn find(connection: &mut SqliteConnection, column: &str, id: &Digest) -> Result<Option<Found>, OutboxError> {
    let row = sqlx::query_as(sqlx::AssertSqlSafe(format!("{COLUMNS}{column} = $1")));
    row.bind(id.0.to_vec()).fetch_optional(connection).await?.map(found_of).transpose()
}

impl Outbox {
    /// Takes in what a request brought, in order; if it is to be taken whole, all of it or nothing.
    pub(crate) async fn take(&self, arrivals: &[Arrival], whole: bool) -> Result<Vec<Taken>, OutboxError> {
        // Two requests that read before they write would otherwise find that out at their first write.
        let mut transaction = self.connection().begin_with("BEGIN IMMEDIATE").await?;
        let mut taken = Vec::new();
        for arrival in arrivals {
            taken.push(match arrival {
                Arrival::Observation(observation) => take_observation(&mut transaction, observation).await?,
                Arrival::Patient(patient) => match person::take(&mut transaction, patient).await? {
                    true => Taken::Created,
                    false => Taken::Updated(1),
                },
            });
        }
        if !(whole && taken.iter().any(|one| matches!(one, Taken::Refused(_)))) {
            transaction.commit().await?;
        }
        Ok(taken)
    }

    /// The observation of that id.
    pub(crate) async fn observation(&self, id: &Digest) -> Result<Option<Kept>, OutboxError> {
        Ok(find(&mut *self.connection().acquire().await?, "id", id).await?.map(|found| found.kept))
    }

    /// The observation of that identifier.
    pub(crate) async fn identified_observation(&self, identifier: &Digest) -> Result<Option<Kept>, OutboxError> {
        Ok(find(&mut *self.connection().acquire().await?, "identifier", identifier).await?.map(|found| found.kept))
    }

    /// Where an observation's readings stand.
    pub(crate) async fn standings(&self, observation: &Digest) -> Result<Vec<Standing>, OutboxError> {
        let rows: Vec<(Vec<u8>, Option<String>, i64)> = sqlx::query_as(
            "SELECT reading.record, record.state, reading.sealed IS NOT NULL AND EXISTS (
                 SELECT 1 FROM month WHERE month.id = reading.month AND problem IS NOT NULL)
             FROM reading LEFT JOIN record ON record.id = reading.record WHERE observation = $1",
        )
        .bind(&observation.0[..])
        .fetch_all(self.connection())
        .await?;
        let standing = |(id, state, set_aside): (Vec<u8>, Option<String>, i64)| {
            let record = state
                .map(|state| Ok::<_, OutboxError>((digest(&id, "observation")?, State::of(&state)?)))
                .transpose()?;
            Ok(Standing { record, set_aside: set_aside != 0 })
        };
        rows.into_iter().map(standing).collect()
    }
}

async fn take_observation(
    connection: &mut SqliteConnection,
    arriving: &ArrivingObservation,
) -> Result<Taken, OutboxError> {
    let of_id = find(connection, "id", &arriving.id).await?;
    let of_identifier = match &arriving.identifier {
        Some(identifier) => find(connection, "identifier", identifier).await?,
        None => None,
    };
    if arriving.if_match.is_some_and(|wanted| of_id.as_ref().is_none_or(|found| found.kept.version != wanted)) {
        return Ok(Taken::Refused(Conflict::OtherVersion));
    }
    match (of_id, of_identifier) {
        (_, Some(found)) if arriving.manner == Manner::CreateIfNone => Ok(Taken::Unchanged(found.kept)),
        (Some(one), Some(other)) if one.kept.id != other.kept.id => Ok(Taken::Refused(Conflict::IdentifierTaken)),
        (None, Some(_)) if arriving.manner == Manner::Replace => Ok(Taken::Refused(Conflict::IdentifierTaken)),
        (Some(found), _) | (None, Some(found)) => {
            if found.content == arriving.content && found.kept.withdrawn == arriving.withdrawn {
                Ok(Taken::Unchanged(found.kept))
            } else if arriving.manner == Manner::Replace {
                replace(connection, arriving, found.kept.version + 1).await
            } else {
                Ok(Taken::Refused(Conflict::OtherContent))
            }
        }
        // Taken as a new one it would look as if something had been withdrawn, while what was meant counts under another id.
        (None, None) if arriving.withdrawn => Ok(Taken::Refused(Conflict::NothingToWithdraw)),
        (None, None) => create(connection, arriving).await,
    }
}

async fn create(connection: &mut SqliteConnection, arriving: &ArrivingObservation) -> Result<Taken, OutboxError> {
    if let Some(conflict) = conflict(connection, &arriving.readings).await? {
        return Ok(Taken::Refused(conflict));
    }
    sqlx::query(
        "INSERT INTO observation (id, identifier, content, withdrawn, version, sealed) VALUES ($1, $2, $3, $4, 1, $5)",
    )
    .bind(&arriving.id.0[..])
    .bind(arriving.identifier.map(|identifier| identifier.0.to_vec()))
    .bind(&arriving.content.0[..])
    .bind(arriving.withdrawn)
    .bind(&arriving.sealed)
    .execute(&mut *connection)
    .await?;
    add_readings(connection, arriving).await?;
    Ok(Taken::Created)
}

async fn replace(
    connection: &mut SqliteConnection,
    arriving: &ArrivingObservation,
    version: i64,
) -> Result<Taken, OutboxError> {
    let states_before: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT record.state FROM reading JOIN record ON record.id = reading.record WHERE observation = $1",
    )
    .bind(&arriving.id.0[..])
    .fetch_all(&mut *connection)
    .await?;
    let before = states_before.iter().map(|state| conflict_with(state)).collect::<Result<Vec<_>, _>>()?;
    let before = before.into_iter().flatten().max();
    if let Some(conflict) = before.max(conflict(connection, &arriving.readings).await?) {
        return Ok(Taken::Refused(conflict));
    }
    let months: Vec<(Vec<u8>, Vec<u8>, i64, i64)> = sqlx::query_as(
        "SELECT DISTINCT month.id, person, ends_at, closes_at FROM reading JOIN month ON month.id = reading.month
         WHERE observation = $1",
    )
    .bind(&arriving.id.0[..])
    .fetch_all(&mut *connection)
    .await?;
    for (id, person, ends_at, closes_at) in months {
        month::change(
            connection,
            &digest(&id, "observation")?,
            &digest(&person, "observation")?,
            Closing { ends_at, closes_at },
        )
        .await?;
    }
    sqlx::query("DELETE FROM reading WHERE observation = $1")
        .bind(&arriving.id.0[..])
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "UPDATE observation SET identifier = $2, content = $3, withdrawn = $4, version = $5, sealed = $6 WHERE id = $1",
    )
    .bind(&arriving.id.0[..])
    .bind(arriving.identifier.map(|identifier| identifier.0.to_vec()))
    .bind(&arriving.content.0[..])
    .bind(arriving.withdrawn)
    .bind(version)
    .bind(&arriving.sealed)
    .execute(&mut *connection)
    .await?;
    add_readings(connection, arriving).await?;
    Ok(Taken::Updated(version))
}

/// What stands in the way of counting in these records.
async fn conflict(
    connection: &mut SqliteConnection,
    readings: &[ArrivingReading],
) -> Result<Option<Conflict>, OutboxError> {
    let mut found = None;
    for reading in readings {
        let state: Option<String> = sqlx::query_scalar("SELECT state FROM record WHERE id = $1")
            .bind(&reading.record.0[..])
            .fetch_optional(&mut *connection)
            .await?;
        found = found.max(state.map(|state| conflict_with(&state)).transpose()?.flatten());
    }
    Ok(found)
}

fn conflict_with(state: &str) -> Result<Option<Conflict>, OutboxError> {
    Ok(match State::of(state)? {
        State::Refused => None,
        State::Queued | State::Posted => Some(Conflict::Late),
        State::Erased => Some(Conflict::Erased),
    })
}

async fn add_readings(connection: &mut SqliteConnection, arriving: &ArrivingObservation) -> Result<(), OutboxError> {
    for reading in &arriving.readings {
        sqlx::query("INSERT INTO reading (observation, record, month, sealed) VALUES ($1, $2, $3, $4)")
            .bind(&arriving.id.0[..])
            .bind(&reading.record.0[..])
            .bind(&reading.month.0[..])
            .bind(&reading.sealed)
            .execute(&mut *connection)
            .await?;
        month::change(connection, &reading.month, &reading.person, reading.closing).await?;
    }
    Ok(())
}
