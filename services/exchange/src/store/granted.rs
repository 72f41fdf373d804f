//! Tables `granted` and `accessed`: the keys of payloads that the exchange holds for grantees, and who used them.
//!
//! `granted` is primary, but for which grants were revoked; `accessed` is derived. Kept true: a key is there only while its
//! grant may be used; it is overwritten when the grant is revoked or its record erased, and within the hour after its time.

use nacre_schemas::{
    Digest, Document as _, Signed,
    grant::{Grant, GrantState, LoggedGrant},
    id::{ChainId, MemberId},
    limits,
};
use sqlx::{Row as _, SqlitePool, sqlite::SqliteRow};

use super::{StoreError, Writing, name, signed, sought, unsigned};

const TABLE: &str = "granted";

/// Adds the row unless it is there.
pub(crate) async fn insert(writing: &mut Writing, grant: &Signed<Grant>, key: &[u8]) -> Result<(), StoreError> {
    let terms = &grant.statement.terms;
    sqlx::query(
        "INSERT INTO granted (chain, digest, leaf_hash, provider, grantee, until, key)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (chain, digest) DO NOTHING",
    )
    .bind(name(&terms.chain))
    .bind(grant.digest().0.to_vec())
    .bind(terms.entry.0.to_vec())
    .bind(terms.provider.as_str())
    .bind(terms.grantee.as_str())
    .bind(signed(terms.until)?)
    .bind(key)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

/// Notes a revocation, and destroys the key.
pub(crate) async fn revoke(
    writing: &mut Writing,
    chain: &ChainId,
    grant: &Digest,
    leaf: u64,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE granted SET key = x'', revoked = $3 WHERE chain = $1 AND digest = $2")
        .bind(name(chain))
        .bind(grant.0.to_vec())
        .bind(signed(leaf)?)
        .execute(&mut **writing)
        .await?;
    Ok(())
}

/// Destroys the keys of a record that was erased.
pub(crate) async fn erase(writing: &mut Writing, chain: &ChainId, leaf_hash: &Digest) -> Result<(), StoreError> {
    sqlx::query("UPDATE granted SET key = x'' WHERE chain = $1 AND leaf_hash = $2")
        .bind(name(chain))
        .bind(leaf_hash.0.to_vec())
        .execute(&mut **writing)
        .await?;
    Ok(())
}

/// Destroys the keys of grants whose time is over; says how many.
pub(crate) async fn expire(writing: &mut Writing, now: u64) -> Result<u64, StoreError> {
    let done = sqlx::query("UPDATE granted SET key = x'' WHERE until <= $1 AND length(key) > 0")
        .bind(signed(now)?)
        .execute(&mut **writing)
        .await?;
    Ok(done.rows_affected())
}

/// Notes an access.
pub(crate) async fn note_access(
    writing: &mut Writing,
    chain: &ChainId,
    grant: &Digest,
    leaf: u64,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO accessed (chain, digest, leaf) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(name(chain))
        .bind(grant.0.to_vec())
        .bind(signed(leaf)?)
        .execute(&mut **writing)
        .await?;
    Ok(())
}

/// A grant that was logged, with the key as far as it is there.
pub(crate) struct Found {
    /// The grant, and where it stands.
    pub(crate) logged: LoggedGrant,
    /// The payload's key, encrypted to the grantee; empty if the grant ended.
    pub(crate) key: Vec<u8>,
}

const SELECT: &str = "SELECT document.body, logged_document.leaf, granted.key, granted.revoked,
     (SELECT count(*) FROM accessed WHERE accessed.chain = granted.chain AND accessed.digest = granted.digest)
     FROM granted JOIN document ON document.digest = granted.digest
     JOIN logged_document ON logged_document.chain = granted.chain AND logged_document.digest = granted.digest
     WHERE granted.chain = $1";

fn parse(row: &SqliteRow, now: u64) -> Result<Found, StoreError> {
    let signed = Signed::<Grant>::from_canonical(row.try_get(0)?).map_err(StoreError::undecodable(TABLE))?;
    let leaf = unsigned(row.try_get(1)?, TABLE)?;
    let key: Vec<u8> = row.try_get(2)?;
    let revoked: Option<i64> = row.try_get(3)?;
    let state = match revoked {
        Some(_) => GrantState::Revoked,
        None if signed.statement.terms.until <= now => GrantState::Expired,
        None if key.is_empty() => GrantState::Erased,
        None => GrantState::InForce,
    };
    let accesses = unsigned(row.try_get(4)?, TABLE)?;
    Ok(Found { logged: LoggedGrant { signed, leaf, state, accesses }, key })
}

/// The grant of that digest, if it was logged.
pub(crate) async fn find(
    reader: &SqlitePool,
    chain: &ChainId,
    grant: &Digest,
    now: u64,
) -> Result<Option<Found>, StoreError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT} AND granted.digest = $2")))
        .bind(name(chain))
        .bind(grant.0.to_vec())
        .fetch_optional(reader)
        .await?;
    row.map(|row| parse(&row, now)).transpose()
}

/// The next grants from a leaf on that the member gave or was given, as many as a page takes.
pub(crate) async fn of_member(
    reader: &SqlitePool,
    chain: &ChainId,
    member: &MemberId,
    from: u64,
    now: u64,
) -> Result<Vec<LoggedGrant>, StoreError> {
    let query = format!(
        "{SELECT} AND (granted.provider = $2 OR granted.grantee = $2) AND logged_document.leaf >= $3
         ORDER BY logged_document.leaf LIMIT $4"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(name(chain))
        .bind(member.as_str())
        .bind(sought(from))
        .bind(limits::MAX_GRANTS_PAGE as i64)
        .fetch_all(reader)
        .await?;
    rows.iter().map(|row| Ok(parse(row, now)?.logged)).collect()
}
