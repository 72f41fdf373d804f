//! What an operator's Prometheus sees: metrics of every kind of server, in a form that Prometheus' own tools accept, and rules
//! and a dashboard that ask for nothing else.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nacre_hosting::server::ServerConfig;
use nacre_provider::Config;
use nacre_tests::{Running, gateway::Scaled, plan};

const REGION: &str = "820000";
const MEMBER: &str = "gym-820000";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/monitoring")
}

/// Whether Prometheus' tool is there; without it what is shown is that it was not.
fn has_promtool() -> bool {
    let found = Command::new("promtool").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        println!("skipped: promtool is not there");
    }
    found
}

fn promtool(arguments: &[&str], input: &str) {
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir(folder()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

/// Every word of a text that begins as our metrics do.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
    words.filter(|word| word.starts_with("nacre_")).map(str::to_owned).collect()
}

/// The names of the series that were read.
fn series_of(text: &str) -> BTreeSet<String> {
    let names = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next());
    names.map(str::to_owned).collect()
}

#[test]
fn rules_are_what_prometheus_takes_and_do_what_they_are_to_do() {
    if has_promtool() {
        promtool(&["check", "rules", "alerts.yml"], "");
        promtool(&["check", "config", "prometheus.yml"], "");
        promtool(&["test", "rules", "alerts.test.yml"], "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_rules_and_dashboard_is_there_and_prometheus_takes_them() {
    let mut plan = plan(&[REGION], 1, "urn:test:person");
    plan.tls = true;
    plan.anchor_every_ms = 100;
    let running = Running::start(&plan).await.unwrap();
    let config = Config::read(&running.places.providers[MEMBER]).unwrap();
    let config = Config { server: ServerConfig::at("127.0.0.1:0"), ..config };
    let gateway = Scaled::start(&config, "2026-06-01T00:00:00Z").await.unwrap();
    let mut found = BTreeSet::new();
    let wanted = ["alerts.yml", "dashboard.json"].map(|name| fs::read_to_string(folder().join(name)).unwrap());
    let mut wanted: BTreeSet<String> = wanted.iter().flat_map(|text| metrics_in(text)).collect();
    // Times of anchors, and the clock of the exchange, are known a moment after the start.
    let begun = std::time::Instant::now();
    while !wanted.is_empty() {
        let mut texts = vec![gateway.metrics().await.unwrap()];
        for server in [REGION, "main", "witness-macao", "macao-1"] {
            texts.push(running.metrics(server).await.unwrap());
        }
        for text in &texts {
            found.extend(series_of(text));
        }
        wanted.retain(|name| !found.contains(name));
        // A server that lacks nothing and refuses nobody has no series of these.
        for name in ["nacre_lacking", "nacre_refusals_total"] {
            wanted.remove(name);
        }
        assert!(begun.elapsed().as_secs() < 120, "there is no {wanted:?}");
        if wanted.is_empty() && has_promtool() {
            for text in &texts {
                promtool(&["check", "metrics"], text);
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // By TLS: nothing of a network that `consortium init` makes is reached otherwise.
    let plain = reqwest::get(format!("http://{}/healthz", running.addresses[REGION])).await;
    assert!(plain.is_err(), "plain HTTP was answered");
}
