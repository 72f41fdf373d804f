//! Tables `person` and `patient`: whom the gateway knows, by HMACs of identifier and resource id.

use nacre_schemas::Digest;
use sqlx::SqliteConnection;

use super::{Outbox, OutboxError, digest};
use crate::seal::batch::Subject;

/// A person's row.
#[derive(Clone)]
pub(crate) struct PersonRow {
    /// By what names.
    pub(crate) subject: Subject,
    /// What is known, encrypted.
    pub(crate) sealed: Vec<u8>,
}

/// A Patient resource that came in.
pub(crate) struct ArrivingPatient {
    /// HMAC of its id.
    pub(crate) id: Digest,
    /// Who it is.
    pub(crate) person: PersonRow,
}

impl Outbox {
    /// The person that a Patient of that id is.
    pub(crate) async fn patient(&self, id: &Digest) -> Result<Option<PersonRow>, OutboxError> {
        let row = sqlx::query_as(
            "SELECT person.id, pseudonym, sealed FROM patient JOIN person ON person.id = patient.person
             WHERE patient.id = $1",
        );
        row.bind(&id.0[..]).fetch_optional(self.connection()).await?.map(person_of).transpose()
    }

    /// The person of that name.
    pub(crate) async fn person(&self, name: &Digest) -> Result<Option<PersonRow>, OutboxError> {
        let row = sqlx::query_as("SELECT id, pseudonym, sealed FROM person WHERE id = $1");
        row.bind(&name.0[..]).fetch_optional(self.connection()).await?.map(person_of).transpose()
    }

    /// Any person: what shows whether the spool opens with a key.
    pub(crate) async fn any_person(&self) -> Result<Option<PersonRow>, OutboxError> {
        let row = sqlx::query_as("SELECT id, pseudonym, sealed FROM person LIMIT 1");
        row.fetch_optional(self.connection()).await?.map(person_of).transpose()
    }
}

fn person_of((name, pseudonym, sealed): (Vec<u8>, Vec<u8>, Vec<u8>)) -> Result<PersonRow, OutboxError> {
    Ok(PersonRow {
        subject: Subject { name: digest(&name, "person")?, pseudonym: digest(&pseudonym, "person")? },
        sealed,
    })
}

/// Takes a patient in. Whether there was none of that id before.
pub(super) async fn take(connection: &mut SqliteConnection, patient: &ArrivingPatient) -> Result<bool, OutboxError> {
    let Subject { name, pseudonym } = &patient.person.subject;
    sqlx::query(
        "INSERT INTO person (id, pseudonym, sealed) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed",
    )
    .bind(&name.0[..])
    .bind(&pseudonym.0[..])
    .bind(&patient.person.sealed)
    .execute(&mut *connection)
    .await?;
    let before: Option<Vec<u8>> = sqlx::query_scalar("SELECT person FROM patient WHERE id = $1")
        .bind(&patient.id.0[..])
        .fetch_optional(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO patient (id, person) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET person = excluded.person",
    )
    .bind(&patient.id.0[..])
    .bind(&name.0[..])
    .execute(connection)
    .await?;
    Ok(before.is_none())
}
