//! The files named on the command line, one after the other: which they are, of what format, and whose.
//!
//! Kept true: the order is that of the paths given, in a folder by name, with the folders in it, so a run over the same
//! files is the same run. Of a folder the files whose names end as one of a format that is read are taken, and no links;
//! CSV only where the configuration describes it.
//! Errors: [`FileError`] when the system cannot give us a file.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    identifier::PersonId,
    input::{Input, Meter},
    refusal::Reason,
    settings::{PeopleBy, Settings},
};

/// Files of one run, at most.
pub(crate) const MAX_FILES: usize = 1 << 20;
/// Folders within folders, at most.
const MAX_DEPTH: usize = 16;

/// Why the files cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refused.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The name does not say what is in it.
    #[error("{}: only .json, .ndjson, .ndjson.gz, .fit, .xml, .zip and .csv are read", .0.display())]
    UnknownFormat(PathBuf),
    /// More files than one run takes.
    #[error("more than {MAX_FILES} files; give fewer at a time")]
    TooMany,
    /// Folders in folders, without end.
    #[error("{}: folders lie more than {MAX_DEPTH} deep in one another", .0.display())]
    TooDeep(PathBuf),
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Ndjson,
    CompressedNdjson,
    /// Garmin's.
    Fit,
    /// Apple Health's `export.xml`.
    AppleHealth,
    /// The archive that Apple Health puts it in.
    AppleArchive,
    Csv,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let endings = [
            (".json", Self::Json),
            (".ndjson", Self::Ndjson),
            (".ndjson.gz", Self::CompressedNdjson),
            (".fit", Self::Fit),
            (".xml", Self::AppleHealth),
            (".zip", Self::AppleArchive),
            (".csv", Self::Csv),
        ];
        endings.into_iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, format)| format)
    }

    /// Whether it is JSON, or lines of it.
    fn is_text(self) -> bool {
        matches!(self, Self::Json | Self::Ndjson | Self::CompressedNdjson)
    }

    /// Whether its records leave open whose they are.
    fn names_nobody(self) -> bool {
        matches!(self, Self::Fit | Self::AppleHealth | Self::AppleArchive)
    }
}

/// A file to read.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it is.
    pub path: Arc<Path>,
    pub(crate) format: Format,
    /// Whose it is, of a format that does not say; or why that is not known.
    pub(crate) owner: Result<PersonId, Reason>,
    /// Its length when it was found, in bytes.
    pub length: u64,
}

/// The files that the paths name: files as given, folders' files by name.
pub fn list(paths: &[PathBuf], settings: &Settings) -> Result<Vec<Source>, FileError> {
    let mut listing = Listing { settings, sources: Vec::new() };
    for path in paths {
        let found = fs::metadata(path).map_err(|source| FileError::Read { path: path.clone(), source })?;
        if found.is_dir() {
            listing.folder(path, 0)?;
        } else {
            let format = Format::of(path).ok_or_else(|| FileError::UnknownFormat(path.clone()))?;
            listing.file(path, format, found.len())?;
        }
    }
    Ok(listing.sources)
}

/// A listing under way.
struct Listing<'c> {
    settings: &'c Settings,
    sources: Vec<Source>,
}

