//! A whole network on one machine, for trying out: keys, trust root, and a configuration for every role.
//!
//! Not for production: whoever runs this holds every secret of every role for a moment. In a real consortium each
//! jurisdiction generates its key among its own custodians, and each member makes its own.
//!
//! Kept true: nothing is overwritten; secrets are files of mode 0600; what is written is read back by the same code
//! that a role starts with.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use nacre_access::key::AccessKey;
use nacre_hosting::{
    config::{self, ConfigPath, Configuration},
    file, secret,
    server::ServerConfig,
    tls::ClientTlsConfig,
};
use nacre_ledger::signing::SigningKey;
use nacre_regulator::CustodianAddress;
use nacre_schemas::{
    Document as _,
    catalogue::Catalogue,
    cohort::Period,
    id::{ChainId, JurisdictionId, MeasureId, MemberId},
    membership::{MemberRole, Membership},
    region::Region,
    topology::{PlannedChain, Topology},
    trust::{
        Chain, CrossLane, CrossScope, Custodian, Disclosure, Endorsement, Jurisdiction, SignedTrustRoot, TrustRoot,
        Witness, WitnessKind,
    },
};
use nacre_verifier::Network;
use nacre_zk::custody::{self, KeyShare};
use rand::rngs::OsRng;
use serde::Serialize;

mod certificates;
mod comments;
pub mod cross;

use certificates::Authority;
use cross::CrossDealing;

/// The jurisdictions of every network.
pub const JURISDICTIONS: [&str; 3] = ["guangdong", "hongkong", "macao"];

/// What a network is to be like.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name: checkpoints' origins begin with it.
    pub name: String,
    /// Its chains and the exchanges that host them. Each region gets a hospital and a gym.
    pub topology: Topology,
    /// Whether its servers are called by TLS, with certificates of an authority of its own.
    pub tls: bool,
    /// The least time between two anchors of one chain in one parent, in milliseconds.
    pub anchor_every_ms: u64,
    /// Custodians of each jurisdiction.
    pub custodians: u16,
    /// How many of them it takes.
    pub threshold: u16,
    /// k: the least people behind a figure.
    pub minimum_people: u32,
    /// The identifier system that names a person in the providers' files.
    pub person_system: String,
    /// Whether it has a cross lane, which is known to leak ([`crate::known_leaks`]): keys are dealt, and every jurisdiction
    /// has an evaluator.
    pub cross: Option<CrossPlan>,
}

/// What a network leaves to its cross lane, and so takes from the tally lane; which providers post for it.
#[derive(Clone, Debug, Default)]
pub struct CrossPlan {
    /// Those of these regions; of all, if none is named.
    pub regions: Vec<Region>,
    /// These measures; all, if none is named.
    pub measures: Vec<MeasureId>,
    /// From this month on; of every month, if none is named.
    pub from: Option<Period>,
}

impl Plan {
    /// The servers it takes, by name: `main`, `440100`, …, `witness-guangdong`, …, `guangdong-1`, ….
    ///
    /// Every jurisdiction has a witness: a full one of its own chains, an append witness of the others'.
    pub fn servers(&self) -> Vec<String> {
        let exchanges = self.topology.exchanges().into_iter().map(str::to_owned);
        let roles = exchanges.chain(witness_servers()).chain(self.custodian_servers());
        roles.chain(self.evaluator_servers()).collect()
    }

    /// Those of them that are evaluators: one a jurisdiction, if there is a cross lane.
    fn evaluator_servers(&self) -> impl Iterator<Item = String> + '_ {
        JURISDICTIONS.iter().filter(|_| self.cross.is_some()).map(|jurisdiction| evaluator_name(jurisdiction))
    }

    /// Those of them that are custodians.
    fn custodian_servers(&self) -> impl Iterator<Item = String> + '_ {
        let numbers = 1..=self.custodians;
        JURISDICTIONS
            .iter()
            .flat_map(move |jurisdiction| numbers.clone().map(move |number| format!("{jurisdiction}-{number}")))
    }
}

