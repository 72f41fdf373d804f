//! The address of a server: what its clients call, and what tokens name as issuer and audience. Both sides write it
//! the same way, so that `HTTP://Host:80/` and `http://host` are one audience.

use nacre_wire::token::POST_TOKEN;
use reqwest::Url;

/// Why a text is no address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It does not parse.
    #[error("{text} is no URL: {detail}")]
    Invalid {
        /// The text.
        text: String,
        /// What the parser says.
        detail: String,
    },
    /// Neither http nor https.
    #[error("a server's URL begins with http:// or https://, this one with {0}:")]
    Scheme(String),
    /// User information, a query or a fragment. It is not shown, as user information is often a password.
    #[error("a server's URL has no user name, password, query or fragment")]
    Surplus,
}

/// The address of a server, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    url: Url,
    text: String,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text).map_err(|error| AddressError::Invalid {
            // What cannot be parsed may hold a password all the same.
            text: if text.contains('@') { "this text".to_owned() } else { text.to_owned() },
            detail: error.to_string(),
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(AddressError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::Surplus);
        }
        let text = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { url, text })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The token endpoint: what an assertion names as its audience.
    pub(crate) fn token_url(&self) -> String {
        format!("{}{}", self.text, POST_TOKEN.facts().path)
    }

    /// The URL of that path. None if the path does not begin with a slash (`@host` would lead elsewhere) or does not
    /// stay on this server.
    pub(crate) fn at(&self, path: &str) -> Option<Url> {
        if !path.starts_with('/') {
            return None;
        }
        let url = Url::parse(&format!("{}{path}", self.text)).ok()?;
        (url.origin() == self.url.origin() && url.username().is_empty() && url.password().is_none()).then_some(url)
    }

    /// Whether this machine is meant.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.url.host_str() {
            Some("localhost" | "[::1]") => true,
            Some(host) => host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
            None => false,
        }
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_has_one_address_however_it_is_written() {
        for text in ["http://exchange.example", "HTTP://Exchange.Example:80/", "http://exchange.example//"] {
            assert_eq!(Address::parse(text).unwrap().token_url(), "http://exchange.example/oauth/token");
        }
        assert_eq!(Address::parse("https://gate.example/a/").unwrap().as_str(), "https://gate.example/a");
    }

    #[test]
    fn what_is_no_address_is_refused_and_a_password_is_not_repeated() {
        assert!(matches!(Address::parse("exchange.example"), Err(AddressError::Invalid { .. })));
        assert_eq!(Address::parse("ftp://exchange.example"), Err(AddressError::Scheme("ftp".to_owned())));
        for text in ["http://me:secret@host", "http://me@host", "http://host/?token=secret", "http://host/#a"] {
            assert_eq!(Address::parse(text), Err(AddressError::Surplus), "{text}");
        }
        let error = Address::parse("http://me:secret@host:port").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn a_path_cannot_lead_to_another_server() {
        let address = Address::parse("http://exchange.example:8080").unwrap();
        assert_eq!(address.at("/v1/chains?from=1").unwrap().as_str(), "http://exchange.example:8080/v1/chains?from=1");
        for path in ["@evil.example/", ".evil.example/", "v1/chains", "", "1/v1"] {
            assert_eq!(address.at(path), None, "{path}");
        }
        assert_eq!(address.at("//evil.example/").unwrap().host_str(), Some("exchange.example"));
    }

    #[test]
    fn loopback_is_told_from_names_that_look_like_it() {
        for (text, expected) in [
            ("http://127.0.0.1:1", true),
            ("http://localhost", true),
            ("http://[::1]:1", true),
            ("http://127.0.0.1.example", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(Address::parse(text).unwrap().is_loopback(), expected, "{text}");
        }
    }
}
