//! Limits on everything that a stranger can send, in one place, and held against each other when this is compiled.

/// Contributions in one batch: 64 of them give 128 range-proven values.
pub const MAX_BATCH_CONTRIBUTIONS: usize = 64;
/// Bands of a measure, at least.
pub const MIN_BANDS: usize = 2;
/// Bands of a measure, at most.
pub const MAX_BANDS: usize = 8;
/// `hi - lo` of a measure, in steps, is below this.
pub const MAX_VALUE_SPAN: u32 = 1 << 12;
/// `hi` of a measure, in steps, is below this, so that sums of squares stay within what a tally can solve.
pub const MAX_VALUE: u32 = 1 << 13;
/// A payload's ciphertext, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 2_048;
/// An aggregated range proof, in bytes: 9 + 2·log2(16·128) elements of 32 bytes are 992.
pub const MAX_RANGE_PROOF_BYTES: usize = 1_024;
/// One contribution, in bytes.
pub const MAX_CONTRIBUTION_BYTES: usize = 8_192;
/// One batch, in bytes.
pub const MAX_BATCH_BYTES: usize = MAX_BATCH_CONTRIBUTIONS * MAX_CONTRIBUTION_BYTES + 40_960;
/// One entry of a log, in bytes.
pub const MAX_ENTRY_BYTES: usize = 1_024;
/// Custodians of one jurisdiction.
pub const MAX_CUSTODIANS: usize = 32;
/// Summands of a jurisdiction's part of the cross lane's key.
pub const MAX_SUMMANDS: usize = 128;
/// Words of a mask under the cross lane's shared key, and of each summand of the key: a power of two.
pub const MAX_MASK_WORDS: usize = 8_192;
/// Digits whose shares one range proof is about: a power of two.
pub const RANGE_PROOF_DIGITS: usize = 16;
/// Limbs of a digit's share that are committed to and range-proven.
pub const SHARE_LIMBS: usize = 8;
/// A range proof of limbs, in bytes: 9 + 2·log2(64·128) elements of 32 bytes.
pub const MAX_LIMB_PROOF_BYTES: usize = 1_120;
/// Jurisdictions of a network.
pub const MAX_JURISDICTIONS: usize = 8;
/// Chains of a network.
pub const MAX_CHAINS: usize = 64;
/// Witnesses of a chain.
pub const MAX_WITNESSES: usize = 64;
/// Measures of a catalogue.
pub const MAX_MEASURES: usize = 256;
/// Seals of one chain in one request.
pub const MAX_SEALS: usize = 4_096;
/// Cells of one seal in one request.
pub const MAX_CELLS: usize = 65_536;
/// Groups of one request.
pub const MAX_GROUPS: usize = 4_096;
/// Months that one request may span.
pub const MAX_PERIODS: u32 = 1_200;
/// A purpose, in bytes of UTF-8.
pub const MAX_PURPOSE_BYTES: usize = 512;
/// A signed note, in bytes.
pub const MAX_NOTE_BYTES: usize = 16_384;
/// A dossier or release, in bytes.
pub const MAX_RELEASE_BYTES: usize = 256 << 20;
/// Entries of a main chain in one page.
pub const MAX_LOG_PAGE: usize = 256;
/// A request, in bytes.
pub const MAX_REQUEST_BYTES: usize = 16_384;
/// A signed request with the places of the seals it names, in bytes: 64 chains of ten witnesses each.
pub const MAX_SIGNED_REQUEST_BYTES: usize = 262_144;
/// Entries of a chain in one stretch with their bodies.
pub const MAX_MEMBERS_PAGE: usize = 4_096;
/// A stretch of a chain with its bodies, in bytes.
pub const MAX_MEMBERS_PAGE_BYTES: usize = 32 << 20;
/// Trust roots before the present one whose requests still count.
pub const MAX_EARLIER: usize = 1_024;
/// Chains that one chain is anchored in.
pub const MAX_PARENTS: usize = 8;
/// Anchors between a record's chain and the last chain of its evidence.
pub const MAX_ANCHORS: usize = 8;
/// People whose pseudonyms a provider asks a custodian for at once.
pub const MAX_BLINDED: usize = 1_024;
/// Grants in one page.
pub const MAX_GRANTS_PAGE: usize = 256;
/// How long a record can be granted at once, in seconds: ten years.
pub const MAX_GRANT_SECONDS: u64 = 10 * 366 * 86_400;
/// How far a member's clock may be from an exchange's, in seconds.
pub const MAX_CLOCK_SKEW_SECONDS: u64 = 300;

/// How many times k people a group needs before its squares and band counts are opened.
pub const DETAIL_FACTOR: u64 = 3;

// The limits agree with each other, or nothing compiles.
const _: () = {
    assert!(MIN_BANDS >= 2 && MAX_BANDS <= 8);
    // v - L and U - v must fit the 16 bits of the range proof with room to spare.
    assert!(MAX_VALUE_SPAN <= 1 << 15 && MAX_VALUE < 1 << 15);
    assert!(MAX_VALUE_SPAN <= MAX_VALUE);
    // 2 values a contribution, padded to a power of two; 9 + 2·log2(bits·values) elements of a proof.
    assert!((2 * MAX_BATCH_CONTRIBUTIONS).is_power_of_two());
    assert!((9 + 2 * (16 * 2 * MAX_BATCH_CONTRIBUTIONS).ilog2() as usize) * 32 <= MAX_RANGE_PROOF_BYTES);
    // The same of limbs of 64 bits.
    assert!((RANGE_PROOF_DIGITS * SHARE_LIMBS).is_power_of_two() && MAX_MASK_WORDS.is_power_of_two());
    assert!((9 + 2 * (64 * RANGE_PROOF_DIGITS * SHARE_LIMBS).ilog2() as usize) * 32 == MAX_LIMB_PROOF_BYTES);
    // Commitments of the widest measure with their digest fit an entry.
    assert!((2 + MAX_BANDS) * 32 + 64 <= MAX_ENTRY_BYTES);
    // Ciphertexts, 2 + 8 pairs; proof, 6 + 24 points and 4 + 24 scalars; payload; names.
    assert!((20 + 30 + 28) * 32 + MAX_PAYLOAD_BYTES + 1_024 <= MAX_CONTRIBUTION_BYTES);
};
