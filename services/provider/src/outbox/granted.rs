//! Table `granted`: what the provider let others read.
//!
//! Every change is one statement: granting takes no lock, so it goes beside a gateway that posts.

use nacre_schemas::{
    Digest, Document as _,
    grant::{NewGrant, Terms},
};

use super::{Outbox, OutboxError, digest};

/// A grant that was given and not revoked.
pub(crate) struct Given {
    /// Its name.
    pub(crate) digest: Digest,
    /// As it is sent.
    pub(crate) new: NewGrant,
    /// Whether the exchange has logged it.
    pub(crate) is_logged: bool,
}

type Row = (Vec<u8>, Vec<u8>, String);

const COLUMNS: &str = "SELECT digest, bytes, state FROM granted WHERE state != 'revoked' AND ";

fn parse((name, bytes, state): Row) -> Result<Given, OutboxError> {
    Ok(Given {
        digest: digest(&name, "granted")?,
        new: NewGrant::from_canonical(&bytes)?,
        is_logged: state == "logged",
    })
}

impl Outbox {
    /// The grant on these terms that was not revoked, if there is one.
    pub(crate) async fn given(&self, terms: &Terms) -> Result<Option<Given>, OutboxError> {
        let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!("{COLUMNS} terms = $1")))
            .bind(terms.digest().0.to_vec())
            .fetch_optional(self.connection())
            .await?;
        row.map(parse).transpose()
    }

    /// The grants that follow from a Consent and were not revoked.
    pub(crate) async fn given_by(&self, consent: &Digest) -> Result<Vec<Given>, OutboxError> {
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!("{COLUMNS} consent = $1")))
            .bind(&consent.0[..])
            .fetch_all(self.connection())
            .await?;
        rows.into_iter().map(parse).collect()
    }

    /// Keeps a grant that is about to be sent, unless there is one on the same terms.
    pub(crate) async fn keep_grant(&self, new: &NewGrant, consent: Option<&Digest>) -> Result<(), OutboxError> {
        let terms = &new.signed.statement.terms;
        sqlx::query(
            "INSERT INTO granted (digest, record, terms, bytes, state, consent) VALUES ($1, $2, $3, $4, 'queued', $5)
             ON CONFLICT DO NOTHING",
        )
        .bind(new.signed.digest().0.to_vec())
        .bind(&terms.record.0[..])
        .bind(terms.digest().0.to_vec())
        .bind(new.to_canonical())
        .bind(consent.map(|consent| consent.0.to_vec()))
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Notes that the exchange has logged a grant.
    pub(crate) async fn note_grant(&self, grant: &Digest) -> Result<(), OutboxError> {
        sqlx::query("UPDATE granted SET state = 'logged' WHERE digest = $1 AND state = 'queued'")
            .bind(&grant.0[..])
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Notes that a grant was revoked, and destroys the key that was encrypted for it.
    pub(crate) async fn note_revocation(&self, grant: &Digest) -> Result<(), OutboxError> {
        sqlx::query("UPDATE granted SET state = 'revoked', bytes = x'' WHERE digest = $1")
            .bind(&grant.0[..])
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Forgets a grant that the exchange refused.
    pub(crate) async fn forget_grant(&self, grant: &Digest) -> Result<(), OutboxError> {
        sqlx::query("DELETE FROM granted WHERE digest = $1 AND state = 'queued'")
            .bind(&grant.0[..])
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// The records that are posted.
    pub(crate) async fn posted(&self) -> Result<std::collections::HashSet<Digest>, OutboxError> {
        let ids: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT id FROM record WHERE state = 'posted'").fetch_all(self.connection()).await?;
        ids.iter().map(|id| digest(id, "granted")).collect()
    }
}
