//! Key ceremonies between hosts: a jurisdiction's custodians generate its key, or share it anew, each at home, over
//! files that anything may carry. The mathematics is [`nacre_zk::custody::key_ceremony`]'s, the operators' page is
//! `docs/key-ceremony.md`.
//!
//! ```text
//! agreement → round_1: commitment, encryption key → all
//!           → round_2: everyone's round 1 checked → a dealing to each receiver, with the heads of what was seen
//!           → finish:  heads compared, dealings checked → share.hex; the public keys → all
//! ```
//!
//! Kept true:
//! * A message counts only if the key that the agreement gives its sender signed it, for this ceremony, step and
//!   receiver. Carriers can delay and drop, no more.
//! * Everyone who gets a share has seen the same round 1 as every dealer, or whoever told two stories is named, with both
//!   stories signed (`evidence-….json`).
//! * Every step can be run again, at any point of an interruption: it sends the same, or goes on where it was.
//! * Secrets are in files of mode 0600, and destroyed with the step that consumes them. What is dealt is encrypted to keys
//!   that do not outlive the ceremony, and not to signing keys: the files may lie about for years, and whoever gets hold of
//!   the signing keys later would read t dealings of each, and have the jurisdiction's key.
//!
//! Errors: [`CeremonyError`], naming who is missing and who cheated. Cost: some milliseconds a step.

mod agreement;
pub mod endorsement;
mod error;
mod files;
mod message;
mod results;
mod scheme;
mod state;
mod status;

use std::{collections::BTreeMap, path::PathBuf};

use nacre_hosting::secret;
use nacre_ledger::{
    sealing::{self, DecryptionKey},
    signing::SigningKey,
};
use nacre_schemas::{
    Blob, Document, Signed,
    ceremony::{FirstRound, Head, Message, Outcome, Participant, SecondRound, Step, dealing_context},
};
use nacre_zk::{
    custody::{GroupKeys, KeyShare, ceremony::Dealing},
    share::SecretShare,
};
use zeroize::Zeroizing;

pub use agreement::{Agreement, Listed, MIN_DIGEST_DIGITS, Roster};
pub use error::CeremonyError;
pub use files::{Folder, MAX_MESSAGE_BYTES, replace};
pub use results::{Results, results};
pub use status::{Progress, status};

use message::{Expected, Sender};
use scheme::{Commitments, Scheme, Sent};
use state::{Stage, State};

/// One participant's side of a ceremony.
pub struct Session<'a> {
    folder: Folder,
    agreement: Agreement,
    key: &'a SigningKey,
    /// Its place among the participants.
    own: usize,
}

/// Round 1 as this participant saw it: a message of everyone, in the agreement's order.
struct FirstMessages(Vec<Message<FirstRound>>);

/// What a finished ceremony left here.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The keys that this participant came to; of one that leaves, those that the others did, if all have.
    pub keys: Option<GroupKeys>,
    /// Where its share is; none if it leaves.
    pub share: Option<PathBuf>,
    /// The others whose results have not come yet.
    pub waiting: Vec<String>,
}

impl<'a> Session<'a> {
    /// Opens a folder with an agreement in it, for the participant whose signing key this is.
    pub fn open(folder: Folder, key: &'a SigningKey) -> Result<Self, CeremonyError> {
        let agreement = Agreement::read(&folder)?;
        let public = key.public();
        let own = agreement.senders.iter().position(|sender| sender.key == public);
        let own = own.ok_or(CeremonyError::NotTakingPart(public))?;
        folder.prepare()?;
        Ok(Self { folder, agreement, key, own })
    }

    /// What is agreed on.
    pub fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// This participant.
    pub fn own(&self) -> &Participant {
        &self.agreement.ceremony().participants[self.own]
    }

    fn sender(&self) -> &Sender {
        &self.agreement.senders[self.own]
    }

