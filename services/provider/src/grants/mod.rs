//! Grants: records that were posted stay readable for those whom the patient lets read them.
//!
//! Data flow: [`consent`] reads a FHIR Consent to terms; [`give`] encrypts the payload's key to the grantee's SM2 key, signs
//! and has it logged; [`fetch`] is the grantee's side: it signs an access, which the exchange logs, checks what it is handed
//! over, and opens it.
//!
//! Kept true: a grant is in the outbox before it is sent, so after a crash the same one is sent; on the same terms there is one;
//! a payload's key is in the clear in memory only, and overwritten there; nothing that an exchange answers is believed:
//! the grantee's admission, the log's word and what is handed over are checked against the trust root.
//!
//! Errors: [`GrantError`]. Cost: two exchanges with the server a grant, one an access.

pub(crate) mod consent;
mod fetch;
mod give;

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt as _, stream};
use jiff::{Timestamp, ToSpan as _};
use nacre_access::client::{Client, ClientError};
use nacre_hosting::trust;
use nacre_schemas::{
    Digest, Document as _,
    grant::{GrantState, Purpose, Terms},
    id::{ChainId, MemberId},
};
use nacre_verifier::{Failure, Network};
use nacre_wire::exchange::{GET_GRANTS, UNKNOWN_GRANT, WhichGrants};
use serde::Serialize;

pub use self::{
    consent::{ConsentProblem, Permission},
    fetch::{FetchSummary, Fetched, fetch},
    give::{ConsentSummary, Given, grant, grant_by_consent, revoke},
};
use crate::{
    OutboxError, PostError,
    config::{Config, UtcOffset},
    fhir::effective::latest_moment,
    keys::Keys,
    seal::payload::OpenError,
};

/// Chains that are asked at a time.
const CONCURRENT_CHAINS: usize = 8;

