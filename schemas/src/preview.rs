//! A preview: what a custodian would withhold of a request if it were logged next, and why. It opens nothing.
//!
//! A preview tells which groups are too small, as an answer would; so it is signed and logged by the custodian like an
//! answer, is given to admitted requesters alone, and only so many an hour.

use crate::{
    Digest, Signed,
    answer::{CustodianId, Rule},
    canonical::Item,
    document, limits,
    query::{GroupKey, Quantity},
    statement, structure,
};

structure! {
    /// What would become of one quantity.
    pub struct QuantityRuling {
        /// Which.
        pub quantity: Quantity,
        /// The rule that would withhold it; none if it would be opened.
        pub withheld: Option<Rule>,
    }
}

impl Item for QuantityRuling {
    const MAX_COUNT: usize = 3 + limits::MAX_BANDS;
}

structure! {
    /// What would become of one group, in the order of the request's quantities.
    pub struct GroupRuling {
        /// Which.
        pub group: GroupKey,
        /// Its quantities.
        pub quantities: Vec<QuantityRuling>,
    }
}

impl Item for GroupRuling {
    const MAX_COUNT: usize = limits::MAX_GROUPS;
}

structure! {
    /// A preview, signed by the custodian with its SM2 key.
    pub struct Preview {
        /// Digest of the [`crate::query::Request`].
        pub request: Digest,
        /// Who looked.
        pub custodian: CustodianId,
        /// Entries of the main chain that were taken into account: requests logged after them can change the outcome.
        pub size: u64,
        /// The groups, in order.
        pub groups: Vec<GroupRuling>,
    }
}
document!(Preview, b"NcPv", 16 << 20);
statement!(Preview, "nacre preview v1\n");
document!(Signed<Preview>, b"NcSv", 16 << 20);
