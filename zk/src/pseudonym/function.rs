//! The two hashes of RFC 9497's function, for ristretto255-SHA512 in mode 1: to the group before, to bytes after.

use curve25519_dalek::ristretto::RistrettoPoint;
use nacre_schemas::{Digest, Point};
use sha2::{Digest as _, Sha512};
use zeroize::Zeroizing;

use crate::transcript::{OPRF_CONTEXT, PSEUDONYM};

/// SHA-512's block, in bytes.
const BLOCK_BYTES: usize = 128;

/// `H(x)`: hash_to_ristretto255 (RFC 9380, appendix B) with expand_message_xmd (5.3.1), which for 64 bytes takes two
/// hashes.
pub(super) fn hash_to_group(input: &[u8]) -> RistrettoPoint {
    let domain = [b"HashToGroup-", OPRF_CONTEXT].concat();
    let domain_length = [domain.len() as u8];
    let mut first = Sha512::new();
    first.update([0; BLOCK_BYTES]);
    first.update(input);
    // I2OSP(64, 2) ‖ I2OSP(0, 1).
    first.update([0, 64, 0]);
    first.update(&domain);
    first.update(domain_length);
    let first = Zeroizing::new(<[u8; 64]>::from(first.finalize()));
    let mut second = Sha512::new();
    second.update(*first);
    second.update([1]);
    second.update(&domain);
    second.update(domain_length);
    let uniform = Zeroizing::new(<[u8; 64]>::from(second.finalize()));
    RistrettoPoint::from_uniform_bytes(&uniform)
}

/// RFC 9497's output for x and `y·H(x)`. x has at most 65,535 bytes.
pub(super) fn output(input: &[u8], evaluated: &Point) -> Zeroizing<[u8; 64]> {
    let mut hash = Sha512::new();
    hash.update((input.len() as u16).to_be_bytes());
    hash.update(input);
    hash.update((Point::SIZE as u16).to_be_bytes());
    hash.update(evaluated.as_bytes());
    hash.update(b"Finalize");
    Zeroizing::new(hash.finalize().into())
}

/// The pseudonym.
pub(super) fn pseudonym(output: &[u8; 64]) -> Digest {
    Digest::of_parts(&[PSEUDONYM, output])
}
