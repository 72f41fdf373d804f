//! The demo's words on the terminal: numbered steps, and sentences below them, a line each.

use nacre_pages::{Language, table::Table};
use nacre_schemas::region::Region;

use crate::{commands::Output, output};

/// Says what happens, step by step.
pub(super) struct Teller {
    output: Output,
    step: usize,
    part: usize,
}

impl Teller {
    /// Nothing said yet.
    pub(super) fn new(output: Output) -> Self {
        Self { output, step: 0, part: 0 }
    }

    /// The language that is spoken.
    pub(super) fn language(&self) -> Language {
        self.output.language
    }

    /// Begins a step, by the key of its name.
    pub(super) fn step(&mut self, key: &str) {
        (self.step, self.part) = (self.step + 1, 0);
        self.output.say(format_args!("\n{}. {}", self.step, self.language().text(key)));
    }

    /// Begins a part of a step.
    pub(super) fn part(&mut self, title: &str) {
        self.part += 1;
        self.output.say(format_args!("\n{}.{} {title}", self.step, self.part));
    }

    /// Says some sentences.
    pub(super) fn say(&self, sentences: &str) {
        self.output.say(indented(sentences));
    }

    /// Says the text under a key, and gives it back for the page.
    pub(super) fn tell(&self, key: &str, values: &[(&str, nacre_pages::Value<'_>)]) -> String {
        let text = self.language().fill(key, values);
        self.say(&text);
        text
    }

    /// Shows a table.
    pub(super) fn show(&self, table: &Table) {
        self.output.say(output::drawn(table));
    }
}

/// The lines below the number of their step.
pub(super) fn indented(text: &str) -> String {
    text.lines().map(|line| format!("   {line}")).collect::<Vec<_>>().join("\n")
}

/// What a provider of the demo is, by its member's name: `hospital-440100`.
pub(super) fn site(member: &str, language: Language) -> String {
    let region = |code: &str| code.parse::<Region>().ok().map(|region| language.region(region));
    match member.split_once('-').map(|(kind, code)| (kind, region(code))) {
        Some(("hospital", Some(region))) => language.fill("site-hospital", &[("region", region.into())]),
        Some(("gym", Some(region))) => language.fill("site-gym", &[("region", region.into())]),
        _ => member.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_called_by_what_and_where_it_is() {
        assert_eq!(site("hospital-820000", Language::English), "hospital in Macao");
        assert_eq!(site("gym-440100", Language::TraditionalChinese), "廣州的健身機構");
        assert_eq!(site("platform-1", Language::English), "platform-1");
    }
}
