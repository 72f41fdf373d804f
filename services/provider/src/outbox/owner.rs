//! Table `owner`: whose outbox it is. Written by the first who opens it with the keys, compared by everybody who opens it.
//!
//! Kept true: an outbox is of one member on one chain of one network, and its record ids and pseudonyms are all made under the
//! same keys of identifiers of one system. In another's name its batches would be refused for good; under another record key
//! every month would be posted anew.

use nacre_schemas::id::Text;
use nacre_verifier::Network;

use super::{Outbox, OutboxError};
use crate::{config::Config, keys::Keys, seal::name};

/// Whose an outbox is, as far as who opens it knows.
pub(crate) struct Owner {
    member: String,
    chain: String,
    person_system: Text<256>,
    /// What takes the trust root and the keys to know.
    rest: Option<Rest>,
}

struct Rest {
    network: String,
    /// Its collective key: what is encrypted to one means nothing under another.
    network_key: [u8; 32],
    record_key: [u8; 32],
    pseudonym_key: [u8; 32],
}

/// Network and its key, member, chain, system, marks of the record key and the pseudonym key.
type Row = (String, Vec<u8>, String, String, String, Vec<u8>, Vec<u8>);

impl Owner {
    /// As the configuration alone says it: enough to read what is there.
    pub(crate) fn configured(config: &Config) -> Self {
        Self {
            member: config.member.to_string(),
            chain: config.chain.to_string(),
            person_system: config.person_system.clone(),
            rest: None,
        }
    }

    /// With all that an outbox is bound to.
    pub(crate) fn of(config: &Config, network: &Network, keys: &Keys) -> Self {
        let mark = |key| name::held(key, "owner", &[]).0;
        let rest = Rest {
            network: network.root().network.to_string(),
            network_key: network.key().bytes().0,
            record_key: mark(&keys.record),
            pseudonym_key: mark(&keys.pseudonym),
        };
        Self { rest: Some(rest), ..Self::configured(config) }
    }

    /// The first setting that is another than was written down.
    fn differs(&self, row: &Row) -> Option<String> {
        let (network, network_key, member, chain, system, record_key, pseudonym_key) = row;
        let rest = self.rest.as_ref();
        let of_text = |setting: &str, there: &str, here: &str| {
            (there != here).then(|| format!("its `{setting}` is {there}, and {here} is configured"))
        };
        let of_key = |setting: &str, there: &[u8], here: &[u8; 32]| {
            (there != here).then(|| format!("its `{setting}` is another than the one that is configured"))
        };
        of_text("member", member, &self.member)
            .or_else(|| of_text("chain", chain, &self.chain))
            .or_else(|| of_text("person-system", system, self.person_system.as_str()))
            .or_else(|| of_text("trust", network, &rest?.network))
            .or_else(|| of_key("trust", network_key, &rest?.network_key))
            .or_else(|| of_key("record-key", record_key, &rest?.record_key))
            .or_else(|| of_key("pseudonym-key", pseudonym_key, &rest?.pseudonym_key))
    }
}

impl Outbox {
    /// Writes down whose it is, if nobody has, and compares.
    pub(super) async fn belongs_to(&self, owner: &Owner) -> Result<(), OutboxError> {
        if let Some(rest) = &owner.rest {
            sqlx::query(
                "INSERT INTO owner (id, network, network_key, member, chain, person_system, record_key, pseudonym_key)
                 VALUES (1, $1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING",
            )
            .bind(&rest.network)
            .bind(&rest.network_key[..])
            .bind(&owner.member)
            .bind(&owner.chain)
            .bind(owner.person_system.as_str())
            .bind(&rest.record_key[..])
            .bind(&rest.pseudonym_key[..])
            .execute(self.connection())
            .await?;
        }
        let row: Option<Row> = sqlx::query_as(
            "SELECT network, network_key, member, chain, person_system, record_key, pseudonym_key FROM owner WHERE id = 1",
        )
        .fetch_optional(self.connection())
        .await?;
        match row.and_then(|row| owner.differs(&row)) {
            None => Ok(()),
            Some(detail) => Err(OutboxError::OtherOwner { folder: self.folder.clone(), detail }),
        }
    }
}
