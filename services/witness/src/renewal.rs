//! Renewing a chain's register, by the operator, after an alarm; the witness is stopped meanwhile.
//!
//! Kept true: a register is renewed only to what the chain's peers confirmed, or to what the operator states and the tables
//! have; never to less than the tables or a readable register say, and never to another history. With peers, where the
//! witness goes on from is the chain's latest checkpoint: it extends, by proof, the last that a quorum of witnesses
//! countersigned, what the tables have, what the register says, and every checkpoint that the operator brings along. So whatever
//! of these was lost, nothing is countersigned beside it. A full witness still checks all that is under that checkpoint
//! before it countersigns the next.
//!
//! What this cannot know: a checkpoint that this witness alone countersigned, that neither tables nor register have any more, and
//! that the exchange hides. Bring along what others hold of the chain.
//!
//! Errors: [`RenewalError`]; after one nothing has changed. Cost: some small requests.

use std::sync::Arc;

use nacre_access::{
    client::{Client, ClientError},
    key::AccessKey,
};
use nacre_hosting::{folder::DataFolder, roots::Roots, trust};
use nacre_ledger::{
    log::{Answered, Registered},
    merkle::{Sm3Hasher, consistency},
    note::{Finality, SignedCheckpoint},
};
use nacre_schemas::{dossier::Note, id::ChainId, trust::Chain};
use nacre_verifier::{Failure, Network, note};
use nacre_wire::{
    Route,
    body::{Nothing, Text},
    exchange::{GET_CHECKPOINT, GET_CONSISTENCY, GET_FINAL_CHECKPOINT, TwoSizes, WhichCheckpoint},
};

use crate::{
    config::Config,
    register::{ChainRegister, Kept, Unsettled, answered},
    store::{self, Store, StoreError},
    witness::{OpenError, ROOTS},
};

/// Why a register is not renewed.
#[derive(Debug, thiserror::Error)]
pub enum RenewalError {
    /// What a witness is opened with.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The tables do not have what they should, and cannot be believed.
    #[error(
        "{0}. Move the database away: the tables are then made anew, and the chain's peers say what the witness goes on from"
    )]
    Tables(String),
    /// The tables fail.
    #[error("{file}: {0}", file = store::FILE)]
    Store(#[from] StoreError),
    /// The trust root has no such chain with this witness.
    #[error("the trust root does not list this witness for {0}")]
    Unwitnessed(ChainId),
    /// The exchange does not answer, or not with what it should.
    #[error("the exchange of {chain}: {error}")]
    Exchange {
        /// The chain.
        chain: ChainId,
        /// Why not.
        error: ClientError,
    },
    /// A checkpoint is not the chain's, or not countersigned by its witnesses.
    #[error("{what}: {failure}")]
    Unconfirmed {
        /// Which.
        what: &'static str,
        /// What is wrong.
        failure: Failure,
    },
    /// The exchange shows less than is known, or another history.
    #[error(
        "the exchange shows {latest} entries, and they do not extend the {size} of {what}: {why}. Nothing was renewed: an \
         exchange that was put back to an older state, or signs two histories, confirms nothing"
    )]
    Contradicted {
        /// Entries that the exchange shows.
        latest: u64,
        /// Entries known.
        size: u64,
        /// From where they are known.
        what: String,
        /// What the proof says.
        why: String,
    },
    /// What was stated is not what is here.
    #[error("{0}; nothing was renewed")]
    NotAsStated(String),
    /// The register.
    #[error("the register: {0}")]
    Register(String),
}

/// Where a witness stands with a chain.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The chain.
    pub chain: ChainId,
    /// What the tables have as countersigned last.
    pub tables: Option<Answered>,
    /// What is at the register's place.
    pub registered: Registered,
    /// Why it is not countersigned, if that is so.
    pub alarm: Option<String>,
}

/// What a register was renewed to, and on whose word.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// What the witness goes on from.
    pub answered: Answered,
    /// Entries under the checkpoint that a quorum of witnesses countersigned, and which did; none if the operator's word was it.
    pub confirmed: Option<(u64, Vec<String>)>,
    /// Whether anything had to be renewed.
    pub changed: bool,
}

