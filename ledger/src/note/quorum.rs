//! When a checkpoint is final: strictly more than two thirds of the chain's witnesses have countersigned it, a full
//! witness among them if the chain has one. So two different final checkpoints of one size share more than a third of the
//! witnesses, and behind each stands one that has seen every body.
//!
//! Kept true: a witness counts once, for its name and its key are each listed once. A chain without witnesses
//! is possible and said to be so, never passed off as final.
//!
//! Errors: [`PolicyError`] for our list, [`QuorumError`] for a note, with whose lines did not hold.
//! Cost: one SM2 check for each listed witness that has a line.

use nacre_schemas::{SigningPublicKey, limits};

use super::{
    checkpoint::{NoteError, SignedCheckpoint},
    text,
};

/// Whose countersignatures make a chain's checkpoints final.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WitnessPolicy {
    witnesses: Vec<PolicyWitness>,
}

/// A witness whose countersignature counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWitness {
    /// The name it countersigns under.
    pub name: String,
    /// Its key.
    pub public: SigningPublicKey,
    /// Whether it checks bodies before it countersigns.
    pub full: bool,
}

/// Why a list of witnesses is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// More witnesses than a note has lines for.
    #[error("{found} witnesses are listed, at most {} can be", limits::MAX_WITNESSES)]
    TooMany {
        /// How many are listed.
        found: usize,
    },
    /// A name that a note cannot carry.
    #[error("`{name}` is no name for a witness")]
    InvalidName {
        /// The name.
        name: String,
    },
    /// A name or key is listed twice, which would let one witness count for two.
    #[error("{name} shares its name or key with another witness")]
    Repeated {
        /// The later of the two.
        name: String,
    },
}

/// How far a checkpoint is agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finality {
    /// The chain has no witnesses: its own word is all there is.
    NoWitnesses,
    /// More than two thirds of the witnesses countersigned.
    Final {
        /// Who, in the order of the policy.
        by: Vec<String>,
    },
}

/// Too few witnesses countersigned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} of {listed} witnesses countersigned, {needed} are needed{}{}",
    .by.len(),
    if *.lacks_full { ", a full witness among them" } else { "" },
    culprits(.invalid)
)]
pub struct QuorumError {
    /// Who countersigned.
    pub by: Vec<String>,
    /// Whose line is there and does not hold.
    pub invalid: Vec<String>,
    /// How many must.
    pub needed: usize,
    /// How many witnesses there are.
    pub listed: usize,
    /// Whether a full witness is listed and none countersigned.
    pub lacks_full: bool,
}

fn culprits(invalid: &[String]) -> String {
    if invalid.is_empty() { String::new() } else { format!("; invalid: {}", invalid.join(", ")) }
}

impl WitnessPolicy {
    /// A policy of these witnesses.
    pub fn new(witnesses: Vec<PolicyWitness>) -> Result<Self, PolicyError> {
        if witnesses.len() > limits::MAX_WITNESSES {
            return Err(PolicyError::TooMany { found: witnesses.len() });
        }
        for (position, PolicyWitness { name, public, .. }) in witnesses.iter().enumerate() {
            text::check_name(name).map_err(|_| PolicyError::InvalidName { name: name.clone() })?;
            if witnesses[..position].iter().any(|other| other.name == *name || other.public == *public) {
                return Err(PolicyError::Repeated { name: name.clone() });
            }
        }
        Ok(Self { witnesses })
    }

    /// How many must countersign: the least number that is more than two thirds.
    pub fn needed(&self) -> usize {
        if self.witnesses.is_empty() { 0 } else { self.witnesses.len() * 2 / 3 + 1 }
    }

    /// Whether the note is final. The chain's own signature is another matter:
    /// [`SignedCheckpoint::verify`] comes first.
    pub fn check(&self, note: &SignedCheckpoint) -> Result<Finality, QuorumError> {
        if self.witnesses.is_empty() {
            return Ok(Finality::NoWitnesses);
        }
        let (mut by, mut invalid) = (Vec::new(), Vec::new());
        let mut lacks_full = self.witnesses.iter().any(|witness| witness.full);
        for PolicyWitness { name, public, full } in &self.witnesses {
            match note.verify_cosignature(name, public) {
                Ok(()) => {
                    by.push(name.clone());
                    lacks_full &= !full;
                }
                Err(NoteError::NotSigned { .. }) => {}
                // Whoever carries the note can add a bad line in anyone's name: it does not count, and that is all.
                Err(_) => invalid.push(name.clone()),
            }
        }
        let needed = self.needed();
        if by.len() >= needed && !lacks_full {
            Ok(Finality::Final { by })
        } else {
            Err(QuorumError { by, invalid, needed, listed: self.witnesses.len(), lacks_full })
        }
    }
}

