//! The trust roots that a server has gone by, kept whole: one file each, named by its digest.
//!
//! A request is judged under the trust root that it names, so the roots before the present one are needed for as long as
//! what was asked under them counts. A server keeps its own at every start; what it lacks an operator may put into the
//! folder, and others serve it by digest.
//!
//! Kept true: a file is whole, or not there; what is read was checked ([`Lineage::add`]), and is of the present root's line. A
//! file under another collective key is passed over, and named in the log: a network that began anew leaves some. One under
//! this key that the present root does not follow is refused: what was asked under it would be forgotten.
//!
//! Errors: [`RootsError`]. Cost: a file and the check of a trust root for each.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use nacre_schemas::{Digest, Document as _, trust::SignedTrustRoot};
use nacre_verifier::{Failure, Lineage, Named, Network};

use crate::{
    file::{self, FileError, PRIVATE},
    folder,
    trust::{self, TrustError},
};

/// Why trust roots cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// The folder, or a file that cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that holds no trust root.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// It is of this line, and does not hold in it.
    #[error("{}: {source}", .path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Failure,
    },
}

/// The present trust root and those before it, in a folder.
pub struct Roots {
    folder: PathBuf,
    lineage: RwLock<Lineage>,
}

impl Roots {
    /// Opens the folder, makes it if there is none, reads what is in it, and keeps the present trust root there too.
    pub fn open(folder: &Path, present: Arc<Network>) -> Result<Self, RootsError> {
        folder::make_private(folder)?;
        let mut lineage = Lineage::new(Arc::clone(&present));
        for entry in fs::read_dir(folder).map_err(FileError::at(folder))? {
            let path = entry.map_err(FileError::at(folder))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                read_into(&mut lineage, &path)?;
            }
        }
        let roots = Self { folder: folder.to_owned(), lineage: RwLock::new(lineage) };
        roots.write(present.signed())?;
        Ok(roots)
    }

    /// What is at hand now.
    pub fn lineage(&self) -> Lineage {
        self.lineage.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The trust root that a request names.
    pub fn find(&self, trust: &Digest) -> Named {
        self.lineage.read().unwrap_or_else(PoisonError::into_inner).find(trust)
    }

    /// Keeps an earlier trust root that was lacking: durable when it returns. Blocks.
    pub fn keep(&self, signed: SignedTrustRoot) -> Result<(), RootsError> {
        let refused = |source| RootsError::Refused { path: self.path(&signed.root.digest()), source };
        // Held to the end: two that bring the same root would write the same file.
        let mut lineage = self.lineage.write().unwrap_or_else(PoisonError::into_inner);
        lineage.add(signed.clone()).map_err(refused)?;
        self.write(&signed)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{digest}.toml"))
    }

    fn write(&self, signed: &SignedTrustRoot) -> Result<(), RootsError> {
        let path = self.path(&signed.root.digest());
        if path.exists() {
            return Ok(());
        }
        let text = toml::to_string(signed).map_err(|error| FileError::broken(&path, error))?;
        Ok(file::replace(&path, text.as_bytes(), PRIVATE)?)
    }
}

fn read_into(lineage: &mut Lineage, path: &Path) -> Result<(), RootsError> {
    let signed = trust::read_unchecked(path)?;
    if !lineage.is_of_this_key(&signed.root) {
        tracing::warn!(file = %path.display(), "a trust root under another collective key is passed over");
        return Ok(());
    }
    lineage.add(signed).map_err(|source| RootsError::Refused { path: path.to_owned(), source })
}
