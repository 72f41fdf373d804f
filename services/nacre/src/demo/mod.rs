//! `nacre demo`: the whole way on one machine, every part the real one.
//!
//! Kept true: records reach an exchange only through the provider's own code, figures come only from custodians'
//! shares, and the truth printed beside them is added up from the generator's list, which no other part sees. What it says it
//! showed, it showed, whatever was withheld: a fraud that finds nothing to alter was not tried, an answer without a figure is no
//! right one. The cross lane is shown only to those who ask for it.
//!
//! Errors: an answer that differs from the truth, a fraud that went through, whatever a role fails at.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context as _, bail};
use nacre_hosting::trust;
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
pub mod population;
pub mod questions;

use population::{Population, Site};

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
    output.print(&summary, || closing(&summary))?;
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
    let population = generate(args, &folder, &plan, output)?;

    let ports = Ports::bind(&plan).await.context("cannot listen on loopback")?;
    let places = consortium::init(&folder.join("network"), &plan, &ports.addresses()?)?;
    let mut servers = Servers::start(&places, ports, SharedKeys::default()).await?;
    let evaluators = match places.evaluators.len() {
        0 => String::new(),
        evaluators => format!("{evaluators} evaluators, "),
    };
    output.say(format_args!(
        "2. Keys were dealt; {} exchanges, {} witnesses, {evaluators}and {} custodians (2 of 3 in each of Guangdong, Hong Kong, \
         Macao) listen on loopback.",
        places.exchanges.len(),
        places.witnesses.len(),
        places.custodians.len(),
    ));

    let contributions = post(&places, &population, output).await?;
    seal(&places, output).await?;
    let evidence = evidence::show(&places, &folder, output).await?;
    let mut answers = questions::ask_all(&places, &folder, &population, output).await?;
    if plan.cross.is_some() {
        answers.push(cross::ask(&places, &folder, &population, output).await?);
    } else {
        output.say(cross::OFF);
    }
    let frauds = frauds::show_all(&places, &folder, output).await?;
    servers.stop_all().await?;
    Ok(Summary {
        people: args.people,
        contributions,
        cross_lane: CrossLane::of(trust::read(&places.trust)?.root()),
        evidence,
        answers,
        frauds,
        seconds: started.elapsed().as_secs_f64(),
        trust: places.trust,
        folder,
    })
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

fn generate(args: &DemoArgs, folder: &Path, plan: &Plan, output: Output) -> anyhow::Result<Population> {
    let months: Result<Vec<Period>, String> = MONTHS.iter().map(|month| month.parse()).collect();
    let months = months.map_err(anyhow::Error::msg)?;
    let kinds = [("hospital", true), ("gym", false)];
    let site = |region: Region, (kind, hospital)| Site { member: format!("{kind}-{region}"), region, hospital };
    let sites: Vec<Site> = plan.topology.regions().flat_map(|region| kinds.map(|kind| site(region, kind))).collect();
    let records = folder.join("records");
    let population = population::generate(&records, &sites, args.people as usize, args.seed, &months)?;
    let known: BTreeSet<usize> = population.truths.iter().map(|truth| truth.person).collect();
    output.say(format_args!(
        "1. Of {} people who do not exist, {} left records at {} hospitals and gyms in {} months: FHIR R4 in {}.",
        args.people,
        known.len(),
        sites.len(),
        months.len(),
        records.display(),
    ));
    Ok(population)
}

async fn post(places: &Consortium, population: &Population, output: Output) -> anyhow::Result<u64> {
    output.say("3. Each provider de-identifies, encrypts and proves its records and posts them:");
    let mut table = output::table(&["provider", "observations", "contributions", "seconds", "refused"]);
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
        table.add_row(vec![
            comfy_table::Cell::new(member),
            output::number(summary.observations),
            output::number(summary.posted),
            output::number(format!("{:.1}", since.elapsed().as_secs_f64())),
            output::number(summary.refused.len()),
        ]);
    }
    output.say(table);
    Ok(total)
}

