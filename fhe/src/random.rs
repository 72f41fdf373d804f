//! Randomness: seeds from the operating system, expanded by tfhe's generator (AES-CTR).

use rand_chacha::rand_core::SeedableRng as _;
use tfhe::core_crypto::{
    commons::{
        generators::NoiseRandomGenerator,
        math::random::{Seed, Seeder},
    },
    prelude::{DefaultRandomGenerator, EncryptionRandomGenerator, SecretRandomGenerator},
};
use zeroize::Zeroize as _;

use crate::error::FheError;

/// The seeds of one key: of its masks, which its file holds, then of its noise. Drawn beforehand, so that drawing cannot
/// fail in the middle.
pub(crate) struct KeySeeder {
    masks: u128,
    rest: Vec<u128>,
}

impl KeySeeder {
    /// Fresh seeds.
    pub(crate) fn new() -> Result<Self, FheError> {
        let masks = seed()?;
        Ok(Self { masks, rest: vec![seed()?, masks] })
    }

    /// The seed of the masks: the first that is asked for.
    pub(crate) fn masks(&self) -> u128 {
        self.masks
    }
}

impl Seeder for KeySeeder {
    fn seed(&mut self) -> Seed {
        Seed(self.rest.pop().expect("a key takes two seeds"))
    }

    fn is_available() -> bool {
        true
    }
}

/// One seed.
struct OneSeed(u128);

impl Seeder for OneSeed {
    fn seed(&mut self) -> Seed {
        Seed(std::mem::take(&mut self.0))
    }

    fn is_available() -> bool {
        true
    }
}

fn seed() -> Result<u128, FheError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| FheError::Randomness(error.to_string()))?;
    Ok(u128::from_le_bytes(bytes))
}

/// For secret keys.
pub(crate) fn secret() -> Result<SecretRandomGenerator<DefaultRandomGenerator>, FheError> {
    Ok(SecretRandomGenerator::new(Seed(seed()?)))
}

/// For masks and noise.
pub(crate) fn encryption() -> Result<EncryptionRandomGenerator<DefaultRandomGenerator>, FheError> {
    Ok(EncryptionRandomGenerator::new(Seed(seed()?), &mut OneSeed(seed()?)))
}

/// For what a provider encrypts with a public key.
pub(crate) fn noise() -> Result<NoiseRandomGenerator<DefaultRandomGenerator>, FheError> {
    Ok(NoiseRandomGenerator::new(&mut OneSeed(seed()?)))
}

/// For the reference string: what it draws is its trapdoor.
pub(crate) fn reference_string() -> Result<rand_chacha::ChaCha20Rng, FheError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| FheError::Randomness(error.to_string()))?;
    let random = rand_chacha::ChaCha20Rng::from_seed(seed);
    seed.zeroize();
    Ok(random)
}
