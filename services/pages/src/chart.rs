//! Charts as SVG: bars from zero, or points with their intervals; what is withheld is hatched and said.
//!
//! Kept true: every value that is drawn is written beside its mark and in the description, so nothing rests on colour or on sight; a
//! bar begins at zero, and an axis that does not says where it begins; a chart is only shown together with its table.
//!
//! The drawing is in the page's colours ([`crate::page`]). Lengths are in units of the SVG's view box, 720 wide.

use maud::{Markup, html};

use crate::{Language, table::Table};

const WIDTH: f64 = 720.0;
/// Height of a line with a mark.
const LINE: f64 = 28.0;
/// Height of a line with the name of a row of several marks.
const HEADING: f64 = 30.0;
/// Space between the labels and the plot, and between a mark and its value.
const GAP: f64 = 8.0;
/// Below the plot: the axis' numbers, and its name.
const AXIS: f64 = 48.0;
/// Width of what is hatched in place of a bar.
const HATCHED: f64 = 44.0;
/// No axis has more steps than this.
const MAX_STEPS: f64 = 5.0;

/// How values are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As bars, from zero: for counts and shares.
    Bars,
    /// As points on an axis around them: for means, which differ by less than they are.
    Points,
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// It is shown.
    Value {
        /// In the axis' unit; finite, not negative.
        at: f64,
        /// As it is written.
        text: String,
        /// Lower and upper end of its 95 % interval.
        interval: Option<(f64, f64)>,
    },
    /// It is withheld.
    Withheld {
        /// By which rule, in a word or two.
        rule: String,
    },
}

/// A row: a group, with a mark for each series.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is about.
    pub label: String,
    /// As many marks as the chart has series.
    pub marks: Vec<Mark>,
}

/// A chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// Its name among the page's elements: small letters, digits and hyphens.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// What the axis counts.
    pub axis: String,
    /// How values are drawn.
    pub shape: Shape,
    /// Names of the marks of a row; of a single one it is not written.
    pub series: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// An axis: where it begins, its steps, and how its numbers are written.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis {
    /// Number of the first tick, in steps.
    first: i64,
    /// Number of the last tick, in steps.
    last: i64,
    /// A step is `mantissa · 10^exponent`.
    mantissa: i64,
    exponent: i32,
}

impl Axis {
    /// The axis with the shortest round steps, of which there are no more than [`MAX_STEPS`].
    fn over(low: f64, high: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        let mut exponent = ((high - low) / MAX_STEPS).log10().floor() as i32;
        loop {
            for mantissa in [1, 2, 5] {
                let axis = Self { first: 0, last: 0, mantissa, exponent };
                let first = (low / axis.step() + 1e-9).floor() as i64;
                let last = (high / axis.step() - 1e-9).ceil() as i64;
                if (last - first) as f64 <= MAX_STEPS {
                    return Self { first, last, ..axis };
                }
            }
            exponent += 1;
        }
    }

    fn step(self) -> f64 {
        self.mantissa as f64 * 10_f64.powi(self.exponent)
    }

    fn low(self) -> f64 {
        self.first as f64 * self.step()
    }

    fn high(self) -> f64 {
        self.last as f64 * self.step()
    }

    /// A tick's number.
    fn written(self, tick: i64, language: Language) -> String {
        let places = usize::try_from(-self.exponent).unwrap_or_default();
        language.number(&format!("{:.places$}", tick as f64 * self.step()))
    }
}

/// Where things are.
struct Plan {
    axis: Axis,
    left: f64,
    right: f64,
    height: f64,
}

impl Plan {
    fn x(&self, value: f64) -> f64 {
        let (low, high) = (self.axis.low(), self.axis.high());
        self.left + (self.right - self.left) * ((value - low) / (high - low)).clamp(0.0, 1.0)
    }
}

/// A length as SVG has it, to a tenth.
fn length(value: f64) -> String {
    format!("{value:.1}")
}

