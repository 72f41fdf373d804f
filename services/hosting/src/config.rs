//! A role's configuration: one TOML file, read and written by one type.
//!
//! Kept true: a path in a file is relative to the folder of the file, by its type ([`ConfigPath`]), so no field is
//! forgotten, and a folder of configurations can be moved. A setting that is not known is refused, with the known one that
//! is nearest to it. Nothing secret is in a configuration: keys are files of their own, of mode 0600.
//!
//! Errors: [`ConfigError`], with the file, the line and the setting. Cost: one small file.

use std::{
    cell::RefCell,
    fmt, fs,
    io::{self, Read as _},
    ops::Deref,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};

/// The longest configuration, in bytes.
pub const MAX_BYTES: usize = 64 << 10;

/// What a role is started with.
pub trait Configuration: DeserializeOwned + Serialize {
    /// What it is the configuration of, with an article: `an exchange`.
    const OF: &'static str;

    /// What the types of its settings do not say. An error begins with the setting: `exchange: the URL begins with …`.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is far longer than a configuration.
    #[error("{} is longer than {MAX_BYTES} bytes, so not the configuration of {of}", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// What it was to configure.
        of: &'static str,
    },
    /// It is not such a configuration.
    #[error("{}{place}: {detail} (the configuration of {of})", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where in it.
        place: Place,
        /// What is wrong, and what would be right.
        detail: String,
        /// What it was to configure.
        of: &'static str,
    },
}

/// Where in a file something is wrong, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: Option<usize>,
    /// The setting, or the table, that the line is about.
    pub setting: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(formatter, ", line {line}")?;
        }
        if let Some(setting) = &self.setting {
            write!(formatter, ", `{setting}`")?;
        }
        Ok(())
    }
}

thread_local! {
    /// The folder that paths are relative to while a configuration is read on this thread.
    static FOLDER: RefCell<PathBuf> = const { RefCell::new(PathBuf::new()) };
}

/// Reads the configuration of a role.
pub fn read<C: Configuration>(path: &Path) -> Result<C, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    file.take(MAX_BYTES as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() > MAX_BYTES {
        return Err(ConfigError::TooLong { path: path.to_owned(), of: C::OF });
    }
    let before = FOLDER.replace(path.parent().unwrap_or(Path::new("")).to_owned());
    let parsed = toml::from_str::<C>(&text);
    FOLDER.set(before);
    let malformed = |place, detail| ConfigError::Malformed { path: path.to_owned(), place, detail, of: C::OF };
    let config = parsed.map_err(|error| {
        let detail = explain(error.message());
        malformed(place(&text, &error), detail)
    })?;
    config.check().map_err(|error| malformed(Place::default(), error))?;
    Ok(config)
}

/// The configuration as a file's text. Its paths are as they were written, not where they lead.
pub fn to_text<C: Configuration>(config: &C) -> Result<String, toml::ser::Error> {
    toml::to_string(config)
}

/// How serde begins what it says of a setting that is missing.
const MISSING: &str = "missing field ";

/// The line that the parser's error is about, and what stands there. An error of the whole file is about none.
fn place(text: &str, error: &toml::de::Error) -> Place {
    let is_of_a_part = |span: &std::ops::Range<usize>| span.start > 0 || span.end < text.trim_end().len();
    let Some(span) = error.span().filter(is_of_a_part) else { return Place::default() };
    let Some(before) = text.get(..span.start) else { return Place::default() };
    let line = before.matches('\n').count() + 1;
    let content = text.lines().nth(line - 1).unwrap_or("").trim();
    let table = content.strip_prefix('[').and_then(|rest| rest.split(']').next()).map(|name| name.trim_matches('['));
    let key = content.split_once('=').map(|(key, _)| key);
    // What is missing is missing in a table, of which the outermost is the whole file.
    if table.is_none() && error.message().starts_with(MISSING) {
        return Place::default();
    }
    let setting = table.or(key).map(|setting| setting.trim().to_owned()).filter(|setting| !setting.is_empty());
    Place { line: Some(line), setting }
}

/// The parser's message in the words of configurations, with the nearest known setting in place of one that is unknown.
fn explain(message: &str) -> String {
    if let Some((unknown, known)) = unknown_setting(message) {
        let listed = known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
        return match nearest(unknown, &known) {
            Some(near) => format!("`{unknown}` is no setting here; did you mean `{near}`? There are {listed}"),
            None => format!("`{unknown}` is no setting here. There are {listed}"),
        };
    }
    match message.strip_prefix(MISSING) {
        Some(missing) => format!("the setting {missing} is missing"),
        None => message.trim_end().replace('\n', "; "),
    }
}

/// What serde says of a field that is not known: the field, and those that are.
fn unknown_setting(message: &str) -> Option<(&str, Vec<&str>)> {
    let (unknown, rest) = message.strip_prefix("unknown field `")?.split_once('`')?;
    Some((unknown, rest.split('`').skip(1).step_by(2).collect()))
}

/// The known setting that differs least, if it differs by less than half.
fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |known: &str| strsim::osa_distance(unknown, known);
    let (distance, near) = known.iter().map(|known| (distance(known), *known)).min()?;
    (distance * 2 < unknown.len().max(near.len())).then_some(near)
}

/// A path that a configuration names: relative to the folder of the configuration, unless it is absolute. It is read as
/// where it leads, and written as it was written.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigPath {
    written: PathBuf,
    leads_to: PathBuf,
}