impl Listing<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), FileError> {
        let explain = |source| FileError::Read { path: folder.to_owned(), source };
        if depth > MAX_DEPTH {
            return Err(FileError::TooDeep(folder.to_owned()));
        }
        let mut inside: Vec<fs::DirEntry> = fs::read_dir(folder).and_then(Iterator::collect).map_err(explain)?;
        inside.sort_by_key(fs::DirEntry::file_name);
        for entry in inside {
            // Of the entry itself: a link to a folder above would go round in circles.
            let found = entry.metadata().map_err(explain)?;
            let path = entry.path();
            match Format::of(&path) {
                _ if found.is_dir() => self.folder(&path, depth + 1)?,
                // Any program writes CSV, and the register is often laid beside the files.
                Some(Format::Csv)
                    if self.settings.table.is_none() || self.settings.people.as_deref() == Some(path.as_path()) => {}
                Some(format) if found.is_file() => self.file(&path, format, found.len())?,
                _ => {}
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, format: Format, length: u64) -> Result<(), FileError> {
        if self.sources.len() == MAX_FILES {
            return Err(FileError::TooMany);
        }
        let owner = if format.names_nobody() { self.owner(path) } else { Err(Reason::NobodyNamed) };
        self.sources.push(Source { path: path.into(), format, owner, length });
        Ok(())
    }

    fn owner(&self, path: &Path) -> Result<PersonId, Reason> {
        match (&self.settings.unnamed.person, self.settings.unnamed.people) {
            (Some(person), _) => Ok(person.clone()),
            (None, Some(PeopleBy::Folder)) => {
                let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
                PersonId::new(folder.ok_or(Reason::NobodyNamed)?)
            }
            (None, None) => Err(Reason::NobodyNamed),
        }
    }
}

impl Source {
    /// A file of JSON, or of lines of it.
    pub(crate) fn of_texts(path: &Path) -> Result<Self, FileError> {
        let found = fs::metadata(path).map_err(|source| FileError::Read { path: path.to_owned(), source })?;
        let format = Format::of(path).filter(|format| format.is_text());
        let format = format.ok_or_else(|| FileError::UnknownFormat(path.to_owned()))?;
        Ok(Self { path: path.into(), format, owner: Err(Reason::NobodyNamed), length: found.len() })
    }

    /// Opens it; what is read counts as progress.
    pub(crate) fn open<'p>(&self, meter: &'p Meter<'p>) -> Result<Input<'p>, FileError> {
        let file = File::open(&self.path).map_err(|source| self.cannot_read(source))?;
        Ok(Input::new(file, meter))
    }

    pub(crate) fn cannot_read(&self, source: io::Error) -> FileError {
        FileError::Read { path: self.path.to_path_buf(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Unnamed, tests::settings};

    fn names(path: &Path, settings: &Settings) -> Vec<String> {
        let listed = list(&[path.to_owned()], settings).unwrap();
        listed.iter().map(|source| source.path.strip_prefix(path).unwrap().display().to_string()).collect()
    }

    #[test]
    fn a_folder_is_read_by_name_with_its_folders_and_other_files_in_it_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        for name in ["c.ndjson", "a.json", "a.ndjson.gz", "notes.txt", "d.XML", "b/x.fit", "b/y.csv", "e.zip"] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        fs::create_dir(folder.path().join("folder.json")).unwrap();
        let mut settings = settings();
        let expected = ["a.json", "a.ndjson.gz", "b/x.fit", "c.ndjson", "d.XML", "e.zip"];
        assert_eq!(names(folder.path(), &settings), expected, "nothing says what CSV would be");
        (settings.table, settings.people) = (Some("table.toml".into()), Some(folder.path().join("people.csv")));
        fs::write(folder.path().join("people.csv"), "id").unwrap();
        let expected = ["a.json", "a.ndjson.gz", "b/x.fit", "b/y.csv", "c.ndjson", "d.XML", "e.zip"];
        assert_eq!(names(folder.path(), &settings), expected, "the register is none of them");
        let list = |name: &str| list(&[folder.path().join(name)], &settings);
        assert!(matches!(list("notes.txt"), Err(FileError::UnknownFormat(_))));
        assert!(matches!(list("absent.json"), Err(FileError::Read { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_folder_above_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("above")).unwrap();
        fs::write(folder.path().join("a.json"), "{}").unwrap();
        assert_eq!(names(folder.path(), &settings()), ["a.json"]);
    }

    #[test]
    fn a_file_that_names_nobody_is_of_whom_the_run_says_or_of_its_folders_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("A")).unwrap();
        for name in ["A/a.fit", "A/b.json"] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        let owners = |people, person: Option<&str>| -> Vec<Result<PersonId, Reason>> {
            let person = person.map(|person| PersonId::new(person).unwrap());
            let unnamed = Unnamed { people, person, ..Unnamed::default() };
            let listed = list(&[folder.path().to_owned()], &Settings { unnamed, ..settings() }).unwrap();
            listed.into_iter().map(|source| source.owner).collect()
        };
        let (nobody, named) = (Err(Reason::NobodyNamed), |name| Ok(PersonId::new(name).unwrap()));
        assert_eq!(owners(None, None), [nobody.clone(), nobody.clone()]);
        assert_eq!(owners(Some(PeopleBy::Folder), None), [named("A"), nobody.clone()]);
        assert_eq!(owners(Some(PeopleBy::Folder), Some("B")), [named("B"), nobody]);
    }
}
