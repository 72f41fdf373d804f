//! The generators of Bulletproofs, hashed to the group: nobody knows a relation between them.

use curve25519_dalek::ristretto::RistrettoPoint;
use sha3::{
    Shake256,
    digest::{ExtendableOutput as _, Update as _, XofReader as _},
};

/// The generators of one kind of proof: what all its values' width is, and how many values one is about at most. Smaller
/// proofs use the first of them.
pub(crate) struct Generators {
    /// Bits of a value: a power of two.
    pub(crate) bits: usize,
    /// Values: a power of two.
    pub(crate) max_values: usize,
    /// `G_i`.
    pub(crate) g: Vec<RistrettoPoint>,
    /// `H_i`.
    pub(crate) h: Vec<RistrettoPoint>,
}

impl Generators {
    /// Takes 20 µs and 320 bytes a bit: to be made once. Panics if a width or number is not a power of two.
    pub(crate) fn new(bits: usize, max_values: usize) -> Self {
        assert!(bits.is_power_of_two() && max_values.is_power_of_two());
        let vector = |letter| generator_vector(letter, bits, max_values);
        Self { bits, max_values, g: vector(b'G'), h: vector(b'H') }
    }
}

/// As `bulletproofs::BulletproofGens` makes them: a SHAKE256 stream a value, hashed to the group 64 bytes at a time.
fn generator_vector(letter: u8, bits: usize, values: usize) -> Vec<RistrettoPoint> {
    let of_value = |value: u32| {
        let mut shake = Shake256::default();
        shake.update(b"GeneratorsChain");
        shake.update(&[letter]);
        shake.update(&value.to_le_bytes());
        let mut stream = shake.finalize_xof();
        std::iter::repeat_with(move || {
            let mut uniform = [0; 64];
            stream.read(&mut uniform);
            RistrettoPoint::from_uniform_bytes(&uniform)
        })
        .take(bits)
    };
    (0..values as u32).flat_map(of_value).collect()
}
