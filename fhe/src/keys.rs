//! Keys: what the ceremony makes, what providers encrypt with, what evaluators compute with.
//!
//! Kept true: secret keys exist in the ceremony only, and are zeroized when it ends. What evaluators hold reveals nothing
//! (it is encrypted under the secret keys); it is large, and loaded once.

use std::io;

use nacre_schemas::Digest;
use tfhe::{
    core_crypto::prelude::*,
    zk::{CompactPkeCrs, ZkMSBZeroPaddingBitCount},
};
use zeroize::Zeroize;

use crate::{
    error::FheError,
    params::{LIST_CONTRIBUTIONS, Parameters, Q64, Q128, SLOTS, SUM_LOG},
    random,
};

/// Every secret of the lane. Lives as long as the ceremony.
pub struct SecretKeys {
    parameters: &'static Parameters,
    public: LweSecretKeyOwned<u64>,
    small: LweSecretKeyOwned<u64>,
    accumulator: GlweSecretKeyOwned<u64>,
    squashed: GlweSecretKeyOwned<u128>,
}

impl Drop for SecretKeys {
    fn drop(&mut self) {
        self.public.as_mut().zeroize();
        self.small.as_mut().zeroize();
        self.accumulator.as_mut().zeroize();
        self.squashed.as_mut().zeroize();
    }
}

/// What providers encrypt with: the public key, and the reference string of the proofs.
#[derive(Clone)]
pub struct PublicKey {
    pub(crate) parameters: &'static Parameters,
    pub(crate) key: LweCompactPublicKeyOwned<u64>,
    pub(crate) crs: CompactPkeCrs,
    pub(crate) digest: Digest,
}

impl PublicKey {
    /// Digest of its file: what the trust root and every list name it by.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// What evaluators compute with, as it lies in files: masks are seeds.
pub struct SeededEvaluationKeys {
    pub(crate) parameters: &'static Parameters,
    /// Of the masks of the five keys, in the order of the fields.
    pub(crate) seeds: [u128; 5],
    pub(crate) from_public: SeededLweKeyswitchKeyOwned<u64>,
    pub(crate) from_big: SeededLweKeyswitchKeyOwned<u64>,
    pub(crate) packing: SeededLwePackingKeyswitchKeyOwned<u64>,
    pub(crate) bootstrapping: SeededLweBootstrapKeyOwned<u64>,
    pub(crate) squashing: SeededLweBootstrapKeyOwned<u128>,
    pub(crate) correction: Vec<u128>,
}

/// What evaluators compute with, ready to be used: about 1.2 GB.
pub struct EvaluationKeys {
    pub(crate) parameters: &'static Parameters,
    pub(crate) from_public: LweKeyswitchKeyOwned<u64>,
    pub(crate) from_big: LweKeyswitchKeyOwned<u64>,
    pub(crate) packing: LwePackingKeyswitchKeyOwned<u64>,
    pub(crate) bootstrapping: FourierLweBootstrapKeyOwned,
    pub(crate) squashing: Fourier128LweBootstrapKeyOwned,
    pub(crate) correction: Vec<u128>,
}

impl EvaluationKeys {
    /// The set that the keys are of.
    pub fn parameters(&self) -> &'static Parameters {
        self.parameters
    }
}

impl SecretKeys {
    /// Fresh keys, binary and uniform, from the operating system's randomness.
    pub fn generate(parameters: &'static Parameters) -> Result<Self, FheError> {
        let mut random = random::secret()?;
        Ok(Self {
            parameters,
            public: allocate_and_generate_new_binary_lwe_secret_key(parameters.public_dimension, &mut random),
            small: allocate_and_generate_new_binary_lwe_secret_key(parameters.lwe_dimension, &mut random),
            accumulator: allocate_and_generate_new_binary_glwe_secret_key(
                parameters.glwe_dimension,
                parameters.polynomial_size,
                &mut random,
            ),
            squashed: allocate_and_generate_new_binary_glwe_secret_key(
                parameters.squashed_dimension,
                parameters.polynomial_size,
                &mut random,
            ),
        })
    }

    /// The public key, and a reference string whose trapdoor is forgotten as it is made.
    ///
    /// Slots hold one bit each: the plaintext modulus is that of sums, and all of its bits but the lowest are proven zero.
    pub fn public_key(&self) -> Result<PublicKey, FheError> {
        let parameters = self.parameters;
        let key = self.compact_key()?;
        let message_bits = u64::BITS - SUM_LOG;
        let crs = CompactPkeCrs::new(
            parameters.public_dimension,
            LweCiphertextCount(LIST_CONTRIBUTIONS * SLOTS),
            parameters.glwe_noise,
            Q64,
            1u64 << message_bits,
            ZkMSBZeroPaddingBitCount(u64::from(message_bits) - 1),
            &mut random::reference_string()?,
        )
        .map_err(|error| FheError::malformed("reference string", error))?;
        let mut made = PublicKey { parameters, key, crs, digest: Digest([0; 32]) };
        made.digest = made.write(io::sink()).map_err(|error| FheError::malformed("public key", error))?;
        Ok(made)
    }

