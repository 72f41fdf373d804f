//! A network on loopback, run by the code of the binary, with a hospital a region whose batches are made here.
//!
//! It lies in a folder of the working directory: a temporary folder may lie in memory, where fsync is free.

use std::sync::Arc;

use anyhow::Context as _;
use nacre::{
    commands::exchange::seal,
    consortium::{self, Consortium, Plan},
    servers::{Ports, Servers},
};
use nacre_access::{client::Client, key::AccessKey};
use nacre_hosting::{key, tls::ClientTls, trust};
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{Document as _, batch::Batch, receipt::BatchReceipt, region::Region, topology::Topology};
use nacre_wire::{
    body::Encoded,
    exchange::{OfChain, POST_BATCH},
};
use tempfile::TempDir;

use crate::Provider;

/// The network while it runs.
pub struct Network {
    /// Its configurations.
    pub places: Consortium,
    servers: Servers,
    /// The hospitals, in the order of the regions.
    pub hospitals: Vec<Hospital>,
    _folder: TempDir,
}

/// A hospital of the network.
pub struct Hospital {
    /// Sealing to the network's key and the region's chain.
    pub provider: Provider,
    signing: SigningKey,
    access: Arc<AccessKey>,
    tls: ClientTls,
    url: String,
}

impl Network {
    /// Makes and starts a network of these regions, called by plain HTTP. Nobody is too few to be shown: k is 1.
    pub async fn start(regions: &[Region]) -> anyhow::Result<Self> {
        Self::start_by(regions, false).await
    }

    /// The same, called by TLS or not.
    pub async fn start_by(regions: &[Region], tls: bool) -> anyhow::Result<Self> {
        let plan = Plan {
            name: "bench.nacre.local".to_owned(),
            topology: Topology::of_regions(regions),
            tls,
            anchor_every_ms: 60_000,
            custodians: 2,
            threshold: 2,
            minimum_people: 1,
            person_system: "urn:bench".to_owned(),
            cross: None,
        };
        let folder = tempfile::tempdir_in(".")?;
        let ports = Ports::bind(&plan).await?;
        let places = consortium::init(&folder.path().join("network"), &plan, &ports.addresses()?)?;
        let servers = Servers::start(&places, ports).await?;
        let hospitals = regions.iter().map(|region| Hospital::of(&places, *region)).collect::<anyhow::Result<_>>()?;
        Ok(Self { places, servers, hospitals, _folder: folder })
    }

    /// Closes the epoch of every chain.
    pub async fn seal(&self) -> anyhow::Result<()> {
        for path in self.places.exchanges.values() {
            seal(&nacre_exchange::Config::read(path)?).await?;
        }
        Ok(())
    }

    /// Stops all servers.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.servers.stop_all().await
    }
}

impl Hospital {
    fn of(places: &Consortium, region: Region) -> anyhow::Result<Self> {
        let config = places.providers.get(&format!("hospital-{region}")).context("a region has a hospital")?;
        let config = nacre_provider::Config::read(config)?;
        let key = trust::read(&places.trust)?.key().clone();
        let provider = Provider { key, chain: config.chain.clone(), region, member: config.member.clone() };
        let signing = key::read_signing(&config.signing_key)?;
        let access = Arc::new(AccessKey::read(&config.access_key)?);
        Ok(Self { provider, signing, access, tls: config.tls.read()?, url: config.exchange })
    }

    /// A client of the hospital's, with a connection of its own.
    pub fn client(&self) -> anyhow::Result<Client> {
        Ok(Client::new(&self.url, self.provider.member.clone(), Arc::clone(&self.access), &self.tls)?)
    }

    /// A signed batch as it is posted.
    pub fn sign(&self, mut batch: Batch) -> Vec<u8> {
        batch.signature = self.signing.sign_detached(&batch.statement());
        batch.to_canonical()
    }

    /// Posts a batch; gives its receipts.
    pub async fn post(&self, client: &Client, batch: Vec<u8>) -> anyhow::Result<BatchReceipt> {
        let (chain, batch) = (OfChain::new(&self.provider.chain), Encoded::from_bytes(batch));
        Ok(client.call_encoded(POST_BATCH, &chain, &batch).await?)
    }
}
