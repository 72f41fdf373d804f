//! Table `pseudonym`: people who were named together with the custodians, by an HMAC of their identity numbers.

use nacre_schemas::Digest;

use super::{Outbox, OutboxError, digest};

impl Outbox {
    /// The pseudonym of a person who was named before.
    pub(crate) async fn pseudonym(&self, person: &Digest) -> Result<Option<Digest>, OutboxError> {
        let found: Option<Vec<u8>> = sqlx::query_scalar("SELECT pseudonym FROM pseudonym WHERE person = $1")
            .bind(&person.0[..])
            .fetch_optional(self.connection())
            .await?;
        found.map(|bytes| digest(&bytes, "pseudonym")).transpose()
    }

    /// Keeps pseudonyms, each with its person.
    pub(crate) async fn keep_pseudonyms(&self, named: &[(Digest, Digest)]) -> Result<(), OutboxError> {
        let mut transaction = self.connection().begin().await?;
        for (person, pseudonym) in named {
            // One person has one pseudonym under one key: what is there already is the same.
            sqlx::query("INSERT INTO pseudonym (person, pseudonym) VALUES ($1, $2) ON CONFLICT (person) DO NOTHING")
                .bind(&person.0[..])
                .bind(&pseudonym.0[..])
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
