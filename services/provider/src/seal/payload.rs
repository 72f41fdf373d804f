//! The payload: the de-identified month under SM4-GCM, for whom the provider will grant it to.
//!
//! Kept true: a fresh key and nonce a payload; the header is authenticated with it, so a payload opens in its own
//! record only; the key is wrapped, with the record id authenticated, under a key that never leaves the provider.
//! The plaintext is padded to [`PADDING_BYTES`], so the ciphertext's length tells nothing of the value. It holds the
//! month's value and the civil date it was read: no time of day, no identifier, no single readings.
//!
//! One payload key wraps at most 2^32 keys ([`crate::sm4_gcm`]), which no provider reaches. Cost: a few microseconds.

use nacre_reading::MonthValue;
use nacre_schemas::{
    Blob, Digest, Document as _,
    catalogue::Catalogue,
    cohort::Period,
    contribution::{Header, Payload},
    decimal::Decimal,
    id::Text,
    measure::{Measure, MeasureRef},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::sm4_gcm::{self, EncryptError, NONCE_BYTES, TAG_BYTES};

/// Plaintexts are filled up with spaces to a multiple of this.
pub const PADDING_BYTES: usize = 256;
/// Nonce ‖ encrypted key ‖ tag.
const WRAPPED_KEY_BYTES: usize = NONCE_BYTES + 16 + TAG_BYTES;

/// Why a payload cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// It cannot be encrypted.
    #[error(transparent)]
    Encrypt(#[from] EncryptError),
    /// The record does not fit what an exchange takes.
    #[error("the record does not fit a payload")]
    TooLong,
    /// The catalogue does not hold its measure.
    #[error("the catalogue has no measure {0}")]
    NoMeasure(MeasureRef),
}

/// Why a payload does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The wrapped key is not 44 bytes, or the nonce not 12.
    #[error("the wrapped key or the nonce has another length")]
    Length,
    /// The key was wrapped under another payload key or for another record, or was changed.
    #[error("the wrapped key does not open with this payload key for this record")]
    Key,
    /// The payload is another record's or was changed.
    #[error("the payload does not open for this header")]
    Ciphertext,
    /// What opened is not a record.
    #[error("what opened is not a record of this version")]
    Content,
}

/// What a payload holds. It has no `Debug`: it is a person's, even without a name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PayloadRecord {
    /// The measure.
    pub measure: MeasureRef,
    /// The month.
    pub period: Period,
    /// The value, in the measure's steps.
    pub value_steps: u32,
    /// The value, exactly, in the unit.
    pub value: Decimal,
    /// The UCUM unit.
    pub unit: Text<32>,
    /// How many readings the month had.
    pub readings: u32,
    /// The civil date of the chosen value, `YYYY-MM-DD`: what a grantee compares with other records by.
    pub day: Text<10>,
}

impl PayloadRecord {
    pub(crate) fn of(value: &MonthValue) -> Result<Self, PayloadError> {
        let measure = Catalogue::built_in().find(&value.measure);
        let measure = measure.ok_or_else(|| PayloadError::NoMeasure(value.measure.clone()))?;
        Ok(Self {
            measure: value.measure.clone(),
            period: value.period,
            value_steps: value.value_steps,
            value: amount(measure, value.value_steps).ok_or(PayloadError::TooLong)?,
            unit: measure.unit().parse().map_err(|_| PayloadError::TooLong)?,
            readings: value.readings,
            day: value.day.to_string().parse().map_err(|_| PayloadError::TooLong)?,
        })
    }
}

fn amount(measure: &Measure, steps: u32) -> Option<Decimal> {
    let mantissa = u64::from(steps).checked_mul(measure.step.mantissa())?;
    Decimal::new(mantissa, measure.step.places()).ok()
}

/// Encrypts a month's value for its header.
pub(crate) fn seal(payload_key: &[u8; 16], header: &Header, record: &PayloadRecord) -> Result<Payload, PayloadError> {
    let key = sm4_gcm::generate()?;
    let plaintext = sm4_gcm::padded(record, PADDING_BYTES)?;
    let encrypted = sm4_gcm::encrypt(&key, &plaintext, &header.to_canonical())?;
    let (nonce, ciphertext) = encrypted.split_at(NONCE_BYTES);
    let wrapped = sm4_gcm::encrypt(payload_key, &key[..], header.record.as_bytes())?;
    let too_long = |_| PayloadError::TooLong;
    Ok(Payload {
        nonce: Blob::new(nonce.to_vec()).map_err(too_long)?,
        ciphertext: Blob::new(ciphertext.to_vec()).map_err(too_long)?,
        wrapped_key: Blob::new(wrapped).map_err(too_long)?,
    })
}

/// Opens a payload of one's own, with the payload key and the header it travelled with.
pub fn open_payload(payload_key: &[u8; 16], header: &Header, payload: &Payload) -> Result<PayloadRecord, OpenError> {
    open_with(&*unwrap_key(payload_key, &header.record, payload.wrapped_key.as_bytes())?, header, payload)
}

