//! A stretch of a chain with its bodies, checked entry by entry: what a full witness verifies before it countersigns.
//!
//! Kept true of a stretch that passes: every entry is of a kind that its chain holds; every body is the one behind its
//! entry; batches are whole, of providers admitted to the chain, with signatures and proofs that hold, for the chain's own
//! region; documents are what they have to be by themselves. What takes more than the stretch is for the caller, who is
//! given what it needs: that a record id stands once in the whole chain, that a seal's cells are the sums of its epoch,
//! that anchors extend those before them, that who ordered an erasure owns the record.
//!
//! A contribution without its body was erased, or is kept back. Its batch's proofs cannot be verified any more; the caller
//! then needs the word of a quorum that did, and the erasure further on in the chain.
//!
//! Errors name chain and leaf. Cost: 0.4 ms of a core a contribution, nearly all for its proofs, on all cores.

use nacre_ledger::signing;
use nacre_schemas::{
    Digest, Document, Signed,
    anchor::Anchor,
    batch::BatchStatement,
    catalogue::Catalogue,
    contribution::Commitments,
    cross::CrossRequest,
    entry::{AnchorEntry, BatchEntry, Entry, SealEntry},
    erasure::Erasure,
    evidence::Dispute,
    grant::{Access, Grant, Revocation},
    id::MemberId,
    limits,
    members::{MemberContribution, MembersPage},
    membership::{MemberRole, Membership},
    query::{Request, SignedRequest},
    topology::ChainKind,
    trust::Chain,
};
use nacre_zk::batch::{self, MemberBatch, MemberView};
use rand::{CryptoRng, RngCore};

use crate::{
    Network, cross, dispute, erasure,
    failure::{Check, Failure, OrFailure as _, ensure},
    grant, logged, membership,
};

/// Finds a member's admission.
pub type Admissions<'a> = dyn Fn(&MemberId) -> Option<Membership> + 'a;

/// What stands at a leaf, checked as far as the stretch allows.
#[derive(Clone, Debug)]
pub enum Stands {
    /// A contribution.
    Contribution {
        /// Its C's.
        commitments: Commitments,
        /// Its body; none if it was erased.
        body: Option<Box<MemberContribution>>,
    },
    /// A batch; the bodies of all its contributions are there, and its proofs hold, or one at least is missing.
    Batch {
        /// Whether the proofs were verified.
        proven: bool,
    },
    /// A seal.
    Seal(SealEntry),
    /// The anchor of a child, with its body.
    Anchor(AnchorEntry, Anchor),
    /// An erasure of the contribution at that leaf.
    Erasure(u64, Signed<Erasure>),
    /// A document that stands by itself.
    Document,
}

/// A checked entry.
#[derive(Clone, Debug)]
pub struct CheckedEntry {
    /// Position.
    pub leaf: u64,
    /// Leaf hash.
    pub hash: Digest,
    /// What it is.
    pub stands: Stands,
}

/// Checks a stretch of the chain.
pub fn check<R: RngCore + CryptoRng>(
    page: &MembersPage,
    chain: &Chain,
    network: &Network,
    admissions: &Admissions<'_>,
    rng: &mut R,
) -> Result<Vec<CheckedEntry>, Failure> {
    // One beyond the last is counted to as well.
    let counted = page.first.checked_add(page.entries.len() as u64 + 1);
    ensure(counted.is_some(), Check::Entry, &chain.id, "its leaves run past the largest index there is")?;
    let reading = Reading { chain, network, admissions };
    let mut checked = Vec::with_capacity(page.entries.len());
    let mut open: Option<OpenBatch> = None;
    let mut batches = Vec::new();
    for (leaf, shown) in (page.first..).zip(&page.entries) {
        let place = format!("{} leaf {leaf}", chain.id);
        let entry = Entry::from_canonical(shown.entry.as_bytes()).or_failure(Check::Entry, &place)?;
        let hash = entry.leaf_hash();
        let body = shown.body.as_bytes();
        let stands = match (&mut open, entry) {
            (Some(batch), Entry::Contribution(entry)) => {
                let body = reading.contribution(&entry.commitments, hash, body, &place)?;
                batch.take(hash, entry.commitments.clone(), body.clone());
                Stands::Contribution { commitments: entry.commitments, body: body.map(Box::new) }
            }
            (None, Entry::Contribution(_)) => return Err(fault(&place, "a contribution outside a batch")),
            (Some(_), _) => return Err(fault(&place, "the batch before it is not whole")),
            (None, Entry::Batch(entry)) => {
                open = Some(reading.batch(leaf, &entry, body, &place)?);
                // Set when the batch is whole.
                Stands::Batch { proven: false }
            }
            (None, entry) => reading.single(entry, body, &place)?,
        };
        checked.push(CheckedEntry { leaf, hash, stands });
        if let Some(batch) = open.take_if(|batch| batch.missing == 0) {
            batches.push(batch.close(chain)?);
        }
    }
    if let Some(batch) = open {
        return Err(fault(&format!("{} leaf {}", chain.id, batch.leaf), "the stretch ends inside a batch"));
    }
    verify_proofs(&batches, page.first, &mut checked, chain, network, rng)?;
    Ok(checked)
}