/// About how wide a text is at 14 px: full-width characters are as wide as they are high.
fn width(text: &str) -> f64 {
    text.chars().map(|letter| if u32::from(letter) >= 0x2e80 { 14.0 } else { 7.6 }).sum()
}

impl Chart {
    /// The chart with its table, for a page.
    pub fn figure(&self, language: Language, table: &Table) -> Markup {
        html! {
            figure {
                div.scroll tabindex="0" role="group" aria-label=(self.title) { (self.svg(language)) }
                (table.html(&self.title))
            }
        }
    }

    /// The chart.
    pub fn svg(&self, language: Language) -> Markup {
        let plan = self.plan(language);
        let (title, description, hatch) =
            (format!("{}-title", self.id), format!("{}-description", self.id), format!("{}-hatch", self.id));
        let view = format!("0 0 {} {}", length(WIDTH), length(plan.height));
        html! {
            svg.chart xmlns="http://www.w3.org/2000/svg" viewBox=(view) role="img" aria-labelledby=(format!("{title} {description}")) {
                title id=(title) { (self.title) }
                desc id=(description) { (self.description(language, &plan)) }
                defs {
                    pattern id=(hatch) width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                        rect class="hatch" x="0" y="0" width="2" height="6" {}
                    }
                }
                (self.grid(language, &plan))
                @for line in self.lines() { (self.line(&line, language, &plan, &hatch)) }
            }
        }
    }

    /// What the chart shows, in words.
    fn description(&self, language: Language, plan: &Plan) -> String {
        let Axis { first, last, .. } = plan.axis;
        let key = match self.shape {
            Shape::Bars => "chart-bars",
            Shape::Points => "chart-points",
        };
        let (low, high) = (plan.axis.written(first, language), plan.axis.written(last, language));
        let axis = self.axis.as_str();
        let mut said = vec![language.fill(key, &[("low", low.into()), ("high", high.into()), ("axis", axis.into())])];
        for row in &self.rows {
            for (position, mark) in row.marks.iter().enumerate() {
                let series = self.series.get(position).filter(|_| self.series.len() > 1);
                let label = match series {
                    Some(series) => language
                        .fill("chart-label", &[("row", row.label.as_str().into()), ("series", series.as_str().into())]),
                    None => row.label.clone(),
                };
                let value = written(mark, language);
                said.push(language.fill("chart-value", &[("label", label.into()), ("value", value.into())]));
            }
        }
        language.flowing(&said.join("\n"))
    }

    fn plan(&self, language: Language) -> Plan {
        let marks = || self.rows.iter().flat_map(|row| &row.marks);
        let values = || {
            marks().flat_map(|mark| match mark {
                Mark::Value { at, interval, .. } => {
                    let (low, high) = interval.unwrap_or((*at, *at));
                    vec![low, *at, high]
                }
                Mark::Withheld { .. } => Vec::new(),
            })
        };
        let high = values().fold(0.0, f64::max);
        let axis = match self.shape {
            Shape::Bars => Axis::over(0.0, high),
            Shape::Points => Axis::over(values().fold(high, f64::min), high),
        };
        let labels = self.lines().into_iter().map(|line| width(line.label) + line.indent).fold(0.0, f64::max);
        // What is withheld is written within the plot.
        let texts =
            marks().filter(|mark| matches!(mark, Mark::Value { .. })).map(|mark| width(&written(mark, language)));
        let last = self.lines().last().map_or(0.0, |line| line.top + line.height);
        Plan {
            axis,
            left: labels.min(WIDTH / 2.5) + GAP,
            right: WIDTH - texts.fold(0.0, f64::max).clamp(24.0, WIDTH / 4.0) - 2.0 * GAP,
            height: last + AXIS,
        }
    }

    /// The lines from above.
    fn lines(&self) -> Vec<Line<'_>> {
        let mut lines: Vec<Line<'_>> = Vec::new();
        let mut top = 0.0;
        let mut push = |label, mark, height, indent| {
            lines.push(Line { label, mark, top, height, indent });
            top += height;
        };
        for row in &self.rows {
            if self.series.len() <= 1 {
                push(row.label.as_str(), row.marks.first(), LINE, 0.0);
                continue;
            }
            push(row.label.as_str(), None, HEADING, 0.0);
            for (name, mark) in self.series.iter().zip(&row.marks) {
                push(name.as_str(), Some(mark), LINE, 12.0);
            }
        }
        lines
    }

    fn grid(&self, language: Language, plan: &Plan) -> Markup {
        let axis = plan.axis;
        let bottom = plan.height - AXIS;
        let name = match self.shape {
            Shape::Points if axis.first != 0 => {
                let low = axis.written(axis.first, language);
                language.fill("chart-axis-begins", &[("axis", self.axis.as_str().into()), ("low", low.into())])
            }
            _ => self.axis.clone(),
        };
        html! {
            @for tick in axis.first..=axis.last {
                @let x = length(plan.x(tick as f64 * axis.step()));
                line class="grid" x1=(x) y1="0" x2=(x) y2=(length(bottom)) {}
                text class="tick" x=(x) y=(length(bottom + 18.0)) text-anchor="middle" { (axis.written(tick, language)) }
            }
            text class="tick" x=(length(plan.left)) y=(length(bottom + 38.0)) { (name) }
        }
    }

    fn line(&self, line: &Line<'_>, language: Language, plan: &Plan, hatch: &str) -> Markup {
        let middle = line.top + line.height / 2.0;
        let base = length(middle + 5.0);
        let heading = line.mark.is_none() && self.series.len() > 1;
        html! {
            text class=[heading.then_some("heading")] x=(length(line.indent)) y=(base) { (line.label) }
            @match line.mark {
                Some(mark @ Mark::Value { at, interval, .. }) => {
                    @let x = plan.x(*at);
                    @let end = interval.map_or(x, |(_, high)| plan.x(high));
                    @if self.shape == Shape::Bars {
                        rect class="bar" x=(length(plan.left)) y=(length(middle - 8.0)) width=(length(x - plan.left)) height="16.0" {}
                    }
                    @if let Some((low, high)) = interval { (whisker(plan.x(*low), plan.x(*high), middle)) }
                    @if self.shape == Shape::Points {
                        circle class="point" cx=(length(x)) cy=(length(middle)) r="5.0" {}
                    }
                    text x=(length(end + GAP)) y=(base) { (written(mark, language)) }
                }
                Some(mark @ Mark::Withheld { .. }) => {
                    rect class="withheld" x=(length(plan.left)) y=(length(middle - 8.0)) width=(length(HATCHED)) height="16.0"
                        fill=(format!("url(#{hatch})")) {}
                    text x=(length(plan.left + HATCHED + GAP)) y=(base) { (written(mark, language)) }
                }
                None => {}
            }
        }
    }
}

