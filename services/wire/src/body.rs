//! Bodies as types: what a route takes, and what it answers with.
//!
//! Kept true: what one side encodes the other decodes; a decoder takes the whole body or none of it. Bytes are handed on without a
//! copy. Both sides cap a body before they decode it ([`crate::route::Facts`] has the caps).
//!
//! Errors: [`BodyError`]. Cost: one pass.

use std::marker::PhantomData;

use bytes::Bytes;
use nacre_schemas::DecodeError;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};

use crate::media::{self, Canonical as HasMediaType};

/// Why a body is not what the route takes or answers with.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// No JSON of the type, or a value that has none.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// No canonical bytes of the document.
    #[error("{0}")]
    Canonical(#[from] DecodeError),
    /// No UTF-8.
    #[error("the text is not UTF-8")]
    Text,
    /// A form in which a parameter comes twice, or is not UTF-8.
    #[error("{0}")]
    Form(String),
}

/// A form of body.
pub trait Body: 'static {
    /// What is sent.
    type Value: Send + 'static;
    /// The media types that are taken; the first is the one that is sent. None: there is no body.
    const MEDIA_TYPES: &'static [&'static str];
    /// The longest body, where the form itself has a cap, in bytes.
    const MAX_BYTES: Option<usize> = None;

    /// The JSON Schema of the body, if it is JSON.
    fn schema(generator: &mut SchemaGenerator) -> Option<Schema>;
    /// The bytes of a value.
    fn encode(value: &Self::Value) -> Result<Bytes, BodyError>;
    /// The value of these bytes.
    fn decode(bytes: Bytes) -> Result<Self::Value, BodyError>;
}

/// A body as it is sent: for one that is sent several times, or was encoded before.
pub struct Encoded<Q> {
    bytes: Bytes,
    of: PhantomData<fn() -> Q>,
}

impl<Q> Clone for Encoded<Q> {
    fn clone(&self) -> Self {
        Self::from_bytes(self.bytes.clone())
    }
}

impl<Q> Encoded<Q> {
    /// Bytes that were encoded before.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), of: PhantomData }
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl<Q: Body> Encoded<Q> {
    /// Those of a value.
    pub fn of(value: &Q::Value) -> Result<Self, BodyError> {
        Ok(Self::from_bytes(Q::encode(value)?))
    }
}

/// No body.
pub struct Nothing;

impl Body for Nothing {
    type Value = ();
    const MEDIA_TYPES: &'static [&'static str] = &[];

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }

    fn encode((): &()) -> Result<Bytes, BodyError> {
        Ok(Bytes::new())
    }

    /// Whatever was sent all the same is passed over: some clients always send `null` or `{}`.
    fn decode(_: Bytes) -> Result<(), BodyError> {
        Ok(())
    }
}

/// JSON of a type.
pub struct Json<T>(PhantomData<fn() -> T>);

impl<T: Serialize + DeserializeOwned + JsonSchema + Send + 'static> Body for Json<T> {
    type Value = T;
    const MEDIA_TYPES: &'static [&'static str] = &[media::JSON];

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(generator.subschema_for::<T>())
    }

    fn encode(value: &T) -> Result<Bytes, BodyError> {
        Ok(serde_json::to_vec(value)?.into())
    }

    fn decode(bytes: Bytes) -> Result<T, BodyError> {
        Ok(serde_json::from_slice(&bytes)?)
    }
}

/// Canonical bytes of a document.
pub struct Canonical<D>(PhantomData<fn() -> D>);

impl<D: HasMediaType + Send + 'static> Body for Canonical<D> {
    type Value = D;
    const MEDIA_TYPES: &'static [&'static str] = &[D::MEDIA_TYPE];
    const MAX_BYTES: Option<usize> = Some(D::MAX_BYTES);

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }

    fn encode(value: &D) -> Result<Bytes, BodyError> {
        Ok(value.to_canonical().into())
    }

    fn decode(bytes: Bytes) -> Result<D, BodyError> {
        Ok(D::from_canonical(&bytes)?)
    }
}

/// Text, UTF-8.
pub struct Text;

impl Body for Text {
    type Value = String;
    const MEDIA_TYPES: &'static [&'static str] = &[media::TEXT];

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        Some(schemars::json_schema!({ "type": "string" }))
    }

    fn encode(value: &String) -> Result<Bytes, BodyError> {
        Ok(value.clone().into())
    }

    fn decode(bytes: Bytes) -> Result<String, BodyError> {
        String::from_utf8(bytes.into()).map_err(|_| BodyError::Text)
    }
}

/// Bytes.
pub struct Octets;

impl Body for Octets {
    type Value = Bytes;
    const MEDIA_TYPES: &'static [&'static str] = &[media::OCTETS];

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }

    fn encode(value: &Bytes) -> Result<Bytes, BodyError> {
        Ok(value.clone())
    }

    fn decode(bytes: Bytes) -> Result<Bytes, BodyError> {
        Ok(bytes)
    }
}
