//! `nacre recompute`.

use std::process::ExitCode;

use nacre_evaluator::{Keys, RecomputeError};
use nacre_hosting::trust;
use serde::Serialize;

use super::{
    Output,
    verify::{FAILED, read_cross_release},
};
use crate::{cli::RecomputeArgs, progress::Bars};

/// What it came to, for machines.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Verdict {
    same: bool,
    released: String,
    recomputed: String,
    people: usize,
}

pub(super) fn run(args: &RecomputeArgs, output: Output) -> anyhow::Result<ExitCode> {
    let release = read_cross_release(&args.release)?;
    let network = trust::read_of_any_catalogue(&args.trust)?;
    let bars = Bars::new();
    bars.begin("loading the keys", 1);
    let keys = Keys::read(&args.keys)?;
    bars.end();
    let shown = |done: usize, people: usize| {
        if done == 0 {
            bars.begin("computing", people as u64);
        } else {
            bars.reach(done as u64);
        }
    };
    let came_to = match nacre_evaluator::recompute(&release, &network, &keys, &args.inputs, shown) {
        Err(RecomputeError::Release(failure)) => {
            eprintln!("the release does not verify: {failure}");
            return Ok(ExitCode::from(FAILED));
        }
        came_to => came_to?,
    };
    bars.end();
    let same = came_to.is_same();
    let verdict = Verdict {
        same,
        released: came_to.released.to_string(),
        recomputed: came_to.found.to_string(),
        people: came_to.people,
    };
    output.print(&verdict, || {
        if same {
            format!("RECOMPUTED  result {}: the same bytes, from {} people", verdict.released, verdict.people)
        } else {
            format!(
                "NOT THE SAME\nthe release's result is {}, these inputs come to {}",
                verdict.released, verdict.recomputed
            )
        }
    })?;
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}
