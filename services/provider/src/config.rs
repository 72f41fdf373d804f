//! `provider.toml`: who the provider is, where it posts, where its keys lie. Read as [`nacre_hosting::config`] says; keys are
//! named by path here and read only by [`crate::keys`].

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use nacre_hosting::{
    config::{self, ConfigError, ConfigPath, Configuration},
    server::ServerConfig,
    tls::ClientTlsConfig,
};
use nacre_reading::{Settings, Unnamed};
use nacre_schemas::{
    answer::CustodianId,
    cohort::Period,
    id::{ChainId, JurisdictionId, MeasureId, MemberId, Text},
    region::Region,
};
use serde::{Deserialize, Serialize};

/// A provider's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The name it was admitted under.
    pub member: MemberId,
    /// The chain it posts to.
    pub chain: ChainId,
    /// Where its people are counted; records do not say.
    pub region: Region,
    /// The trust root (TOML).
    pub trust: ConfigPath,
    /// Base URL of the chain's exchange.
    pub exchange: String,
    /// Base URL of the exchange of each chain above its own, by name: for evidence and disputes; and of the chains that
    /// records which others grant are on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exchanges: BTreeMap<ChainId, String>,
    /// Folder of `outbox.sqlite`: of this member, chain and network alone.
    pub data: ConfigPath,
    /// System of the identifier that names a person.
    pub person_system: Text<256>,
    /// The register of people (CSV: id, sex, birth-date and, if wanted, region), for records that do not say; if any.
    pub people: Option<ConfigPath>,
    /// SM2 key that batches are signed with (hex).
    pub signing_key: ConfigPath,
    /// P-384 key for access tokens (PEM).
    pub access_key: ConfigPath,
    /// HMAC-SM3 key of record ids (32 bytes, hex). With another one an outbox does not open; with an empty outbox, too, the provider
    /// would post its months anew.
    pub record_key: ConfigPath,
    /// HMAC-SM3 key of pseudonyms (32 bytes, hex).
    pub pseudonym_key: ConfigPath,
    /// The cross lane's public key, if values are to be posted for it too.
    pub cross_key: Option<ConfigPath>,
    /// The measures whose values are posted for the cross lane too; all, if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cross_measures: Vec<MeasureId>,
    /// The first month whose values are posted for the cross lane too; every month, if none is named.
    pub cross_from: Option<Period>,
    /// SM4 key that payload keys are wrapped under (16 bytes, hex).
    pub payload_key: ConfigPath,
    /// How people are named by identity number, so that other providers name them alike; none if all pseudonyms are made
    /// with the key above.
    pub pseudonyms: Option<PseudonymConfig>,
    /// What the columns of CSV files are (TOML: `docs/formats.md`); without it none are read.
    pub table: Option<ConfigPath>,
    /// Whose files are that name nobody, and in which time zone their times are.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unnamed: Unnamed,
    /// How exchanges and custodians are called.
    #[serde(default, skip_serializing_if = "ClientTlsConfig::is_default")]
    pub tls: ClientTlsConfig,
    /// How `nacre provider serve` is reached; from this machine, at 127.0.0.1:8480, unless it is said.
    #[serde(default = "Config::server", skip_serializing_if = "Config::is_usual_server")]
    pub server: ServerConfig,
    /// How `nacre provider serve` takes records in.
    #[serde(default, skip_serializing_if = "is_default")]
    pub gateway: GatewayConfig,
}

fn is_default<T: Default + PartialEq>(setting: &T) -> bool {
    *setting == T::default()
}

/// How the FHIR gateway takes records in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct GatewayConfig {
    /// SM4 key of the spool (16 bytes, hex). It is made when there is none and nothing is in the spool.
    pub spool_key: ConfigPath,
    /// Days that a month stays open after its end, for what is entered late.
    pub grace_days: u16,
    /// Hours that a person's month stays open after the last change of it.
    pub quiet_hours: u16,
    /// File of the token that senders give (`Authorization: Bearer`), if they must. Beyond this machine it takes a token, or
    /// client certificates (`client-ca` in `[server.tls]`).
    pub token: Option<ConfigPath>,
    /// Folder that `$import` takes files from, if it may.
    pub import: Option<ConfigPath>,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self { spool_key: ConfigPath::relative("spool.key"), grace_days: 5, quiet_hours: 24, token: None, import: None }
    }
}

