//! `nacre demo`: the whole way on one machine, every part the real one.
//!
//! Kept true: records reach an exchange only through the provider's own code, figures come only from custodians'
//! shares, and the truth printed beside them is added up from the generator's list, which no other part sees. What it says it
//! showed, it showed, whatever was withheld: a fraud that finds nothing to alter was not tried, an answer without a figure is no
//! right one. The cross lane is shown only to those who ask for it. Words for people are in their language, and the page that is left
//! says what the terminal said; the summary for machines is the same in every language.
//!
//! Errors: an answer that differs from the truth, a fraud that went through, whatever a role fails at.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context as _, bail};
use nacre_hosting::trust;
use nacre_pages::{
    Language,
    chart::{Chart, Mark, Row, Shape},
    table::{Cell, Table},
};
use nacre_schemas::{cohort::Period, region::Region, topology::Topology};
use serde::Serialize;

use crate::{
    cli::DemoArgs,
    commands::{self, Output},
    consortium::{self, Consortium, Plan},
    known_leaks::CrossLane,
    output,
    progress::Bars,
    servers::{Ports, Servers, SharedKeys},
};

pub mod cross;
pub mod evidence;
pub mod frauds;
mod page;
pub mod population;
pub mod questions;
mod reasons;
mod tell;

use page::Story;
use population::{Population, Site};
use tell::{Teller, indented, site};

/// The regions of the demo.
const REGIONS: [&str; 3] = ["440100", "810000", "820000"];
/// Its months.
const MONTHS: [&str; 3] = ["2026-01", "2026-02", "2026-03"];
/// Marks a folder that a demo made and may replace.
const MARKER: &str = ".nacre-demo";

/// What the demo showed.
#[derive(Serialize)]
pub struct Summary {
    /// People generated.
    pub people: u32,
    /// Contributions posted.
    pub contributions: u64,
    /// Whether the cross lane was shown.
    pub cross_lane: CrossLane,
    /// Where a record stands.
    pub evidence: evidence::Shown,
    /// What became of each question.
    pub answers: Vec<questions::Answered>,
    /// What became of each fraud.
    pub frauds: Vec<frauds::Fraud>,
    /// What it took.
    pub seconds: f64,
    /// Where everything is.
    pub folder: PathBuf,
    #[serde(skip)]
    trust: PathBuf,
    /// The page for people.
    #[serde(skip)]
    pub page: PathBuf,
}

impl Summary {
    /// Whether no answer differed from the truth and no fraud went through.
    pub fn is_right(&self) -> bool {
        let exact = self.answers.iter().all(|answer| answer.exact);
        exact && self.frauds.iter().all(|fraud| fraud.outcome != frauds::Outcome::NotCaught)
    }
}

