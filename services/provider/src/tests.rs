//! The tests that take more than one module.

mod disagreement;
mod exchange;
mod gateway;
mod gateway_bodies;
mod gateway_clock;
mod leaks;
mod log;
mod ownership;
mod posting;
mod previewing;
mod watching;

#[path = "../../reading/src/tests/fit_file.rs"]
mod fit_file;
#[path = "../../reading/src/tests/synthetic.rs"]
mod synthetic;

use std::path::Path;

use nacre_reading::Reason;

pub(crate) use self::synthetic::*;
use crate::{Config, GatewayConfig};

/// A configuration whose files lie in that folder.
pub(crate) fn config(folder: &Path) -> Config {
    Config {
        member: "hospital".parse().unwrap(),
        chain: "region/440100".parse().unwrap(),
        region: "440100".parse().unwrap(),
        trust: folder.join("trust.toml").into(),
        exchanges: Default::default(),
        exchange: "http://127.0.0.1:9".to_owned(),
        data: folder.join("data").into(),
        person_system: PERSON_SYSTEM.parse().unwrap(),
        people: None,
        signing_key: folder.join("signing.key").into(),
        access_key: folder.join("access.pem").into(),
        record_key: folder.join("record.key").into(),
        pseudonym_key: folder.join("pseudonym.key").into(),
        cross_key: None,
        cross_measures: Vec::new(),
        cross_from: None,
        payload_key: folder.join("payload.key").into(),
        pseudonyms: None,
        table: None,
        unnamed: Default::default(),
        tls: nacre_hosting::tls::ClientTlsConfig::default(),
        server: Config::server(),
        gateway: GatewayConfig { spool_key: folder.join("spool.key").into(), ..GatewayConfig::default() },
    }
}
