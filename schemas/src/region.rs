//! The 23 regions by GB/T 2260 code: Guangdong's 21 cities, Hong Kong and Macao. The list is `regions.toml`.

use std::{borrow::Cow, fmt, str::FromStr, sync::LazyLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    canonical::{Decode, DecodeError, Decoder, Encode, Encoder, Item},
    cohort::text_json,
    id::{ChainId, JurisdictionId},
};

/// One of the 23 regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(u32);

/// What the list says of a region.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RegionFacts {
    code: String,
    /// Whose custodians answer for its chain.
    pub jurisdiction: JurisdictionId,
    /// Name in English.
    pub en: String,
    /// Name in Portuguese.
    pub pt: String,
    /// Name in simplified Chinese.
    pub zh_hans: String,
    /// Name in traditional Chinese.
    pub zh_hant: String,
}

#[derive(Deserialize)]
struct RegionList {
    region: Vec<RegionFacts>,
}

static REGIONS: LazyLock<Vec<(u32, RegionFacts)>> = LazyLock::new(|| {
    // The list is compiled in and read by this module's test: it cannot fail at run time.
    let list: RegionList = toml::from_str(include_str!("../regions.toml")).expect("regions.toml is well-formed");
    list.region.into_iter().map(|facts| (facts.code.parse().expect("a region code is a number"), facts)).collect()
});

impl Region {
    /// All 23, by code.
    pub fn all() -> impl Iterator<Item = Self> {
        REGIONS.iter().map(|(code, _)| Self(*code))
    }

    /// What the list says of it.
    pub fn facts(self) -> &'static RegionFacts {
        let found = REGIONS.iter().find(|(code, _)| *code == self.0);
        &found.expect("a Region is only made from the list").1
    }

    /// The chain its records live on: `region/440100`.
    pub fn chain(self) -> ChainId {
        format!("region/{self}").parse().expect("six digits make a name")
    }

    fn from_code(code: u32) -> Result<Self, String> {
        Self::all().find(|region| region.0 == code).ok_or_else(|| {
            format!("{code} is not one of the 23 regions; Guangzhou is 440100, Hong Kong 810000, Macao 820000")
        })
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:06}", self.0))
    }
}

impl FromStr for Region {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("`{text}` is not a region: write its six-digit GB/T 2260 code, as 440100"));
        }
        Self::from_code(text.parse().map_err(|_| format!("`{text}` is not a region code"))?)
    }
}
text_json!(Region);

impl Encode for Region {
    fn encode(&self, out: &mut Encoder) {
        self.0.encode(out);
    }
}

impl Decode for Region {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Self::from_code(u32::decode(input)?).map_err(|error| DecodeError::invalid("region", error))
    }
}

impl Item for Region {
    const MAX_COUNT: usize = 23;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_23_regions_in_three_jurisdictions() {
        let regions: Vec<Region> = Region::all().collect();
        assert_eq!(regions.len(), 23);
        assert!(regions.is_sorted() && regions.windows(2).all(|pair| pair[0] != pair[1]));
        let of = |name: &str| regions.iter().filter(|region| region.facts().jurisdiction.as_str() == name).count();
        assert_eq!((of("guangdong"), of("hongkong"), of("macao")), (21, 1, 1));
    }
}
