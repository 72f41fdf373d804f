//! Progress on standard error, for people: a bar that shows once a stage has taken two seconds, on a terminal only.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nacre_reading::Stage as PostStage;
use nacre_regulator::Stage as QueryStage;

/// How long a stage runs unseen.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a bar counts.
const STEPS: &str = "{msg:24} {wide_bar} {pos}/{len} {eta}";
const BYTES: &str = "{msg:24} {wide_bar} {bytes}/{total_bytes} {eta}";

struct Stage {
    bar: ProgressBar,
    since: Instant,
    shown: bool,
}

/// A bar a stage.
#[derive(Default)]
pub struct Bars {
    stage: Mutex<Option<Stage>>,
}

impl Bars {
    /// None shown yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn with(&self, act: impl FnOnce(&mut Option<Stage>)) {
        // A poisoned lock means another thread panicked while drawing; the picture is all that can be wrong.
        act(&mut self.stage.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    }

    /// Begins a stage of that many steps.
    pub fn begin(&self, name: &str, steps: u64) {
        self.begin_counted(name, steps, STEPS);
    }

    fn begin_counted(&self, name: &str, steps: u64, template: &str) {
        let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(name.to_owned());
        self.with(|stage| {
            if let Some(before) = stage.take() {
                before.bar.finish_and_clear();
            }
            *stage = Some(Stage { bar, since: Instant::now(), shown: false });
        });
    }

    /// Takes steps.
    pub fn step(&self, steps: u64) {
        self.advance_with(|bar| bar.inc(steps));
    }

    /// Reaches a step.
    pub fn reach(&self, position: u64) {
        self.advance_with(|bar| bar.set_position(position));
    }

    fn advance_with(&self, advance: impl FnOnce(&ProgressBar)) {
        self.with(|stage| {
            let Some(stage) = stage else { return };
            if !stage.shown && stage.since.elapsed() >= PATIENCE {
                stage.bar.set_draw_target(ProgressDrawTarget::stderr());
                stage.shown = true;
            }
            advance(&stage.bar);
        });
    }

    /// Ends what is shown.
    pub fn end(&self) {
        self.with(|stage| {
            if let Some(stage) = stage.take() {
                stage.bar.finish_and_clear();
            }
        });
    }
}

impl nacre_reading::Progress for Bars {
    fn stage(&self, stage: PostStage, total: u64) {
        let (name, counter) = match stage {
            PostStage::People => ("reading people", BYTES),
            PostStage::Observations => ("reading observations", BYTES),
            PostStage::Pseudonyms => ("naming people", STEPS),
            PostStage::Sealing => ("sealing", STEPS),
            PostStage::Posting => ("posting", STEPS),
        };
        self.begin_counted(name, total, counter);
    }

    fn advance(&self, parts: u64) {
        self.step(parts);
    }
}

impl nacre_regulator::Progress for Bars {
    fn report(&self, stage: QueryStage, done: usize, total: usize) {
        if done == 0 {
            self.begin(stage.word(), total as u64);
        } else {
            self.reach(done as u64);
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.end();
    }
}
