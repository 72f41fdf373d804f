//! The picture of how Nacre works: its parties as boxes, what goes between them as numbered arrows, and a sentence a number.

use maud::{Markup, html};

use crate::Language;

const BOX: (f64, f64) = (200.0, 72.0);
/// Left edges of the columns.
const COLUMNS: [f64; 3] = [2.0, 260.0, 518.0];
/// Upper edges of the rows.
const ROWS: [f64; 2] = [2.0, 150.0];

/// The parties: keys of their names and of what they do, column, row.
const PARTIES: [(&str, &str, usize, usize); 6] = [
    ("flow-providers", "flow-providers-do", 0, 0),
    ("flow-exchanges", "flow-exchanges-do", 1, 0),
    ("flow-witnesses", "flow-witnesses-do", 2, 0),
    ("flow-readers", "flow-readers-do", 0, 1),
    ("flow-regulator", "flow-regulator-do", 1, 1),
    ("flow-custodians", "flow-custodians-do", 2, 1),
];

/// An arrow from one place to another, with a head at its end, or at both.
struct Arrow {
    from: (f64, f64),
    to: (f64, f64),
    both: bool,
}

fn arrows() -> [Arrow; 5] {
    let middle = ROWS.map(|top| top + BOX.1 / 2.0);
    let right = COLUMNS.map(|left| left + BOX.0);
    let centre = COLUMNS[1] + BOX.0 / 2.0;
    let arrow = |from, to, both| Arrow { from, to, both };
    [
        arrow((right[0], middle[0]), (COLUMNS[1], middle[0]), false),
        arrow((right[1], middle[0]), (COLUMNS[2], middle[0]), true),
        arrow((centre, ROWS[0] + BOX.1), (centre, ROWS[1]), true),
        arrow((right[1], middle[1]), (COLUMNS[2], middle[1]), true),
        arrow((COLUMNS[1], middle[1]), (right[0], middle[1]), false),
    ]
}

/// The keys of the sentences, in the order of the arrows.
const STEPS: [&str; 5] = ["flow-step-1", "flow-step-2", "flow-step-3", "flow-step-4", "flow-step-5"];

/// The picture, and below it the sentences as a list.
pub fn figure(language: Language) -> Markup {
    let title = language.text("flow-title");
    html! {
        figure {
            div.scroll tabindex="0" role="group" aria-label=(title) { (svg(language, &title)) }
            ol { @for step in STEPS { li { (language.flowing(&language.text(step))) } } }
        }
    }
}

fn svg(language: Language, title: &str) -> Markup {
    let steps: Vec<String> =
        STEPS.iter().enumerate().map(|(position, key)| format!("{}. {}", position + 1, language.text(key))).collect();
    html! {
        svg.flow xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 226" role="img" aria-labelledby="flow-title flow-description" {
            title id="flow-title" { (title) }
            desc id="flow-description" { (language.flowing(&steps.join("\n"))) }
            @for (name, does, column, row) in PARTIES {
                (party(language.text(name), &language.text(does), COLUMNS[column], ROWS[row]))
            }
            @for (position, arrow) in arrows().iter().enumerate() { (drawn(arrow, position + 1)) }
        }
    }
}

/// A party: its name, and below it in a line or two what it does.
fn party(name: String, does: &str, x: f64, y: f64) -> Markup {
    let centre = x + BOX.0 / 2.0;
    html! {
        rect class="box" x=(x) y=(y) width=(BOX.0) height=(BOX.1) rx="6" {}
        text class="heading" x=(centre) y=(y + 24.0) text-anchor="middle" { (name) }
        @for (line, text) in does.lines().enumerate() {
            text class="under" x=(centre) y=(y + 43.0 + 17.0 * line as f64) text-anchor="middle" { (text) }
        }
    }
}

fn drawn(arrow: &Arrow, number: usize) -> Markup {
    let Arrow { from, to, both } = arrow;
    let middle = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
    html! {
        line class="arrow" x1=(from.0) y1=(from.1) x2=(to.0) y2=(to.1) {}
        (head(*from, *to))
        @if *both { (head(*to, *from)) }
        circle class="disc" cx=(middle.0) cy=(middle.1) r="11" {}
        text class="step" x=(middle.0) y=(middle.1 + 4.5) text-anchor="middle" { (number) }
    }
}

/// The head of an arrow along one of the axes.
fn head(from: (f64, f64), to: (f64, f64)) -> Markup {
    // Towards the end: one of the two is 0, where `signum` would be 1.
    let direction = |length: f64| if length == 0.0 { 0.0 } else { length.signum() };
    let (dx, dy) = (direction(to.0 - from.0), direction(to.1 - from.1));
    let back = (to.0 - 9.0 * dx, to.1 - 9.0 * dy);
    let points = format!(
        "{},{} {},{} {},{}",
        to.0,
        to.1,
        back.0 - 5.0 * dy,
        back.1 - 5.0 * dx,
        back.0 + 5.0 * dy,
        back.1 + 5.0 * dx
    );
    html! { polygon class="head" points=(points) {} }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_xml_and_says_each_step_in_every_language() {
        for language in Language::ALL {
            let picture = svg(language, "title").into_string();
            let mut reader = quick_xml::Reader::from_str(&picture);
            while !matches!(reader.read_event().unwrap(), quick_xml::events::Event::Eof) {}
            let figure = figure(language).into_string();
            assert_eq!(figure.matches("<li>").count(), STEPS.len());
        }
    }

    #[test]
    fn what_a_party_does_fits_its_box() {
        for language in Language::ALL {
            for (_, does, _, _) in PARTIES {
                let does = language.text(does);
                assert!(does.lines().count() <= 2, "{language}: {does}");
                for line in does.lines() {
                    let width: f64 =
                        line.chars().map(|letter| if u32::from(letter) >= 0x2e80 { 12.0 } else { 6.4 }).sum();
                    assert!(width <= BOX.0 - 8.0, "{language}: {line} is {width} wide");
                }
            }
        }
    }
}
