//! A question, as people ask it, and the request it becomes.
//!
//! Kept true: a [`Request`] made here is well-formed by itself: lists in order, each item once, chains exactly those
//! that serve the regions asked about. Pure. Errors: [`QuestionError`], all of them the asker's to mend.

use std::collections::BTreeMap;

use nacre_schemas::{
    Digest, Document as _,
    catalogue::Catalogue,
    cohort::{AgeBand, Period, Sex},
    id::{ChainId, MeasureId, MemberId, Text},
    limits,
    measure::{Measure, MeasureRef},
    query::{Attribute, Predicate, Request, SealSpan, Statistic},
    region::Region,
    trust::TrustRoot,
};

/// What a regulator wants to know.
#[derive(Clone, Debug)]
pub struct Question {
    /// Which measure.
    pub measure: MeasureId,
    /// Which version of its definition; the newest if none is named.
    pub version: Option<u16>,
    /// Which regions; none for all that have a chain.
    pub regions: Vec<Region>,
    /// First month.
    pub from: Period,
    /// Last month.
    pub to: Period,
    /// Which sexes; none for all four.
    pub sexes: Vec<Sex>,
    /// Youngest age band.
    pub youngest: AgeBand,
    /// Oldest age band.
    pub oldest: AgeBand,
    /// Split by which attributes; none for one figure.
    pub group_by: Vec<Attribute>,
    /// Which statistics, at least one.
    pub statistics: Vec<Statistic>,
    /// Up to which seal of a chain; its latest if none is named. Contributions that came late are in later seals: few
    /// people, who could be told apart from those before.
    pub through: BTreeMap<ChainId, u64>,
    /// For which purpose, for those who read the log.
    pub purpose: Text<{ limits::MAX_PURPOSE_BYTES }>,
}

/// Why a question cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// No such measure.
    #[error("the catalogue has no measure {0}; it has {1}")]
    UnknownMeasure(String, String),
    /// A region without records.
    #[error("no chain of the network serves the region {0}")]
    Unserved(Region),
    /// A network without regional chains.
    #[error("no chain of the network serves any region")]
    NoRegions,
    /// The question contradicts itself.
    #[error("{0}")]
    Malformed(String),
}

impl Question {
    /// The definition asked about.
    pub fn definition<'a>(&self, catalogue: &'a Catalogue) -> Result<&'a Measure, QuestionError> {
        definition(&self.measure, self.version, catalogue)
    }

    /// The regions asked about, in order, each with the chain that serves it.
    pub fn regions(&self, root: &TrustRoot) -> Result<Vec<(Region, ChainId)>, QuestionError> {
        regions(&self.regions, root)
    }

    /// The request for this question.
    pub fn request(&self, context: Context<'_>) -> Result<Request, QuestionError> {
        let Context { trust, requester, definition, regions, mut spans, nonce } = context;
        spans.sort_by(|one, other| one.chain.cmp(&other.chain));
        let sexes = if self.sexes.is_empty() { Sex::ALL } else { &self.sexes };
        let request = Request {
            trust,
            requester: requester.clone(),
            measure: definition.reference(),
            definition: definition.digest(),
            statistics: ascending(&self.statistics),
            predicate: Predicate {
                regions: regions.iter().map(|(region, _)| *region).collect(),
                from: self.from,
                to: self.to,
                sexes: ascending(sexes),
                youngest: self.youngest,
                oldest: self.oldest,
            },
            group_by: ascending(&self.group_by),
            spans,
            purpose: self.purpose.clone(),
            nonce,
        };
        request.check().map_err(QuestionError::Malformed)?;
        definition.check_statistics(&request.statistics).map_err(QuestionError::Malformed)?;
        Ok(request)
    }
}

/// The regions named, or all that have a chain, in order, each with the chain that serves it.
pub(crate) fn regions(named: &[Region], root: &TrustRoot) -> Result<Vec<(Region, ChainId)>, QuestionError> {
    let mut regions: Vec<Region> = match named {
        [] => root.chains.iter().filter_map(|chain| chain.region).collect(),
        named => named.to_vec(),
    };
    regions.sort();
    regions.dedup();
    if regions.is_empty() {
        return Err(QuestionError::NoRegions);
    }
    let served = |region: Region| {
        let chain = root.chain_of_region(region).ok_or(QuestionError::Unserved(region))?;
        Ok((region, chain.id.clone()))
    };
    regions.into_iter().map(served).collect()
}

/// The definition of that name, of a version or the newest.
pub(crate) fn definition<'a>(
    measure: &MeasureId,
    version: Option<u16>,
    catalogue: &'a Catalogue,
) -> Result<&'a Measure, QuestionError> {
    let (found, name) = match version {
        None => (catalogue.newest(measure), measure.to_string()),
        Some(version) => {
            let reference = MeasureRef { id: measure.clone(), version };
            (catalogue.find(&reference), reference.to_string())
        }
    };
    found.ok_or_else(|| {
        let known: Vec<String> = catalogue.measures().iter().map(|measure| measure.reference().to_string()).collect();
        QuestionError::UnknownMeasure(name, known.join(", "))
    })
}

/// What a request holds beside the question.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// Digest of the trust root.
    pub trust: Digest,
    /// Who asks.
    pub requester: &'a MemberId,
    /// The definition asked about.
    pub definition: &'a Measure,
    /// The regions and their chains, as [`Question::regions`] has them.
    pub regions: &'a [(Region, ChainId)],
    /// The seals of each chain, in any order.
    pub spans: Vec<SealSpan>,
    /// Random.
    pub nonce: Digest,
}

