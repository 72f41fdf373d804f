//! Claims: which record ids an intake is about to append, so that two posts of one record cannot both pass.
//!
//! Kept true: an id is claimed once at a time; it is looked up in the tables only while it is claimed, after they have
//! followed the log; and it stays claimed until its intake has ended, whichever way. So ids in flight and ids in the
//! tables are seen as one: whoever finds an id new is the only one who can append it.
//!
//! A post that meets claimed ids waits for them to be freed and then sees what became of them. Cost: a set in memory.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use nacre_schemas::Digest;
use tokio::sync::Notify;

/// The claims of one chain.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    held: Mutex<HashSet<Digest>>,
    freed: Notify,
}

/// Ids that are claimed for as long as this lives.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    records: Vec<Digest>,
    claims: &'a Claims,
}

impl Claims {
    /// Claims all the ids at once, as soon as none of them is claimed by another.
    pub(crate) async fn claim(&self, records: &[Digest]) -> Claim<'_> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // From here on a freeing is noticed, even one before the wait below begins.
            freed.as_mut().enable();
            if self.try_claim(records) {
                return Claim { records: records.to_vec(), claims: self };
            }
            freed.await;
        }
    }

    fn try_claim(&self, records: &[Digest]) -> bool {
        let mut held = self.held();
        let free = !records.iter().any(|record| held.contains(record));
        if free {
            held.extend(records);
        }
        free
    }

    /// A set of digests is whole after any panic.
    fn held(&self) -> MutexGuard<'_, HashSet<Digest>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut held = self.claims.held();
        for record in &self.records {
            held.remove(record);
        }
        drop(held);
        self.claims.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;

    fn id(number: u8) -> Digest {
        Digest([number; 32])
    }

    async fn waits(claims: &Claims, records: &[Digest]) -> bool {
        tokio::time::timeout(Duration::from_millis(50), claims.claim(records)).await.is_err()
    }

    #[tokio::test]
    async fn a_claimed_id_is_waited_for_and_others_pass() {
        let claims = Claims::default();
        let first = claims.claim(&[id(1), id(2)]).await;
        assert!(!waits(&claims, &[id(3)]).await);
        assert!(waits(&claims, &[id(3), id(2)]).await);
        assert!(!waits(&claims, &[id(3)]).await, "a claim that waits holds nothing");
        drop(first);
        assert!(!waits(&claims, &[id(3), id(2)]).await);
    }

    #[tokio::test]
    async fn whoever_waits_goes_on_when_the_ids_are_freed() {
        let claims = Arc::new(Claims::default());
        let first = claims.claim(&[id(1)]).await;
        let second = tokio::spawn({
            let claims = Arc::clone(&claims);
            async move { claims.claim(&[id(1)]).await.records.clone() }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!second.is_finished());
        drop(first);
        assert_eq!(second.await.unwrap(), [id(1)]);
    }
}
