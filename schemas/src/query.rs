//! A request: which statistics, of which measure, over which cells, grouped how, for which purpose.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    Digest, Signature,
    canonical::{Decode, DecodeError, Decoder, Encode, Encoder, Item},
    cohort::{AgeBand, CellKey, Period, Sex, text_json},
    document,
    dossier::{Inclusion, Note},
    entry::SealEntry,
    enumeration,
    id::{ChainId, MemberId, Text},
    limits,
    measure::MeasureRef,
    region::Region,
    statement, structure,
};

enumeration! {
    /// A statistic.
    pub enum Statistic {
        /// Number of contributions.
        Count = 1 as "count",
        /// Mean, with its 95 % interval.
        Mean = 2 as "mean",
        /// Standard deviation, with n - 1.
        Sd = 3 as "sd",
        /// Count and share of each band, with 95 % interval.
        Bands = 4 as "bands",
    }
}

impl Item for Statistic {
    const MAX_COUNT: usize = 4;
}

enumeration! {
    /// An attribute of a cell that answers can be split by.
    pub enum Attribute {
        /// By region.
        Region = 1 as "region",
        /// By sex.
        Sex = 2 as "sex",
        /// By five-year age band.
        AgeBand = 3 as "age-band",
        /// By month.
        Period = 4 as "period",
    }
}

impl Item for Attribute {
    const MAX_COUNT: usize = 4;
}

structure! {
    /// Which cells a request is about. Aligned with the cells: a cell is in or out, whole.
    pub struct Predicate {
        /// Regions, ascending, at least one.
        pub regions: Vec<Region>,
        /// First month.
        pub from: Period,
        /// Last month.
        pub to: Period,
        /// Sexes, ascending, at least one.
        pub sexes: Vec<Sex>,
        /// Youngest age band.
        pub youngest: AgeBand,
        /// Oldest age band.
        pub oldest: AgeBand,
    }
}

impl Predicate {
    /// Whether the cell is in. The measure is the request's.
    pub fn holds(&self, key: &CellKey) -> bool {
        self.regions.contains(&key.region)
            && (self.from..=self.to).contains(&key.period)
            && self.sexes.contains(&key.sex)
            && (self.youngest..=self.oldest).contains(&key.age_band)
    }
}

structure! {
    /// The seals of a chain that a request covers: first to last, without a gap.
    ///
    /// The hash fixes which sealed cells the request is about, for everyone and for good: each seal names the one before
    /// by its hash. So nobody can log a request about an epoch that is still open, and have it answered later as if it
    /// had come before the requests logged meanwhile.
    pub struct SealSpan {
        /// The chain.
        pub chain: ChainId,
        /// Number of the first seal.
        pub first: u64,
        /// Number of the last seal.
        pub last: u64,
        /// Leaf hash of the last seal's entry.
        pub hash: Digest,
    }
}

impl Item for SealSpan {
    const MAX_COUNT: usize = limits::MAX_CHAINS;
}

structure! {
    /// A request.
    pub struct Request {
        /// Digest of the trust root it is asked under.
        pub trust: Digest,
        /// Who asks.
        pub requester: MemberId,
        /// Which measure.
        pub measure: MeasureRef,
        /// Digest of that measure's definition.
        pub definition: Digest,
        /// Which statistics, ascending, at least one.
        pub statistics: Vec<Statistic>,
        /// Over which cells.
        pub predicate: Predicate,
        /// Split by which attributes, ascending; none for one figure.
        pub group_by: Vec<Attribute>,
        /// On which chains, ascending, and over which of their seals.
        pub spans: Vec<SealSpan>,
        /// For which purpose, for those who read the log.
        pub purpose: Text<{ limits::MAX_PURPOSE_BYTES }>,
        /// Random, so that the same question twice is two requests.
        pub nonce: Digest,
    }
}
document!(Request, b"NcRq", limits::MAX_REQUEST_BYTES);
statement!(Request, "nacre request v1\n");

structure! {
    /// That a chain has the seal that a request names: its place under a final checkpoint.
    ///
    /// It travels with the request, so that whether a logged request can be answered follows from the log alone. A chain's
    /// exchange is never asked, and so cannot deny a seal to make a request count for nothing.
    pub struct SealProof {
        /// The seal.
        pub seal: SealEntry,
        /// Its place under the checkpoint.
        pub inclusion: Inclusion,
        /// A final checkpoint of the chain.
        pub checkpoint: Note,
    }
}

impl Item for SealProof {
    const MAX_COUNT: usize = limits::MAX_CHAINS;
}

structure! {
    /// A request of either lane with its requester's signature, and the seals it names. The signature is over the request alone: the
    /// request has each seal's hash.
    #[cfg_attr(feature = "json-schema", schemars(rename = "Signed{R}"))]
    pub struct SignedRequest<R> {
        /// What is asked.
        pub request: R,
        /// The last seal of each span, in their order.
        pub seals: Vec<SealProof>,
        /// By the requester's SM2 key, over the request.
        pub signature: Signature,
    }
}
document!(SignedRequest<Request>, b"NcSr", limits::MAX_SIGNED_REQUEST_BYTES);