    fn expected<'b>(
        &self,
        step: Step,
        sender: &'b Sender,
        receiver: Option<&'b nacre_schemas::id::MemberId>,
    ) -> Expected<'b> {
        Expected { subject: self.agreement.digest(), step, sender, receiver }
    }

    fn sign<B: Document>(&self, step: Step, receiver: Option<&nacre_schemas::id::MemberId>, body: B) -> Message<B> {
        message::sign(self.key, self.agreement.digest(), step, &self.sender().name, receiver, body)
    }

    /// Round 1: chooses a polynomial if it deals, and a key to be sent dealings with if it receives. In a resharing a
    /// dealer gives the bytes of its share of the old key. Gives the file to bring to everyone.
    pub fn round_1(&self, old_share: Option<&SecretShare>) -> Result<PathBuf, CeremonyError> {
        let path = self.folder.out(&files::name(self.sender().name.as_str(), Step::FirstRound, None));
        if let Some(state) = State::load(&self.folder, Stage::Committed)? {
            files::replace(&path, &state.message)?;
            return Ok(path);
        }
        let sent = self.expected(Step::FirstRound, self.sender(), None).outgoing::<FirstRound>(&self.folder)?;
        if sent.is_some() {
            return Ok(path);
        }
        let own = self.own();
        let mut polynomial = Zeroizing::default();
        let mut commitment = None;
        if let Some(number) = own.deals {
            let share = self.old_share(number, old_share)?;
            let (state, bytes) = self.agreement.scheme.begin(number, share.as_ref())?;
            polynomial = state;
            commitment = Some(Blob::new(bytes).map_err(nacre_zk::custody::CustodyError::from)?);
        }
        let decryption = match own.receives {
            Some(_) => Some(DecryptionKey::generate().ok_or(CeremonyError::NoRandomness)?),
            None => None,
        };
        let encryption_key = decryption.as_ref().map(DecryptionKey::public);
        let message = self.sign(Step::FirstRound, None, FirstRound { encryption_key, commitment });
        let message = files::to_json(&path, &message)?;
        let state = State { polynomial, decryption, message };
        // The state first: a message that is out has its secrets behind it, whatever happens next.
        state.store(&self.folder, Stage::Committed)?;
        files::replace(&path, &state.message)?;
        Ok(path)
    }

    /// The share that a dealer deals out, put together with the public keys that the agreement states.
    fn old_share(&self, number: u16, secret: Option<&SecretShare>) -> Result<Option<KeyShare>, CeremonyError> {
        match (&self.agreement.scheme, secret) {
            (Scheme::Resharing(resharing), Some(secret)) => {
                Ok(Some(KeyShare::new(resharing.previous().clone(), number, secret.clone())?))
            }
            _ => Ok(None),
        }
    }

    /// Everyone's message of round 1, its own from what went out.
    fn first_messages(&self) -> Result<FirstMessages, CeremonyError> {
        let (mut messages, mut missing) = (Vec::new(), Vec::new());
        for (position, sender) in self.agreement.senders.iter().enumerate() {
            let expected = self.expected(Step::FirstRound, sender, None);
            let message = if position == self.own {
                Some(expected.outgoing::<FirstRound>(&self.folder)?.ok_or(CeremonyError::Early("round 1"))?)
            } else {
                expected.incoming::<FirstRound>(&self.folder)?
            };
            match message {
                None => missing.push(sender.title.clone()),
                Some(message) => {
                    let participant = &self.agreement.ceremony().participants[position];
                    complete(participant, &sender.title, &message.body)?;
                    messages.push(message);
                }
            }
        }
        if missing.is_empty() {
            return Ok(FirstMessages(messages));
        }
        Err(CeremonyError::Waiting { step: Step::FirstRound, senders: missing })
    }

    fn commitments(&self, messages: &FirstMessages) -> Commitments {
        let dealt = self.agreement.ceremony().participants.iter().zip(&self.agreement.senders).zip(&messages.0);
        let one = |((participant, sender), message): ((&Participant, &Sender), &Message<FirstRound>)| {
            let bytes = message.body.commitment.as_ref()?.as_bytes().to_vec();
            Some((participant.deals?, Sent { sender: sender.title.clone(), bytes }))
        };
        dealt.filter_map(one).collect()
    }

    /// Round 2: checks everyone's round 1, and deals. Gives the files, each for one receiver; none if it does not deal.
    pub fn round_2(&self) -> Result<Vec<PathBuf>, CeremonyError> {
        let Some(number) = self.own().deals else {
            self.first_messages()?;
            return Ok(Vec::new());
        };
        let dealt_before = State::load(&self.folder, Stage::Dealt)?.is_some();
        let state = State::load(&self.folder, Stage::Committed)?.filter(|_| !dealt_before);
        let Some(state) = state else {
            State::destroy(&self.folder, Stage::Committed)?;
            return self.dealt();
        };
        let messages = self.first_messages()?;
        let commitments = self.commitments(&messages);
        let (next, dealings) =
            self.agreement.scheme.deal(number, &state.polynomial, &commitments).map_err(self.naming())?;
        let seen: Vec<Signed<Head>> = messages.0.iter().map(|message| message.signed.clone()).collect();
        for receiver in self.receivers() {
            let Some(dealing) = dealings.get(&receiver.number) else { continue };
            let Some(to) = messages.0[receiver.position].body.encryption_key else { continue };
            let name = &self.agreement.senders[receiver.position].name;
            let context = dealing_context(&self.agreement.digest(), &self.sender().name, name);
            let sealed = sealing::seal(&to, &context, &dealing.to_bytes()?)
                .ok_or_else(|| CeremonyError::EncryptionKey(self.agreement.senders[receiver.position].title.clone()))?;
            let sealed = Blob::new(sealed).map_err(nacre_zk::custody::CustodyError::from)?;
            let body = SecondRound { seen: seen.clone(), sealed };
            self.folder.send(&self.sign(Step::SecondRound, Some(name), body))?;
        }
        // Interrupted up to here, the same is dealt again, from the same polynomial. Then the polynomial goes.
        if self.own().receives.is_some() {
            let state = State { polynomial: next, decryption: state.decryption, message: Vec::new() };
            state.store(&self.folder, Stage::Dealt)?;
        }
        State::destroy(&self.folder, Stage::Committed)?;
        self.dealt()
    }

    /// The files of round 2 that went out.
    fn dealt(&self) -> Result<Vec<PathBuf>, CeremonyError> {
        let mut paths = Vec::new();
        for receiver in self.receivers() {
            if receiver.position == self.own && !self.agreement.scheme.deals_to_itself() {
                continue;
            }
            let name = &self.agreement.senders[receiver.position].name;
            let expected = self.expected(Step::SecondRound, self.sender(), Some(name));
            expected.outgoing::<SecondRound>(&self.folder)?.ok_or(CeremonyError::Early("round 1"))?;
            let file = files::name(self.sender().name.as_str(), Step::SecondRound, Some(name.as_str()));
            paths.push(self.folder.out(&file));
        }
        Ok(paths)
    }

    fn receivers(&self) -> impl Iterator<Item = Receiver> {
        let participants = self.agreement.ceremony().participants.iter().enumerate();
        participants.filter_map(|(position, participant)| Some(Receiver { position, number: participant.receives? }))
    }

    /// Last: compares what everyone saw of round 1, checks the dealings, and puts its share into `share.hex`. Run again, it
    /// looks for the others' results and compares them.
    pub fn finish(&self) -> Result<Finished, CeremonyError> {
        let Some(number) = self.own().receives else {
            return self.compare(None);
        };
        let sent = self.expected(Step::Result, self.sender(), None).outgoing::<Outcome>(&self.folder)?;
        let keys = match sent {
            Some(sent) => agreement::group_keys(&self.agreement.ceremony().jurisdiction, &sent.body.keys)?,
            None => {
                let share = self.receive(number)?;
                self.keep(&share)?;
                self.folder.send(&self.sign(Step::Result, None, Outcome { keys: share.keys().stated() }))?;
                share.keys().clone()
            }
        };
        State::destroy(&self.folder, Stage::Committed)?;
        State::destroy(&self.folder, Stage::Dealt)?;
        self.compare(Some(keys))
    }

    fn receive(&self, number: u16) -> Result<KeyShare, CeremonyError> {
        let (stage, before) =
            if self.own().deals.is_some() { (Stage::Dealt, "round 2") } else { (Stage::Committed, "round 1") };
        let state = State::load(&self.folder, stage)?.ok_or(CeremonyError::Early(before))?;
        let messages = self.first_messages()?;
        let decryption = state.decryption.as_ref().ok_or(CeremonyError::Early(before))?;
        let (mut dealings, mut missing) = (BTreeMap::new(), Vec::new());
        for (position, participant) in self.agreement.ceremony().participants.iter().enumerate() {
            let Some(dealer) = participant.deals else { continue };
            let itself = position == self.own;
            if itself && !self.agreement.scheme.deals_to_itself() {
                continue;
            }
            let sender = &self.agreement.senders[position];
            let expected = self.expected(Step::SecondRound, sender, Some(&self.sender().name));
            let message = if itself { expected.outgoing(&self.folder)? } else { expected.incoming(&self.folder)? };
            match message {
                None => missing.push(sender.title.clone()),
                Some(message) => {
                    let message: Message<SecondRound> = message;
                    self.compare_seen(&messages, sender, &message.body.seen)?;
                    dealings.insert(dealer, self.unseal(decryption, sender, &message.body)?);
                }
            }
        }
        if !missing.is_empty() {
            return Err(CeremonyError::Waiting { step: Step::SecondRound, senders: missing });
        }
        let share = self.agreement.scheme.receive(number, &state.polynomial, &self.commitments(&messages), &dealings);
        share.map_err(self.naming())
    }

    /// The protocol knows dealers by number, people by name.
    fn naming(&self) -> impl Fn(CeremonyError) -> CeremonyError {
        |error| error.naming(|number| self.agreement.dealer(number))
    }

    fn unseal(&self, key: &DecryptionKey, sender: &Sender, body: &SecondRound) -> Result<Dealing, CeremonyError> {
        let context = dealing_context(&self.agreement.digest(), &sender.name, &self.sender().name);
        let plain = key
            .open(&context, body.sealed.as_bytes())
            .ok_or_else(|| CeremonyError::Sealed { sender: sender.title.clone() })?;
        let unreadable = |reason| CeremonyError::Unreadable { sender: sender.title.clone(), reason };
        Dealing::from_bytes(&plain).map_err(unreadable)
    }

    /// Whether a dealer saw the same round 1 as this participant.
    fn compare_seen(
        &self,
        messages: &FirstMessages,
        witness: &Sender,
        seen: &[Signed<Head>],
    ) -> Result<(), CeremonyError> {
        if seen.len() != messages.0.len() {
            let sender = witness.title.clone();
            return Err(CeremonyError::Incomplete { sender, what: "a head of everyone's round 1" });
        }
        for ((here, there), about) in messages.0.iter().zip(seen).zip(&self.agreement.senders) {
            if here.signed.statement == there.statement {
                continue;
            }
            let same_place = there.statement.subject == self.agreement.digest()
                && there.statement.step == Step::FirstRound
                && there.statement.sender == about.name
                && there.statement.receiver.is_none();
            if !same_place || !message::is_signed(there, &about.key) {
                let (sender, about) = (witness.title.clone(), about.title.clone());
                return Err(CeremonyError::FalseWitness { sender, about });
            }
            let evidence = self.folder.path().join(format!("evidence-{}.json", about.name));
            files::replace(&evidence, &files::to_json(&evidence, &[&here.signed, there])?)?;
            let (cheat, told) = (about.title.clone(), witness.title.clone());
            return Err(CeremonyError::Equivocation { cheat, told, evidence });
        }
        Ok(())
    }

    /// Puts the share into its file, unless it is there already.
    fn keep(&self, share: &KeyShare) -> Result<(), CeremonyError> {
        let path = self.folder.share();
        if path.exists() {
            let there = secret::read::<32>(&path)?;
            return if *there == *share.secret().to_bytes() { Ok(()) } else { Err(CeremonyError::OtherShare(path)) };
        }
        files::write_secret(&path, &*share.secret().to_bytes())
    }

    /// The others' results beside one's own.
    fn compare(&self, own: Option<GroupKeys>) -> Result<Finished, CeremonyError> {
        let Results { keys, waiting } = results::of(&self.agreement, &self.folder)?;
        let share = own.as_ref().map(|_| self.folder.share());
        Ok(Finished { keys: own.or(keys.filter(|_| waiting.is_empty())), share, waiting })
    }
}

struct Receiver {
    position: usize,
    number: u16,
}

/// Who deals commits, who receives gives a key; nobody else does.
fn complete(participant: &Participant, title: &str, body: &FirstRound) -> Result<(), CeremonyError> {
    let incomplete = |what| Err(CeremonyError::Incomplete { sender: title.to_owned(), what });
    if participant.deals.is_some() != body.commitment.is_some() {
        return incomplete("a commitment");
    }
    if participant.receives.is_some() != body.encryption_key.is_some() {
        return incomplete("an encryption key");
    }
    Ok(())
}
