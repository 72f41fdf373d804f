//! The trust root: the one file that a verifier must obtain by itself. Everything else is checked against it.

use crate::{
    Digest, Point, SigningPublicKey,
    answer::CustodianId,
    bytes::Signature,
    canonical::Item,
    ceremony::SharedKey,
    cohort::Period,
    document, enumeration,
    id::{ChainId, JurisdictionId, MeasureId, MemberId, NetworkId, Text},
    limits,
    region::Region,
    structure,
};

structure! {
    /// A custodian's public keys.
    pub struct Custodian {
        /// Its number in its jurisdiction, from 1.
        pub number: u16,
        /// `X = x·B`: what its decryption shares are checked against.
        pub verifying_share: Point,
        /// What its confirmations, answers and refusals are signed with.
        pub signing_key: SigningPublicKey,
    }
}

impl Item for Custodian {
    const MAX_COUNT: usize = limits::MAX_CUSTODIANS;
}

structure! {
    /// A jurisdiction: nothing is opened without `threshold` of its custodians.
    pub struct Jurisdiction {
        /// Its name.
        pub id: JurisdictionId,
        /// `P_j`; the collective key is their sum.
        pub group_key: Point,
        /// How many of its custodians it takes; more than half.
        pub threshold: u16,
        /// Signs the admissions of members.
        pub authority_key: SigningPublicKey,
        /// Its custodians, by number.
        pub custodians: Vec<Custodian>,
        /// `Y_j` and the custodians' shares of it: the part of the pseudonyms' key that the same custodians hold under the
        /// same threshold. None, in every jurisdiction, where pseudonyms are the providers' own.
        pub pseudonyms: Option<SharedKey>,
    }
}

impl Item for Jurisdiction {
    const MAX_COUNT: usize = limits::MAX_JURISDICTIONS;
}

enumeration! {
    /// What a witness's countersignature says.
    pub enum WitnessKind {
        /// The checkpoint extends all that it countersigned before.
        Append = 1 as "append",
        /// Besides, all entries that it covers were checked with their bodies: admissions, signatures, every proof, each
        /// record id once, every seal's cells and sums.
        Full = 2 as "full",
    }
}

structure! {
    /// A witness of a chain.
    pub struct Witness {
        /// The name it countersigns under.
        pub name: MemberId,
        /// The jurisdiction it is run in; a full witness's is the chain's own.
        pub jurisdiction: JurisdictionId,
        /// What its countersignature says.
        pub kind: WitnessKind,
        /// Its key.
        pub signing_key: SigningPublicKey,
    }
}

impl Item for Witness {
    const MAX_COUNT: usize = limits::MAX_WITNESSES;
}

structure! {
    /// A chain: who signs its checkpoints, who witnesses them, whose records it holds, where it is anchored.
    pub struct Chain {
        /// Its name.
        pub id: ChainId,
        /// The jurisdiction it is run in.
        pub jurisdiction: JurisdictionId,
        /// The region it serves; none for main, scene and judicial chains.
        pub region: Option<Region>,
        /// The chains that its checkpoints are anchored in, by name; none for the judicial chain.
        pub parents: Vec<ChainId>,
        /// Signs its checkpoints and its word on group sums.
        pub signing_key: SigningPublicKey,
        /// More than two thirds of them make a checkpoint final, a full witness among them. None: no witness, and
        /// verification says so.
        pub witnesses: Vec<Witness>,
    }
}

impl Item for Chain {
    const MAX_COUNT: usize = limits::MAX_CHAINS;
}

structure! {
    /// The disclosure limits.
    pub struct Disclosure {
        /// k: a group is answered only for this many people or more.
        pub minimum_people: u32,
    }
}

structure! {
    /// What the cross lane answers about, and the tally lane therefore does not: both lanes are about the same people, so a sum
    /// of the one less a sum of the other is that of the people who are in one alone. Set at founding, and never changed.
    pub struct CrossScope {
        /// The chains, ascending, one at least; each serves a region.
        pub chains: Vec<ChainId>,
        /// The measures by name, ascending, two at least: all versions of each, and all measures that share codes with one.
        pub measures: Vec<MeasureId>,
        /// The first month; there is no last.
        pub from: Period,
    }
}

structure! {
    /// The cross lane's keys, by digest; whoever uses them has the files.
    pub struct CrossKeys {
        /// Name of the parameter set.
        pub parameters: Text<32>,
        /// Digest of the public key's file: what providers encrypt to, and the reference string of their proofs.
        pub public_key: Digest,
        /// Digest of the evaluation keys' file.
        pub evaluation_keys: Digest,
        /// Digest of the commitments to the summands of the squashed key ([`crate::summand::PublishedSummands`]).
        pub summands: Digest,
    }
}

structure! {
    /// A network's cross lane.
    pub struct CrossLane {
        /// What it answers about.
        pub scope: CrossScope,
        /// Its keys.
        pub keys: CrossKeys,
    }
}

structure! {
    /// The trust root without its signatures.
    pub struct TrustRoot {
        /// The network's name; checkpoints' origins begin with it.
        pub network: NetworkId,
        /// Raised with every change.
        pub serial: u32,
        /// Digests of the trust roots before it under the same collective key, the latest last: what was asked under
        /// one of them still counts, by its own rules.
        pub earlier: Vec<Digest>,
        /// Digest of the catalogue's index.
        pub catalogue: Digest,
        /// The limits.
        pub disclosure: Disclosure,
        /// The cross lane, if the network has one. It has known leaks: the security notes name them.
        pub cross: Option<CrossLane>,
        /// All jurisdictions, by name.
        pub jurisdictions: Vec<Jurisdiction>,
        /// All chains, by name.
        pub chains: Vec<Chain>,
    }
}
document!(TrustRoot, b"NcTr", 1 << 20);

structure! {
    /// A jurisdiction's threshold signature under its `P_j` (FROST(ristretto255), RFC 9591).
    pub struct Endorsement {
        /// Whose.
        pub jurisdiction: JurisdictionId,
        /// `R‖z`.
        pub signature: Signature,
    }
}

impl Item for Endorsement {
    const MAX_COUNT: usize = limits::MAX_JURISDICTIONS;
}

structure! {
    /// The trust root, endorsed by every jurisdiction: so none chose its key after seeing the others'.
    pub struct SignedTrustRoot {
        /// What is endorsed.
        pub root: TrustRoot,
        /// One a jurisdiction, in the same order.
        pub endorsements: Vec<Endorsement>,
    }
}
document!(SignedTrustRoot, b"NcSt", 1 << 20);

impl TrustRoot {
    /// The chain of that name.
    pub fn chain(&self, id: &ChainId) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.id == *id)
    }

    /// The chain that serves a region.
    pub fn chain_of_region(&self, region: Region) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.region == Some(region))
    }

    /// The jurisdiction of that name.
    pub fn jurisdiction(&self, id: &JurisdictionId) -> Option<&Jurisdiction> {
        self.jurisdictions.iter().find(|jurisdiction| jurisdiction.id == *id)
    }

    /// The custodian of that name.
    pub fn custodian(&self, id: &CustodianId) -> Option<&Custodian> {
        let jurisdiction = self.jurisdiction(&id.jurisdiction)?;
        jurisdiction.custodians.iter().find(|custodian| custodian.number == id.number)
    }

    /// The origin line of a chain's checkpoints.
    pub fn origin(&self, chain: &ChainId) -> String {
        format!("{}/{chain}", self.network)
    }
}