fn fault(place: &str, detail: &str) -> Failure {
    Failure::new(Check::Entry, place, detail)
}

/// Verifies the proofs of all batches whose bodies are all there, as one.
fn verify_proofs<R: RngCore + CryptoRng>(
    batches: &[OpenBatch],
    first: u64,
    checked: &mut [CheckedEntry],
    chain: &Chain,
    network: &Network,
    rng: &mut R,
) -> Result<(), Failure> {
    let whole: Vec<(&OpenBatch, MemberBatch<'_>)> =
        batches.iter().filter_map(|batch| batch.view().map(|view| (batch, view))).collect();
    let views: Vec<MemberBatch<'_>> = whole.iter().map(|(_, view)| view.clone()).collect();
    let verdicts = batch::verify_all(network.key(), Catalogue::built_in(), &views, rng);
    for ((batch, _), verdict) in whole.iter().zip(verdicts) {
        verdict.or_failure(Check::Batch, format_args!("{} leaf {}", chain.id, batch.leaf))?;
        checked[(batch.leaf - first) as usize].stands = Stands::Batch { proven: true };
    }
    Ok(())
}

/// A batch while its contributions are read.
struct OpenBatch {
    leaf: u64,
    body: Signed<BatchStatement>,
    missing: u32,
    leaves: Vec<Digest>,
    contributions: Vec<(Commitments, Option<MemberContribution>)>,
}

impl OpenBatch {
    fn take(&mut self, hash: Digest, commitments: Commitments, body: Option<MemberContribution>) {
        self.missing -= 1;
        self.leaves.push(hash);
        self.contributions.push((commitments, body));
    }

    /// The contributions are those that the provider signed.
    fn close(self, chain: &Chain) -> Result<Self, Failure> {
        let place = format_args!("{} leaf {}", chain.id, self.leaf);
        let signed = self.leaves == self.body.statement.leaves;
        ensure(signed, Check::Batch, place, "the provider signed other contributions than follow it")?;
        Ok(self)
    }

    /// What the proofs are about, if all bodies are there.
    fn view(&self) -> Option<MemberBatch<'_>> {
        fn view((commitments, body): &(Commitments, Option<MemberContribution>)) -> Option<MemberView<'_>> {
            let MemberContribution { openings, restricted } = body.as_ref()?;
            Some(MemberView { commitments, openings, restricted: *restricted })
        }
        Some(MemberBatch {
            chain: &self.body.statement.chain,
            provider: &self.body.statement.provider,
            contributions: self.contributions.iter().map(view).collect::<Option<_>>()?,
            range_proof: self.body.statement.range_proof.as_bytes(),
        })
    }
}

/// What entries are read against.
struct Reading<'a> {
    chain: &'a Chain,
    network: &'a Network,
    admissions: &'a Admissions<'a>,
}

