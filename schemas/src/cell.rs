//! A cell: the sum of all contributions of an epoch that share a cell key.

use crate::{
    Digest,
    canonical::{Document, Item},
    cohort::CellKey,
    contribution::{Commitments, EphemeralKeys},
    document,
    id::MemberId,
    limits, structure,
};

structure! {
    /// A sealed cell in its public form: everything in it hides perfectly.
    pub struct Cell {
        /// Which contributions it holds.
        pub key: CellKey,
        /// Sums of their commitments.
        pub sums: Commitments,
        /// Digest of the [`CellNumbers`].
        pub numbers: Digest,
    }
}
document!(Cell, b"NcCl", 1_024);

impl Item for Cell {
    const MAX_COUNT: usize = limits::MAX_CELLS;
}

structure! {
    /// How many contributions a cell holds of whom: what custodians of every jurisdiction see of it.
    ///
    /// The digest of the ephemeral keys ties both parts of the detail to the cell. It also keeps the cell's digest of
    /// these small numbers from being guessed: the keys are not public.
    pub struct CellNumbers {
        /// Contributions by provider, in the order of the names.
        pub contributions: Vec<ProviderCount>,
        /// Digest of the sums of the [`EphemeralKeys`].
        pub keys: Digest,
    }
}
document!(CellNumbers, b"NcCn", 1 << 20);

impl Item for CellNumbers {
    const MAX_COUNT: usize = limits::MAX_CELLS;
}

structure! {
    /// What members see of a cell: its ephemeral keys never leave the jurisdiction of its chain.
    pub struct CellDetail {
        /// Contributions by provider, in the order of the names.
        pub contributions: Vec<ProviderCount>,
        /// Sums of the ephemeral keys.
        pub keys: EphemeralKeys,
    }
}
document!(CellDetail, b"NcCd", 1 << 20);

impl Item for CellDetail {
    const MAX_COUNT: usize = limits::MAX_CELLS;
}

structure! {
    /// How many contributions a provider has in a cell or group.
    pub struct ProviderCount {
        /// The provider.
        pub provider: MemberId,
        /// Its contributions.
        pub contributions: u64,
    }
}

impl Item for ProviderCount {
    const MAX_COUNT: usize = 4_096;
}

impl CellDetail {
    /// The part of it that custodians of every jurisdiction see.
    pub fn numbers(&self) -> CellNumbers {
        CellNumbers { contributions: self.contributions.clone(), keys: self.keys.digest() }
    }
}

structure! {
    /// The details of one seal's cells that a request holds for, in their order.
    pub struct SealDetails {
        /// Number of the seal.
        pub number: u64,
        /// The details.
        pub details: Vec<CellDetail>,
    }
}

impl Item for SealDetails {
    const MAX_COUNT: usize = limits::MAX_SEALS;
}

structure! {
    /// What a chain shows the custodians of its own jurisdiction for a request.
    pub struct ChainDetails {
        /// The seals of the request's span, in order.
        pub seals: Vec<SealDetails>,
    }
}
document!(ChainDetails, b"NcDt", limits::MAX_RELEASE_BYTES);

impl Cell {
    /// Whether the detail is the one this cell commits to.
    pub fn commits_to(&self, detail: &CellDetail) -> bool {
        self.numbers == detail.numbers().digest()
    }
}