fn ascending<T: Copy + Ord>(items: &[T]) -> Vec<T> {
    let mut items = items.to_vec();
    items.sort();
    items.dedup();
    items
}

#[cfg(test)]
mod tests {
    use nacre_schemas::{
        Point, SigningPublicKey,
        trust::{Chain, Disclosure},
    };

    use super::*;

    fn root(regions: &[&str]) -> TrustRoot {
        let chain = |region: &&str| {
            let region: Region = region.parse().unwrap();
            Chain {
                id: region.chain(),
                jurisdiction: region.facts().jurisdiction.clone(),
                region: Some(region),
                parents: Vec::new(),
                signing_key: SigningPublicKey([4; 65]),
                witnesses: Vec::new(),
            }
        };
        TrustRoot {
            network: "test".parse().unwrap(),
            serial: 1,
            earlier: Vec::new(),
            catalogue: Catalogue::built_in().index().digest(),
            disclosure: Disclosure { minimum_people: 11 },
            cross: None,
            jurisdictions: vec![nacre_schemas::trust::Jurisdiction {
                id: "guangdong".parse().unwrap(),
                group_key: Point([0; 32]),
                threshold: 1,
                authority_key: SigningPublicKey([4; 65]),
                custodians: Vec::new(),
                pseudonyms: None,
            }],
            chains: regions.iter().map(chain).collect(),
        }
    }

    fn question() -> Question {
        Question {
            measure: "bmi".parse().unwrap(),
            version: None,
            regions: Vec::new(),
            from: "2026-01".parse().unwrap(),
            to: "2026-06".parse().unwrap(),
            sexes: Vec::new(),
            youngest: AgeBand::of_age(0),
            oldest: AgeBand::TOP,
            group_by: vec![Attribute::Period, Attribute::Region, Attribute::Period],
            statistics: vec![Statistic::Sd, Statistic::Mean],
            through: BTreeMap::new(),
            purpose: "yearly report".parse().unwrap(),
        }
    }

    fn request(question: &Question, root: &TrustRoot) -> Result<Request, QuestionError> {
        let definition = question.definition(Catalogue::built_in())?;
        let regions = question.regions(root)?;
        let spans = regions.iter().rev().map(|(_, chain)| SealSpan {
            chain: chain.clone(),
            first: 1,
            last: 3,
            hash: Digest([8; 32]),
        });
        let requester = "commission".parse().unwrap();
        let (trust, nonce) = (root.digest(), Digest([7; 32]));
        let spans = spans.collect();
        question.request(Context { trust, requester: &requester, definition, regions: &regions, spans, nonce })
    }

    #[test]
    fn a_question_without_regions_or_sexes_is_about_all_of_them() {
        let root = root(&["440100", "440300", "810000"]);
        let made = request(&question(), &root).unwrap();
        let regions: Vec<String> = made.predicate.regions.iter().map(Region::to_string).collect();
        assert_eq!(regions, ["440100", "440300", "810000"]);
        assert_eq!(made.predicate.sexes, Sex::ALL);
        assert_eq!(made.spans.len(), 3);
    }

    #[test]
    fn lists_are_put_in_order_each_item_once() {
        let root = root(&["440100", "440300"]);
        let mut question = question();
        question.regions = ["440300", "440100", "440300"].map(|code| code.parse().unwrap()).to_vec();
        question.sexes = vec![Sex::Male, Sex::Female, Sex::Male];
        let made = request(&question, &root).unwrap();
        assert_eq!(made.check(), Ok(()));
        assert_eq!(made.group_by, [Attribute::Region, Attribute::Period]);
        assert_eq!(made.statistics, [Statistic::Mean, Statistic::Sd]);
        assert_eq!(made.predicate.sexes, [Sex::Female, Sex::Male]);
        assert!(made.spans.iter().map(|span| span.chain.as_str()).eq(["region/440100", "region/440300"]));
    }

    #[test]
    fn a_region_without_a_chain_is_named() {
        let mut question = question();
        question.regions = vec!["820000".parse().unwrap()];
        let error = request(&question, &root(&["440100"])).unwrap_err();
        assert_eq!(error, QuestionError::Unserved("820000".parse().unwrap()));
        assert_eq!(request(&self::question(), &root(&[])).unwrap_err(), QuestionError::NoRegions);
    }

    #[test]
    fn an_unknown_measure_or_version_is_answered_with_those_there_are() {
        let mut question = question();
        question.version = Some(9);
        let error = question.definition(Catalogue::built_in()).unwrap_err().to_string();
        assert!(error.contains("bmi@9") && error.contains("bmi@1"), "{error}");
        question.measure = "height".parse().unwrap();
        question.version = None;
        assert!(question.definition(Catalogue::built_in()).is_err());
    }

    #[test]
    fn a_question_that_contradicts_itself_is_not_asked() {
        let root = root(&["440100"]);
        let mut backwards = question();
        backwards.to = "2025-12".parse().unwrap();
        let mut nothing = question();
        nothing.statistics.clear();
        for question in [backwards, nothing] {
            assert!(matches!(request(&question, &root), Err(QuestionError::Malformed(_))));
        }
    }
}