/// Where the servers of a network listen, by name: `host:port`.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// For callers.
    pub callers: BTreeMap<String, String>,
    /// For metrics; those that are not named have none.
    pub metrics: BTreeMap<String, String>,
}

/// Where everything of a network lies.
#[derive(Clone, Debug, Serialize)]
pub struct Consortium {
    /// The trust root.
    pub trust: PathBuf,
    /// Exchanges' configurations, by server name.
    pub exchanges: BTreeMap<String, PathBuf>,
    /// Witnesses' configurations, by server name.
    pub witnesses: BTreeMap<String, PathBuf>,
    /// Custodians' configurations, by server name.
    pub custodians: BTreeMap<String, PathBuf>,
    /// Evaluators' configurations, by server name.
    pub evaluators: BTreeMap<String, PathBuf>,
    /// Providers' configurations, by member.
    pub providers: BTreeMap<String, PathBuf>,
    /// The regulator's configuration.
    pub regulator: PathBuf,
}

impl Consortium {
    /// The places of a network that was made in that folder by that plan.
    pub fn at(folder: &Path, plan: &Plan) -> Self {
        let exchange = |name: &str| folder.join("exchanges").join(name).join("exchange.toml");
        let custodian = |name: &str| folder.join("custodians").join(name).join("custodian.toml");
        let provider = |name: &str| folder.join("providers").join(name).join("provider.toml");
        let witness = |name: &str| folder.join("witnesses").join(name).join("witness.toml");
        let evaluator = |name: &str| folder.join("evaluators").join(name).join("evaluator.toml");
        let exchanges = plan.topology.exchanges().into_iter().map(|name| (name.to_owned(), exchange(name))).collect();
        let witnesses = witness_servers().map(|name| (name.clone(), witness(&name))).collect();
        let custodians = plan.custodian_servers().map(|name| (name.clone(), custodian(&name))).collect();
        let sites = plan.topology.regions().flat_map(|region| [format!("hospital-{region}"), format!("gym-{region}")]);
        Self {
            trust: folder.join("trust.toml"),
            exchanges,
            witnesses,
            custodians,
            evaluators: plan.evaluator_servers().map(|name| (name.clone(), evaluator(&name))).collect(),
            providers: sites.map(|name| (name.clone(), provider(&name))).collect(),
            regulator: folder.join("regulators").join(REGULATOR).join("regulator.toml"),
        }
    }
}

/// The regulator that a network for trying out has.
pub const REGULATOR: &str = "health-commission";

/// The witnesses, one a jurisdiction.
fn witness_servers() -> impl Iterator<Item = String> {
    JURISDICTIONS.iter().map(|jurisdiction| witness_name(jurisdiction))
}

/// The name of a jurisdiction's witness: as a server, a member, and in notes.
fn witness_name(jurisdiction: &str) -> String {
    format!("witness-{jurisdiction}")
}

/// The name of a jurisdiction's evaluator.
fn evaluator_name(jurisdiction: &str) -> String {
    format!("evaluator-{jurisdiction}")
}

/// A jurisdiction while it is being founded: its authority, its witness, and its custodians' shares and keys.
struct Founding {
    id: JurisdictionId,
    authority: SigningKey,
    witness: SigningKey,
    shares: Vec<KeyShare>,
    /// Of the pseudonyms' key.
    pseudonym_shares: Vec<KeyShare>,
    custodian_keys: Vec<SigningKey>,
}

/// Makes a network in a folder that is empty or not there yet. `addresses` has each of [`Plan::servers`].
pub fn init(folder: &Path, plan: &Plan, addresses: &Addresses) -> anyhow::Result<Consortium> {
    init_with(folder, plan, addresses, None)
}