impl ConfigPath {
    /// One that stands for a setting that was left out: relative to the folder of the configuration that is being read, or,
    /// if none is, to the working folder.
    pub fn relative(written: impl Into<PathBuf>) -> Self {
        let written = written.into();
        // Joining leaves absolute paths alone.
        Self { leads_to: FOLDER.with_borrow(|folder| folder.join(&written)), written }
    }

    /// The path that stands in the file.
    pub fn written(&self) -> &Path {
        &self.written
    }
}

impl<P: Into<PathBuf>> From<P> for ConfigPath {
    /// One that no configuration named: it leads to where it says.
    fn from(path: P) -> Self {
        let written = path.into();
        Self { leads_to: written.clone(), written }
    }
}

impl Deref for ConfigPath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.leads_to
    }
}

impl AsRef<Path> for ConfigPath {
    fn as_ref(&self) -> &Path {
        self
    }
}

impl AsRef<std::ffi::OsStr> for ConfigPath {
    fn as_ref(&self) -> &std::ffi::OsStr {
        self.leads_to.as_os_str()
    }
}

impl fmt::Debug for ConfigPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.leads_to.fmt(formatter)
    }
}

impl PartialEq<PathBuf> for ConfigPath {
    fn eq(&self, other: &PathBuf) -> bool {
        self.leads_to == *other
    }
}

impl PartialEq<&Path> for ConfigPath {
    fn eq(&self, other: &&Path) -> bool {
        self.leads_to == **other
    }
}

impl<'de> Deserialize<'de> for ConfigPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = PathBuf::deserialize(deserializer)?;
        if written.as_os_str().is_empty() {
            return Err(serde::de::Error::custom("a path is empty"));
        }
        Ok(Self::relative(written))
    }
}

impl Serialize for ConfigPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Config {
        listen: String,
        signing_key: ConfigPath,
        people: Option<ConfigPath>,
        #[serde(default)]
        number: u16,
        inner: Option<Inner>,
    }

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Inner {
        access_key: ConfigPath,
    }

    impl Configuration for Config {
        const OF: &'static str = "a test";

        fn check(&self) -> Result<(), String> {
            if self.listen.is_empty() { Err("listen: it is empty".to_owned()) } else { Ok(()) }
        }
    }

    const GOOD: &str =
        "listen = \"127.0.0.1:0\"\nsigning-key = \"../signing.hex\"\n[inner]\naccess-key = \"/keys/access.pem\"\n";

    fn read_text(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.toml");
        fs::write(&path, text).unwrap();
        let config = read::<Config>(&path).map_err(|error| error.to_string())?;
        assert_eq!(config.signing_key, folder.path().join("../signing.hex"));
        Ok(config)
    }

    #[test]
    fn paths_lead_from_the_folder_of_the_file_and_are_written_as_they_were() {
        let config = read_text(GOOD).unwrap();
        assert_eq!(config.signing_key.written(), Path::new("../signing.hex"));
        assert_eq!(config.inner.as_ref().unwrap().access_key, Path::new("/keys/access.pem"));
        assert!(to_text(&config).unwrap().contains("signing-key = \"../signing.hex\"\n"));
        // The folder is the one file's alone.
        let outside: Inner = toml::from_str("access-key = \"access.pem\"").unwrap();
        assert_eq!(outside.access_key, Path::new("access.pem"));
    }

    #[test]
    fn what_is_wrong_is_said_with_the_file_the_line_and_the_setting() {
        let cases = [
            (
                GOOD.replace("signing-key", "singing-key"),
                "line 2, `singing-key`: `singing-key` is no setting here; did you mean `signing-key`?",
            ),
            (
                GOOD.replace("access-key", "acces-keys"),
                "line 4, `acces-keys`: `acces-keys` is no setting here; did you mean `access-key`?",
            ),
            (
                format!("zone = 3\n{GOOD}"),
                "`zone` is no setting here. There are `listen`, `signing-key`, `people`, `number`, `inner`",
            ),
            (GOOD.replace("listen = \"127.0.0.1:0\"\n", ""), "test.toml: the setting `listen` is missing"),
            (GOOD.replace("access-key = \"/keys/access.pem\"\n", ""), "`inner`: the setting `access-key` is missing"),
            (format!("number = 70000\n{GOOD}"), "line 1, `number`: "),
            (format!("people = \"\"\n{GOOD}"), "line 1, `people`: a path is empty"),
            (GOOD.replace("127.0.0.1:0", ""), "test.toml: listen: it is empty"),
            (format!("listen = \"twice\"\n{GOOD}"), "line 2, `listen`: duplicate key"),
            (GOOD.replace("[inner]", "[inner"), "line 3, `inner`: "),
        ];
        for (text, expected) in cases {
            let error = read_text(&text).unwrap_err();
            assert!(error.contains("test.toml") && error.contains(expected), "{error}\n(wanted: {expected})");
            assert!(!error.contains('\n') && error.ends_with("(the configuration of a test)"), "{error}");
        }
    }

    #[test]
    fn what_is_no_configuration_at_all_is_told_from_one_that_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.toml");
        assert!(matches!(read::<Config>(&path), Err(ConfigError::Unreadable { .. })));
        fs::write(&path, vec![b'#'; MAX_BYTES + 1]).unwrap();
        assert!(matches!(read::<Config>(&path), Err(ConfigError::TooLong { .. })));
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(read::<Config>(&path), Err(ConfigError::Unreadable { .. })));
    }
}