/// A line of the picture.
struct Line<'a> {
    label: &'a str,
    mark: Option<&'a Mark>,
    top: f64,
    height: f64,
    indent: f64,
}

fn written(mark: &Mark, language: Language) -> String {
    match mark {
        Mark::Value { text, .. } => text.clone(),
        Mark::Withheld { rule } => language.fill("withheld", &[("rule", rule.as_str().into())]),
    }
}

fn whisker(low: f64, high: f64, middle: f64) -> Markup {
    let ends = [low, high].map(length);
    html! {
        line class="whisker" x1=(ends[0]) y1=(length(middle)) x2=(ends[1]) y2=(length(middle)) {}
        @for x in &ends {
            line class="whisker" x1=(x) y1=(length(middle - 4.0)) x2=(x) y2=(length(middle + 4.0)) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use quick_xml::{Reader, events::Event};

    use super::*;

    fn value(at: f64, text: &str) -> Mark {
        Mark::Value { at, text: text.to_owned(), interval: None }
    }

    fn withheld() -> Mark {
        Mark::Withheld { rule: "dominance".to_owned() }
    }

    fn chart(shape: Shape, series: &[&str], rows: &[(&str, Vec<Mark>)]) -> Chart {
        Chart {
            id: "chart-1".to_owned(),
            title: "People & values".to_owned(),
            axis: "mmHg".to_owned(),
            shape,
            series: series.iter().map(|name| (*name).to_owned()).collect(),
            rows: rows.iter().map(|(label, marks)| Row { label: (*label).to_owned(), marks: marks.clone() }).collect(),
        }
    }

    /// An element: its name, its attributes, the text in it.
    struct Element {
        name: String,
        attributes: Vec<(String, String)>,
        text: String,
    }

    impl Element {
        fn attribute(&self, name: &str) -> &str {
            self.attributes.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
        }

        fn number(&self, name: &str) -> f64 {
            self.attribute(name).parse().unwrap()
        }
    }

    /// The elements of a well-formed document.
    fn elements(xml: &str) -> Vec<Element> {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().check_end_names = true;
        let (mut elements, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => {
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    let attributes = start.attributes().map(|attribute| {
                        let attribute = attribute.unwrap();
                        (text(attribute.key.as_ref().as_bytes()), text(attribute.value.as_bytes()))
                    });
                    let (name, attributes) = (text(start.name().as_ref().as_bytes()), attributes.collect());
                    open.push(elements.len());
                    elements.push(Element { name, attributes, text: String::new() });
                }
                Event::End(_) => {
                    open.pop().unwrap();
                }
                Event::Text(text) => elements[*open.last().unwrap()].text.push_str(&text),
                Event::GeneralRef(reference) => {
                    elements[*open.last().unwrap()].text.push_str(&format!("&{};", &*reference));
                }
                Event::Eof => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(open.is_empty());
        elements
    }

    fn of_class<'a>(elements: &'a [Element], class: &str) -> Vec<&'a Element> {
        elements.iter().filter(|element| element.attribute("class") == class).collect()
    }

    #[test]
    fn bars_begin_at_zero_and_are_as_long_as_their_values() {
        let rows = [("a", vec![value(50.0, "50")]), ("b", vec![value(100.0, "100")]), ("c", vec![value(0.0, "0")])];
        let elements = elements(&chart(Shape::Bars, &["n"], &rows).svg(Language::English).into_string());
        let bars = of_class(&elements, "bar");
        let widths: Vec<f64> = bars.iter().map(|bar| bar.number("width")).collect();
        assert!((widths[1] - 2.0 * widths[0]).abs() < 0.2 && widths[2] == 0.0, "{widths:?}");
        let ticks = of_class(&elements, "tick");
        assert_eq!(ticks.first().unwrap().text, "0");
        assert!(bars.iter().all(|bar| bar.attribute("x") == ticks[0].attribute("x")));
    }

    #[test]
    fn every_value_is_written_beside_its_mark_and_in_the_description() {
        let rows =
            [("women", vec![value(3.0, "three"), withheld()]), ("men", vec![value(4.0, "four"), value(5.0, "five")])];
        let svg = chart(Shape::Bars, &["low", "high"], &rows).svg(Language::English).into_string();
        let elements = elements(&svg);
        let description = &elements.iter().find(|element| element.name == "desc").unwrap().text;
        let texts: Vec<&str> =
            elements.iter().filter(|element| element.name == "text").map(|element| element.text.as_str()).collect();
        for said in ["three", "four", "five", "withheld: dominance"] {
            assert!(description.contains(said), "{description}");
            assert!(texts.contains(&said), "{texts:?}");
        }
        assert!(description.contains("women, high: withheld: dominance"), "{description}");
    }

    #[test]
    fn what_is_withheld_is_hatched_and_has_no_bar() {
        let rows = [("a", vec![withheld()]), ("b", vec![value(1.0, "1")])];
        let elements = elements(&chart(Shape::Bars, &["n"], &rows).svg(Language::English).into_string());
        assert_eq!(of_class(&elements, "bar").len(), 1);
        let hatched = of_class(&elements, "withheld");
        assert_eq!(hatched.len(), 1);
        let pattern = elements.iter().find(|element| element.name == "pattern").unwrap();
        assert_eq!(hatched[0].attribute("fill"), format!("url(#{})", pattern.attribute("id")));
    }

    #[test]
    fn points_lie_within_their_intervals_and_the_axis_says_where_it_begins() {
        let point = |at, low, high| Mark::Value { at, text: at.to_string(), interval: Some((low, high)) };
        let rows = [("a", vec![point(121.4, 119.0, 123.8)]), ("b", vec![point(128.0, 126.5, 129.5)])];
        let elements = elements(&chart(Shape::Points, &["mean"], &rows).svg(Language::English).into_string());
        let points = of_class(&elements, "point");
        let whiskers = of_class(&elements, "whisker");
        for (point, whiskers) in points.iter().zip(whiskers.chunks(3)) {
            let x = point.number("cx");
            assert!(whiskers[0].number("x1") < x && x < whiskers[0].number("x2"));
        }
        assert!(points[0].number("cx") < points[1].number("cx"));
        let ticks = of_class(&elements, "tick");
        assert_eq!(ticks.first().unwrap().text, "115");
        assert_eq!(ticks.last().unwrap().text, "mmHg; the axis begins at 115");
    }

    #[test]
    fn a_chart_has_a_role_a_title_and_a_description_by_name() {
        let svg = chart(Shape::Bars, &["n"], &[("a", vec![value(1.0, "1")])]).svg(Language::English).into_string();
        let elements = elements(&svg);
        let root = &elements[0];
        assert_eq!((root.name.as_str(), root.attribute("role")), ("svg", "img"));
        let named: Vec<&str> = root.attribute("aria-labelledby").split(' ').collect();
        let (title, description) = (&elements[1], &elements[2]);
        assert_eq!((title.name.as_str(), description.name.as_str()), ("title", "desc"));
        assert_eq!(named, [title.attribute("id"), description.attribute("id")]);
        assert_eq!(title.text, "People &amp; values");
    }

    #[test]
    fn nothing_leaves_the_picture_in_any_language() {
        let long = "a group with a name that is long beyond all reason, and then some more of it".to_owned();
        let rows = [
            (long.as_str(), vec![value(98_765.0, "98,765 (51.4 %)"), withheld()]),
            ("广州", vec![withheld(), withheld()]),
        ];
        for language in Language::ALL {
            let elements = elements(&chart(Shape::Bars, &["一", "二"], &rows).svg(language).into_string());
            for element in elements.iter().filter(|element| !element.attribute("x").is_empty()) {
                let width = if element.attribute("width").is_empty() { 0.0 } else { element.number("width") };
                assert!((0.0..=WIDTH).contains(&(element.number("x") + width)), "{language}");
            }
        }
    }

    #[test]
    fn a_chart_of_nothing_but_withheld_values_is_one_still() {
        let svg = chart(Shape::Points, &["mean"], &[("a", vec![withheld()])]).svg(Language::English).into_string();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert_eq!(of_class(&elements(&svg), "withheld").len(), 1);
    }

    #[test]
    fn axes_have_round_steps() {
        let ticks = |low: f64, high: f64| {
            let axis = Axis::over(low, high);
            let written = |tick| axis.written(tick, Language::English);
            (axis.first..=axis.last).map(written).collect::<Vec<_>>()
        };
        assert_eq!(ticks(0.0, 97.0), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(ticks(0.0, 4_200.0), ["0", "1,000", "2,000", "3,000", "4,000", "5,000"]);
        assert_eq!(ticks(0.0, 0.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(ticks(118.2, 131.9), ["115", "120", "125", "130", "135"]);
    }

    #[test]
    fn the_same_chart_is_the_same_bytes() {
        let one = chart(Shape::Bars, &["n"], &[("a", vec![value(12.3, "12.3")])]);
        assert_eq!(one.svg(Language::Portuguese).into_string(), one.clone().svg(Language::Portuguese).into_string());
    }
}
