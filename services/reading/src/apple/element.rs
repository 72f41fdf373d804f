//! The allow-list: the only attributes of an export's elements that are ever read. The name of a source becomes a number that
//! says nothing outside of this run.

use std::{
    borrow::Cow,
    hash::{BuildHasher as _, RandomState},
    sync::LazyLock,
};

use jiff::civil::Date;
use quick_xml::{XmlVersion, events::BytesStart};

use crate::{
    refusal::Reason,
    time::{self, Moment},
};

/// The key of the run.
static RUN: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// What is read of an element.
#[derive(Default)]
pub(super) struct Element<'a> {
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) value: Option<Cow<'a, str>>,
    pub(super) unit: Option<Cow<'a, str>>,
    pub(super) start: Option<Cow<'a, str>>,
    pub(super) end: Option<Cow<'a, str>>,
    /// Which source, of the run's.
    pub(super) source: u64,
    pub(super) sex: Option<Cow<'a, str>>,
    pub(super) birth: Option<Cow<'a, str>>,
    pub(super) date: Option<Cow<'a, str>>,
    pub(super) energy: Option<Cow<'a, str>>,
    pub(super) energy_unit: Option<Cow<'a, str>>,
    pub(super) exercise: Option<Cow<'a, str>>,
    pub(super) stand_hours: Option<Cow<'a, str>>,
}

impl<'a> Element<'a> {
    pub(super) fn of(tag: &'a BytesStart<'_>) -> Result<Self, Reason> {
        let mut element = Self::default();
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|_| Reason::BrokenXml)?;
            let member = match attribute.key.0 {
                "type" => &mut element.kind,
                "value" => &mut element.value,
                "unit" => &mut element.unit,
                "startDate" => &mut element.start,
                "endDate" => &mut element.end,
                "HKCharacteristicTypeIdentifierBiologicalSex" => &mut element.sex,
                "HKCharacteristicTypeIdentifierDateOfBirth" => &mut element.birth,
                "dateComponents" => &mut element.date,
                "activeEnergyBurned" => &mut element.energy,
                "activeEnergyBurnedUnit" => &mut element.energy_unit,
                "appleExerciseTime" => &mut element.exercise,
                "appleStandHours" => &mut element.stand_hours,
                "sourceName" => {
                    element.source = RUN.hash_one(&*attribute.value);
                    continue;
                }
                _ => continue,
            };
            *member = Some(attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| Reason::BrokenXml)?);
        }
        Ok(element)
    }

    /// When it was, or ended.
    pub(super) fn moment(&self) -> Result<Moment, Reason> {
        moment(self.end.as_deref().or(self.start.as_deref()))
    }

    /// When it began.
    pub(super) fn beginning(&self) -> Result<Moment, Reason> {
        moment(self.start.as_deref())
    }
}

fn moment(text: Option<&str>) -> Result<Moment, Reason> {
    let text = rewritten(text.ok_or(Reason::NoDate)?).ok_or(Reason::InvalidDate)?;
    Ok(time::moment(&text)?)
}

/// The civil day of a date and time.
pub(super) fn day(text: &str) -> Option<Date> {
    time::date_with_day(text.get(..10)?).ok()
}

/// `2019-07-19 10:36:11 -0700` as `2019-07-19T10:36:11-07:00`.
fn rewritten(text: &str) -> Option<String> {
    let (date, rest) = text.split_once(' ')?;
    let (time, offset) = rest.split_once(' ')?;
    let (hours, minutes) = offset.split_at_checked(3)?;
    Some(format!("{date}T{time}{hours}:{minutes}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apples_times_keep_the_offset_they_were_written_with() {
        let expected = Some("2019-07-19T10:36:11-07:00".to_owned());
        assert_eq!(rewritten("2019-07-19 10:36:11 -0700"), expected);
        assert_eq!(moment(Some("2019-07-19 10:36:11 +0800")), Ok(time::moment("2019-07-19T10:36:11+08:00").unwrap()));
        for text in ["2019-07-19", "2019-07-19 10:36", "2019-07-19 10:36:11 é", "x y z", "2019-13-19 10:36:11 +0800"] {
            assert_eq!(moment(Some(text)), Err(Reason::InvalidDate), "{text}");
        }
        assert_eq!(moment(None), Err(Reason::NoDate));
    }

    #[test]
    fn a_sources_name_tells_sources_apart_and_is_not_kept() {
        let element = |text: &'static str| {
            let tag = BytesStart::from_content(text, 6);
            Element::of(&tag).map(|element| element.source).ok()
        };
        let (one, other) = (element(r#"Record sourceName="Anna""#), element(r#"Record sourceName="Bob""#));
        assert_ne!(one, other);
        assert_eq!(one, element(r#"Record unit="x" sourceName="Anna""#));
        assert_ne!(one, Some(0));
    }
}