/// On whose word a register is renewed.
#[derive(Clone, Debug)]
pub enum Word {
    /// The exchange's at that address, as far as the chain's witnesses countersigned it, and beside it checkpoints of the
    /// chain that the operator has from elsewhere.
    Peers {
        /// The exchange's URL.
        exchange: String,
        /// The checkpoints.
        notes: Vec<Note>,
    },
    /// The operator's, who read size and root elsewhere. They have to be what the tables have.
    Operator(Answered),
}

/// A witness's tables and one chain's register, while the witness does not run.
pub struct Renewal {
    network: Network,
    chain: Chain,
    store: Store,
    register: ChainRegister,
    kept: Result<Option<Kept>, Unsettled>,
    _folder: DataFolder,
}

impl Renewal {
    /// Opens the folder, which no witness may run on.
    pub async fn open(config: &Config, chain: &ChainId) -> Result<Self, RenewalError> {
        let network = trust::read(&config.trust).map_err(OpenError::from)?;
        let listed = network.root().chain(chain).filter(|chain| {
            let names_it = |witness: &nacre_schemas::trust::Witness| witness.name == config.name;
            chain.witnesses.iter().any(names_it)
        });
        let chain = listed.cloned().ok_or_else(|| RenewalError::Unwitnessed(chain.clone()))?;
        let folder = DataFolder::take_with_registers(&config.data, &config.registers()).map_err(OpenError::from)?;
        let store = Store::open(&config.data).await.map_err(OpenError::from)?;
        let origin = network.root().origin(&chain.id);
        let register = ChainRegister::open(&config.registers(), &chain.id.slug(), &origin, config.name.as_str())
            .map_err(|error| OpenError::Register { chain: chain.id.clone(), error })?;
        let countersigned = store.countersigned(&chain.id).await?;
        let roots = Roots::open(&config.data.join(ROOTS), Arc::new(network.clone())).map_err(OpenError::from)?;
        let kept = Kept::of(countersigned.as_ref(), &origin, &roots.lineage().signing_keys(&chain.id));
        Ok(Self { network, chain, store, register, kept, _folder: folder })
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        let tables = self.kept.as_ref().ok().and_then(|kept| kept.as_ref()).map(|kept| answered(&kept.last));
        let alarm = match &self.kept {
            Ok(kept) => self.register.disagrees(kept.as_ref()),
            Err(error) => Some(error.to_string()),
        };
        Standing { chain: self.chain.id.clone(), tables, registered: self.register.registered(), alarm }
    }

    /// Renews the register, if it has to be, on that word.
    pub async fn renew(self, config: &Config, word: Word) -> Result<Renewed, RenewalError> {
        let standing = self.standing();
        if standing.alarm.is_none() {
            let answered = standing.tables.unwrap_or_else(Answered::nothing);
            return Ok(Renewed { answered, confirmed: None, changed: false });
        }
        if let Err(error) = &self.kept {
            return Err(RenewalError::Tables(error.to_string()));
        }
        let (next, confirmed) = match word {
            Word::Operator(stated) => (self.stated(&standing, stated)?, None),
            Word::Peers { exchange, notes } => {
                let (latest, confirmed) = self.confirmed(config, &exchange, &notes, &standing).await?;
                let next = answered(&latest);
                if standing.tables != Some(next) {
                    let last = self.kept.as_ref().ok().and_then(|kept| kept.as_ref()).map(|kept| &kept.last);
                    if !self.store.countersign(&self.chain.id, last, &latest).await? {
                        return Err(RenewalError::Register("another process changed the tables; stop it".to_owned()));
                    }
                }
                (next, Some(confirmed))
            }
        };
        let renewed = self.register.renew(next).await;
        renewed.map_err(|error| RenewalError::Register(error.to_string()))?;
        self.store.close().await;
        Ok(Renewed { answered: next, confirmed, changed: true })
    }

