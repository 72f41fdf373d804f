//! Topologies: which chains a network has, where each is anchored, and which server hosts it. `topology/gba.toml` is that
//! of the Greater Bay Area.
//!
//! Kept true of a topology that was read: a chain's name says what it is for; a region's chain is in the region's
//! jurisdiction; anchors go up only, from regions to main chains, from main chains and scenes to the judicial chain, so every
//! way up ends there. Errors: [`TopologyError`], with the chain. Cost: one small file.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use serde::Deserialize;

use crate::{
    enumeration,
    id::{ChainId, JurisdictionId, MAX_NAME_BYTES},
    limits,
    region::Region,
};

enumeration! {
    /// What a chain is for.
    pub enum ChainKind {
        /// Admissions, requests and releases of a domain.
        Main = 1 as "main",
        /// The records of a region.
        Region = 2 as "region",
        /// The records of a scene: consumption, enterprise, fitness.
        Scene = 3 as "scene",
        /// Anchors of all others, and disputes.
        Judicial = 4 as "judicial",
    }
}

impl ChainKind {
    /// Whether chains of this kind may be anchored in one of the other.
    fn is_below(self, parent: Self) -> bool {
        matches!((self, parent), (Self::Region, Self::Main) | (Self::Main | Self::Scene, Self::Judicial))
    }
}

impl ChainId {
    /// What the chain is for, by its name: `main/…`, `region/…`, `scene/…`, `judicial`.
    pub fn kind(&self) -> Option<ChainKind> {
        match self.as_str().split_once('/') {
            Some(("main", _)) => Some(ChainKind::Main),
            Some(("region", _)) => Some(ChainKind::Region),
            Some(("scene", _)) => Some(ChainKind::Scene),
            None if self.as_str() == "judicial" => Some(ChainKind::Judicial),
            _ => None,
        }
    }
}

/// A chain of a topology.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedChain {
    /// Its name.
    pub id: ChainId,
    /// The jurisdiction it is run in.
    pub jurisdiction: JurisdictionId,
    /// The region it serves, if it is a region's.
    pub region: Option<Region>,
    /// The chains that its checkpoints are anchored in, by name.
    pub parents: Vec<ChainId>,
    /// The server that hosts it.
    pub exchange: String,
}

/// The chains of a network.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    #[serde(rename = "chain")]
    chains: Vec<PlannedChain>,
}

/// Why a file is no topology.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// Not the TOML of one.
    #[error("not a topology: {0}")]
    Malformed(#[from] toml::de::Error),
    /// None, or too many.
    #[error("it has {0} chains; a network has 1 to {max}", max = limits::MAX_CHAINS)]
    Count(usize),
    /// A chain that does not fit.
    #[error("{chain}: {reason}")]
    Chain {
        /// Which.
        chain: ChainId,
        /// What is wrong with it.
        reason: String,
    },
}

static GBA: LazyLock<Topology> = LazyLock::new(|| {
    // The file is compiled in and read by this module's test: it cannot fail at run time.
    Topology::from_toml(include_str!("../topology/gba.toml")).expect("gba.toml is a topology")
});

impl Topology {
    /// The 29 chains of the Greater Bay Area, on five servers.
    pub fn gba() -> Self {
        GBA.clone()
    }

    /// A part of the same: these regions, each on a server of its own that is named by its code, below the main chains and the
    /// judicial chain, all on the server `main`.
    pub fn of_regions(regions: &[Region]) -> Self {
        let part = |mut chain: PlannedChain| match (chain.id.kind(), chain.region) {
            (Some(ChainKind::Scene), _) => None,
            (_, Some(region)) => {
                chain.exchange = region.to_string();
                regions.contains(&region).then_some(chain)
            }
            (_, None) => {
                chain.exchange = "main".to_owned();
                Some(chain)
            }
        };
        Self { chains: Self::gba().chains.into_iter().filter_map(part).collect() }
    }

    /// The same with all chains on one server.
    #[must_use]
    pub fn on_one_server(mut self, name: &str) -> Self {
        for chain in &mut self.chains {
            chain.exchange = name.to_owned();
        }
        self
    }

    /// Reads and checks a topology.
    pub fn from_toml(text: &str) -> Result<Self, TopologyError> {
        let topology: Self = toml::from_str(text)?;
        topology.check()?;
        Ok(topology)
    }

    /// Its chains, in the order of the file.
    pub fn chains(&self) -> &[PlannedChain] {
        &self.chains
    }

    /// The chain of that name.
    pub fn chain(&self, id: &ChainId) -> Option<&PlannedChain> {
        self.chains.iter().find(|chain| chain.id == *id)
    }

    /// The chains that a chain is anchored in, and those that they are anchored in, in the order of the file.
    pub fn above(&self, id: &ChainId) -> Vec<&PlannedChain> {
        let mut names: BTreeSet<&ChainId> = BTreeSet::new();
        let mut below = vec![id];
        // Ends: anchors go up only.
        while let Some(chain) = below.pop().and_then(|id| self.chain(id)) {
            below.extend(chain.parents.iter().filter(|parent| names.insert(*parent)));
        }
        self.chains.iter().filter(|chain| names.contains(&chain.id)).collect()
    }