/// How people are named by identity number, together with the custodians.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PseudonymConfig {
    /// The first month whose records are named so. Of earlier months pseudonyms are made with the key, as they were.
    pub from: Period,
    /// Systems of the FHIR identifiers that are identity numbers. Of a patient who has several the first listed counts:
    /// providers whose people are to be matched list them in one order.
    #[serde(default)]
    pub identity_systems: Vec<Text<256>>,
    /// Where the custodians are: of every jurisdiction as many as its threshold, and better all.
    #[serde(rename = "custodian")]
    pub custodians: Vec<CustodianAddress>,
}

/// Where a custodian is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CustodianAddress {
    /// Its jurisdiction.
    pub jurisdiction: JurisdictionId,
    /// Its number there, from 1.
    pub number: u16,
    /// Its URL.
    pub url: String,
}

impl CustodianAddress {
    /// Who is there.
    pub fn id(&self) -> CustodianId {
        CustodianId { jurisdiction: self.jurisdiction.clone(), number: self.number }
    }
}

impl Configuration for Config {
    const OF: &'static str = "a provider";

    fn check(&self) -> Result<(), String> {
        if !["http://", "https://"].iter().any(|scheme| self.exchange.starts_with(scheme)) {
            return Err("exchange: the URL begins with http:// or https://".to_owned());
        }
        if self.person_system.as_str().is_empty() {
            return Err("person-system: it is empty".to_owned());
        }
        let mut seen = BTreeSet::new();
        let custodians = self.pseudonyms.iter().flat_map(|pseudonyms| &pseudonyms.custodians);
        match custodians.map(CustodianAddress::id).find(|custodian| !seen.insert(custodian.clone())) {
            Some(twice) => Err(format!("pseudonyms: custodian {twice} is listed twice")),
            None => Ok(()),
        }
    }
}

impl Config {
    /// Where the gateway is reached unless the file says otherwise.
    pub fn server() -> ServerConfig {
        ServerConfig::at("127.0.0.1:8480")
    }

    fn is_usual_server(server: &ServerConfig) -> bool {
        *server == Self::server()
    }

