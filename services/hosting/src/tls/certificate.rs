//! How long a certificate is good for.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use rustls::pki_types::CertificateDer;
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use super::TlsError;

/// When it expires.
pub(super) fn expires_at(path: &Path, certificate: &CertificateDer<'_>) -> Result<SystemTime, TlsError> {
    let parsed = X509Certificate::from_der(certificate);
    let (_, parsed) = parsed.map_err(|error| TlsError::malformed(path, format!("no certificate: {error}")))?;
    // One that expired before 1970 has expired.
    let seconds = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
    Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}
