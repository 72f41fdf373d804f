//! Table `document`: the bodies of entries that hold only a digest. Primary; written before the entry is appended.

use nacre_schemas::Digest;

use sqlx::{Row as _, SqlitePool};

use super::{StoreError, Writing};

/// What a document is; its entry has the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DocumentKind {
    /// A signed [`nacre_schemas::membership::Membership`].
    Membership,
    /// A [`nacre_schemas::query::SignedRequest`].
    Request,
    /// A [`nacre_schemas::release::Release`].
    Release,
    /// A signed [`nacre_schemas::erasure::Erasure`].
    Erasure,
    /// A signed [`nacre_schemas::evidence::Dispute`].
    Dispute,
    /// A [`nacre_schemas::query::SignedRequest`] of the cross lane.
    CrossRequest,
    /// A signed [`nacre_schemas::grant::Grant`].
    Grant,
    /// A signed [`nacre_schemas::grant::Revocation`].
    Revocation,
    /// A signed [`nacre_schemas::grant::Access`].
    Access,
}

impl DocumentKind {
    /// The word in the table.
    fn word(self) -> &'static str {
        match self {
            Self::Membership => "membership",
            Self::Request => "request",
            Self::Release => "release",
            Self::Erasure => "erasure",
            Self::Dispute => "dispute",
            Self::CrossRequest => "cross-request",
            Self::Grant => "grant",
            Self::Revocation => "revocation",
            Self::Access => "access",
        }
    }
}

/// Adds the row unless it is there.
pub(crate) async fn insert(
    writing: &mut Writing,
    kind: DocumentKind,
    digest: &Digest,
    body: Vec<u8>,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO document (digest, kind, body) VALUES ($1, $2, $3) ON CONFLICT (digest) DO NOTHING")
        .bind(digest.0.to_vec())
        .bind(kind.word())
        .bind(body)
        .execute(&mut **writing)
        .await?;
    Ok(())
}

/// The body of that digest.
pub(crate) async fn body(reader: &SqlitePool, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
    let row = sqlx::query("SELECT body FROM document WHERE digest = $1")
        .bind(digest.0.to_vec())
        .fetch_optional(reader)
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}