/// The key of a record's payload, of one's own.
pub(crate) fn unwrap_key(
    payload_key: &[u8; 16],
    record: &Digest,
    wrapped: &[u8],
) -> Result<Zeroizing<[u8; 16]>, OpenError> {
    if wrapped.len() != WRAPPED_KEY_BYTES {
        return Err(OpenError::Length);
    }
    let key = sm4_gcm::decrypt(payload_key, wrapped, record.as_bytes()).ok_or(OpenError::Key)?;
    Ok(Zeroizing::new(key.as_slice().try_into().map_err(|_| OpenError::Key)?))
}

/// Opens a payload with its own key.
pub(crate) fn open_with(key: &[u8; 16], header: &Header, payload: &Payload) -> Result<PayloadRecord, OpenError> {
    if payload.nonce.as_bytes().len() != NONCE_BYTES {
        return Err(OpenError::Length);
    }
    let encrypted = [payload.nonce.as_bytes(), payload.ciphertext.as_bytes()].concat();
    let plaintext = sm4_gcm::decrypt(key, &encrypted, &header.to_canonical()).ok_or(OpenError::Ciphertext)?;
    serde_json::from_slice(&plaintext).map_err(|_| OpenError::Content)
}

#[cfg(test)]
mod tests {
    use nacre_schemas::cohort::CellKey;

    use super::*;

    fn header(record: u8) -> Header {
        let cell = CellKey {
            measure: "bmi@1".parse().unwrap(),
            period: "2020-01".parse().unwrap(),
            region: "440100".parse().unwrap(),
            sex: "male".parse().unwrap(),
            age_band: "40-44".parse().unwrap(),
        };
        Header { record: Digest([record; 32]), provider: "hospital".parse().unwrap(), cell }
    }

    fn record(value_steps: u32) -> PayloadRecord {
        let measure = Catalogue::built_in().newest(&"bmi".parse().unwrap()).unwrap();
        PayloadRecord {
            measure: measure.reference(),
            period: "2020-01".parse().unwrap(),
            value_steps,
            value: amount(measure, value_steps).unwrap(),
            unit: measure.unit().parse().unwrap(),
            readings: 3,
            day: "2020-01-17".parse().unwrap(),
        }
    }

    #[test]
    fn the_owner_opens_what_was_sealed_and_its_length_tells_nothing() {
        let (small, large) = (record(80), record(1_000));
        assert_eq!((small.value.to_string(), large.value.to_string()), ("8.0".to_owned(), "100.0".to_owned()));
        let sealed = [&small, &large].map(|record| seal(&[9; 16], &header(1), record).unwrap());
        assert!(open_payload(&[9; 16], &header(1), &sealed[0]).is_ok_and(|opened| opened == small));
        assert!(open_payload(&[9; 16], &header(1), &sealed[1]).is_ok_and(|opened| opened == large));
        assert_eq!(sealed[0].ciphertext.as_bytes().len(), PADDING_BYTES + 16);
        assert_eq!(sealed[1].ciphertext.as_bytes().len(), PADDING_BYTES + 16);
        assert_eq!(sealed[0].wrapped_key.as_bytes().len(), WRAPPED_KEY_BYTES);
        assert_ne!(sealed[0].nonce, sealed[1].nonce);
    }

    #[test]
    fn a_payload_opens_in_its_own_record_only_and_unchanged() {
        let sealed = seal(&[9; 16], &header(1), &record(245)).unwrap();
        let fails = |key: [u8; 16], header: &Header, payload: &Payload| open_payload(&key, header, payload).err();
        assert_eq!(fails([8; 16], &header(1), &sealed), Some(OpenError::Key));
        assert_eq!(fails([9; 16], &header(2), &sealed), Some(OpenError::Key));
        let mut moved = header(1);
        moved.cell.sex = "female".parse().unwrap();
        assert_eq!(fails([9; 16], &moved, &sealed), Some(OpenError::Ciphertext));
        let flip = |bytes: &[u8], at: usize| {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 1;
            bytes
        };
        for at in 0..WRAPPED_KEY_BYTES {
            let wrapped_key = Blob::new(flip(sealed.wrapped_key.as_bytes(), at)).unwrap();
            assert_eq!(fails([9; 16], &header(1), &Payload { wrapped_key, ..sealed.clone() }), Some(OpenError::Key));
        }
        for at in 0..sealed.ciphertext.as_bytes().len() {
            let ciphertext = Blob::new(flip(sealed.ciphertext.as_bytes(), at)).unwrap();
            let changed = Payload { ciphertext, ..sealed.clone() };
            assert_eq!(fails([9; 16], &header(1), &changed), Some(OpenError::Ciphertext));
        }
        let nonce = Blob::new(flip(sealed.nonce.as_bytes(), 0)).unwrap();
        let changed = Payload { nonce, ..sealed.clone() };
        assert_eq!(fails([9; 16], &header(1), &changed), Some(OpenError::Ciphertext));
        let wrapped_key = Blob::new(sealed.wrapped_key.as_bytes()[1..].to_vec()).unwrap();
        assert_eq!(fails([9; 16], &header(1), &Payload { wrapped_key, ..sealed }), Some(OpenError::Length));
    }
}
