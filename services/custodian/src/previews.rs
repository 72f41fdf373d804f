//! What a requester is told without its request being logged: so many groups a day, counted on disk.
//!
//! A preview says of each group whether it is under a limit. Over unions that its asker chooses freely, any such yes or no
//! counts people exactly, in some ten questions; so every group of a preview is charged, to one quota for each requester.
//!
//! Kept true: what is told was charged first, and the charge is on disk; a restart or a clock that is put back gives nothing
//! back. It is this custodian's own count: a requester has another at each. Errors: [`ChargeError`].
//! Cost: two syncs a preview.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use nacre_access::members::MAX_MEMBERS;
use nacre_hosting::file::{self, FileError, PRIVATE};
use nacre_schemas::id::MemberId;
use serde::{Deserialize, Serialize};

/// Seconds of a day.
const DAY_S: u64 = 86_400;
/// The longest file of counts, in bytes: a line of a name and two numbers for each member.
const MAX_COUNTS_BYTES: usize = 512 * MAX_MEMBERS;

/// The counts.
pub(crate) struct Previews {
    path: PathBuf,
    groups_per_day: u32,
    used: Mutex<BTreeMap<MemberId, Used>>,
}

/// What a requester was told on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Used {
    /// Days since 1970, UTC.
    day: u64,
    groups: u32,
}

/// The quota does not reach.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spent {
    /// Groups that it still reaches for.
    pub(crate) left: u32,
    /// Groups a day.
    pub(crate) groups_per_day: u32,
    /// Until there is more.
    pub(crate) wait_s: u64,
}

/// Why a preview was not charged.
#[derive(Debug)]
pub(crate) enum ChargeError {
    /// The quota does not reach.
    Spent(Spent),
    /// The count could not be written.
    File(FileError),
}

impl Previews {
    /// Reads the counts from `<data>/previews.json`.
    pub(crate) fn open(data: &Path, groups_per_day: NonZeroU32) -> Result<Self, FileError> {
        let path = data.join("previews.json");
        let used = match file::read_if_there(&path, MAX_COUNTS_BYTES)? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| FileError::broken(&path, error))?,
            None => BTreeMap::new(),
        };
        Ok(Self { path, groups_per_day: groups_per_day.get(), used: Mutex::new(used) })
    }

    /// Charges that many groups at that time, in seconds since 1970. Blocks.
    pub(crate) fn charge(&self, requester: &MemberId, groups: usize, now_s: u64) -> Result<(), ChargeError> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let today = now_s / DAY_S;
        let known = used.get(requester).copied().filter(|known| known.day >= today);
        let known = known.unwrap_or(Used { day: today, groups: 0 });
        let left = self.groups_per_day.saturating_sub(known.groups);
        let charged = u32::try_from(groups).ok().filter(|groups| *groups <= left);
        let Some(charged) = charged else {
            let wait_s = ((known.day + 1) * DAY_S).saturating_sub(now_s);
            return Err(ChargeError::Spent(Spent { left, groups_per_day: self.groups_per_day, wait_s }));
        };
        let mut changed = used.clone();
        // Nobody whose day is over needs to be remembered.
        changed.retain(|_, used| used.day >= today);
        changed.insert(requester.clone(), Used { groups: known.groups + charged, ..known });
        let bytes = serde_json::to_vec(&changed).map_err(|error| FileError::broken(&self.path, error));
        bytes.and_then(|bytes| file::replace(&self.path, &bytes, PRIVATE)).map_err(ChargeError::File)?;
        *used = changed;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const NOON: u64 = 20_000 * DAY_S + DAY_S / 2;

    fn open(data: &Path) -> Previews {
        Previews::open(data, NonZeroU32::new(10).unwrap()).unwrap()
    }

    fn left(outcome: Result<(), ChargeError>) -> u32 {
        match outcome {
            Err(ChargeError::Spent(spent)) => {
                assert_eq!((spent.groups_per_day, spent.wait_s), (10, DAY_S / 2));
                spent.left
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn groups_are_charged_to_their_requester_alone_and_there_are_more_the_next_day() {
        let data = tempfile::tempdir().unwrap();
        let previews = open(data.path());
        let (one, other) = ("one".parse().unwrap(), "other".parse().unwrap());
        previews.charge(&one, 7, NOON).unwrap();
        assert_eq!(left(previews.charge(&one, 4, NOON)), 3);
        previews.charge(&one, 3, NOON).unwrap();
        assert_eq!(left(previews.charge(&one, 1, NOON)), 0);
        previews.charge(&other, 10, NOON).unwrap();
        previews.charge(&one, 10, NOON + DAY_S).unwrap();
        assert_eq!(left(previews.charge(&one, 11, NOON + DAY_S)), 0);
    }

    #[test]
    fn neither_a_restart_nor_a_clock_that_is_put_back_gives_anything_back() {
        let data = tempfile::tempdir().unwrap();
        let one = "one".parse().unwrap();
        open(data.path()).charge(&one, 10, NOON).unwrap();
        assert_eq!(left(open(data.path()).charge(&one, 1, NOON)), 0);
        let Err(ChargeError::Spent(spent)) = open(data.path()).charge(&one, 1, NOON - 3 * DAY_S) else { panic!() };
        assert_eq!((spent.left, spent.wait_s), (0, 3 * DAY_S + DAY_S / 2));
    }

    #[test]
    fn a_count_that_cannot_be_written_is_no_charge() {
        let data = tempfile::tempdir().unwrap();
        let previews = open(data.path());
        fs::remove_dir_all(data.path()).unwrap();
        let one = "one".parse().unwrap();
        assert!(matches!(previews.charge(&one, 1, NOON), Err(ChargeError::File(_))));
        fs::create_dir(data.path()).unwrap();
        previews.charge(&one, 10, NOON).unwrap();
    }
}