    /// Reads a configuration.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        config::read(path)
    }

    /// What reading is told of it.
    pub(crate) fn reading(&self) -> Settings {
        let identity_systems = self.pseudonyms.as_ref().map(|pseudonyms| pseudonyms.identity_systems.clone());
        Settings {
            region: self.region,
            person_system: self.person_system.clone(),
            identity_systems: identity_systems.unwrap_or_default(),
            people: self.people.as_ref().map(|path| path.to_path_buf()),
            table: self.table.as_ref().map(|path| path.to_path_buf()),
            unnamed: self.unnamed.clone(),
        }
    }

    /// Whether its settings name values of that measure and month for the cross lane.
    pub(crate) fn names_for_cross_lane(&self, measure: &MeasureId, period: Period) -> bool {
        let of_measure = self.cross_measures.is_empty() || self.cross_measures.contains(measure);
        of_measure && self.cross_from.is_none_or(|from| from <= period)
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;
    use nacre_reading::{PeopleBy, UtcOffset};

    use super::*;

    const GOOD: &str = r#"
member = "hospital"
chain = "region/440100"
region = "440100"
trust = "../trust.toml"
exchange = "http://127.0.0.1:8440"
data = "data"
person-system = "urn:person"
signing-key = "signing.key"
access-key = "access.pem"
record-key = "record.key"
pseudonym-key = "pseudonym.key"
payload-key = "/keys/payload.key"
"#;

    fn read(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("provider.toml");
        std::fs::write(&path, text).unwrap();
        let mut read = Config::read(&path).map_err(|error| error.to_string())?;
        read.data = read.data.strip_prefix(folder.path()).unwrap().into();
        Ok(read)
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = read(GOOD).unwrap();
        assert_eq!(config.data, Path::new("data"));
        assert_eq!(config.payload_key, Path::new("/keys/payload.key"));
        assert_eq!(config.people, None);
        let people = read(&format!("{GOOD}people = \"people.csv\"\n")).unwrap().people.unwrap();
        assert!(people.is_absolute() && people.ends_with("people.csv"));
        assert!(config.trust.is_absolute() && config.trust.ends_with("../trust.toml"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_file_and_key() {
        let cases = [
            (GOOD.replace("record-key", "record-kee"), "record-kee"),
            (GOOD.replace("record-key = \"record.key\"\n", ""), "record-key"),
            (GOOD.replace("region = \"440100\"", "region = \"440199\""), "440199"),
            (GOOD.replace("http://", "ftp://"), "exchange"),
            (GOOD.replace("urn:person", ""), "person-system"),
        ];
        for (text, named) in cases {
            let error = read(&text).unwrap_err();
            assert!(error.contains("provider.toml") && error.contains(named), "{error}");
        }
    }

    #[test]
    fn values_are_named_for_the_cross_lane_by_measure_and_first_month() {
        let named = |settings: &str, measure: &str, month: &str| {
            let config = read(&format!("{GOOD}{settings}")).unwrap();
            config.names_for_cross_lane(&measure.parse().unwrap(), month.parse().unwrap())
        };
        assert!(named("", "hba1c", "2020-01"));
        let settings = "cross-measures = [\"hba1c\"]\ncross-from = \"2026-03\"\n";
        assert!(named(settings, "hba1c", "2026-03") && named(settings, "hba1c", "2027-01"));
        assert!(!named(settings, "hba1c", "2026-02") && !named(settings, "steps", "2026-03"));
    }

    #[test]
    fn files_that_name_nobody_are_of_the_greater_bay_area_unless_the_configuration_says_otherwise() {
        let unnamed = read(GOOD).unwrap().unnamed;
        assert_eq!((unnamed.people, unnamed.utc_offset, unnamed.person), (None, UtcOffset(Offset::constant(8)), None));
        let told =
            read(&format!("{GOOD}table = \"table.toml\"\n[unnamed]\npeople = \"folder\"\nutc-offset = \"-05:30\"\n"));
        let told = told.unwrap();
        assert_eq!(told.unnamed.people, Some(PeopleBy::Folder));
        assert_eq!(told.unnamed.utc_offset.0.seconds(), -(5 * 3_600 + 30 * 60));
        assert!(told.table.is_some_and(|path| path.is_absolute() && path.ends_with("table.toml")));
        for (text, named) in [
            ("utc-offset = \"+8\"", "no offset from UTC"),
            ("people = \"device\"", "folder"),
            ("person = \"A\"", "`person` is no setting here"),
        ] {
            let error = read(&format!("{GOOD}[unnamed]\n{text}\n")).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }

    const PSEUDONYMS: &str = r#"
[pseudonyms]
from = "2026-01"
identity-systems = ["urn:a", "urn:b"]
custodian = [
    { jurisdiction = "macao", number = 2, url = "http://127.0.0.1:8450" },
    { jurisdiction = "macao", number = 3, url = "http://127.0.0.1:8451" },
]
"#;

    #[test]
    fn pseudonyms_are_the_providers_own_unless_it_says_from_when_on_they_are_not() {
        assert_eq!(read(GOOD).unwrap().pseudonyms, None);
        let pseudonyms = read(&format!("{GOOD}{PSEUDONYMS}")).unwrap().pseudonyms.unwrap();
        assert_eq!(pseudonyms.from.to_string(), "2026-01");
        let listed: Vec<String> = pseudonyms.custodians.iter().map(|one| one.id().to_string()).collect();
        assert_eq!((listed.join(" ").as_str(), pseudonyms.identity_systems.len()), ("macao-2 macao-3", 2));
        for (text, named) in [
            (PSEUDONYMS.replace("number = 3", "number = 2"), "macao-2 is listed twice"),
            (PSEUDONYMS.replace("2026-01", "2026"), "2026"),
            (PSEUDONYMS.replace("from = \"2026-01\"\n", ""), "from"),
            (PSEUDONYMS.replace("identity-systems", "identity-system"), "identity-system"),
        ] {
            let error = read(&format!("{GOOD}{text}")).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