    /// The regions that it serves.
    pub fn regions(&self) -> impl Iterator<Item = Region> + '_ {
        self.chains.iter().filter_map(|chain| chain.region)
    }

    /// The servers that host its chains, each once, by name.
    pub fn exchanges(&self) -> BTreeSet<&str> {
        self.chains.iter().map(|chain| chain.exchange.as_str()).collect()
    }

    fn check(&self) -> Result<(), TopologyError> {
        if !(1..=limits::MAX_CHAINS).contains(&self.chains.len()) {
            return Err(TopologyError::Count(self.chains.len()));
        }
        let mut kinds = BTreeMap::new();
        for chain in &self.chains {
            let fail = |reason: &str| TopologyError::Chain { chain: chain.id.clone(), reason: reason.to_owned() };
            let unnamed = "its name is none of main/…, region/…, scene/…, judicial";
            let kind = chain.id.kind().ok_or_else(|| fail(unnamed))?;
            if kinds.insert(&chain.id, kind).is_some() {
                return Err(fail("it is listed twice"));
            }
        }
        self.chains.iter().try_for_each(|chain| chain.check(&kinds))
    }
}

impl PlannedChain {
    fn check(&self, kinds: &BTreeMap<&ChainId, ChainKind>) -> Result<(), TopologyError> {
        let fail = |reason: String| Err(TopologyError::Chain { chain: self.id.clone(), reason });
        match self.region {
            Some(region) if region.chain() != self.id => {
                return fail(format!("the chain of {region} has another name"));
            }
            Some(region) if region.facts().jurisdiction != self.jurisdiction => {
                return fail(format!("{region} belongs to {}", region.facts().jurisdiction));
            }
            None if kinds[&self.id] == ChainKind::Region => return fail("it names no region".to_owned()),
            _ => {}
        }
        if !self.parents.is_sorted_by(|one, next| one < next) || self.parents.len() > limits::MAX_PARENTS {
            return fail(format!("its parents are listed by name, each once, {} at most", limits::MAX_PARENTS));
        }
        for parent in &self.parents {
            match kinds.get(parent) {
                None => return fail(format!("its parent {parent} is not listed")),
                Some(above) if !kinds[&self.id].is_below(*above) => {
                    return fail(format!("a {} chain is not anchored in {parent}", kinds[&self.id]));
                }
                Some(_) => {}
            }
        }
        let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=MAX_NAME_BYTES / 2).contains(&self.exchange.len()) || !self.exchange.bytes().all(named) {
            return fail("the server that hosts it is named with a-z, 0-9 and `-`, 32 of them at most".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greater_bay_area_has_29_chains_and_every_way_up_ends_at_the_judicial_chain() {
        let gba = Topology::gba();
        assert_eq!(gba.chains().len(), 29);
        let of = |kind| gba.chains().iter().filter(|chain| chain.id.kind() == Some(kind)).count();
        assert_eq!(ChainKind::ALL.iter().map(|kind| of(*kind)).collect::<Vec<_>>(), [2, 23, 3, 1]);
        assert!(gba.regions().eq(Region::all()));
        assert_eq!(
            gba.exchanges().into_iter().collect::<Vec<_>>(),
            ["guangdong", "hongkong", "judicial", "macao", "main"]
        );
        for chain in gba.chains() {
            assert_eq!(chain.parents.is_empty(), chain.id.as_str() == "judicial", "{}", chain.id);
        }
    }

    #[test]
    fn a_part_of_it_has_a_server_a_region_and_the_chains_above() {
        let regions: Vec<Region> = ["440100", "820000"].map(|code| code.parse().unwrap()).into();
        let part = Topology::of_regions(&regions);
        part.check().unwrap();
        assert_eq!(part.exchanges().into_iter().collect::<Vec<_>>(), ["440100", "820000", "main"]);
        assert_eq!(part.chains().len(), 5);
        let above =
            |id: &str| part.above(&id.parse().unwrap()).iter().map(|chain| chain.id.to_string()).collect::<Vec<_>>();
        assert_eq!(above("region/820000"), ["judicial", "main/health", "main/sport"]);
        assert_eq!(above("main/sport"), ["judicial"]);
        assert!(above("judicial").is_empty());
        assert_eq!(part.on_one_server("all").exchanges().len(), 1);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_named() {
        let text = include_str!("../topology/gba.toml");
        let of_macao = "jurisdiction = \"macao\"\nregion = \"820000\"\nparents = [\"main/health\", \"main/sport\"]";
        for (from, to, reason) in [
            (of_macao, of_macao.replace("macao", "hongkong"), "belongs to macao"),
            (of_macao, of_macao.replace("820000", "810000"), "has another name"),
            (of_macao, of_macao.replace("region = \"820000\"\n", ""), "names no region"),
            (of_macao, of_macao.replace("main/health", "main/forest"), "main/forest is not listed"),
            (of_macao, of_macao.replace("\"main/health\", \"main/sport\"", "\"region/810000\""), "is not anchored in"),
            (of_macao, of_macao.replace("\"main/health\", ", "\"main/sport\", "), "listed by name"),
            ("parents = []", "parents = [\"main/health\"]".to_owned(), "is not anchored in"),
            ("id = \"scene/fitness\"", "id = \"scenery\"".to_owned(), "its name is none of"),
            ("id = \"scene/fitness\"", "id = \"scene/enterprise\"".to_owned(), "listed twice"),
            ("exchange = \"judicial\"", "exchange = \"../judicial\"".to_owned(), "a-z"),
        ] {
            assert!(text.contains(from), "{from}");
            let error = Topology::from_toml(&text.replace(from, &to)).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}, not {reason}");
        }
        assert_eq!(Topology::from_toml("chain = []"), Err(TopologyError::Count(0)));
    }
}
