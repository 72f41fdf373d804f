//! Access keys: P-384, for the assertions that access tokens are had with (ES384, RFC 7518 §3.4).
//!
//! Kept true: the secret key is drawn from the operating system, overwritten when dropped, neither printed nor
//! cloned; a registered public key has one form only (DER SubjectPublicKeyInfo of the uncompressed point), so
//! two registrations of one key are seen to be one.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use getrandom::{SysRng, rand_core::TryRng as _};
use jsonwebtoken::{DecodingKey, EncodingKey};
use nacre_hosting::{
    key::{KeyFile, KeyFileError},
    secret,
};
use nacre_schemas::id::Text;
use p384::{
    PublicKey, SecretKey,
    elliptic_curve::sec1::ToEncodedPoint as _,
    pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding},
};
use zeroize::Zeroizing;

/// What an error calls such a key.
pub(crate) const KIND: &str = "access key";

/// Why an access key cannot be had or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    NoRandomness(getrandom::Error),
    /// The secret key is not PKCS#8 of a P-384 key.
    #[error("this is no unencrypted P-384 private key in PKCS#8 PEM (-----BEGIN PRIVATE KEY-----)")]
    Secret,
    /// The public key is not base64 of a P-384 key.
    #[error("this is no P-384 public key: base64 of the DER SubjectPublicKeyInfo with the uncompressed point")]
    Public,
}

/// A member's secret access key.
pub struct AccessKey {
    secret: SecretKey,
    signing: EncodingKey,
    public: Text<256>,
}

impl AccessKey {
    /// A fresh key from the operating system's randomness.
    pub fn generate() -> Result<Self, KeyError> {
        loop {
            let mut bytes = Zeroizing::new([0; 48]);
            SysRng.try_fill_bytes(bytes.as_mut()).map_err(KeyError::NoRandomness)?;
            // Zero and numbers from the order on, one draw in 2^190, are drawn again: keys are uniform.
            if let Ok(secret) = SecretKey::from_slice(bytes.as_ref()) {
                return Self::of(secret);
            }
        }
    }

    /// Reads the key in a secret file.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        Self::from_pem(&secret::read_text(path)?).map_err(|error| KeyFile { path, what: KIND }.malformed(error))
    }

    /// The key in this PKCS#8 PEM, unencrypted.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        Self::of(SecretKey::from_pkcs8_pem(pem).map_err(|_| KeyError::Secret)?)
    }

    /// The key as PKCS#8 PEM, for a secret file.
    pub fn to_pem(&self) -> Zeroizing<String> {
        self.secret.to_pkcs8_pem(LineEnding::LF).expect("a P-384 key is far below the limits of DER")
    }

    /// The public key as it is registered: base64 of the DER SubjectPublicKeyInfo.
    pub fn public(&self) -> Text<256> {
        self.public.clone()
    }

    pub(crate) fn signing(&self) -> &EncodingKey {
        &self.signing
    }

    fn of(secret: SecretKey) -> Result<Self, KeyError> {
        let document = secret.to_pkcs8_der().map_err(|_| KeyError::Secret)?;
        let public = registered_form(&secret.public_key())?;
        Ok(Self { secret, signing: EncodingKey::from_ec_der(document.as_bytes()), public })
    }
}

fn registered_form(key: &PublicKey) -> Result<Text<256>, KeyError> {
    let document = key.to_public_key_der().map_err(|_| KeyError::Public)?;
    STANDARD.encode(document.as_bytes()).parse().map_err(|_| KeyError::Public)
}

/// The key to verify a member's assertions with. For ES384 alone: it verifies nothing under another algorithm.
pub(crate) fn verifying(registered: &Text<256>) -> Result<DecodingKey, KeyError> {
    let document = STANDARD.decode(registered.as_str()).map_err(|_| KeyError::Public)?;
    let key = PublicKey::from_public_key_der(&document).map_err(|_| KeyError::Public)?;
    if registered_form(&key)? != *registered {
        return Err(KeyError::Public);
    }
    // `jsonwebtoken` wants the SEC 1 point here, whatever its name says.
    Ok(DecodingKey::from_ec_der(key.to_encoded_point(false).as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_by_its_pem() {
        let key = AccessKey::generate().unwrap();
        let pem = key.to_pem();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"), "a PKCS#8 header");
        assert_eq!(AccessKey::from_pem(&pem).unwrap().public(), key.public());
        assert_ne!(AccessKey::generate().unwrap().public(), key.public());
        assert!(matches!(AccessKey::from_pem("-----BEGIN PRIVATE KEY-----\n"), Err(KeyError::Secret)));
        assert!(matches!(AccessKey::from_pem(&pem.replace("PRIVATE", "PUBLIC")), Err(KeyError::Secret)));
    }

    #[test]
    fn a_registered_key_has_one_form() {
        let key = AccessKey::generate().unwrap();
        assert!(verifying(&key.public()).is_ok());
        let document = STANDARD.decode(key.public().as_str()).unwrap();
        let mut off_curve = document.clone();
        *off_curve.last_mut().unwrap() ^= 1;
        let mut surplus = document.clone();
        surplus.push(0);
        // SEQUENCE { SEQUENCE { id-ecPublicKey, secp384r1 }, BIT STRING of 02 or 03 and x }.
        let mut compressed = vec![0x30, 0x46];
        compressed.extend_from_slice(&document[2..20]);
        compressed.extend_from_slice(&[0x03, 0x32, 0x00, 2 | (document[119] & 1)]);
        compressed.extend_from_slice(&document[24..72]);
        assert!(PublicKey::from_public_key_der(&compressed).is_ok(), "the point is the same, compressed");
        for bad in [off_curve, surplus, compressed, document[..119].to_vec(), Vec::new()] {
            let text = STANDARD.encode(bad).parse().unwrap();
            assert!(matches!(verifying(&text), Err(KeyError::Public)));
        }
        assert!(matches!(verifying(&"not base64!".parse().unwrap()), Err(KeyError::Public)));
    }

    #[test]
    fn a_key_of_another_curve_is_refused() {
        // The P-256 example key of RFC 7515 A.3 as a SubjectPublicKeyInfo.
        let x = "7fcdce2770f6c45d4183cbee6fdb4b7b580733357be9ef13bacf6e3c7bd15445";
        let y = "c7f144cd1bbd9b7e872cdfedb9eeb9f4b3695d6ea90b24ad8a4623288588e5ad";
        let prefix = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
        let document = hex::decode(format!("{prefix}04{x}{y}")).unwrap();
        let text = STANDARD.encode(document).parse().unwrap();
        assert!(matches!(verifying(&text), Err(KeyError::Public)));
    }
}
