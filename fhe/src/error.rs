//! What can be wrong.

/// A list, a key file, a share or a result that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FheError {
    /// Bytes that are not what they should be.
    #[error("malformed {what}: {reason}")]
    Malformed {
        /// Of what.
        what: &'static str,
        /// In which way.
        reason: String,
    },
    /// The proof does not hold for this list, key, or context.
    #[error("the proof of the encrypted bits does not hold")]
    ProofInvalid,
    /// A value beyond its width.
    #[error("{what} is {found}, more than {max}")]
    OutOfRange {
        /// What.
        what: &'static str,
        /// Its value.
        found: u64,
        /// The most it may be.
        max: u64,
    },
    /// More of something than is taken. How many there are is not said: they may be people.
    #[error("there are more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The most there may be.
        max: usize,
    },
    /// The operating system gives no randomness.
    #[error("no randomness from the operating system: {0}")]
    Randomness(String),
}

impl FheError {
    pub(crate) fn malformed(what: &'static str, reason: impl ToString) -> Self {
        Self::Malformed { what, reason: reason.to_string() }
    }
}