    /// The public key by itself.
    pub(crate) fn compact_key(&self) -> Result<LweCompactPublicKeyOwned<u64>, FheError> {
        let (noise, mut random) = (self.parameters.glwe_noise, random::encryption()?);
        Ok(allocate_and_generate_new_lwe_compact_public_key(&self.public, noise, Q64, &mut random))
    }

    /// Keys for evaluators. The correction is what the shares of the squashed key lack to it, a word each.
    pub fn evaluation_keys(&self, correction: Vec<u128>) -> Result<SeededEvaluationKeys, FheError> {
        let parameters = self.parameters;
        let mut big = self.accumulator.clone().into_lwe_secret_key();
        let mut seeders = Vec::new();
        for _ in 0..5 {
            seeders.push(random::KeySeeder::new()?);
        }
        let seeds: [u128; 5] = std::array::from_fn(|index| seeders[index].masks());
        let mut seeders = seeders.iter_mut();
        let mut seeder = || seeders.next().expect("one for each of five keys");
        let keyswitch = |from: &LweSecretKeyOwned<u64>, seeder: &mut random::KeySeeder| {
            allocate_and_generate_new_seeded_lwe_keyswitch_key(
                from,
                &self.small,
                parameters.keyswitch.base_log,
                parameters.keyswitch.levels,
                parameters.lwe_noise,
                Q64,
                seeder,
            )
        };
        let from_public = keyswitch(&self.public, seeder());
        let from_big = keyswitch(&big, seeder());
        big.as_mut().zeroize();
        let packing = allocate_and_generate_new_seeded_lwe_packing_keyswitch_key(
            &self.public,
            &self.accumulator,
            parameters.packing.base_log,
            parameters.packing.levels,
            parameters.glwe_noise,
            Q64,
            seeder(),
        );
        let bootstrapping = par_allocate_and_generate_new_seeded_lwe_bootstrap_key(
            &self.small,
            &self.accumulator,
            parameters.bootstrapping.base_log,
            parameters.bootstrapping.levels,
            parameters.glwe_noise,
            Q64,
            seeder(),
        );
        let squashing = par_allocate_and_generate_new_seeded_lwe_bootstrap_key(
            &self.small,
            &self.squashed,
            parameters.squashing.base_log,
            parameters.squashing.levels,
            parameters.squashed_noise,
            Q128,
            seeder(),
        );
        Ok(SeededEvaluationKeys {
            parameters,
            seeds,
            from_public,
            from_big,
            packing,
            bootstrapping,
            squashing,
            correction,
        })
    }

    /// The key of the squashed results, for dealing: one bit a word.
    pub fn shared(&self) -> Vec<u128> {
        self.squashed.as_ref().to_vec()
    }
}

impl SeededEvaluationKeys {
    /// Expands masks and transforms both bootstrapping keys. Some seconds on two cores.
    pub fn load(self) -> EvaluationKeys {
        let parameters = self.parameters;
        let standard = self.bootstrapping.par_decompress_into_lwe_bootstrap_key();
        let mut bootstrapping = FourierLweBootstrapKeyOwned::new(
            standard.input_lwe_dimension(),
            standard.glwe_size(),
            standard.polynomial_size(),
            standard.decomposition_base_log(),
            standard.decomposition_level_count(),
        );
        par_convert_standard_lwe_bootstrap_key_to_fourier(&standard, &mut bootstrapping);
        let standard = self.squashing.par_decompress_into_lwe_bootstrap_key();
        let mut squashing = Fourier128LweBootstrapKeyOwned::new(
            standard.input_lwe_dimension(),
            standard.glwe_size(),
            standard.polynomial_size(),
            standard.decomposition_base_log(),
            standard.decomposition_level_count(),
        );
        par_convert_standard_lwe_bootstrap_key_to_fourier_128(&standard, &mut squashing);
        EvaluationKeys {
            parameters,
            from_public: self.from_public.decompress_into_lwe_keyswitch_key(),
            from_big: self.from_big.decompress_into_lwe_keyswitch_key(),
            packing: self.packing.decompress_into_lwe_packing_keyswitch_key(),
            bootstrapping,
            squashing,
            correction: self.correction,
        }
    }
}

#[cfg(test)]
impl SecretKeys {
    /// The value and the noise of a sample under the accumulators' key, for measuring.
    pub(crate) fn phase(&self, sample: &LweCiphertextOwned<u64>) -> u64 {
        decrypt_lwe_ciphertext(&self.accumulator.clone().into_lwe_secret_key(), sample).0
    }

    /// The same under the key that is rotated by.
    pub(crate) fn small_phase(&self, sample: &LweCiphertextOwned<u64>) -> u64 {
        decrypt_lwe_ciphertext(&self.small, sample).0
    }

    /// The key that is rotated by, a bit a word.
    pub(crate) fn small_bits(&self) -> &[u64] {
        self.small.as_ref()
    }

    /// The same under the public key.
    pub(crate) fn public_phase(&self, sample: &LweCiphertextOwned<u64>) -> u64 {
        decrypt_lwe_ciphertext(&self.public, sample).0
    }

    /// The same of a squashed sample.
    pub(crate) fn squashed_phase(&self, sample: &LweCiphertextOwned<u128>) -> u128 {
        decrypt_lwe_ciphertext(&self.squashed.clone().into_lwe_secret_key(), sample).0
    }
}
