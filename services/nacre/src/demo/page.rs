//! The demo's page: what happened, with charts, in one file.
//!
//! Kept true: it says what the terminal said, from the same texts and tables, and no value of a person is in it. Links lead to files
//! beside it.

use std::path::Path;

use maud::{Markup, html};
use nacre_pages::{Language, flow, page::Page};

use super::{
    People, Posted, Results, Summary, files,
    frauds::{Fraud, Outcome},
    next,
    questions::Told,
};
use crate::known_leaks::LEAK_TEXTS;

/// What shows the cross lane.
pub(super) const SHOW_CROSS_LANE: &str = "nacre demo --cross-lane-with-known-leaks";

/// What was said and shown, step by step.
pub(super) struct Story {
    pub(super) people: People,
    pub(super) network: String,
    pub(super) posted: Posted,
    pub(super) sealing: String,
    pub(super) evidence: String,
    pub(super) questions: Vec<Told>,
    /// The cross lane's question, if it was shown.
    pub(super) cross: Option<Told>,
}

/// The page's text.
pub(super) fn html(summary: &Summary, story: &Story, language: Language) -> String {
    let writer = Writer { summary, story, language };
    let body = html! {
        (writer.opening())
        (writer.section("page-flow", flow::figure(language)))
        (writer.section("step-people", writer.paragraph(&story.people.said)))
        (writer.section("step-network", writer.paragraph(&story.network)))
        (writer.section("step-contributions", html! {
            (writer.paragraph(&story.posted.said))
            (story.posted.chart.figure(language, &story.posted.table))
        }))
        (writer.section("step-sealing", writer.paragraph(&story.sealing)))
        (writer.section("step-evidence", html! {
            (writer.paragraph(&story.evidence))
            p { (writer.link(&summary.evidence.file)) }
        }))
        (writer.section("step-questions", writer.questions()))
        (writer.section("step-cross-lane", writer.cross_lane()))
        (writer.section("step-frauds", writer.frauds()))
        (writer.section("step-next", writer.next()))
        p.soft { (language.text("page-not-audited")) }
    };
    Page { language, title: language.text("page-title"), body }.html()
}

struct Writer<'a> {
    summary: &'a Summary,
    story: &'a Story,
    language: Language,
}

