//! Input for the benchmarks: batches like those that providers post, made by the code that providers run; and a network
//! on loopback to post them to.

pub mod network;
pub mod processor;

use nacre_schemas::{
    Blob, Digest, Signature,
    batch::Batch,
    catalogue::Catalogue,
    cohort::{AgeBand, CellKey, Sex},
    contribution::{Header, Payload, Restricted},
    id::{ChainId, MemberId},
    measure::Measure,
    region::Region,
};
use nacre_zk::{
    batch::{self, Record},
    custody,
    key::CollectiveKey,
};
use rand::{Rng as _, rngs::OsRng};

/// The region of all records, where there is one.
pub const REGION: &str = "820000";

/// A chain of a region, a provider, and a key to seal to.
pub struct Provider {
    /// The collective key.
    pub key: CollectiveKey,
    /// The chain.
    pub chain: ChainId,
    /// The region that it serves.
    pub region: Region,
    /// The provider.
    pub member: MemberId,
}

/// The same.
pub fn region() -> Region {
    REGION.parse().expect("a region")
}

/// A measure of five bands.
pub fn measure() -> &'static Measure {
    let id = "systolic-bp".parse().expect("a measure's name");
    Catalogue::built_in().newest(&id).expect("the catalogue has it")
}

impl Provider {
    /// One with a fresh key.
    pub fn new() -> Self {
        let jurisdiction = "macao".parse().expect("a jurisdiction's name");
        let shares = custody::generate(&jurisdiction, 2, 3, &mut OsRng).expect("a key for three");
        Self {
            key: CollectiveKey::of_group_keys(&[shares[0].group_key()]).expect("a group key"),
            chain: region().chain(),
            region: region(),
            member: "hospital-820000".parse().expect("a member's name"),
        }
    }

    /// A random value of a random woman of 45 to 49 in January.
    fn record(&self) -> Record<'static> {
        self.record_of("2026-01", Sex::Female, 47)
    }

    fn record_of(&self, period: &str, sex: Sex, age: u32) -> Record<'static> {
        let measure = measure();
        let blob = |bytes: usize| vec![7; bytes];
        let payload = Payload {
            nonce: Blob::new(blob(12)).expect("fits"),
            ciphertext: Blob::new(blob(160)).expect("fits"),
            wrapped_key: Blob::new(blob(44)).expect("fits"),
        };
        let cell = CellKey {
            measure: measure.reference(),
            period: period.parse().expect("a month"),
            region: self.region,
            sex,
            age_band: AgeBand::of_age(age),
        };
        Record {
            measure,
            header: Header { record: Digest(OsRng.r#gen()), provider: self.member.clone(), cell },
            restricted: Restricted { pseudonym: Digest(OsRng.r#gen()), payload, cross: None },
            value: OsRng.gen_range(measure.lo..=measure.hi),
        }
    }

    /// Proves a batch of that many contributions.
    pub fn prove(&self, contributions: usize) -> Batch {
        self.prove_records((0..contributions).map(|_| self.record()).collect())
    }

    /// Proves a batch with a contribution a cell, of up to 64 cells given by month, sex and age.
    pub fn prove_cells(&self, cells: &[(String, Sex, u32)]) -> Batch {
        self.prove_records(cells.iter().map(|(period, sex, age)| self.record_of(period, *sex, *age)).collect())
    }

    fn prove_records(&self, records: Vec<Record<'_>>) -> Batch {
        let proven = batch::prove(&self.key, &self.chain, &self.member, records, &mut OsRng).expect("values in range");
        Batch {
            chain: self.chain.clone(),
            provider: self.member.clone(),
            contributions: proven.contributions,
            range_proof: proven.range_proof,
            cross: None,
            signature: Signature([0; 64]),
        }
    }
}

impl Default for Provider {
    fn default() -> Self {
        Self::new()
    }
}
