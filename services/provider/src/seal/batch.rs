//! Batches: up to 64 months' values of one provider, sealed, proven together and signed.
//!
//! Kept true: records stand in the order of their ids, which are HMACs (those for the cross lane first), so their order tells
//! nothing of the files they came from; the same values give batches of the same records, under fresh randomness.
//! Cost: some 5 ms of one core a record, nearly all of it proofs.

use nacre_fhe::{FheError, keys::PublicKey, list::Plain, wire};
use nacre_schemas::{
    Digest, Document as _, Signature,
    batch::Batch,
    catalogue::Catalogue,
    cohort::{CellKey, Period},
    contribution::{Header, Restricted},
    cross::CrossList,
    id::MeasureId,
    measure::{Measure, MeasureRef},
};
use nacre_verifier::Network;
use nacre_zk::batch::{ProveError, Record};

use super::{
    name,
    payload::{self, PayloadError, PayloadRecord},
};
use crate::{config::Config, keys::Keys, outbox::owner::Owner, people::PersonId, reduce::MonthValue};

/// Why values cannot be sealed. All are ours.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The payload.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The proofs.
    #[error("cannot prove a batch: {0}")]
    Prove(#[from] ProveError),
    /// The cross lane's encryption.
    #[error("cannot encrypt for the cross lane: {0}")]
    Cross(#[from] FheError),
    /// The catalogue does not hold a measure.
    #[error("the catalogue has no measure {0}")]
    NoMeasure(MeasureRef),
}

/// A month's value with its names.
pub(crate) struct Named {
    /// The record's id.
    pub(crate) record: Digest,
    /// What tells its value and cell from others.
    pub(crate) fingerprint: Digest,
    /// Where it will count.
    pub(crate) cell: CellKey,
    /// What the provider calls the person by itself.
    pub(crate) own_pseudonym: Digest,
    /// The gateway's month that it was reduced from, if it was.
    pub(crate) month: Option<Spooled>,
    /// The value.
    pub(crate) value: MonthValue,
}

/// A person by the names that the provider makes of the identifier, under its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// What records are named after.
    pub(crate) name: Digest,
    /// What the exchange gets, unless people are named together with the custodians.
    pub(crate) pseudonym: Digest,
}

/// A month in the gateway's spool, as it was when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spooled {
    /// Which.
    pub(crate) month: Digest,
    /// How often it had changed.
    pub(crate) version: i64,
}

/// A record of a batch, as far as the outbox must know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SealedRecord {
    /// The record's id.
    pub(crate) id: Digest,
    /// What tells its value and cell from others.
    pub(crate) fingerprint: Digest,
    /// The gateway's month that it was reduced from, if it was.
    pub(crate) month: Option<Spooled>,
}

/// A named value whose person has its pseudonym: ready to be sealed.
pub(crate) struct Ready {
    /// The value with its names.
    pub(crate) named: Named,
    /// The person, to the exchange.
    pub(crate) pseudonym: Digest,
}

/// A batch ready for the outbox.
pub(crate) struct Sealed {
    /// Digest of the bytes.
    pub(crate) id: Digest,
    /// The canonical batch.
    pub(crate) bytes: Vec<u8>,
    /// Its records.
    pub(crate) records: Vec<SealedRecord>,
}

/// Seals for one provider on one chain.
pub(crate) struct Sealer {
    pub(crate) config: Config,
    pub(crate) keys: Keys,
    pub(crate) network: Network,
    /// What values are encrypted to for the cross lane, if they are.
    pub(crate) cross: Option<PublicKey>,
}

impl Sealer {
    /// Whose outbox what it seals goes to.
    pub(crate) fn owner(&self) -> Owner {
        Owner::of(&self.config, &self.network, &self.keys)
    }

    /// The person's names.
    pub(crate) fn subject(&self, person: &PersonId) -> Subject {
        let system = self.config.person_system.as_str();
        Subject {
            name: name::person(&self.keys.record, system, person),
            pseudonym: name::pseudonym(&self.keys.pseudonym, system, person),
        }
    }

