//! What the cross lane is known to tell beyond its answers: said by every tool that can make a network with it, and wherever a
//! network that has it is shown.
//!
//! Kept true: a network has the lane only where the flag asked for it, and SECURITY.md says the same in more words.

use clap::Args;
use nacre_schemas::{
    id::{ChainId, MeasureId},
    trust::{CrossScope, TrustRoot},
};
use serde::Serialize;

/// What asks for the lane.
pub const FLAG: &str = "--cross-lane-with-known-leaks";

/// What leaks, and how: a clause each.
pub const LEAKS: [&str; 4] = [
    "a provider that invents ten people can read a chosen patient's exact value out of an ordinary public answer",
    "a question repeated after an erasure shows the erased value",
    "an exchange can copy one ciphertext under many names and so have one person's value shown",
    "one custodian can change a result unnoticed",
];

/// Keys of the same in the languages of people, in the same order.
pub const LEAK_TEXTS: [&str; LEAKS.len()] =
    ["leak-invented-people", "leak-erasure", "leak-copied-ciphertext", "leak-custodian"];

/// The flag of every command that can make a network.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct CrossLaneFlag {
    /// Make the network with a cross lane: half a minute and 400 MB of files more, for statistics over what two providers know
    /// of one person.
    ///
    /// The lane is off unless this asks for it, for it is known to tell more than it should: a provider that invents ten people
    /// can read a chosen patient's exact value out of an ordinary public answer, and a question repeated after an erasure shows
    /// the erased value. An exchange can copy one ciphertext under many names and so have one person's value shown, and one
    /// custodian can change a result unnoticed. Use invented data only.
    #[arg(long)]
    pub cross_lane_with_known_leaks: bool,
}

/// Whether a network has the lane, for machines.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum CrossLane {
    /// Custodians, evaluators and exchanges refuse its requests.
    Off,
    /// With what is known to leak.
    #[serde(rename_all = "kebab-case")]
    On {
        /// What it answers about, and the tally lane does not.
        scope: CrossScope,
        /// [`LEAKS`].
        known_leaks: [&'static str; 4],
    },
}

impl CrossLane {
    /// As a trust root has it.
    pub fn of(root: &TrustRoot) -> Self {
        match &root.cross {
            Some(cross) => Self::On { scope: cross.scope.clone(), known_leaks: LEAKS },
            None => Self::Off,
        }
    }

    /// The line of a trust root's description, and the warning below it where the lane is on.
    pub fn line(&self) -> String {
        match self {
            Self::Off => "cross lane off\n".to_owned(),
            Self::On { scope, .. } => format!(
                "cross lane ON, WITH KNOWN LEAKS: for invented data only\n{}           it answers about {} of {} from {} on, and \
                 the tally lane does not\n",
                listed("           - "),
                names(&scope.measures, MeasureId::as_str),
                names(&scope.chains, ChainId::as_str),
                scope.from,
            ),
        }
    }
}

fn names<T>(all: &[T], name: fn(&T) -> &str) -> String {
    all.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// The leaks, a line each behind that mark.
pub fn listed(mark: &str) -> String {
    LEAKS.iter().map(|leak| format!("{mark}{leak}\n")).collect()
}
