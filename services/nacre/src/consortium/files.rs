//! The configuration files of each role, as they are written. Each role's crate reads its own.

use std::{collections::BTreeMap, path::Path};

use nacre_schemas::{
    cohort::Period,
    id::{ChainId, JurisdictionId, MeasureId},
    region::Region,
};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct ChainTable {
    pub(super) id: ChainId,
    pub(super) key: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct OperatorTable<'a> {
    pub(super) member: &'a str,
    pub(super) access_key: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ExchangeFile<'a> {
    pub(super) listen: &'a str,
    pub(super) url: String,
    pub(super) data: &'a str,
    pub(super) registers: &'a str,
    pub(super) trust: &'a str,
    pub(super) members: &'a str,
    pub(super) cross_key: Option<&'a Path>,
    pub(super) anchor_every_ms: u64,
    pub(super) operator: OperatorTable<'a>,
    pub(super) witnesses: BTreeMap<String, String>,
    pub(super) parents: BTreeMap<String, String>,
    pub(super) chain: Vec<ChainTable>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct WitnessFile<'a> {
    pub(super) listen: &'a str,
    pub(super) data: &'a str,
    pub(super) registers: &'a str,
    pub(super) trust: &'a str,
    pub(super) members: &'a str,
    pub(super) name: &'a str,
    pub(super) signing_key: &'a str,
    pub(super) access_key: &'a str,
    pub(super) exchanges: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct CustodianFile<'a> {
    pub(super) listen: &'a str,
    pub(super) url: String,
    pub(super) data: &'a str,
    pub(super) registers: &'a str,
    pub(super) trust: &'a str,
    pub(super) members: &'a str,
    pub(super) member: &'a str,
    pub(super) jurisdiction: &'a JurisdictionId,
    pub(super) number: u16,
    pub(super) share: &'a str,
    pub(super) cross_share: Option<&'a str>,
    pub(super) pseudonym_share: &'a str,
    pub(super) signing_key: &'a str,
    pub(super) access_key: &'a str,
    pub(super) exchanges: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct EvaluatorFile<'a> {
    pub(super) listen: &'a str,
    pub(super) url: String,
    pub(super) data: &'a str,
    pub(super) trust: &'a str,
    pub(super) members: &'a str,
    pub(super) member: &'a str,
    pub(super) keys: &'a Path,
    /// So that releases of a network for trying out can be computed again.
    pub(super) keep_inputs: bool,
    pub(super) signing_key: &'a str,
    pub(super) access_key: &'a str,
    pub(super) exchanges: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ProviderFile<'a> {
    pub(super) member: &'a str,
    pub(super) chain: ChainId,
    pub(super) region: Region,
    pub(super) trust: &'a str,
    pub(super) exchange: String,
    pub(super) data: &'a str,
    pub(super) person_system: &'a str,
    pub(super) signing_key: &'a str,
    pub(super) access_key: &'a str,
    pub(super) record_key: &'a str,
    pub(super) pseudonym_key: &'a str,
    pub(super) cross_key: Option<&'a Path>,
    pub(super) cross_measures: &'a [MeasureId],
    pub(super) cross_from: Option<Period>,
    pub(super) payload_key: &'a str,
}

/// What stands below a provider's configuration.
pub(super) const REGISTER_COMMENT: &str = "
# For records that say neither sex nor birth date: the register of people, comma-separated values with the header
# id,sex,birth-date or id,sex,birth-date,region. Its ids are those that the records name people by.
# people = \"people.csv\"
";

/// What stands below that.
pub(super) const GATEWAY_COMMENT: &str = "
# How `nacre provider serve` takes FHIR in; these are the defaults. docs/install.md has the rest.
# [gateway]
# listen = \"127.0.0.1:8480\"
# spool-key = \"spool.key\"
# grace-days = 5
# quiet-hours = 24
";

/// What stands below that; the custodians' addresses follow.
pub(super) const PSEUDONYMS_COMMENT: &str = "
# To name people by identity number, through the custodians, from a month on of which nothing was posted yet. The number
# is an identifier of these systems in FHIR, or the register's column identity-number.
# [pseudonyms]
# from = \"2026-01\"
# identity-systems = [\"urn:oid:2.16.156.10011.1.3\"]
";

#[derive(Serialize)]
pub(super) struct CustodianTable {
    pub(super) jurisdiction: JurisdictionId,
    pub(super) number: u16,
    pub(super) url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RegulatorFile<'a> {
    pub(super) member: &'a str,
    pub(super) trust: &'a str,
    pub(super) signing_key: &'a str,
    pub(super) access_key: &'a str,
    pub(super) cross_summands: Option<&'a Path>,
    pub(super) exchanges: BTreeMap<String, String>,
    pub(super) evaluators: BTreeMap<JurisdictionId, String>,
    pub(super) custodian: Vec<CustodianTable>,
}