    /// Names a value.
    pub(crate) fn name(&self, value: MonthValue) -> Named {
        let subject = self.subject(&value.person);
        self.name_of(&subject, value, None)
    }

    /// Names a value of a person whose names are known.
    pub(crate) fn name_of(&self, subject: &Subject, value: MonthValue, month: Option<Spooled>) -> Named {
        let cell = CellKey {
            measure: value.measure.clone(),
            period: value.period,
            region: self.config.region,
            sex: value.sex,
            age_band: value.age_band,
        };
        let record = name::record(&self.keys.record, &subject.name, &value.measure, value.period);
        let fingerprint = name::fingerprint(&self.keys.record, &record, &cell, value.value_steps);
        Named { record, fingerprint, cell, own_pseudonym: subject.pseudonym, month, value }
    }

    /// Seals 1 to 64 values.
    pub(crate) fn seal<'v>(&self, values: impl IntoIterator<Item = &'v Ready>) -> Result<Sealed, SealError> {
        let mut records = Vec::new();
        let mut names = Vec::new();
        for ready in values {
            records.push(self.record(ready)?);
            let Named { record, fingerprint, month, .. } = &ready.named;
            names.push(SealedRecord { id: *record, fingerprint: *fingerprint, month: *month });
        }
        let cross = self.cross.as_ref().map(|key| self.seal_crosswise(key, &mut records)).transpose()?.flatten();
        let (chain, provider) = (&self.config.chain, &self.config.member);
        let proven = nacre_zk::batch::prove(self.network.key(), chain, provider, records, &mut rand::thread_rng())?;
        let mut batch = Batch {
            chain: chain.clone(),
            provider: provider.clone(),
            contributions: proven.contributions,
            range_proof: proven.range_proof,
            cross,
            signature: Signature([0; 64]),
        };
        batch.signature = self.keys.signing.sign_detached(&batch.statement());
        let bytes = batch.to_canonical();
        Ok(Sealed { id: Digest::of(&bytes), bytes, records: names })
    }

    /// Whether values of that measure and month are posted for the cross lane.
    pub(crate) fn is_crossed(&self, measure: &MeasureId, period: Period) -> bool {
        self.cross.is_some() && self.config.names_for_cross_lane(measure, period)
    }

    /// Encrypts the values of the measures that are posted for the cross lane, and puts each record's words in its restricted part.
    fn seal_crosswise(&self, key: &PublicKey, records: &mut [Record<'_>]) -> Result<Option<CrossList>, SealError> {
        let wanted = |record: &Record<'_>| self.is_crossed(&record.measure.id, record.header.cell.period);
        let plain = records.iter().filter(|record| wanted(record));
        let plain: Vec<_> = plain.map(|record| (&record.header, plain_of(record.measure, record.value))).collect();
        if plain.is_empty() {
            return Ok(None);
        }
        let (list, words) = wire::seal(key, &self.config.chain, &self.config.member, &plain)?;
        for (record, words) in records.iter_mut().filter(|record| wanted(record)).zip(words) {
            record.restricted.cross = Some(words);
        }
        Ok(Some(list))
    }

    fn record(&self, ready: &Ready) -> Result<Record<'static>, SealError> {
        let Ready { named, pseudonym } = ready;
        let reference = &named.value.measure;
        let measure = Catalogue::built_in().find(reference).ok_or_else(|| SealError::NoMeasure(reference.clone()))?;
        let header = Header { record: named.record, provider: self.config.member.clone(), cell: named.cell.clone() };
        let payload = payload::seal(&self.keys.payload, &header, &PayloadRecord::of(&named.value)?)?;
        let restricted = Restricted { pseudonym: *pseudonym, payload, cross: None };
        Ok(Record { measure, header, restricted, value: named.value.value_steps })
    }
}

/// What a value is in the cross lane: its coarse band, and its distance from the measure's lower limit. The value is in
/// range, which the proofs of the tally lane need too.
fn plain_of(measure: &Measure, value: u32) -> Plain {
    let band = measure.cross_bands().iter().position(|band| (band.lo..=band.hi).contains(&value));
    Plain { band: band.unwrap_or_default() as u8, value: value.saturating_sub(measure.lo) as u16 }
}