/// The same with keys of the cross lane that were dealt before, for a plan that has one.
pub fn init_with(
    folder: &Path,
    plan: &Plan,
    addresses: &Addresses,
    dealing: Option<CrossDealing>,
) -> anyhow::Result<Consortium> {
    ensure!(plan.topology.regions().next().is_some(), "a network needs a region at least, as --regions 440100");
    if folder.exists() && fs::read_dir(folder)?.next().is_some() {
        bail!("{} is not empty; nothing is overwritten: name another folder", folder.display());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let places = Consortium::at(folder, plan);
    let foundings = JURISDICTIONS.iter().map(|id| found(id, plan)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut chain_keys = BTreeMap::new();
    for chain in plan.topology.chains() {
        chain_keys.insert(chain.id.clone(), SigningKey::generate()?);
    }
    let dealing = match dealing {
        None if plan.cross.is_some() => {
            Some(CrossDealing::fresh(&folder.join("cross"), &jurisdictions()?, &cross_structure(plan))?)
        }
        dealt => dealt,
    };
    let signed = trust_root(plan, &foundings, &chain_keys, dealing.as_ref())?;
    let network = Network::new(signed.clone())?;
    file::publish(&places.trust, toml::to_string(&signed)?.as_bytes())?;
    let writer = Writer {
        folder,
        plan,
        addresses,
        authority: plan.tls.then(|| Authority::make(folder, &plan.name)).transpose()?,
        foundings: &foundings,
        network: &network,
        dealing: dealing.as_ref(),
        pseudonym_key: random::<32>()?,
    };
    writer.exchanges(&places, &chain_keys)?;
    writer.witnesses(&places)?;
    writer.custodians(&places)?;
    writer.evaluators(&places)?;
    writer.providers(&places)?;
    writer.regulator(&places)?;
    Ok(places)
}

/// The jurisdictions, in order.
pub fn jurisdictions() -> anyhow::Result<Vec<JurisdictionId>> {
    JURISDICTIONS.iter().map(|id| parse(id)).collect()
}

/// How the cross lane's key is shared: as the collective key.
pub fn cross_structure(plan: &Plan) -> Vec<(u16, u16)> {
    JURISDICTIONS.iter().map(|_| (plan.custodians, plan.threshold)).collect()
}

fn parse<T: std::str::FromStr<Err = String>>(text: &str) -> anyhow::Result<T> {
    text.parse().map_err(anyhow::Error::msg)
}

fn found(id: &str, plan: &Plan) -> anyhow::Result<Founding> {
    let id: JurisdictionId = parse(id)?;
    let generate = || custody::generate(&id, plan.threshold, plan.custodians, &mut OsRng);
    let (shares, pseudonym_shares) = (generate()?, generate()?);
    let custodian_keys = (0..plan.custodians).map(|_| SigningKey::generate()).collect::<Result<_, _>>()?;
    let (authority, witness) = (SigningKey::generate()?, SigningKey::generate()?);
    Ok(Founding { id, authority, witness, shares, pseudonym_shares, custodian_keys })
}

fn jurisdiction(founding: &Founding, plan: &Plan) -> anyhow::Result<Jurisdiction> {
    let group_key = founding.shares.first().context("a jurisdiction needs custodians")?.group_key();
    let custodian = |(share, key): (&KeyShare, &SigningKey)| Custodian {
        number: share.number(),
        verifying_share: share.secret().verifying_share(),
        signing_key: key.public(),
    };
    Ok(Jurisdiction {
        id: founding.id.clone(),
        group_key,
        threshold: plan.threshold,
        authority_key: founding.authority.public(),
        custodians: founding.shares.iter().zip(&founding.custodian_keys).map(custodian).collect(),
        pseudonyms: founding.pseudonym_shares.first().map(|share| share.keys().stated()),
    })
}

/// A jurisdiction's witness as a chain of another, or its own, lists it.
fn witness(founding: &Founding, home: &JurisdictionId) -> anyhow::Result<Witness> {
    let kind = if founding.id == *home { WitnessKind::Full } else { WitnessKind::Append };
    Ok(Witness {
        name: parse(&witness_name(founding.id.as_str()))?,
        jurisdiction: founding.id.clone(),
        kind,
        signing_key: founding.witness.public(),
    })
}

fn trust_root(
    plan: &Plan,
    foundings: &[Founding],
    chain_keys: &BTreeMap<ChainId, SigningKey>,
    dealing: Option<&CrossDealing>,
) -> anyhow::Result<SignedTrustRoot> {
    let mut chains = Vec::new();
    for chain in plan.topology.chains() {
        let witness = |founding| witness(founding, &chain.jurisdiction);
        chains.push(Chain {
            id: chain.id.clone(),
            jurisdiction: chain.jurisdiction.clone(),
            region: chain.region,
            parents: chain.parents.clone(),
            signing_key: chain_keys[&chain.id].public(),
            witnesses: foundings.iter().map(witness).collect::<Result<_, _>>()?,
        });
    }
    chains.sort_by(|one, other| one.id.cmp(&other.id));
    let root = TrustRoot {
        network: parse(&plan.name)?,
        serial: 1,
        earlier: Vec::new(),
        catalogue: Catalogue::built_in().index().digest(),
        disclosure: Disclosure { minimum_people: plan.minimum_people },
        cross: dealing.map(|dealing| CrossLane { scope: cross_scope(plan), keys: dealing.keys.clone() }),
        jurisdictions: foundings.iter().map(|founding| jurisdiction(founding, plan)).collect::<Result<_, _>>()?,
        chains,
    };
    let message = root.to_canonical();
    let mut endorsements = Vec::new();
    for founding in foundings {
        let quorum: Vec<&KeyShare> = founding.shares.iter().take(usize::from(plan.threshold)).collect();
        let signature = custody::endorse(&quorum, &message, &mut OsRng)?;
        endorsements.push(Endorsement { jurisdiction: founding.id.clone(), signature });
    }
    Ok(SignedTrustRoot { root, endorsements })
}

/// What a network with a cross lane leaves to it: all chains, measures and months that the plan does not narrow.
fn cross_scope(plan: &Plan) -> CrossScope {
    let cross = plan.cross.clone().unwrap_or_default();
    let regions: Vec<Region> = if cross.regions.is_empty() { plan.topology.regions().collect() } else { cross.regions };
    let mut chains: Vec<ChainId> = regions.into_iter().map(Region::chain).collect();
    let all = || Catalogue::built_in().measures().iter().map(|measure| measure.id.clone()).collect();
    let mut measures: Vec<MeasureId> = if cross.measures.is_empty() { all() } else { cross.measures };
    chains.sort();
    measures.sort();
    measures.dedup();
    CrossScope { chains, measures, from: cross.from.unwrap_or(Period::FIRST) }
}

struct Writer<'a> {
    folder: &'a Path,
    plan: &'a Plan,
    addresses: &'a Addresses,
    /// If servers are called by TLS.
    authority: Option<Authority>,
    foundings: &'a [Founding],
    network: &'a Network,
    dealing: Option<&'a CrossDealing>,
    /// Providers of a network with a cross lane name people alike.
    pseudonym_key: zeroize::Zeroizing<Vec<u8>>,
}

/// The network's folder and what lies in it, from any role's folder, two levels below.
const NETWORK: &str = "../..";
const TRUST: &str = "../../trust.toml";
const MEMBERS: &str = "../../members";
/// What lies in a role's folder.
const DATA: &str = "data";
const REGISTERS: &str = "registers";
const SIGNING_KEY: &str = "signing.hex";
const ACCESS_KEY: &str = "access.pem";
/// A custodian's share of the cross lane's key.
const CROSS_SHARE: &str = "cross-share.key";

impl Writer<'_> {
    fn address(&self, server: &str) -> anyhow::Result<&str> {
        self.addresses.callers.get(server).map(String::as_str).with_context(|| format!("no address for {server}"))
    }

    fn url(&self, server: &str) -> anyhow::Result<String> {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.address(server)?))
    }

    /// How a server is reached; its certificate is written into its home.
    fn server(&self, server: &str, home: &Path) -> anyhow::Result<ServerConfig> {
        let address = self.address(server)?;
        let mut config = ServerConfig::at(address);
        config.metrics = self.addresses.metrics.get(server).cloned();
        if let Some(authority) = &self.authority {
            authority.issue(home, server, address)?;
            config = config.with_tls(certificates::CERTIFICATE.into(), certificates::KEY.into());
        }
        Ok(config)
    }

    /// How servers are called.
    fn tls(&self) -> ClientTlsConfig {
        let ca = self.authority.as_ref().map(|_| Path::new(NETWORK).join(certificates::CA).into());
        ClientTlsConfig { ca, ..ClientTlsConfig::default() }
    }

    /// The URL of each chain's exchange.
    fn urls(&self) -> anyhow::Result<BTreeMap<ChainId, String>> {
        self.urls_of(self.plan.topology.chains().iter().map(|chain| &chain.id))
    }

    /// The URLs of the exchanges of the chains named.
    fn urls_of<'c>(&self, chains: impl IntoIterator<Item = &'c ChainId>) -> anyhow::Result<BTreeMap<ChainId, String>> {
        let url = |id: &ChainId| {
            Ok((id.clone(), self.url(&self.plan.topology.chain(id).context("no such chain")?.exchange)?))
        };
        chains.into_iter().map(url).collect()
    }

    fn founding(&self, jurisdiction: &JurisdictionId) -> anyhow::Result<&Founding> {
        let found = self.foundings.iter().find(|founding| founding.id == *jurisdiction);
        found.with_context(|| format!("{jurisdiction} is not founded"))
    }

    /// Makes the role's folder.
    fn home(&self, config: &Path) -> anyhow::Result<PathBuf> {
        let home = config.parent().context("a configuration lies in a folder")?.to_owned();
        fs::create_dir_all(&home)?;
        Ok(home)
    }

    fn config(&self, path: &Path, config: &impl Configuration) -> anyhow::Result<()> {
        Ok(file::publish(path, config::to_text(config)?.as_bytes())?)
    }

    /// Makes a member's access key in its home, and its admission.
    fn admit(
        &self,
        member: &str,
        role: MemberRole,
        jurisdiction: &JurisdictionId,
        chains: Vec<ChainId>,
        signing_key: &SigningKey,
        home: &Path,
    ) -> anyhow::Result<()> {
        let access_key = AccessKey::generate()?;
        secret::write_text(&home.join("access.pem"), &access_key.to_pem())?;
        let membership = Membership {
            member: parse(member)?,
            role,
            jurisdiction: jurisdiction.clone(),
            chains,
            signing_key: signing_key.public(),
            access_key: access_key.public(),
        };
        let folder = self.folder.join("members");
        fs::create_dir_all(&folder)?;
        let signed = self.founding(jurisdiction)?.authority.sign(membership);
        file::publish(&folder.join(format!("{member}.json")), &serde_json::to_vec_pretty(&signed)?)?;
        Ok(())
    }

    fn signing_key(&self, home: &Path) -> anyhow::Result<SigningKey> {
        let key = SigningKey::generate()?;
        secret::write(&home.join("signing.hex"), &*key.to_bytes())?;
        Ok(key)
    }

    fn exchanges(&self, places: &Consortium, keys: &BTreeMap<ChainId, SigningKey>) -> anyhow::Result<()> {
        for (server, config) in &places.exchanges {
            let home = self.home(config)?;
            let chains: Vec<&PlannedChain> =
                self.plan.topology.chains().iter().filter(|chain| chain.exchange == *server).collect();
            let mut tables = Vec::new();
            for chain in &chains {
                let file = format!("chain-{}.hex", chain.id.slug());
                let key = keys.get(&chain.id).context("every chain has a key")?;
                secret::write(&home.join(&file), &*key.to_bytes())?;
                tables.push(nacre_exchange::ChainConfig { id: chain.id.clone(), key: file.into() });
            }
            let operator = format!("operator-{server}");
            let jurisdiction = chains.first().context("an exchange serves a chain")?.jurisdiction.clone();
            let ids: Vec<ChainId> = chains.iter().map(|chain| chain.id.clone()).collect();
            let parents = self.urls_of(chains.iter().flat_map(|chain| &chain.parents))?;
            let key = self.signing_key(&home)?;
            self.admit(&operator, MemberRole::Operator, &jurisdiction, ids, &key, &home)?;
            self.config(
                config,
                &nacre_exchange::Config {
                    server: self.server(server, &home)?,
                    tls: self.tls(),
                    url: self.url(server)?,
                    data: DATA.into(),
                    registers: REGISTERS.into(),
                    trust: TRUST.into(),
                    members: MEMBERS.into(),
                    cross_key: self.cross_key(),
                    operator: Some(nacre_exchange::OperatorConfig {
                        member: parse(&operator)?,
                        access_key: ACCESS_KEY.into(),
                    }),
                    parents,
                    anchor_every_ms: self.plan.anchor_every_ms,
                    witnesses: self.witness_urls()?,
                    chains: tables,
                },
            )?;
        }
        Ok(())
    }

    /// The file that providers and exchanges read of the cross lane.
    fn cross_key(&self) -> Option<ConfigPath> {
        self.dealing.map(|dealing| self.of_all(dealing.public()))
    }

    /// A file that several roles name: if it lies in the network's folder, by the way from a role's, so that the whole can be
    /// moved.
    fn of_all(&self, file: &Path) -> ConfigPath {
        // Keys of the cross lane are named by full paths.
        let folder = self.folder.canonicalize();
        let below = folder.as_ref().ok().and_then(|folder| file.strip_prefix(folder).ok());
        below.map_or_else(|| file.into(), |below| Path::new(NETWORK).join(below).into())
    }

    /// The chains that are run in a jurisdiction.
    fn chains_of(&self, jurisdiction: &JurisdictionId) -> Vec<ChainId> {
        let chains = self.network.root().chains.iter();
        chains.filter(|chain| chain.jurisdiction == *jurisdiction).map(|chain| chain.id.clone()).collect()
    }

    /// The URL of each witness.
    fn witness_urls(&self) -> anyhow::Result<BTreeMap<MemberId, String>> {
        let names = self.foundings.iter().map(|founding| witness_name(founding.id.as_str()));
        names.map(|name| Ok((parse(&name)?, self.url(&name)?))).collect()
    }

    fn witnesses(&self, places: &Consortium) -> anyhow::Result<()> {
        for founding in self.foundings {
            let name = witness_name(founding.id.as_str());
            let config = places.witnesses.get(&name).context("the plan names every witness")?;
            let home = self.home(config)?;
            secret::write(&home.join("signing.hex"), &*founding.witness.to_bytes())?;
            let own = self.chains_of(&founding.id);
            self.admit(&name, MemberRole::Witness, &founding.id, own.clone(), &founding.witness, &home)?;
            let mut exchanges = self.urls()?;
            exchanges.retain(|chain, _| own.contains(chain));
            self.config(
                config,
                &nacre_witness::Config {
                    server: self.server(&name, &home)?,
                    tls: self.tls(),
                    data: DATA.into(),
                    registers: Some(REGISTERS.into()),
                    trust: TRUST.into(),
                    members: MEMBERS.into(),
                    name: parse(&name)?,
                    signing_key: SIGNING_KEY.into(),
                    access_key: ACCESS_KEY.into(),
                    exchanges,
                },
            )?;
        }
        Ok(())
    }

    fn custodians(&self, places: &Consortium) -> anyhow::Result<()> {
        let urls = self.urls()?;
        for (position, founding) in self.foundings.iter().enumerate() {
            let own = self.chains_of(&founding.id);
            let shares = founding.shares.iter().zip(&founding.pseudonym_shares);
            for ((share, pseudonym_share), key) in shares.zip(&founding.custodian_keys) {
                let server = format!("{}-{}", founding.id, share.number());
                let config = places.custodians.get(&server).context("the plan names every custodian")?;
                let home = self.home(config)?;
                let member = format!("custodian-{server}");
                secret::write(&home.join("share.hex"), &*share.secret().to_bytes())?;
                if let Some(dealing) = self.dealing {
                    let text = dealing.share_file(position, share.number())?;
                    secret::write_text(&home.join(CROSS_SHARE), &text)?;
                }
                secret::write(&home.join("pseudonym-share.hex"), &*pseudonym_share.secret().to_bytes())?;
                secret::write(&home.join("signing.hex"), &*key.to_bytes())?;
                self.admit(&member, MemberRole::Custodian, &founding.id, own.clone(), key, &home)?;
                self.config(
                    config,
                    &nacre_custodian::Config {
                        server: self.server(&server, &home)?,
                        tls: self.tls(),
                        url: self.url(&server)?,
                        data: DATA.into(),
                        registers: Some(REGISTERS.into()),
                        trust: TRUST.into(),
                        members: MEMBERS.into(),
                        member: parse(&member)?,
                        jurisdiction: founding.id.clone(),
                        number: share.number(),
                        share: "share.hex".into(),
                        cross_share: self.dealing.map(|_| CROSS_SHARE.into()),
                        pseudonym_share: Some("pseudonym-share.hex".into()),
                        pseudonyms_per_day: nacre_custodian::Config::PSEUDONYMS_PER_DAY,
                        preview_groups_per_day: nacre_custodian::Config::PREVIEW_GROUPS_PER_DAY,
                        signing_key: SIGNING_KEY.into(),
                        access_key: ACCESS_KEY.into(),
                        exchanges: urls.clone(),
                    },
                )?;
            }
        }
        Ok(())
    }

    fn evaluators(&self, places: &Consortium) -> anyhow::Result<()> {
        let Some(dealing) = self.dealing else { return Ok(()) };
        let chains: Vec<ChainId> = self.network.root().chains.iter().map(|chain| chain.id.clone()).collect();
        for founding in self.foundings {
            let name = evaluator_name(founding.id.as_str());
            let config = places.evaluators.get(&name).context("the plan names every evaluator")?;
            let home = self.home(config)?;
            let key = self.signing_key(&home)?;
            self.admit(&name, MemberRole::Evaluator, &founding.id, chains.clone(), &key, &home)?;
            self.config(
                config,
                &nacre_evaluator::Config {
                    server: self.server(&name, &home)?,
                    tls: self.tls(),
                    url: self.url(&name)?,
                    data: DATA.into(),
                    trust: TRUST.into(),
                    members: MEMBERS.into(),
                    member: parse(&name)?,
                    signing_key: SIGNING_KEY.into(),
                    access_key: ACCESS_KEY.into(),
                    keys: self.of_all(dealing.evaluation()),
                    threads: None,
                    queue: nacre_evaluator::Config::QUEUE,
                    // So that releases of a network for trying out can be computed again.
                    keep_inputs: true,
                    exchanges: self.urls()?,
                },
            )?;
        }
        Ok(())
    }

    fn providers(&self, places: &Consortium) -> anyhow::Result<()> {
        for (member, config) in &places.providers {
            let region = self.plan.topology.regions().find(|region| member.ends_with(&region.to_string()));
            let region = region.context("a provider is named for its region")?;
            let urls = self.urls()?;
            let cross = self.plan.cross.clone().unwrap_or_default();
            let posts_crosswise = cross.regions.is_empty() || cross.regions.contains(&region);
            let home = self.home(config)?;
            let key = self.signing_key(&home)?;
            secret::write(&home.join("record.hex"), &random::<32>()?)?;
            let own = random::<32>()?;
            let pseudonym = if self.dealing.is_some() { &self.pseudonym_key } else { &own };
            secret::write(&home.join("pseudonym.hex"), pseudonym)?;
            secret::write(&home.join("payload.hex"), &random::<16>()?)?;
            self.admit(member, MemberRole::Provider, &region.facts().jurisdiction, vec![region.chain()], &key, &home)?;
            self.config(
                config,
                &nacre_provider::Config {
                    member: parse(member)?,
                    chain: region.chain(),
                    region,
                    trust: TRUST.into(),
                    exchange: urls[&region.chain()].clone(),
                    // Below, in one line.
                    exchanges: BTreeMap::new(),
                    data: DATA.into(),
                    person_system: parse(&self.plan.person_system)?,
                    people: None,
                    signing_key: SIGNING_KEY.into(),
                    access_key: ACCESS_KEY.into(),
                    record_key: "record.hex".into(),
                    pseudonym_key: "pseudonym.hex".into(),
                    cross_key: self.cross_key().filter(|_| posts_crosswise),
                    cross_measures: if posts_crosswise { cross.measures } else { Vec::new() },
                    cross_from: cross.from.filter(|_| posts_crosswise),
                    payload_key: "payload.hex".into(),
                    pseudonyms: None,
                    table: None,
                    unnamed: nacre_provider::UnnamedConfig::default(),
                    // Below, in one line.
                    tls: ClientTlsConfig::default(),
                    server: nacre_provider::Config::server(),
                    gateway: nacre_provider::GatewayConfig::default(),
                },
            )?;
            // In one line, so that settings can be added below.
            let others =
                self.plan.topology.regions().map(|other| other.chain()).filter(|other| *other != region.chain());
            let others: Vec<ChainId> =
                self.plan.topology.above(&region.chain()).iter().map(|chain| chain.id.clone()).chain(others).collect();
            let others = toml::Value::try_from(self.urls_of(&others)?)?;
            let mut file = fs::OpenOptions::new().append(true).open(config)?;
            writeln!(file, "exchanges = {others}")?;
            if self.authority.is_some() {
                writeln!(file, "tls = {}", toml::Value::try_from(self.tls())?)?;
            }
            file.write_all(comments::REGISTER_COMMENT.as_bytes())?;
            file.write_all(comments::GATEWAY_COMMENT.as_bytes())?;
            let custodians = toml::Value::try_from(self.custodian_addresses()?)?;
            writeln!(file, "{}# custodian = {custodians}", comments::PSEUDONYMS_COMMENT)?;
        }
        Ok(())
    }

    /// The URL of each jurisdiction's evaluator.
    fn evaluator_urls(&self) -> anyhow::Result<BTreeMap<JurisdictionId, String>> {
        let with_evaluators = self.foundings.iter().filter(|_| self.dealing.is_some());
        with_evaluators
            .map(|founding| Ok((founding.id.clone(), self.url(&evaluator_name(founding.id.as_str()))?)))
            .collect()
    }

    /// The URL of each custodian.
    fn custodian_addresses(&self) -> anyhow::Result<Vec<CustodianAddress>> {
        let mut custodians = Vec::new();
        for founding in self.foundings {
            for number in 1..=self.plan.custodians {
                let url = self.url(&format!("{}-{number}", founding.id))?;
                custodians.push(CustodianAddress { jurisdiction: founding.id.clone(), number, url });
            }
        }
        Ok(custodians)
    }

    fn regulator(&self, places: &Consortium) -> anyhow::Result<()> {
        let home = self.home(&places.regulator)?;
        let key = self.signing_key(&home)?;
        let chains = self.network.root().chains.iter().map(|chain| chain.id.clone()).collect();
        self.admit(REGULATOR, MemberRole::Regulator, &self.foundings[0].id, chains, &key, &home)?;
        self.config(
            &places.regulator,
            &nacre_regulator::Config {
                member: parse(REGULATOR)?,
                trust: TRUST.into(),
                signing_key: SIGNING_KEY.into(),
                access_key: ACCESS_KEY.into(),
                tls: self.tls(),
                exchanges: self.urls()?,
                evaluators: self.evaluator_urls()?,
                cross_summands: self.dealing.map(|dealing| self.of_all(dealing.published())),
                custodians: self.custodian_addresses()?,
            },
        )
    }
}

fn random<const N: usize>() -> anyhow::Result<zeroize::Zeroizing<Vec<u8>>> {
    let mut bytes = zeroize::Zeroizing::new(vec![0; N]);
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the operating system gave no randomness: {error}"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
