//! What would leave: for each record of the files, what the exchange would see, how long what it cannot read would be, and,
//! marked as staying inside encryption, the value. Nothing is sent and nothing is kept.
//!
//! Kept true: headers and pseudonyms are made by the code that seals, with the provider's keys, and lengths are those of a
//! batch that was sealed for the purpose and thrown away, one for each measure: they depend on nothing else.
//! Errors: those of posting. Cost: that of reading, and some milliseconds a measure.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::Timestamp;
use nacre_reading::{Deferred, Origin, Prepared, Progress, Refused, prepare_with};
use nacre_schemas::{
    Digest, Document as _, Encode, batch::Batch, canonical::Encoder, contribution::Header, decimal::Decimal,
    measure::MeasureRef,
};
use serde::Serialize;

use crate::{
    config::Config,
    post::{PostError, sealer},
    seal::{
        batch::{Named, Ready, Sealer},
        payload::PayloadRecord,
    },
};

/// What files would come to, if they were posted.
#[derive(Serialize)]
pub struct Preview {
    /// Files read.
    pub files: u64,
    /// Observations found in them.
    pub observations: u64,
    /// Observations of which the catalogue names no code.
    pub skipped: u64,
    /// Observations that were copies of one read before.
    pub repeated: u64,
    /// What is not taken, where it stands and why.
    pub refused: Vec<Refused>,
    /// Months that have not ended.
    pub deferred: Vec<Deferred>,
    /// What would leave, unless it did before.
    pub records: Vec<PreviewedRecord>,
}

/// A record as the exchange would see it.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PreviewedRecord {
    /// Where the reading stands that the month's value is from, or the last of those that it is a mean of. It does not leave.
    pub source: Origin,
    /// Members of the chain see it: the record's name, the provider, and the cell in which it counts.
    pub header: Header,
    /// The exchange sees it, and whoever it names the person's records to for one request of the cross lane.
    pub pseudonym: PreviewedPseudonym,
    /// How long the rest is, of which only lengths can be seen.
    pub ciphertext_bytes: CiphertextBytes,
    /// What stays inside encryption. Only the provider can open it.
    pub stays_encrypted: Encrypted,
}

/// What a person will be known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PreviewedPseudonym {
    /// Made with the provider's own key: nobody else can make or undo it.
    Own(Digest),
    /// Made from the person's identity number together with custodians, when it is posted; no one of them can make or undo
    /// it alone.
    WithCustodians,
    /// There will be none, as the person has no identity number that counts: the record would be refused.
    None,
}

/// Lengths, in bytes. They are the same for every record of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CiphertextBytes {
    /// Commitments, which the public sees and which hide perfectly.
    pub commitments: usize,
    /// Header, ephemeral keys and proof, for members of the chain.
    pub openings: usize,
    /// The record under SM4-GCM, padded, for the exchange.
    pub payload: usize,
    /// The payload's key, wrapped under a key of the provider's.
    pub wrapped_key: usize,
    /// The record's words for the cross lane, if it is posted there too, with its list when it is alone in its batch.
    pub cross: usize,
}

/// What the exchange gets encrypted and cannot open.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Encrypted {
    /// The value, exactly, in the measure's unit.
    pub value: Decimal,
    /// The UCUM unit.
    pub unit: String,
    /// How many readings the month had.
    pub readings: u32,
    /// The civil date of the chosen value.
    pub day: String,
}

/// Tells what posting the files or folders would send.
pub fn preview(config: &Config, paths: &[PathBuf], progress: &dyn Progress) -> Result<Preview, PostError> {
    preview_at(config, paths, Timestamp::now(), progress)
}

/// The same as if it were that time.
pub fn preview_at(
    config: &Config,
    paths: &[PathBuf],
    now: Timestamp,
    progress: &dyn Progress,
) -> Result<Preview, PostError> {
    let sealer = sealer(config)?;
    let prepared = prepare_with(&config.reading(), paths, now, progress)?;
    let Prepared { records, refused, deferred, files, observations, skipped, repeated, readings: _ } = prepared;
    let mut lengths = BTreeMap::new();
    let mut previewed = Vec::with_capacity(records.len());
    for value in records {
        let named = sealer.name(value);
        let pseudonym = pseudonym(&sealer, &named);
        let (record, cell) = (named.record, named.cell.clone());
        let (source, measure) = (named.value.origin.clone(), named.value.measure.clone());
        let PayloadRecord { value, unit, readings, day, .. } =
            PayloadRecord::of(&named.value).map_err(crate::seal::batch::SealError::from)?;
        let ciphertext_bytes = match lengths.get(&measure) {
            Some(known) => *known,
            None => *lengths.entry(measure).or_insert(measured(&sealer, named)?),
        };
        previewed.push(PreviewedRecord {
            source,
            header: Header { record, provider: config.member.clone(), cell },
            pseudonym,
            ciphertext_bytes,
            stays_encrypted: Encrypted { value, unit: unit.to_string(), readings, day: day.to_string() },
        });
    }
    Ok(Preview { files, observations, skipped, repeated, refused, deferred, records: previewed })
}

fn pseudonym(sealer: &Sealer, named: &Named) -> PreviewedPseudonym {
    let value = &named.value;
    match &sealer.config.pseudonyms {
        Some(config) if value.period >= config.from && value.identity.is_ok() => PreviewedPseudonym::WithCustodians,
        Some(config) if value.period >= config.from => PreviewedPseudonym::None,
        _ => PreviewedPseudonym::Own(named.own_pseudonym),
    }
}

/// The lengths of a record that is sealed and thrown away.
fn measured(sealer: &Sealer, named: Named) -> Result<CiphertextBytes, PostError> {
    let measure: MeasureRef = named.value.measure.clone();
    let pseudonym = named.own_pseudonym;
    let sealed = sealer.seal([&Ready { named, pseudonym }])?;
    let lost = || PostError::Interrupted(format!("a batch of {measure} does not read as it was sealed"));
    let batch = Batch::from_canonical(&sealed.bytes).map_err(|_| lost())?;
    let contribution = batch.contributions.first().ok_or_else(lost)?;
    let restricted = &contribution.restricted;
    Ok(CiphertextBytes {
        commitments: contribution.commitments.to_canonical().len(),
        openings: contribution.openings.to_canonical().len(),
        payload: restricted.payload.ciphertext.as_bytes().len(),
        wrapped_key: restricted.payload.wrapped_key.as_bytes().len(),
        cross: restricted.cross.as_ref().map_or(0, length) + batch.cross.as_ref().map_or(0, length),
    })
}

fn length(part: &impl Encode) -> usize {
    let mut out = Encoder::new();
    part.encode(&mut out);
    out.into_bytes().len()
}