async fn seal(places: &Consortium, output: Output) -> anyhow::Result<()> {
    let mut cells = 0;
    for path in places.exchanges.values() {
        for sealed in commands::exchange::seal(&nacre_exchange::Config::read(path)?).await? {
            cells += sealed.seal.map_or(0, |seal| seal.cells);
        }
    }
    output.say(format_args!(
        "4. The exchanges closed their epoch: {cells} cells, each a sum of ciphertexts under one root."
    ));
    Ok(())
}

/// The last lines but those of where everything is: how many answers and frauds came to what.
fn results(summary: &Summary) -> String {
    let (shown, withheld): (Vec<_>, Vec<_>) =
        summary.answers.iter().partition(|answer| answer.shown > 0 || !answer.exact);
    let exact = shown.iter().filter(|answer| answer.exact).count();
    let mut answers = format!("{exact} of {} answers exactly the truth", shown.len());
    if !withheld.is_empty() {
        answers += &format!(" and {} withheld whole by the rules", withheld.len());
    }
    let count = |outcome| summary.frauds.iter().filter(|fraud| fraud.outcome == outcome).count();
    let untried = count(frauds::Outcome::NotTried);
    let (caught, tried) = (count(frauds::Outcome::Caught), summary.frauds.len() - untried);
    let mut frauds = format!("{caught} of {tried} frauds caught");
    if untried > 0 {
        frauds += &format!(", {untried} not tried because nothing was shown");
    }
    format!("{} contributions, {answers}, {frauds}, {:.0} s.", summary.contributions, summary.seconds)
}

fn closing(summary: &Summary) -> String {
    let folder = summary.folder.display();
    let release = summary.answers.first().map(|answer| answer.release.display().to_string()).unwrap_or_default();
    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    files.insert("evidence", summary.evidence.file.display().to_string());
    files.insert("releases", summary.folder.join("releases").display().to_string());
    files.insert("trust root", summary.trust.display().to_string());
    files.insert("network", summary.folder.join("network").display().to_string());
    files.insert("records", summary.folder.join("records").display().to_string());
    let files: String = files.iter().map(|(name, path)| format!("  {name:12}{path}\n")).collect();
    format!(
        "\n{} No server saw a value.\n\n\
         Everything is in {folder}:\n{files}\n\
         Try next:\n  nacre verify {release} --trust {}\n  \
         nacre verify {} --trust {}   # where one record stands\n  \
         change a digit of that file and verify it again\n  nacre consortium init my-network   # a network of your own, step by step in docs/by-hand.md\n  \
         nacre query --help\n\
         (`nacre` is `cargo run --release --` here.)",
        results(summary),
        summary.trust.display(),
        summary.evidence.file.display(),
        summary.trust.display(),
    )
}

#[cfg(test)]
mod tests {
    use frauds::{Fraud, Outcome};
    use nacre_schemas::Digest;
    use questions::Answered;

    use super::*;

    fn summary(answers: &[(usize, bool)], outcomes: &[Outcome]) -> Summary {
        let answer = |(shown, exact): &(usize, bool)| Answered {
            question: "a question".to_owned(),
            release: PathBuf::new(),
            answered: 1,
            withheld: 1,
            shown: *shown,
            exact: *exact,
        };
        let fraud = |outcome: &Outcome| Fraud { fraud: "a fraud", outcome: *outcome, by: String::new() };
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
        let said = results(&summary(&[(3, true), (2, false), (0, true)], &[Caught, NotTried, NotCaught]));
        let expected = "500 contributions, 1 of 2 answers exactly the truth and 1 withheld whole by the rules, \
                        1 of 2 frauds caught, 1 not tried because nothing was shown, 1 s.";
        assert_eq!(said, expected);
        let said = results(&summary(&[(3, true)], &[Caught]));
        assert_eq!(said, "500 contributions, 1 of 1 answers exactly the truth, 1 of 1 frauds caught, 1 s.");
    }
}