impl Reading<'_> {
    fn admission(&self, member: &MemberId, place: &str) -> Result<Membership, Failure> {
        let unknown =
            || Failure::new(Check::Admission, member, format_args!("it is not admitted, and stands at {place}"));
        (self.admissions)(member).ok_or_else(unknown)
    }

    fn batch(&self, leaf: u64, entry: &BatchEntry, body: &[u8], place: &str) -> Result<OpenBatch, Failure> {
        let body: Signed<BatchStatement> = behind(entry.body, body, place)?;
        let statement = &body.statement;
        let here = statement.chain == self.chain.id;
        ensure(here, Check::Batch, place, format_args!("it is for {}", statement.chain))?;
        let provider = self.admission(&statement.provider, place)?;
        membership::check_role(&provider, MemberRole::Provider, &self.chain.id)?;
        signing::verify(&provider.signing_key, &body).or_failure(Check::Batch, place)?;
        let sized = (1..=limits::MAX_BATCH_CONTRIBUTIONS as u32).contains(&entry.contributions);
        ensure(sized, Check::Batch, place, format_args!("it is of {} contributions", entry.contributions))?;
        Ok(OpenBatch { leaf, body, missing: entry.contributions, leaves: Vec::new(), contributions: Vec::new() })
    }

    fn contribution(
        &self,
        commitments: &Commitments,
        hash: Digest,
        body: &[u8],
        place: &str,
    ) -> Result<Option<MemberContribution>, Failure> {
        if body.is_empty() {
            return Ok(None);
        }
        let body = MemberContribution::from_canonical(body).or_failure(Check::Entry, place)?;
        let same = body.entry(commitments.clone()).leaf_hash() == hash;
        ensure(same, Check::Entry, place, "another body is shown than the entry commits to")?;
        let region = body.openings.header.cell.region;
        let home = self.chain.region == Some(region);
        ensure(home, Check::Entry, place, format_args!("its region {region} is not the chain's"))?;
        Ok(Some(body))
    }

    /// Any entry that is no part of a batch.
    fn single(&self, entry: Entry, body: &[u8], place: &str) -> Result<Stands, Failure> {
        let kind = entry.kind();
        Ok(match entry {
            Entry::Seal(seal) => Stands::Seal(seal),
            Entry::Erasure(entry) => {
                let order: Signed<Erasure> = behind(entry.order, body, place)?;
                let provider = self.admission(&order.statement.provider, place)?;
                erasure::check(&order, &provider, &self.chain.id)?;
                Stands::Erasure(entry.leaf, order)
            }
            Entry::Anchor(entry) => {
                Stands::Anchor(entry, Anchor::from_canonical(body).or_failure(Check::Entry, place)?)
            }
            Entry::Membership(digest) => {
                membership::check(&behind::<Signed<Membership>>(digest, body, place)?, self.network)?;
                Stands::Document
            }
            Entry::Request(digest) => {
                self.request(&behind(digest, body, place)?, place)?;
                Stands::Document
            }
            Entry::CrossRequest(digest) => {
                self.cross_request(&behind(digest, body, place)?, place)?;
                Stands::Document
            }
            // `verify` checks a release by itself, whoever logged it.
            Entry::Release(_) => Stands::Document,
            Entry::Dispute(digest) => {
                let signed: Signed<Dispute> = behind(digest, body, place)?;
                let judicial = self.chain.id.kind() == Some(ChainKind::Judicial);
                ensure(judicial, Check::Entry, place, "disputes stand on the judicial chain")?;
                dispute::check(&signed, &self.admission(&signed.statement.claimant, place)?, self.network)?;
                Stands::Document
            }
            Entry::Grant(digest) => {
                let signed: Signed<Grant> = behind(digest, body, place)?;
                grant::check(&signed, &self.admission(&signed.statement.terms.provider, place)?, &self.chain.id)?;
                Stands::Document
            }
            Entry::Revocation(digest) => {
                let signed: Signed<Revocation> = behind(digest, body, place)?;
                let provider = self.admission(&signed.statement.provider, place)?;
                grant::check_revocation(&signed, &provider, &self.chain.id)?;
                Stands::Document
            }
            Entry::Access(digest) => {
                let signed: Signed<Access> = behind(digest, body, place)?;
                grant::check_access(&signed, &self.admission(&signed.statement.grantee, place)?, &self.chain.id)?;
                Stands::Document
            }
            _ => return Err(fault(place, &format!("a chain holds no {kind} there"))),
        })
    }

    /// Whether a request was asked under this trust root. One under an earlier trust root was checked when it was logged; its
    /// keys may be gone since.
    fn is_present(&self, trust: &Digest, place: &str) -> Result<bool, Failure> {
        let present = *trust == self.network.digest();
        let counts = present || self.network.root().earlier.contains(trust);
        ensure(counts, Check::RequestForm, place, "it is asked under a trust root that this does not follow")?;
        Ok(present)
    }

    fn cross_request(&self, signed: &SignedRequest<CrossRequest>, place: &str) -> Result<(), Failure> {
        ensure(self.chain.id == cross::main_chain(), Check::Entry, place, "cross requests stand on another chain")?;
        if self.is_present(&signed.request.trust, place)? {
            let requester = self.admission(&signed.request.requester, place)?;
            cross::check_request(signed, &requester, self.network)?;
        }
        Ok(())
    }

    fn request(&self, signed: &SignedRequest<Request>, place: &str) -> Result<(), Failure> {
        if !self.is_present(&signed.request.trust, place)? {
            return Ok(());
        }
        let requester = self.admission(&signed.request.requester, place)?;
        let measure = &signed.request.measure;
        let unknown = || Failure::new(Check::Definition, place, format_args!("the catalogue has no measure {measure}"));
        let definition = Catalogue::built_in().find(measure).ok_or_else(unknown)?;
        logged::check_request(signed, &requester, self.network, definition)
    }
}

/// The document of that digest.
fn behind<T: Document>(digest: Digest, body: &[u8], place: &str) -> Result<T, Failure> {
    ensure(Digest::of(body) == digest, Check::Entry, place, "another body is shown than the entry commits to")?;
    T::from_canonical(body).or_failure(Check::Entry, place)
}
