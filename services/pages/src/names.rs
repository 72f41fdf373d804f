//! What the schemas' things are called: regions, measures, sexes, ages, months, groups of them, rules, units.

use nacre_schemas::{
    answer::Rule,
    cohort::{AgeBand, Period, Sex},
    id::ChainId,
    measure::Measure,
    query::GroupKey,
    region::Region,
};

use crate::Language;

impl Language {
    /// A region's name, from the schemas' list.
    pub fn region(self, region: Region) -> &'static str {
        let facts = region.facts();
        match self {
            Self::English => &facts.en,
            Self::SimplifiedChinese => &facts.zh_hans,
            Self::TraditionalChinese => &facts.zh_hant,
            Self::Portuguese => &facts.pt,
        }
    }

    /// A measure's name. A definition with a title of its own, as another catalogue may have under the same id, is called by that.
    pub fn measure(self, measure: &Measure) -> String {
        let (key, title) = (format!("measure-{}", measure.id), measure.title.to_string());
        if Self::English.text(&key) == title { self.text(&key) } else { title }
    }

    /// A measure's unit as people write it, from its UCUM code.
    pub fn unit(self, measure: &Measure) -> String {
        match measure.unit() {
            "mm[Hg]" => "mmHg".to_owned(),
            "kg/m2" => "kg/m²".to_owned(),
            "{class}" => self.text("unit-class"),
            "{steps}/d" => self.text("unit-steps-a-day"),
            "kcal/d" => self.text("unit-kilocalories-a-day"),
            "/min" => self.text("unit-a-minute"),
            "min/wk" => self.text("unit-minutes-a-week"),
            "min" => self.text("unit-minutes"),
            code => code.to_owned(),
        }
    }

    /// A sex.
    pub fn sex(self, sex: Sex) -> String {
        self.text(&format!("sex-{sex}"))
    }

    /// An age band.
    pub fn age_band(self, band: AgeBand) -> String {
        let from = u64::from(band.from_age());
        match band.to_age() {
            Some(to) => self.fill("age-band", &[("from", from.into()), ("to", u64::from(to).into())]),
            None => self.fill("age-band-top", &[("from", from.into())]),
        }
    }

    /// A month.
    pub fn month(self, period: Period) -> String {
        // The year as words: as a number it would be grouped.
        let year = period.year().to_string();
        self.fill("month", &[("month", u64::from(period.month()).into()), ("year", year.into())])
    }

    /// A group, by the attributes it has.
    pub fn group(self, group: &GroupKey) -> String {
        let parts = [
            group.region.map(|region| self.region(region).to_owned()),
            group.sex.map(|sex| self.sex(sex)),
            group.age_band.map(|band| self.age_band(band)),
            group.period.map(|period| self.month(period)),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { self.text("group-all") } else { parts.join(&self.text("group-between")) }
    }

    /// A chain, by what it is for; one without a name here by its id.
    pub fn chain(self, chain: &ChainId) -> String {
        let region = chain.as_str().strip_prefix("region/").and_then(|code| code.parse::<Region>().ok());
        match (chain.as_str(), region) {
            (_, Some(region)) => self.fill("chain-region", &[("region", self.region(region).into())]),
            ("main/health", _) => self.text("chain-health"),
            ("main/sport", _) => self.text("chain-sport"),
            ("judicial", _) => self.text("chain-judicial"),
            (id, _) => id.to_owned(),
        }
    }

    /// A disclosure rule's name, as the glossary has it.
    pub fn rule(self, rule: Rule) -> String {
        self.text(&format!("rule-{rule}"))
    }

    /// What a disclosure rule says, in a sentence.
    pub fn rule_meaning(self, rule: Rule) -> String {
        self.text(&format!("rule-{rule}-means"))
    }
}

#[cfg(test)]
mod tests {
    use nacre_schemas::catalogue::Catalogue;

    use super::*;

    #[test]
    fn a_region_is_called_by_its_name_in_each_language() {
        let guangzhou: Region = "440100".parse().unwrap();
        let macao: Region = "820000".parse().unwrap();
        assert_eq!(Language::ALL.map(|language| language.region(guangzhou)), ["Guangzhou", "广州", "廣州", "Cantão"]);
        assert_eq!(Language::ALL.map(|language| language.region(macao)), ["Macao", "澳门", "澳門", "Macau"]);
    }

    #[test]
    fn every_measure_of_the_catalogue_has_a_name_in_every_language_and_the_english_one_is_its_title() {
        for measure in Catalogue::built_in().measures() {
            for language in Language::ALL {
                assert!(language.knows(&format!("measure-{}", measure.id)), "{language}: {}", measure.id);
            }
            assert_eq!(Language::English.measure(measure), measure.title.to_string());
        }
    }

    #[test]
    fn a_definition_of_another_catalogue_keeps_its_title() {
        let mut measure = Catalogue::built_in().measures()[0].clone();
        measure.title = "Another".parse().unwrap();
        assert_eq!(Language::Portuguese.measure(&measure), "Another");
    }

    #[test]
    fn no_unit_is_shown_in_the_code_for_machines() {
        for measure in Catalogue::built_in().measures() {
            for language in Language::ALL {
                let unit = language.unit(measure);
                assert!(!unit.contains(['[', '{', '_']) && !unit.starts_with('/'), "{language}: {unit}");
            }
        }
    }

    #[test]
    fn a_chain_is_called_by_what_it_is_for() {
        let chain = |id: &str| Language::English.chain(&id.parse().unwrap());
        assert_eq!(chain("region/820000"), "the chain of Macao");
        assert_eq!(chain("main/health"), "the main chain for health");
        assert_eq!(chain("scene/fitness"), "scene/fitness");
    }

    #[test]
    fn a_group_is_named_by_what_it_has() {
        let group = GroupKey {
            region: Some("810000".parse().unwrap()),
            sex: Some(Sex::Female),
            age_band: Some(AgeBand::of_age(47)),
            period: Some("2026-01".parse().unwrap()),
        };
        assert_eq!(Language::English.group(&group), "Hong Kong, female, aged 45 to 49, January 2026");
        assert_eq!(Language::SimplifiedChinese.group(&group), "香港 · 女性 · 45 至 49 岁 · 2026年1月");
        let all = GroupKey { region: None, sex: None, age_band: None, period: None };
        assert_eq!(Language::Portuguese.group(&all), "todas as pessoas");
    }
}