impl Writer<'_> {
    fn section(&self, heading: &str, body: Markup) -> Markup {
        html! { section { h2 { (self.language.text(heading)) } (body) } }
    }

    /// Sentences as a paragraph.
    fn paragraph(&self, sentences: &str) -> Markup {
        html! { p { (self.language.flowing(sentences)) } }
    }

    fn text(&self, key: &str) -> Markup {
        self.paragraph(&self.language.text(key))
    }

    /// A link to a file beside the page, by its path from there.
    fn link(&self, path: &Path) -> Markup {
        let beside = path.strip_prefix(&self.summary.folder).unwrap_or(path).display().to_string();
        html! { a href=(beside) { (beside) } }
    }

    /// What it is, and the four numbers that sum it up.
    fn opening(&self) -> Markup {
        let language = self.language;
        let number = |count: u64| language.number(&count.to_string());
        let of = |part: usize, all: usize| language.fill("page-of", &[("part", part.into()), ("all", all.into())]);
        let results = Results::of(self.summary);
        let keys = [
            ("page-people", number(self.story.people.known as u64)),
            ("page-contributions", number(self.summary.contributions)),
            ("page-answers", of(results.exact, results.shown)),
            ("page-frauds", of(results.caught, results.tried)),
        ];
        let mut said = results.said(language);
        said.push(language.text("result-no-server"));
        html! {
            p.lead { (language.flowing(&language.text("page-lead"))) }
            dl.keys { @for (key, value) in keys { div { dt { (language.text(key)) } dd { (value) } } } }
            (self.paragraph(&said.join("\n")))
        }
    }

    fn questions(&self) -> Markup {
        let asked = self.story.questions.len();
        let intro = self.language.fill("page-questions", &[("questions", asked.into())]);
        html! {
            (self.paragraph(&intro))
            (self.text("records-are"))
            (self.text("why-known"))
            @for told in &self.story.questions { (self.question(told)) }
        }
    }

    /// A question, its answer beside the truth, what was withheld and why, and that it was verified.
    fn question(&self, told: &Told) -> Markup {
        let language = self.language;
        html! {
            article {
                h3 { (told.title) }
                (told.chart.figure(language, &told.table))
                @if !told.reasons.is_empty() {
                    ul { @for reason in &told.reasons { li { (language.flowing(reason)) } } }
                }
                p { span class=(if told.exact { "good" } else { "bad" }) { (told.verdict) } }
                (self.paragraph(&told.verified))
                p.soft { (language.text("page-release")) " " (self.link(&told.release)) }
            }
        }
    }

    fn cross_lane(&self) -> Markup {
        match &self.story.cross {
            Some(told) => html! {
                div.note {
                    (self.text("cross-leaks"))
                    ul { @for leak in LEAK_TEXTS { li { (self.language.text(leak)) } } }
                }
                (self.question(told))
            },
            None => html! { (self.text("cross-off")) pre { (SHOW_CROSS_LANE) } },
        }
    }

    fn frauds(&self) -> Markup {
        html! {
            (self.text("demo-frauds"))
            ol { @for fraud in &self.summary.frauds { li { (self.fraud(fraud)) } } }
        }
    }

    fn fraud(&self, fraud: &Fraud) -> Markup {
        let language = self.language;
        let class = match fraud.outcome {
            Outcome::Caught => "good",
            Outcome::NotTried => "soft",
            Outcome::NotCaught => "bad",
        };
        html! {
            p { (language.text(fraud.kind.key())) }
            p { span class=(class) { (language.text(fraud.outcome.key())) } " · " (language.text(fraud.means_key())) }
            @if fraud.outcome == Outcome::Caught {
                p.soft { (language.text("fraud-detail")) " " code lang="en" { (fraud.by) } }
            }
        }
    }

    fn next(&self) -> Markup {
        let language = self.language;
        let folder = self.summary.folder.display().to_string();
        html! {
            @for (sentence, command) in next(self.summary, language) {
                (self.paragraph(&sentence))
                @if let Some(command) = command { pre { (command) } }
            }
            p { (language.fill("files-are", &[("folder", folder.into())])) }
            ul { @for (name, path) in files(self.summary, language) { li { (name) " · " (self.link(&path)) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use nacre_pages::{
        chart::{Chart, Mark, Row, Shape},
        table::{Cell, Table},
    };

    use super::{super::tests::summary, *};

    fn told(name: &str, mark: Mark, exact: bool) -> Told {
        let row = Row { label: "everyone".to_owned(), marks: vec![mark] };
        Told {
            title: format!("Question {name} & more"),
            chart: Chart {
                id: format!("chart-{name}"),
                title: name.to_owned(),
                axis: "mmHg".to_owned(),
                shape: Shape::Bars,
                series: vec!["mean".to_owned()],
                rows: vec![row],
            },
            table: Table {
                heads: vec!["group".to_owned(), "n".to_owned()],
                rows: vec![vec![Cell::Words("everyone".to_owned()), Cell::Withheld("withheld: dominance".to_owned())]],
            },
            reasons: vec!["everyone: withheld by the dominance rule.\nWhat is left may be about 6 people.".to_owned()],
            verified: "14 checks hold.".to_owned(),
            verdict: "VERDICT".to_owned(),
            exact,
            release: "releases/one.json".into(),
        }
    }

    fn page(language: Language, outcomes: &[Outcome], with_cross: bool) -> String {
        let value = || Mark::Value { at: 121.4, text: "121.4".to_owned(), interval: None };
        let posted = told("contributions", value(), true);
        let story = Story {
            people: People { known: 48, said: "People.".to_owned() },
            network: "Network.".to_owned(),
            posted: Posted { total: 500, said: "Posted.".to_owned(), table: posted.table, chart: posted.chart },
            sealing: "Sealed.".to_owned(),
            evidence: "Evidence.".to_owned(),
            questions: vec![
                told("one", value(), true),
                told("two", Mark::Withheld { rule: "dominance".to_owned() }, false),
            ],
            cross: with_cross.then(|| told("cross", value(), true)),
        };
        html(&summary(&[(3, true), (0, true)], outcomes), &story, language)
    }

    #[test]
    fn the_page_loads_nothing_and_every_id_is_there_once() {
        for language in Language::ALL {
            let page = page(language, &[Outcome::Caught], true);
            for foreign in ["<script", "<link", "<img", "src=", "@import"] {
                assert!(!page.contains(foreign), "{foreign}");
            }
            let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|after| after.split('"').next()).collect();
            assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
            assert!(!page.contains("{ $") && !page.contains("{$"), "a value was not put in");
        }
    }

    #[test]
    fn each_question_has_its_chart_its_table_its_reasons_and_its_verdict() {
        let page = page(Language::English, &[Outcome::Caught], false);
        for said in [
            "Question one &amp; more",
            "<svg class=\"chart\"",
            "withheld: dominance",
            "everyone: withheld by the dominance rule. What is left may be about 6 people.",
            "<span class=\"good\">VERDICT</span>",
            "<span class=\"bad\">VERDICT</span>",
            "href=\"releases/one.json\"",
        ] {
            assert!(page.contains(said), "{said}");
        }
    }

    #[test]
    fn a_fraud_that_was_not_caught_is_not_said_to_be() {
        let page = page(Language::English, &[Outcome::NotCaught, Outcome::NotTried], false);
        assert!(page.contains("<span class=\"bad\">NOT CAUGHT</span>"));
        assert!(page.contains("<span class=\"soft\">not tried</span>"));
        assert!(!page.contains(">caught<"), "{page}");
        assert!(page.contains("0 of 1"));
    }

    #[test]
    fn the_cross_lane_is_shown_with_what_leaks_or_said_to_be_off() {
        let leak = Language::English.text(LEAK_TEXTS[1]);
        let with = page(Language::English, &[], true);
        assert!(with.contains("Question cross") && with.contains(&leak));
        let without = page(Language::English, &[], false);
        assert!(without.contains(SHOW_CROSS_LANE) && !without.contains("Question cross"));
    }
}