    /// What the operator stated, if it is what the tables have and the register says nothing else.
    fn stated(&self, standing: &Standing, stated: Answered) -> Result<Answered, RenewalError> {
        let tables = standing.tables.unwrap_or_else(Answered::nothing);
        if tables != stated {
            return Err(RenewalError::NotAsStated(format!(
                "{} entries with root {} were stated, and the tables have {} with root {} as countersigned last",
                stated.size, stated.root, tables.size, tables.root
            )));
        }
        match standing.registered {
            Registered::Says { answered, .. } if answered.size >= tables.size && answered != tables => {
                Err(RenewalError::NotAsStated(format!(
                    "the register says that {} entries with root {} were countersigned: the tables are older, or another \
                     history; restore the newest, or have the chain's exchange confirm what the witness goes on from",
                    answered.size, answered.root
                )))
            }
            _ => Ok(tables),
        }
    }

    /// The chain's latest checkpoint, if it extends all that is known, and the last that its witnesses made final is among that.
    async fn confirmed(
        &self,
        config: &Config,
        exchange: &str,
        notes: &[Note],
        standing: &Standing,
    ) -> Result<(SignedCheckpoint, (u64, Vec<String>)), RenewalError> {
        let at = |error| RenewalError::Exchange { chain: self.chain.id.clone(), error };
        let tls = config.tls.read().map_err(|error| OpenError::from(nacre_hosting::key::KeyFileError::from(error)))?;
        let key = Arc::new(AccessKey::read(&config.access_key).map_err(OpenError::from)?);
        let client = Client::new(exchange, config.name.clone(), key, &tls).map_err(at)?;
        let latest = self.fetch(&client, GET_CHECKPOINT).await?;
        let last_final = self.fetch(&client, GET_FINAL_CHECKPOINT).await?;
        let what = "the exchange's latest checkpoint";
        let signed = |note: &Note, what| {
            note::check_signed(note, &self.chain, &self.network)
                .map_err(|failure| RenewalError::Unconfirmed { what, failure })
        };
        let latest = signed(&latest, what)?;
        let what = "the last checkpoint that the chain's witnesses countersigned";
        let (witnessed, finality) = note::check(&last_final, &self.chain, &self.network)
            .map_err(|failure| RenewalError::Unconfirmed { what, failure })?;
        let mut known = vec![(what.to_owned(), Answered { size: witnessed.size, root: witnessed.root })];
        known.extend(standing.tables.map(|tables| ("the tables".to_owned(), tables)));
        if let Registered::Says { answered, .. } = standing.registered {
            known.push(("the register".to_owned(), answered));
        }
        for note in notes {
            known.push(("a checkpoint given".to_owned(), answered(&signed(note, "a checkpoint given")?)));
        }
        for (what, known) in known {
            self.check_extends(&client, &what, known, answered(&latest)).await?;
        }
        let by = match finality {
            Finality::Final { by } => by,
            Finality::NoWitnesses => Vec::new(),
        };
        Ok((latest, (witnessed.size, by)))
    }

    async fn fetch(&self, client: &Client, route: Route<WhichCheckpoint, Nothing, Text>) -> Result<Note, RenewalError> {
        let at = |error| RenewalError::Exchange { chain: self.chain.id.clone(), error };
        let wanted = WhichCheckpoint { slug: (&self.chain.id).into(), covering: None };
        let text = client.get(route, &wanted).await.map_err(at)?;
        text.parse().map_err(|error: String| {
            let failure = Failure::new(nacre_verifier::Check::Checkpoint, &self.chain.id, error);
            RenewalError::Unconfirmed { what: "a checkpoint from the exchange", failure }
        })
    }

    async fn check_extends(
        &self,
        client: &Client,
        what: &str,
        known: Answered,
        latest: Answered,
    ) -> Result<(), RenewalError> {
        let contradicted = |why: String| RenewalError::Contradicted {
            latest: latest.size,
            size: known.size,
            what: what.to_owned(),
            why,
        };
        if known.size > latest.size {
            return Err(contradicted("it shows fewer".to_owned()));
        }
        let proof = if known.size == 0 || known.size == latest.size {
            Vec::new()
        } else {
            let sizes = TwoSizes { slug: (&self.chain.id).into(), from: known.size, to: latest.size };
            let at = |error| RenewalError::Exchange { chain: self.chain.id.clone(), error };
            client.get(GET_CONSISTENCY, &sizes).await.map_err(at)?.proof
        };
        consistency::verify::<Sm3Hasher>(known.size, &known.root, latest.size, &latest.root, &proof)
            .map_err(|error| contradicted(error.to_string()))
    }
}