/// A quantity that is decrypted for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// Number of contributions: the sum of all band indicators.
    Count,
    /// Σv.
    Sum,
    /// Σv².
    Squares,
    /// Number of contributions in the band of that position.
    Band(u8),
}

impl Quantity {
    /// Whether it is opened only for [`limits::DETAIL_FACTOR`] times k people.
    pub fn is_detail(self) -> bool {
        matches!(self, Self::Squares | Self::Band(_))
    }
}

impl Item for Quantity {
    const MAX_COUNT: usize = 3 + limits::MAX_BANDS;
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count => f.pad("count"),
            Self::Sum => f.pad("sum"),
            Self::Squares => f.pad("squares"),
            Self::Band(position) => f.pad(&format!("band-{position}")),
        }
    }
}

impl FromStr for Quantity {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bands = (0..limits::MAX_BANDS as u8).map(Self::Band);
        [Self::Count, Self::Sum, Self::Squares]
            .into_iter()
            .chain(bands)
            .find(|quantity| quantity.to_string() == text)
            .ok_or_else(|| format!("`{text}` is not a quantity: count, sum, squares, band-0 … band-7"))
    }
}
text_json!(Quantity);

impl Encode for Quantity {
    fn encode(&self, out: &mut Encoder) {
        let code: u8 = match self {
            Self::Count => 1,
            Self::Sum => 2,
            Self::Squares => 3,
            Self::Band(position) => 16 + position,
        };
        code.encode(out);
    }
}

impl Decode for Quantity {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(match u8::decode(input)? {
            1 => Self::Count,
            2 => Self::Sum,
            3 => Self::Squares,
            code @ 16..24 => Self::Band(code - 16),
            other => return Err(DecodeError::invalid("quantity", format!("no code {other}"))),
        })
    }
}

structure! {
    /// The values of the grouping attributes that a group of cells shares; absent where not grouped by.
    #[derive(PartialOrd, Ord, Hash)]
    pub struct GroupKey {
        /// Region, if grouped by it.
        pub region: Option<Region>,
        /// Sex, if grouped by it.
        pub sex: Option<Sex>,
        /// Age band, if grouped by it.
        pub age_band: Option<AgeBand>,
        /// Month, if grouped by it.
        pub period: Option<Period>,
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = [
            self.region.map(|region| region.to_string()),
            self.sex.map(|sex| sex.to_string()),
            self.age_band.map(|band| band.to_string()),
            self.period.map(|period| period.to_string()),
        ]
        .into_iter()
        .flatten()
        .collect();
        f.pad(&if parts.is_empty() { "all".to_owned() } else { parts.join(" ") })
    }
}

impl Request {
    /// The group of a cell.
    pub fn group_of(&self, key: &CellKey) -> GroupKey {
        let by = |attribute| self.group_by.contains(&attribute);
        GroupKey {
            region: by(Attribute::Region).then_some(key.region),
            sex: by(Attribute::Sex).then_some(key.sex),
            age_band: by(Attribute::AgeBand).then_some(key.age_band),
            period: by(Attribute::Period).then_some(key.period),
        }
    }

    /// Whether the cell is asked about.
    pub fn holds(&self, key: &CellKey) -> bool {
        key.measure == self.measure && self.predicate.holds(key)
    }

    /// What has to be decrypted for the statistics, in order. The count always is: figures rest on it.
    pub fn quantities(&self, bands: usize) -> Vec<Quantity> {
        let asks = |statistic| self.statistics.contains(&statistic);
        let mut quantities = vec![Quantity::Count];
        if asks(Statistic::Mean) || asks(Statistic::Sd) {
            quantities.push(Quantity::Sum);
        }
        if asks(Statistic::Sd) {
            quantities.push(Quantity::Squares);
        }
        if asks(Statistic::Bands) {
            quantities.extend((0..bands as u8).map(Quantity::Band));
        }
        quantities
    }

    /// Whether the request is well-formed by itself. Says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        fn rising<T: Ord>(list: &[T]) -> bool {
            list.windows(2).all(|pair| pair[0] < pair[1])
        }
        let Predicate { regions, from, to, sexes, youngest, oldest } = &self.predicate;
        if regions.is_empty() || sexes.is_empty() || self.statistics.is_empty() || self.spans.is_empty() {
            return Err("regions, sexes, statistics and chains each need one at least".to_owned());
        }
        if !rising(regions) || !rising(sexes) || !rising(&self.statistics) || !rising(&self.group_by) {
            return Err("regions, sexes, statistics and grouping are listed in order, each once".to_owned());
        }
        if from > to || to.ordinal() - from.ordinal() >= limits::MAX_PERIODS {
            return Err(format!("the months {from} to {to} are out of order or too many"));
        }
        if youngest > oldest {
            return Err(format!("the ages {youngest} to {oldest} are out of order"));
        }
        if !self.spans.windows(2).all(|pair| pair[0].chain < pair[1].chain) {
            return Err("chains are listed in order, each once".to_owned());
        }
        let span_ok = |span: &SealSpan| {
            span.first >= 1 && span.first <= span.last && span.last - span.first < limits::MAX_SEALS as u64
        };
        match self.spans.iter().find(|span| !span_ok(span)) {
            Some(span) => Err(format!("{}: seals {} to {} are no span", span.chain, span.first, span.last)),
            None => Ok(()),
        }
    }
}
