//! The languages, and which of them is spoken: what the command line says, else what the environment says, else English.

use std::{fmt, str::FromStr};

use unic_langid::LanguageIdentifier;

/// A language that texts for people are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Chinese in simplified characters.
    SimplifiedChinese,
    /// Chinese in traditional characters.
    TraditionalChinese,
    /// Portuguese.
    Portuguese,
}

impl Language {
    /// Every language, English first.
    pub const ALL: [Self; 4] = [Self::English, Self::SimplifiedChinese, Self::TraditionalChinese, Self::Portuguese];

    /// Its tag (BCP 47), as `--lang` and a page's `lang` have it.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::SimplifiedChinese => "zh-Hans",
            Self::TraditionalChinese => "zh-Hant",
            Self::Portuguese => "pt",
        }
    }

    /// Its name in itself.
    pub fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::SimplifiedChinese => "简体中文",
            Self::TraditionalChinese => "繁體中文",
            Self::Portuguese => "português",
        }
    }

    /// The language of the environment: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set and not empty decides, as POSIX
    /// has it. English if none is, or if it names a language that is not known.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable).find(|locale| !locale.is_empty());
        set.and_then(|locale| Self::of_locale(&locale)).unwrap_or_default()
    }

    /// The language of a locale (`zh_HK.UTF-8`) or a tag (`zh-Hant-HK`). Chinese without a script is traditional in Hong Kong, Macao
    /// and Taiwan, and simplified elsewhere.
    fn of_locale(locale: &str) -> Option<Self> {
        let name = locale.split(['.', '@']).next().unwrap_or_default();
        let parsed: LanguageIdentifier = name.parse().ok()?;
        let script = parsed.script.as_ref().map(|script| script.as_str());
        let region = parsed.region.as_ref().map(|region| region.as_str());
        match (parsed.language.as_str(), script, region) {
            ("en", _, _) => Some(Self::English),
            ("pt", _, _) => Some(Self::Portuguese),
            ("zh", Some("Hant"), _) | ("zh", None, Some("HK" | "MO" | "TW")) => Some(Self::TraditionalChinese),
            ("zh", _, _) => Some(Self::SimplifiedChinese),
            _ => None,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.tag())
    }
}

impl FromStr for Language {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::of_locale(text).ok_or_else(|| {
            let known = Self::ALL.map(|language| format!("{language} ({})", language.own_name()));
            format!("`{text}` is not a language that Nacre speaks; it speaks {}", known.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_names_a_language() {
        use Language::{English, Portuguese, SimplifiedChinese, TraditionalChinese};
        let named = [
            ("en", English),
            ("en_GB.UTF-8", English),
            ("zh_CN.UTF-8", SimplifiedChinese),
            ("zh_SG", SimplifiedChinese),
            ("zh", SimplifiedChinese),
            ("zh-hans", SimplifiedChinese),
            ("zh-Hans-HK", SimplifiedChinese),
            ("zh_HK.UTF-8", TraditionalChinese),
            ("zh_TW", TraditionalChinese),
            ("zh_MO@stroke", TraditionalChinese),
            ("zh-Hant", TraditionalChinese),
            ("zh-Hant-CN", TraditionalChinese),
            ("pt_PT.UTF-8", Portuguese),
            ("pt_BR", Portuguese),
            ("pt-MO", Portuguese),
        ];
        for (locale, language) in named {
            assert_eq!(locale.parse(), Ok(language), "{locale}");
        }
    }

    #[test]
    fn a_tag_names_its_language() {
        for language in Language::ALL {
            assert_eq!(language.tag().parse(), Ok(language));
        }
    }

    #[test]
    fn a_language_that_is_not_known_is_told_which_are() {
        for unknown in ["fr", "klingon-of-the-north", "", "C", "../en"] {
            let told = unknown.parse::<Language>().unwrap_err();
            for language in Language::ALL {
                assert!(told.contains(language.tag()) && told.contains(language.own_name()), "{told}");
            }
        }
    }

    #[test]
    fn the_first_variable_that_is_set_decides() {
        let of = |set: &[(&str, &str)]| {
            Language::of_environment(|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[]), Language::English);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Language::SimplifiedChinese);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8"), ("LC_MESSAGES", "pt_PT")]), Language::Portuguese);
        assert_eq!(
            of(&[("LANG", "zh_CN"), ("LC_MESSAGES", "pt_PT"), ("LC_ALL", "zh_TW")]),
            Language::TraditionalChinese
        );
        assert_eq!(of(&[("LANG", "zh_CN"), ("LC_ALL", "")]), Language::SimplifiedChinese);
        assert_eq!(of(&[("LANG", "zh_CN"), ("LC_ALL", "C.UTF-8")]), Language::English);
        assert_eq!(of(&[("LANG", "fr_FR.UTF-8")]), Language::English);
    }
}
