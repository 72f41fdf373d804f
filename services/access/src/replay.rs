//! Assertions already taken, so that none is taken twice while it would still count.
//!
//! Kept true: an entry stays until its assertion has expired, leeway included; the number of entries is bounded
//! over all and for each member, so that one member cannot lock the others out. Only assertions whose signature was
//! verified come here: strangers cannot fill it.
//!
//! The entries die with the process: an assertion of the last five minutes that somebody captured can be played once
//! more after a restart. TLS keeps it from being captured.
//!
//! Cost: about 200 bytes an entry; logarithmic time.

use std::collections::{BTreeSet, HashMap, HashSet};

use nacre_schemas::{Digest, id::MemberId};

use crate::assertion::Assertion;

/// Entries over all members.
pub(crate) const MAX_ENTRIES: usize = 100_000;

/// Entries of one member: three a second, where a client needs one a scope in five minutes.
pub(crate) const MAX_ENTRIES_OF_MEMBER: usize = 1_000;

/// Why an assertion is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplayError {
    /// It was taken before.
    Taken,
    /// There is no room to remember it.
    Full,
}

/// What was taken.
pub(crate) struct ReplayCache {
    capacity: usize,
    capacity_of_member: usize,
    taken: HashSet<Digest>,
    by_expiry: BTreeSet<(u64, MemberId, Digest)>,
    of_member: HashMap<MemberId, usize>,
}

impl ReplayCache {
    pub(crate) fn new(capacity: usize, capacity_of_member: usize) -> Self {
        Self {
            capacity,
            capacity_of_member,
            taken: HashSet::new(),
            by_expiry: BTreeSet::new(),
            of_member: HashMap::new(),
        }
    }

    /// Remembers the assertion, if it is the first of its issuer and `jti`.
    pub(crate) fn take(&mut self, assertion: &Assertion, now_s: u64) -> Result<(), ReplayError> {
        self.drop_expired(now_s);
        // No member's name holds a line end: the border is unambiguous.
        let parts = [assertion.member.as_str().as_bytes(), b"\n", assertion.jti.as_bytes()];
        let name = Digest::of_parts(&parts);
        if self.taken.contains(&name) {
            return Err(ReplayError::Taken);
        }
        let count = self.of_member.get(&assertion.member).copied().unwrap_or(0);
        if self.taken.len() >= self.capacity || count >= self.capacity_of_member {
            return Err(ReplayError::Full);
        }
        self.taken.insert(name);
        self.by_expiry.insert((assertion.taken_until_s, assertion.member.clone(), name));
        self.of_member.insert(assertion.member.clone(), count + 1);
        Ok(())
    }

    /// `taken_until_s <= now_s` is what [`crate::assertion`] calls expired: if the two differed, there would be
    /// a second in which an assertion counts and is forgotten.
    fn drop_expired(&mut self, now_s: u64) {
        while self.by_expiry.first().is_some_and(|(until_s, ..)| *until_s <= now_s) {
            let Some((_, member, name)) = self.by_expiry.pop_first() else { break };
            self.taken.remove(&name);
            match self.of_member.get_mut(&member) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(self.of_member.remove(&member)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assertion(member: &str, jti: &str, taken_until_s: u64) -> Assertion {
        Assertion { member: member.parse().unwrap(), jti: jti.to_owned(), taken_until_s }
    }

    #[test]
    fn an_assertion_is_taken_once_while_it_counts_and_each_issuer_has_its_own_names() {
        let mut cache = ReplayCache::new(10, 10);
        assert_eq!(cache.take(&assertion("a", "1", 330), 0), Ok(()));
        assert_eq!(cache.take(&assertion("a", "1", 330), 329), Err(ReplayError::Taken));
        assert_eq!(cache.take(&assertion("a", "1", 500), 329), Err(ReplayError::Taken));
        assert_eq!(cache.take(&assertion("b", "1", 330), 329), Ok(()));
        assert_eq!(cache.take(&assertion("a", "1", 600), 330), Ok(()));
    }

    #[test]
    fn a_full_cache_refuses_until_entries_expire() {
        let mut cache = ReplayCache::new(2, 2);
        assert_eq!(cache.take(&assertion("a", "1", 10), 0), Ok(()));
        assert_eq!(cache.take(&assertion("b", "2", 20), 0), Ok(()));
        assert_eq!(cache.take(&assertion("c", "3", 20), 9), Err(ReplayError::Full));
        assert_eq!(cache.take(&assertion("c", "3", 20), 10), Ok(()));
        assert_eq!(cache.take(&assertion("b", "2", 20), 10), Err(ReplayError::Taken));
    }

    #[test]
    fn one_member_cannot_lock_the_others_out() {
        let mut cache = ReplayCache::new(10, 2);
        assert_eq!(cache.take(&assertion("a", "1", 10), 0), Ok(()));
        assert_eq!(cache.take(&assertion("a", "2", 10), 0), Ok(()));
        assert_eq!(cache.take(&assertion("a", "3", 10), 0), Err(ReplayError::Full));
        assert_eq!(cache.take(&assertion("b", "1", 10), 0), Ok(()));
        assert_eq!(cache.take(&assertion("a", "3", 20), 10), Ok(()));
        assert!(cache.taken.len() == 1 && cache.by_expiry.len() == 1 && cache.of_member.len() == 1);
    }
}