/// Why something was not granted, revoked, listed or fetched.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// Nothing of that name was posted from here.
    #[error("no record {0} was posted from here; `nacre provider receipts` lists those that were")]
    Unknown(Digest),
    /// It was posted and erased.
    #[error("the record {0} was erased")]
    Erased(Digest),
    /// No such grant.
    #[error(
        "no grant {0} was given to here on the chains that the configuration names and whose exchanges answer; \
         `nacre provider grants` lists those that were"
    )]
    UnknownGrant(Digest),
    /// Not a moment.
    #[error("`{0}` is no moment: write a day, as 2027-03-31, which is included, or a time with an offset from UTC")]
    Until(String),
    /// The Consent is not followed.
    #[error("the Consent is not followed: {0}")]
    Consent(#[from] ConsentProblem),
    /// The grantee's admission, or its key.
    #[error("{grantee} cannot be granted anything: {detail}")]
    Grantee {
        /// Who.
        grantee: MemberId,
        /// Why.
        detail: String,
    },
    /// A payload of one's own does not open.
    #[error("the payload of the record {record}: {source}")]
    Payload {
        /// The record.
        record: Digest,
        /// Why.
        source: OpenError,
    },
    /// The key that was handed over does not open.
    #[error("the key that was granted with {0} does not open with this member's signing key")]
    Key(Digest),
    /// An exchange refused, or is not there.
    #[error("{chain}: {source}")]
    Exchange {
        /// Its chain.
        chain: ChainId,
        /// How it ended.
        source: Box<ClientError>,
    },
    /// An exchange answered something that does not hold.
    #[error("what the exchange shows does not hold: {0}")]
    Check(#[from] Failure),
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    NoRandomness,
    /// What posting needs too.
    #[error(transparent)]
    Post(#[from] PostError),
}

impl GrantError {
    /// Whether an exchange says that it knows no such grant.
    fn is_unknown_grant(&self) -> bool {
        let Self::Exchange { source, .. } = self else { return false };
        source.problem().is_some_and(|problem| problem.word() == UNKNOWN_GRANT.word)
    }
}

impl From<OutboxError> for GrantError {
    fn from(error: OutboxError) -> Self {
        Self::Post(error.into())
    }
}

/// The end that a text means, exclusive, in Unix seconds: a day without a time is included.
pub fn parse_until(text: &str, offset: UtcOffset) -> Result<u64, GrantError> {
    let explain = || GrantError::Until(text.to_owned());
    let moment = latest_moment(text).map_err(|_| explain())?;
    let end = match moment.instant {
        Some(instant) => instant,
        None => {
            let next = moment.day.checked_add(1.day()).map_err(|_| explain())?;
            offset.0.to_timestamp(next.at(0, 0, 0, 0)).map_err(|_| explain())?
        }
    };
    u64::try_from(end.as_second()).map_err(|_| explain())
}

/// The network, the provider's keys, and the exchanges that it knows the addresses of.
struct Site {
    member: MemberId,
    home: ChainId,
    network: Network,
    keys: Keys,
    clients: BTreeMap<ChainId, Client>,
}

impl Site {
    fn open(config: &Config) -> Result<Self, GrantError> {
        let network = trust::read_of_any_catalogue(&config.trust).map_err(PostError::from)?;
        let keys = Keys::read(config).map_err(PostError::from)?;
        let mut clients = BTreeMap::new();
        let own = std::iter::once((&config.chain, &config.exchange));
        for (chain, url) in config.exchanges.iter().chain(own) {
            let client = Client::new(url, config.member.clone(), Arc::clone(&keys.access), &keys.tls);
            let client = client.map_err(|error| blame(chain, error))?;
            clients.insert(chain.clone(), client);
        }
        Ok(Self { member: config.member.clone(), home: config.chain.clone(), network, keys, clients })
    }

    /// The exchange of the provider's own chain.
    fn own(&self) -> &Client {
        &self.clients[&self.home]
    }

    /// The member's grants on a chain.
    async fn grants_on(&self, chain: &ChainId) -> Result<Vec<ListedGrant>, GrantError> {
        let (client, mut from, mut listed) = (&self.clients[chain], 0, Vec::new());
        loop {
            let wanted = WhichGrants { slug: chain.into(), from: Some(from) };
            let page = client.get(GET_GRANTS, &wanted).await.map_err(|error| blame(chain, error))?;
            for one in page.grants {
                let grant = one.signed.digest();
                listed.push(ListedGrant {
                    grant,
                    is_given: one.signed.statement.terms.provider == self.member,
                    terms: one.signed.statement.terms,
                    leaf: one.leaf,
                    state: one.state,
                    accesses: one.accesses,
                });
            }
            match page.next {
                Some(next) if next > from => from = next,
                _ => return Ok(listed),
            }
        }
    }

    /// The member's grants on all chains that take records and whose exchanges are known.
    async fn grants(&self) -> Result<GrantList, GrantError> {
        let takes_records =
            |chain: &&ChainId| self.network.root().chain(chain).is_some_and(|facts| facts.region.is_some());
        let chains: Vec<&ChainId> = self.clients.keys().filter(takes_records).collect();
        let mut asked = stream::iter(chains).map(|chain| self.grants_on(chain)).buffered(CONCURRENT_CHAINS);
        let mut list = GrantList::default();
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(listed) => list.grants.extend(listed),
                // One exchange that is away does not hide what others have.
                Err(GrantError::Exchange { chain, source }) => {
                    list.unreachable.push(Unreachable { chain, detail: source.to_string() });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(list)
    }
}

fn blame(chain: &ChainId, error: ClientError) -> GrantError {
    GrantError::Exchange { chain: chain.clone(), source: Box::new(error) }
}

/// A grant that the member gave or was given, as its chain's exchange says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ListedGrant {
    /// Its name.
    pub grant: Digest,
    /// Whether the member gave it; else it was given to it.
    pub is_given: bool,
    /// What is granted.
    pub terms: Terms,
    /// Its leaf.
    pub leaf: u64,
    /// Whether it counts.
    pub state: GrantState,
    /// How often the record was read by it.
    pub accesses: u64,
}

/// A chain whose exchange did not say what it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unreachable {
    /// The chain.
    pub chain: ChainId,
    /// Why not.
    pub detail: String,
}

/// The grants that a member gave or was given.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GrantList {
    /// The grants, by chain and leaf.
    pub grants: Vec<ListedGrant>,
    /// Chains that may have more.
    pub unreachable: Vec<Unreachable>,
}

/// The grants that the member gave or was given.
pub async fn grants(config: &Config) -> Result<GrantList, GrantError> {
    Site::open(config)?.grants().await
}

/// On what terms records are granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantTerms {
    /// To whom.
    pub grantee: MemberId,
    /// For what.
    pub purpose: Purpose,
    /// Until when, exclusive: Unix seconds.
    pub until: u64,
}

fn now() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or_default()
}
