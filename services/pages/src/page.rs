//! The frame of a page: one HTML file that opens from disk, loads nothing and runs nothing.
//!
//! Kept true: a browser is told so by the page's own policy. Text has a contrast of at least 7 to 1 and marks of at least 3 to 1, light
//! and dark. On paper it is light, and figures are not torn.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::Language;

/// A page.
pub struct Page {
    /// Its language.
    pub language: Language,
    /// Its title.
    pub title: String,
    /// What is in it: sections.
    pub body: Markup,
}

/// Nothing is loaded and nothing runs; the style in the page applies.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE: &str = include_str!("page.css");

impl Page {
    /// The file's text.
    pub fn html(&self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang=(self.language.tag()) {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) }
                }
                body { main { h1 { (self.title) } (self.body) } }
            }
        };
        page.into_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(language: Language) -> String {
        Page { language, title: "<One> page".to_owned(), body: html! { section { h2 { "Part" } } } }.html()
    }

    #[test]
    fn a_page_says_its_language_and_title() {
        for language in Language::ALL {
            let page = page(language);
            assert!(page.starts_with(&format!("<!DOCTYPE html><html lang=\"{language}\">")), "{page}");
            assert!(page.contains("<title>&lt;One&gt; page</title>"), "{page}");
        }
    }

    #[test]
    fn a_page_loads_nothing_and_runs_nothing() {
        let page = page(Language::English);
        for foreign in ["<script", "<link", "<img", "http:", "https:", "url(", "@import", "javascript:"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn the_style_has_a_dark_side_and_one_for_paper() {
        assert!(STYLE.contains("prefers-color-scheme: dark") && STYLE.contains("@media print"));
        assert!(!STYLE.contains("</"), "a style may not end its element");
    }

    /// Contrast of two colours by WCAG 2.2, of `#rrggbb`.
    fn contrast(one: &str, other: &str) -> f64 {
        let luminance = |colour: &str| {
            let part = |at: usize| {
                let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
                if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn colours_can_be_told_apart_light_and_dark() {
        let colour = |block: &str, name: &str| {
            let after = block.split_once(&format!("{name}:")).unwrap_or_else(|| panic!("{name}")).1;
            after.trim_start()[..7].to_owned()
        };
        let (light, dark) = STYLE.split_once("prefers-color-scheme: dark").unwrap();
        for block in [light, dark] {
            let paper = [colour(block, "--paper"), colour(block, "--panel")];
            for paper in &paper {
                for text in ["--ink", "--soft", "--good", "--bad"] {
                    assert!(contrast(&colour(block, text), paper) >= 7.0, "{text} on {paper}");
                }
                assert!(contrast(&colour(block, "--mark"), paper) >= 3.0, "marks on {paper}");
            }
        }
    }
}