/// Runs the demo, and says how it ended.
pub async fn run(args: &DemoArgs, output: Output) -> anyhow::Result<ExitCode> {
    let summary = show(args, output).await?;
    output.print(&summary, || closing(&summary, output.language))?;
    if !summary.is_right() {
        bail!("an answer differed from the truth, or a fraud went through: this is a fault of Nacre, please report it");
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the demo.
pub async fn show(args: &DemoArgs, output: Output) -> anyhow::Result<Summary> {
    let started = Instant::now();
    let folder = make_folder(&args.out)?;
    let plan = plan(args)?;
    let mut teller = Teller::new(output);
    let (population, people) = generate(args, &folder, &plan, &mut teller)?;

    let ports = Ports::bind(&plan).await.context("cannot listen on loopback")?;
    let places = consortium::init(&folder.join("network"), &plan, &ports.addresses()?)?;
    let mut servers = Servers::start(&places, ports, SharedKeys::default()).await?;
    let network = tell_network(&places, &plan, &mut teller);

    let posted = post(&places, &population, &mut teller).await?;
    let sealing = seal(&places, &mut teller).await?;
    let (evidence, evidence_told) = evidence::show(&places, &folder, &mut teller).await?;
    let (mut answers, questions): (Vec<_>, Vec<_>) =
        questions::ask_all(&places, &folder, &population, &mut teller).await?.into_iter().unzip();
    let cross = if plan.cross.is_some() {
        let (answered, told) = cross::ask(&places, &folder, &population, &mut teller).await?;
        answers.push(answered);
        Some(told)
    } else {
        teller.step("step-cross-lane");
        teller.tell("cross-off", &[]);
        teller.say(page::SHOW_CROSS_LANE);
        None
    };
    let frauds = frauds::show_all(&places, &folder, &mut teller).await?;
    servers.stop_all().await?;
    let summary = Summary {
        people: args.people,
        contributions: posted.total,
        cross_lane: CrossLane::of(trust::read(&places.trust)?.root()),
        evidence,
        answers,
        frauds,
        seconds: started.elapsed().as_secs_f64(),
        trust: places.trust,
        page: folder.join("index.html"),
        folder,
    };
    let story = Story { people, network, posted, sealing, evidence: evidence_told, questions, cross };
    let html = page::html(&summary, &story, output.language);
    fs::write(&summary.page, html).with_context(|| format!("cannot write {}", summary.page.display()))?;
    Ok(summary)
}

fn make_folder(out: &Path) -> anyhow::Result<PathBuf> {
    let marker = out.join(MARKER);
    if out.exists() && fs::read_dir(out)?.next().is_some() {
        if !marker.exists() {
            bail!(
                "{} holds something other than a demo; nothing of it is touched: choose another --out",
                out.display()
            );
        }
        fs::remove_dir_all(out).with_context(|| format!("cannot replace {}", out.display()))?;
    }
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    fs::write(&marker, "Made by `nacre demo`, which may replace this folder.\n")?;
    Ok(out.canonicalize()?)
}

fn plan(args: &DemoArgs) -> anyhow::Result<Plan> {
    let regions: Result<Vec<Region>, String> = REGIONS.iter().map(|region| region.parse()).collect();
    Ok(Plan {
        name: "demo.nacre.local".to_owned(),
        topology: Topology::of_regions(&regions.map_err(anyhow::Error::msg)?),
        tls: true,
        anchor_every_ms: 500,
        custodians: 3,
        threshold: 2,
        minimum_people: 11,
        person_system: population::PERSON_SYSTEM.to_owned(),
        cross: args.cross_lane.cross_lane_with_known_leaks.then(cross::plan).transpose()?,
    })
}

/// The people, and what was said of them.
struct People {
    /// How many left records.
    known: usize,
    said: String,
}

fn generate(args: &DemoArgs, folder: &Path, plan: &Plan, teller: &mut Teller) -> anyhow::Result<(Population, People)> {
    let months: Result<Vec<Period>, String> = MONTHS.iter().map(|month| month.parse()).collect();
    let months = months.map_err(anyhow::Error::msg)?;
    let kinds = [("hospital", true), ("gym", false)];
    let site = |region: Region, (kind, hospital)| Site { member: format!("{kind}-{region}"), region, hospital };
    let sites: Vec<Site> = plan.topology.regions().flat_map(|region| kinds.map(|kind| site(region, kind))).collect();
    let records = folder.join("records");
    let population = population::generate(&records, &sites, args.people as usize, args.seed, &months)?;
    let known = population.truths.iter().map(|truth| truth.person).collect::<BTreeSet<usize>>().len();
    let language = teller.language();
    let month = |month: Option<&Period>| month.map(|month| language.month(*month)).unwrap_or_default();
    let regions: Vec<String> = plan.topology.regions().map(|region| language.region(region).to_owned()).collect();
    let hospitals = sites.iter().filter(|site| site.hospital).count();
    let values = [
        ("people", args.people.into()),
        ("known", known.into()),
        ("regions", language.list(&regions).into()),
        ("from", month(months.first()).into()),
        ("to", month(months.last()).into()),
        ("hospitals", hospitals.into()),
        ("gyms", (sites.len() - hospitals).into()),
    ];
    teller.step("step-people");
    let said = teller.tell("demo-people", &values);
    teller.tell("demo-records", &[("folder", records.display().to_string().into())]);
    Ok((population, People { known, said }))
}

fn tell_network(places: &Consortium, plan: &Plan, teller: &mut Teller) -> String {
    let values = [
        ("exchanges", places.exchanges.len().into()),
        ("witnesses", places.witnesses.len().into()),
        ("custodians", places.custodians.len().into()),
        ("each", plan.custodians.into()),
        ("threshold", plan.threshold.into()),
    ];
    teller.step("step-network");
    let mut said = teller.tell("demo-network", &values);
    if !places.evaluators.is_empty() {
        let evaluators = teller.tell("demo-evaluators", &[("evaluators", places.evaluators.len().into())]);
        said = format!("{said}\n{evaluators}");
    }
    said
}

/// What was posted.
struct Posted {
    total: u64,
    said: String,
    table: Table,
    chart: Chart,
}

async fn post(places: &Consortium, population: &Population, teller: &mut Teller) -> anyhow::Result<Posted> {
    teller.step("step-contributions");
    let said = teller.tell("demo-contributions", &[]);
    let language = teller.language();
    let heads = ["table-provider", "table-observations", "table-contributions", "table-seconds", "table-refused"];
    let mut table = Table { heads: heads.map(|key| language.text(key)).to_vec(), rows: Vec::new() };
    let mut rows = Vec::new();
    let mut total = 0;
    for folder in &population.folders {
        let member = folder.file_name().and_then(|name| name.to_str()).context("a provider's folder has a name")?;
        let config = places.providers.get(member).with_context(|| format!("no configuration for {member}"))?;
        let config = nacre_provider::Config::read(config)?;
        let since = Instant::now();
        let summary = nacre_provider::post(&config, std::slice::from_ref(folder), &Bars::new()).await?;
        if summary.posted != summary.new || !summary.refused.is_empty() {
            bail!("{member}: not all of its records were posted: {summary:?}");
        }
        total += summary.posted;
        let number = |digits: String| Cell::Number(language.number(&digits));
        table.rows.push(vec![
            Cell::Words(site(member, language)),
            number(summary.observations.to_string()),
            number(summary.posted.to_string()),
            number(format!("{:.1}", since.elapsed().as_secs_f64())),
            number(summary.refused.len().to_string()),
        ]);
        let text = language.number(&summary.posted.to_string());
        let mark = Mark::Value { at: summary.posted as f64, text, interval: None };
        rows.push(Row { label: site(member, language), marks: vec![mark] });
    }
    teller.show(&table);
    let axis = language.text("axis-contributions");
    let chart = Chart {
        id: "chart-contributions".to_owned(),
        title: language.text("chart-contributions"),
        axis: axis.clone(),
        shape: Shape::Bars,
        series: vec![axis],
        rows,
    };
    Ok(Posted { total, said, table, chart })
}

async fn seal(places: &Consortium, teller: &mut Teller) -> anyhow::Result<String> {
    let mut cells = 0;
    for path in places.exchanges.values() {
        for sealed in commands::exchange::seal(&nacre_exchange::Config::read(path)?).await? {
            cells += sealed.seal.map_or(0, |seal| seal.cells);
        }
    }
    teller.step("step-sealing");
    Ok(teller.tell("demo-sealing", &[("cells", cells.into())]))
}

/// How many answers and frauds came to what.
struct Results {
    /// Answers that are the truth, of those that show anything.
    exact: usize,
    shown: usize,
    withheld: usize,
    caught: usize,
    tried: usize,
    untried: usize,
}

impl Results {
    fn of(summary: &Summary) -> Self {
        let (shown, withheld): (Vec<_>, Vec<_>) =
            summary.answers.iter().partition(|answer| answer.shown > 0 || !answer.exact);
        let count = |outcome| summary.frauds.iter().filter(|fraud| fraud.outcome == outcome).count();
        let untried = count(frauds::Outcome::NotTried);
        Self {
            exact: shown.iter().filter(|answer| answer.exact).count(),
            shown: shown.len(),
            withheld: withheld.len(),
            caught: count(frauds::Outcome::Caught),
            tried: summary.frauds.len() - untried,
            untried,
        }
    }

    /// In sentences, a line each.
    fn said(&self, language: Language) -> Vec<String> {
        let mut said = Vec::new();
        if self.shown > 0 {
            let values = [("exact", self.exact.into()), ("shown", self.shown.into())];
            said.push(language.fill("result-answers", &values));
        }
        if self.withheld > 0 {
            said.push(language.fill("result-withheld", &[("withheld", self.withheld.into())]));
        }
        said.push(language.fill("result-frauds", &[("caught", self.caught.into()), ("tried", self.tried.into())]));
        if self.untried > 0 {
            said.push(language.fill("result-untried", &[("untried", self.untried.into())]));
        }
        said
    }
}

/// What can be tried next: a sentence, and a command if it has one.
fn next(summary: &Summary, language: Language) -> Vec<(String, Option<String>)> {
    let trust = summary.trust.display();
    let verify = |file: &Path| format!("nacre verify {} --trust {trust}", file.display());
    let release = summary.answers.first().map(|answer| verify(&answer.release));
    vec![
        (language.text("next-verify"), release),
        (language.text("next-evidence"), Some(verify(&summary.evidence.file))),
        (language.text("next-alter"), None),
        (language.text("next-network"), Some("nacre consortium init my-network".to_owned())),
        (language.text("next-query"), Some("nacre query --help".to_owned())),
        (language.text("next-program"), None),
    ]
}

/// Where everything is: a name, and a path.
fn files(summary: &Summary, language: Language) -> Vec<(String, PathBuf)> {
    let places = [
        ("file-page", summary.page.clone()),
        ("file-evidence", summary.evidence.file.clone()),
        ("file-releases", summary.folder.join("releases")),
        ("file-trust", summary.trust.clone()),
        ("file-network", summary.folder.join("network")),
        ("file-records", summary.folder.join("records")),
    ];
    places.map(|(key, path)| (language.text(key), path)).to_vec()
}

fn closing(summary: &Summary, language: Language) -> String {
    let mut lines = Results::of(summary).said(language);
    lines.push(language.text("result-no-server"));
    let seconds = language.number(&format!("{:.0}", summary.seconds));
    lines.push(language.fill("result-seconds", &[("seconds", seconds.into())]));
    lines.extend([String::new(), language.text("result-page"), indented(&summary.page.display().to_string())]);
    let folder = summary.folder.display().to_string();
    lines.extend([String::new(), language.fill("files-are", &[("folder", folder.into())])]);
    let file = |(name, path): (String, PathBuf)| indented(&output::named(&name, &path.display().to_string(), language));
    lines.extend(files(summary, language).into_iter().map(file));
    lines.extend([String::new(), language.text("step-next")]);
    for (sentence, command) in next(summary, language) {
        lines.push(indented(&sentence));
        lines.extend(command.map(|command| format!("     {command}")));
    }
    format!("\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use frauds::{Fraud, Kind, Outcome};
    use nacre_schemas::Digest;
    use questions::Answered;

    use super::*;

    pub(super) fn summary(answers: &[(usize, bool)], outcomes: &[Outcome]) -> Summary {
        let answer = |(shown, exact): &(usize, bool)| Answered {
            question: "a question".to_owned(),
            release: PathBuf::new(),
            answered: 1,
            withheld: 1,
            shown: *shown,
            exact: *exact,
        };
        let fraud = |outcome: &Outcome| Fraud::new(Kind::WrongShare, *outcome, "");
        Summary {
            people: 50,
            contributions: 500,
            cross_lane: CrossLane::Off,
            evidence: evidence::Shown {
                record: Digest([0; 32]),
                chain: "region/440100".parse().unwrap(),
                anchored_in: Vec::new(),
                file: PathBuf::new(),
            },
            answers: answers.iter().map(answer).collect(),
            frauds: outcomes.iter().map(fraud).collect(),
            seconds: 1.0,
            folder: PathBuf::new(),
            trust: PathBuf::new(),
            page: PathBuf::new(),
        }
    }

    #[test]
    fn a_fraud_that_went_through_or_a_wrong_answer_is_a_fault_and_nothing_shown_is_none() {
        use Outcome::{Caught, NotCaught, NotTried};
        assert!(summary(&[(3, true), (0, true)], &[Caught, NotTried]).is_right());
        assert!(!summary(&[(3, true)], &[Caught, NotCaught]).is_right());
        assert!(!summary(&[(3, false)], &[Caught]).is_right());
        assert!(!summary(&[(0, false)], &[Caught]).is_right());
    }

    #[test]
    fn what_was_not_shown_is_counted_neither_as_right_nor_as_caught() {
        use Outcome::{Caught, NotCaught, NotTried};
        let said = |answers: &[_], outcomes: &[_]| Results::of(&summary(answers, outcomes)).said(Language::English);
        let expected = [
            "1 of 2 answers equal the truth exactly.",
            "One answer was withheld whole, by the disclosure rules.",
            "1 of 2 frauds were caught.",
            "One fraud was not tried, because nothing was shown that it could alter.",
        ];
        assert_eq!(said(&[(3, true), (2, false), (0, true)], &[Caught, NotTried, NotCaught]), expected);
        let expected = ["1 of 1 answers equal the truth exactly.", "1 of 1 frauds were caught."];
        assert_eq!(said(&[(3, true)], &[Caught]), expected);
    }

    #[test]
    fn the_end_names_the_page_and_says_to_open_it_in_every_language() {
        let mut summary = summary(&[(3, true)], &[Outcome::Caught]);
        summary.page = PathBuf::from("somewhere/index.html");
        for language in Language::ALL {
            let said = closing(&summary, language);
            let asked = said.find(&language.text("result-page")).unwrap();
            assert!(said[asked..].contains("somewhere/index.html"), "{said}");
        }
    }

    #[test]
    fn the_summary_for_machines_names_nothing_new() {
        let json = serde_json::to_value(summary(&[(3, true)], &[Outcome::Caught])).unwrap();
        let names = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let expected = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let of_summary =
            ["people", "contributions", "cross_lane", "evidence", "answers", "frauds", "seconds", "folder"];
        assert_eq!(names(&json), expected(&of_summary));
        assert_eq!(names(&json["frauds"][0]), expected(&["fraud", "outcome", "by"]));
        let of_answer = ["question", "release", "answered", "withheld", "shown", "exact"];
        assert_eq!(names(&json["answers"][0]), expected(&of_answer));
    }
}
