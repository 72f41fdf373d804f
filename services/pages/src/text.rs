//! Texts by key, with values put in: [Fluent](https://projectfluent.org) files, compiled in.
//!
//! A text of several lines has one sentence a line. A terminal shows it so; [`Language::flowing`] makes one paragraph of it.

use std::sync::LazyLock;

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};
use unic_langid::LanguageIdentifier;

use crate::Language;

/// A value that is put into a text: a number, which is written as the language writes numbers, or words.
pub type Value<'a> = fluent_bundle::FluentValue<'a>;

type Bundle = FluentBundle<FluentResource>;

static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::English));
static SIMPLIFIED_CHINESE: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::SimplifiedChinese));
static TRADITIONAL_CHINESE: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::TraditionalChinese));
static PORTUGUESE: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::Portuguese));

fn source(language: Language) -> &'static str {
    match language {
        Language::English => include_str!("../texts/en.ftl"),
        Language::SimplifiedChinese => include_str!("../texts/zh-Hans.ftl"),
        Language::TraditionalChinese => include_str!("../texts/zh-Hant.ftl"),
        Language::Portuguese => include_str!("../texts/pt.ftl"),
    }
}

fn bundle(language: Language) -> Bundle {
    let tag: LanguageIdentifier = language.tag().parse().expect("a language's own tag is one");
    // The files are compiled in and read by a test: what is wrong in one cannot come up at run time.
    let resource = FluentResource::try_new(source(language).to_owned()).expect("the texts are well-formed");
    let mut bundle = Bundle::new_concurrent(vec![tag]);
    bundle.add_resource(resource).expect("a key is there once");
    // Marks around values are for texts that mix directions; all four languages run from left to right.
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(match language {
        Language::Portuguese => |value, _| written(value, Language::Portuguese),
        _ => |value, _| written(value, Language::English),
    }));
    bundle
}

fn written(value: &Value<'_>, language: Language) -> Option<String> {
    match value {
        Value::Number(number) => Some(language.number(&number.as_string())),
        _ => None,
    }
}

impl Language {
    fn bundle(self) -> &'static Bundle {
        match self {
            Self::English => &ENGLISH,
            Self::SimplifiedChinese => &SIMPLIFIED_CHINESE,
            Self::TraditionalChinese => &TRADITIONAL_CHINESE,
            Self::Portuguese => &PORTUGUESE,
        }
    }

    /// Whether the language's file has a text under this key.
    pub fn knows(self, key: &str) -> bool {
        self.bundle().has_message(key)
    }

    /// The text under a key.
    pub fn text(self, key: &str) -> String {
        self.fill(key, &[])
    }

    /// The text under a key, with these values.
    pub fn fill(self, key: &str, values: &[(&str, Value<'_>)]) -> String {
        let arguments: FluentArgs<'_> = values.iter().map(|(name, value)| (*name, value.clone())).collect();
        let found = [self, Self::English].into_iter().find_map(|language| {
            let pattern = language.bundle().get_message(key)?.value()?;
            // What goes wrong here, as a value that was not given, is shown in its place by name.
            Some(language.bundle().format_pattern(pattern, Some(&arguments), &mut Vec::new()).into_owned())
        });
        found.unwrap_or_else(|| key.to_owned())
    }

    /// A text of several lines as one paragraph: Chinese sentences follow one another without a space.
    pub fn flowing(self, text: &str) -> String {
        let between = match self {
            Self::SimplifiedChinese | Self::TraditionalChinese => "",
            Self::English | Self::Portuguese => " ",
        };
        text.lines().map(str::trim).collect::<Vec<_>>().join(between)
    }

    /// A number of decimal digits with a point, as the language writes it: 12,345.6, in Portuguese 12 345,6.
    pub fn number(self, digits: &str) -> String {
        let (mark, separator, least) = match self {
            Self::Portuguese => (',', '\u{a0}', 5),
            Self::English | Self::SimplifiedChinese | Self::TraditionalChinese => ('.', ',', 4),
        };
        let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, after)| (whole, Some(after)));
        let length = whole.chars().filter(char::is_ascii_digit).count();
        let mut written = String::new();
        for (position, digit) in whole.chars().enumerate() {
            let left = whole.chars().count() - position;
            if length >= least && position > 0 && left % 3 == 0 && !written.ends_with('-') {
                written.push(separator);
            }
            written.push(digit);
        }
        if let Some(fraction) = fraction {
            written.push(mark);
            written.push_str(fraction);
        }
        written
    }

    /// Several names in one line: `Guangzhou, Hong Kong and Macao`.
    pub fn list(self, names: &[String]) -> String {
        let between = self.text("list-between");
        match names {
            [] => String::new(),
            [name] => name.clone(),
            [first @ .., last] => {
                let first = first.join(&between);
                self.fill("list-last", &[("first", first.into()), ("last", last.as_str().into())])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_language_writes_them() {
        for (digits, english, portuguese) in [
            ("7", "7", "7"),
            ("999", "999", "999"),
            ("1234", "1,234", "1234"),
            ("12345.60", "12,345.60", "12\u{a0}345,60"),
            ("-1234567", "-1,234,567", "-1\u{a0}234\u{a0}567"),
            ("-123456", "-123,456", "-123\u{a0}456"),
            ("121.4", "121.4", "121,4"),
        ] {
            assert_eq!(Language::English.number(digits), english);
            assert_eq!(Language::SimplifiedChinese.number(digits), english);
            assert_eq!(Language::Portuguese.number(digits), portuguese);
        }
    }

    #[test]
    fn a_number_in_a_text_is_written_so_too_and_chooses_the_plural() {
        let said = |language: Language, count: u64| language.fill("query-withheld", &[("quantities", count.into())]);
        assert_eq!(said(Language::English, 1), "1 number is withheld by the disclosure rules:");
        assert_eq!(said(Language::English, 10_000), "10,000 numbers are withheld by the disclosure rules:");
        assert_eq!(said(Language::Portuguese, 1), "1 número é retido pelas regras de divulgação:");
        assert_eq!(said(Language::Portuguese, 10_000), "10\u{a0}000 números são retidos pelas regras de divulgação:");
        assert_eq!(said(Language::SimplifiedChinese, 10_000), "披露规则隐去了 10,000 个数：");
    }

    #[test]
    fn a_key_that_is_not_there_shows_itself() {
        assert_eq!(Language::Portuguese.text("no-such-key"), "no-such-key");
        assert!(!Language::Portuguese.knows("no-such-key"));
    }

    #[test]
    fn sentences_flow_as_the_script_wants_it() {
        assert_eq!(Language::English.flowing("One.\nTwo."), "One. Two.");
        assert_eq!(Language::TraditionalChinese.flowing("一。\n二。"), "一。二。");
    }

    #[test]
    fn names_are_listed() {
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(Language::English.list(&names), "a, b and c");
        assert_eq!(Language::SimplifiedChinese.list(&names), "a、b和c");
        assert_eq!(Language::Portuguese.list(&names[..2]), "a e b");
        assert_eq!(Language::English.list(&[]), "");
    }
}
