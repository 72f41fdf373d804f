//! Certificates of a network on one machine: an authority of its own, and one for each server.
//!
//! Kept true: keys are files of mode 0600; nothing is overwritten. The authority's key stays in the network's folder, so that
//! certificates can be renewed: for trying out alone.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use nacre_hosting::secret;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

/// How long the authority is good for, in years, and its certificates.
const YEARS: (i32, i32) = (10, 2);
/// The authority's certificate, in the network's folder.
pub(super) const CA: &str = "ca.pem";
/// A server's certificate, in its home.
pub(super) const CERTIFICATE: &str = "server.pem";
/// Its key.
pub(super) const KEY: &str = "server.key";

/// A network's own authority.
pub(super) struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    /// Makes one, and writes it into the network's folder.
    pub(super) fn make(folder: &Path, network: &str) -> anyhow::Result<Self> {
        let mut params = named(&format!("{network} CA"), YEARS.0);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        write(&folder.join(CA), params.self_signed(&key)?.pem())?;
        secret::write_text(&folder.join("ca.key"), &key.serialize_pem())?;
        Ok(Self(Issuer::new(params, key)))
    }

    /// Writes a certificate for the host of that address, and its key, into a server's home.
    pub(super) fn issue(&self, home: &Path, server: &str, address: &str) -> anyhow::Result<()> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
        let mut params = named(server, YEARS.1);
        params.subject_alt_names = vec![match host.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(host.try_into().with_context(|| format!("{host} is no name of a host"))?),
        }];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        write(&home.join(CERTIFICATE), params.signed_by(&key, &self.0)?.pem())?;
        Ok(secret::write_text(&home.join(KEY), &key.serialize_pem())?)
    }
}

/// A certificate's parameters: good from yesterday on, as clocks differ.
fn named(name: &str, years: i32) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let yesterday = today.yesterday().unwrap_or(today);
    let date = |date: jiff::civil::Date, years: i32| {
        rcgen::date_time_ymd(
            i32::from(date.year()) + years,
            date.month().unsigned_abs(),
            date.day().unsigned_abs().min(28),
        )
    };
    (params.not_before, params.not_after) = (date(yesterday, 0), date(yesterday, years));
    params
}

fn write(path: &PathBuf, text: String) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
