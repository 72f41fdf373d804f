//! Lists on the wire: words as little-endian bytes, one list a batch, each contribution's words in its restricted part.

use nacre_schemas::{
    Blob, Document as _,
    batch::Batch,
    contribution::Header,
    cross::{CrossContext, CrossList, CrossWords},
    id::{ChainId, MemberId},
};

use crate::{
    error::FheError,
    keys::PublicKey,
    list::{List, Plain},
    params::SLOTS,
};

/// Encrypts what contributions of a batch hold for the cross lane: those that are to have words, in their order.
pub fn seal(
    key: &PublicKey,
    chain: &ChainId,
    provider: &MemberId,
    contributions: &[(&Header, Plain)],
) -> Result<(CrossList, Vec<CrossWords>), FheError> {
    let plain: Vec<Plain> = contributions.iter().map(|(_, plain)| *plain).collect();
    let headers = contributions.iter().map(|(header, _)| *header);
    let list = key.encrypt(&plain, &context(key, chain, provider, headers).to_canonical())?;
    let sealed = CrossList { key: key.digest(), mask: blob(to_bytes(&list.mask))?, proof: blob(list.proof)? };
    let digest = sealed.digest();
    let words = list
        .bodies
        .iter()
        .zip(0u8..)
        .map(|(words, position)| Ok(CrossWords { list: digest, position, words: blob(to_bytes(words))? }));
    let words = words.collect::<Result<_, FheError>>()?;
    Ok((sealed, words))
}

/// Checks a batch's list: it is of those contributions that have words, in their order, and its proof holds for all of them.
///
/// A batch without a list passes if none of its contributions has words.
pub fn verify(key: &PublicKey, batch: &Batch) -> Result<(), FheError> {
    let Some(sealed) = &batch.cross else {
        let stray = batch.contributions.iter().any(|contribution| contribution.restricted.cross.is_some());
        return if stray { Err(malformed("words without a list")) } else { Ok(()) };
    };
    if sealed.key != key.digest() {
        return Err(malformed("encrypted to another key than the network's"));
    }
    let digest = sealed.digest();
    let (mut bodies, mut headers) = (Vec::new(), Vec::new());
    for contribution in &batch.contributions {
        let Some(words) = &contribution.restricted.cross else { continue };
        if words.list != digest || usize::from(words.position) != bodies.len() {
            return Err(malformed("a contribution's words are of another list or place"));
        }
        bodies.push(slots(words.words.as_bytes())?);
        headers.push(&contribution.openings.header);
    }
    let list = List { mask: words(sealed.mask.as_bytes())?, bodies, proof: sealed.proof.as_bytes().to_vec() };
    let context = context(key, &batch.chain, &batch.provider, headers.into_iter());
    key.verify(&list, &context.to_canonical())
}

/// What a proof is bound to.
fn context<'a>(
    key: &PublicKey,
    chain: &ChainId,
    provider: &MemberId,
    headers: impl Iterator<Item = &'a Header>,
) -> CrossContext {
    CrossContext {
        key: key.digest(),
        chain: chain.clone(),
        provider: provider.clone(),
        contributions: headers.map(Header::digest).collect(),
    }
}

/// Words of 64 bits from their bytes.
pub fn words(bytes: &[u8]) -> Result<Vec<u64>, FheError> {
    let (words, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(malformed("bytes that are no words"));
    }
    Ok(words.iter().map(|word| u64::from_le_bytes(*word)).collect())
}

/// A contribution's words from their bytes.
pub fn slots(bytes: &[u8]) -> Result<[u64; SLOTS], FheError> {
    words(bytes)?.try_into().map_err(|_| malformed("a contribution's words are not fifteen"))
}

fn to_bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn blob<const MAX: usize>(bytes: Vec<u8>) -> Result<Blob<MAX>, FheError> {
    Blob::new(bytes).map_err(|error| FheError::malformed("list", error))
}

fn malformed(reason: &str) -> FheError {
    FheError::malformed("list", reason)
}