#[cfg(test)]
mod tests {
    use nacre_schemas::Digest;

    use super::*;
    use crate::{note::Checkpoint, signing::SigningKey};

    fn key(number: u8) -> SigningKey {
        SigningKey::from_bytes(&[number; 32]).unwrap()
    }

    fn witness(name: impl ToString, number: u8, full: bool) -> PolicyWitness {
        PolicyWitness { name: name.to_string(), public: key(number).public(), full }
    }

    fn policy(count: u8) -> WitnessPolicy {
        let witnesses = (1..=count).map(|number| witness(format!("w{number}"), number, false));
        WitnessPolicy::new(witnesses.collect()).unwrap()
    }

    fn note(witnesses: impl IntoIterator<Item = u8>) -> SignedCheckpoint {
        let checkpoint = Checkpoint { origin: "nacre/a".to_owned(), size: 3, root: Digest([9; 32]) };
        let note = SignedCheckpoint::sign(checkpoint, &key(100), "nacre/a").unwrap();
        witnesses.into_iter().fold(note, |note, number| note.cosign(&key(number), &format!("w{number}")).unwrap())
    }

    #[test]
    fn final_is_strictly_more_than_two_thirds() {
        for (listed, needed) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5), (9, 7)] {
            let by: Vec<String> = (1..=needed).map(|number| format!("w{number}")).collect();
            assert_eq!(policy(listed).check(&note(1..=needed)), Ok(Finality::Final { by: by.clone() }), "{listed}");
            let error = policy(listed).check(&note(1..needed)).unwrap_err();
            assert_eq!(error.by, by[..by.len() - 1], "{listed}");
            assert_eq!((error.needed, error.listed), (usize::from(needed), usize::from(listed)));
        }
    }

    #[test]
    fn a_policy_without_witnesses_is_said_to_be_one() {
        assert_eq!(WitnessPolicy::default().check(&note(1..=3)), Ok(Finality::NoWitnesses));
    }

    #[test]
    fn any_number_without_a_full_witness_is_not_enough_where_one_is_listed() {
        let witnesses = (1..=4).map(|number| witness(format!("w{number}"), number, number == 4));
        let policy = WitnessPolicy::new(witnesses.collect()).unwrap();
        let error = policy.check(&note([1, 2, 3])).unwrap_err();
        assert_eq!((error.by.len(), error.needed, error.lacks_full), (3, 3, true));
        assert!(policy.check(&note([1, 2, 4])).is_ok());
    }

    #[test]
    fn strangers_do_not_count() {
        let error = policy(3).check(&note([1, 2, 4, 5, 6])).unwrap_err();
        assert_eq!(error.by, ["w1", "w2"]);
    }

    #[test]
    fn a_cosignature_moved_from_another_note_names_its_witness() {
        let checkpoint = Checkpoint { origin: "nacre/a".to_owned(), size: 4, root: Digest([9; 32]) };
        let other = SignedCheckpoint::sign(checkpoint, &key(100), "nacre/a").unwrap().cosign(&key(3), "w3").unwrap();
        let line = other.as_str().lines().last().unwrap();
        let mixed: SignedCheckpoint = format!("{}{line}\n", note([1, 2]).as_str()).parse().unwrap();
        let error = policy(3).check(&mixed).unwrap_err();
        assert_eq!((error.by, error.invalid), (vec!["w1".to_owned(), "w2".to_owned()], vec!["w3".to_owned()]));
    }

    #[test]
    fn a_checkpoint_signature_of_a_witness_is_no_cosignature() {
        let checkpoint = note([]).unverified().clone();
        let note = SignedCheckpoint::sign(checkpoint, &key(1), "w1").unwrap();
        assert_eq!(policy(1).check(&note).unwrap_err().invalid, ["w1"]);
    }

    #[test]
    fn a_name_or_key_listed_twice_is_refused() {
        let twice = |a: (&str, u8), b: (&str, u8)| {
            WitnessPolicy::new([a, b].map(|(name, number)| witness(name, number, false)).to_vec())
        };
        let repeated = Err(PolicyError::Repeated { name: "b".to_owned() });
        assert_eq!(twice(("b", 1), ("b", 2)), repeated);
        assert_eq!(twice(("a", 1), ("b", 1)), repeated);
        assert!(twice(("a", 1), ("b", 2)).is_ok());
        assert_eq!(twice(("a", 1), ("b c", 2)), Err(PolicyError::InvalidName { name: "b c".to_owned() }));
    }

    #[test]
    fn more_witnesses_than_a_note_has_lines_for_are_refused() {
        let many = vec![witness("w", 1, false); limits::MAX_WITNESSES + 1];
        assert_eq!(WitnessPolicy::new(many), Err(PolicyError::TooMany { found: limits::MAX_WITNESSES + 1 }));
    }
}
