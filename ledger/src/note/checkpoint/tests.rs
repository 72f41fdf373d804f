//! A checkpoint is read in one spelling only and believed for one chain, key and content only. Signed notes
//! fail with an error that names the signer. Cost: seconds, for the SM2 checks.

use super::*;

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32]).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: "gba.example/main/health".to_owned(), size: 1_234, root: Digest([0xa5; 32]) }
}

fn note() -> SignedCheckpoint {
    SignedCheckpoint::sign(checkpoint(), &key(1), "gba.example/main/health").unwrap()
}

fn malformed(text: &str) -> bool {
    matches!(text.parse::<SignedCheckpoint>(), Err(NoteError::Malformed(_)))
}

#[test]
fn a_note_is_read_back_as_it_was_written() {
    let note = note();
    let again: SignedCheckpoint = note.as_str().parse().unwrap();
    assert_eq!(again, note);
    let (origin, public) = ("gba.example/main/health", key(1).public());
    assert_eq!(again.verify(origin, origin, &public), Ok(&checkpoint()));
}

#[test]
fn the_text_and_key_id_are_those_of_the_format() {
    // Key id 146c8cac of the public key of 0x0101…01, computed with Python's hashlib and the curve's equations.
    let expected = "gba.example/main/health\n1234\npaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaU=\n\n\u{2014} gba.example/main/health FGyMr";
    assert!(note().as_str().starts_with(expected), "{}", note());
    assert_eq!(text::key_id("gba.example/main/health", &key(1).public()), [0x14, 0x6c, 0x8c, 0xac]);
}

#[test]
fn another_chain_name_or_key_is_refused() {
    let (origin, public) = ("gba.example/main/health", key(1).public());
    let other = "gba.example/judicial";
    assert!(matches!(note().verify(other, origin, &public), Err(NoteError::OtherOrigin { .. })));
    assert!(matches!(note().verify(origin, other, &public), Err(NoteError::NotSigned { .. })));
    assert!(matches!(note().verify(origin, origin, &key(2).public()), Err(NoteError::NotSigned { .. })));
}

#[test]
fn a_changed_size_root_or_signature_names_the_signer() {
    let origin = "gba.example/main/health";
    let text = note().as_str().to_owned();
    let signature_at = text.find("health ").unwrap() + "health ".len() + 40;
    for (from, to) in [("1234\n", "1235\n"), ("paWl", "paWm")] {
        let changed: SignedCheckpoint = text.replacen(from, to, 1).parse().unwrap();
        let result = changed.verify(origin, origin, &key(1).public());
        assert!(matches!(result, Err(NoteError::BadSignature { name, .. }) if name == origin));
    }
    let mut bytes = text.into_bytes();
    bytes[signature_at] = if bytes[signature_at] == b'A' { b'B' } else { b'A' };
    let changed: SignedCheckpoint = String::from_utf8(bytes).unwrap().parse().unwrap();
    let result = changed.verify(origin, origin, &key(1).public());
    assert!(matches!(result, Err(NoteError::BadSignature { name, .. }) if name == origin));
}

#[test]
fn a_cosignature_is_no_checkpoint_signature() {
    let cosigned = note().cosign(&key(2), "witness").unwrap();
    assert_eq!(cosigned.verify_cosignature("witness", &key(2).public()), Ok(()));
    assert!(cosigned.verify("gba.example/main/health", "gba.example/main/health", &key(1).public()).is_ok());
    let as_chain = cosigned.verify("gba.example/main/health", "witness", &key(2).public());
    assert!(matches!(as_chain, Err(NoteError::BadSignature { name, .. }) if name == "witness"));
    let as_witness = cosigned.verify_cosignature("gba.example/main/health", &key(1).public());
    assert!(matches!(as_witness, Err(NoteError::BadSignature { .. })));
}

#[test]
fn only_one_spelling_is_read() {
    let text = note().as_str().to_owned();
    for size in ["01234", "+1234", "1234 ", "-1", "", "0x4d2", "18446744073709551616"] {
        assert!(malformed(&text.replacen("1234", size, 1)), "{size:?}");
    }
    // 32 bytes leave two unused bits in the last digit before the padding: `U` is canonical, `V` is not.
    assert!(text.contains("paU=\n"));
    assert!(malformed(&text.replacen("paU=", "paV=", 1)));
    assert!(malformed(&text.replacen("paU=", "paU", 1)));
    assert!(malformed(&text.replacen("\u{2014}", "-", 1)));
    assert!(malformed(&text.replacen("\n\n", "\nextension\n\n", 1)));
    assert!(malformed(&text.replacen("\n\n", "\n", 1)));
    assert!(malformed(&text.replacen("\n\n", "\n\n\n", 1)));
    assert!(malformed(text.trim_end()));
    assert!(malformed(&format!("{text}\n")));
    assert!(malformed(&text.replace('\n', "\r\n")));
    assert!(malformed(&text[..text.find("\n\n").unwrap() + 2]));
    assert!(malformed(""));
}

#[test]
fn names_with_spaces_or_plus_signs_are_refused() {
    for name in ["", "a b", "a+b", "a\u{3000}b", "a\u{7}b", &"n".repeat(MAX_NAME_BYTES + 1)] {
        assert!(matches!(SignedCheckpoint::sign(checkpoint(), &key(1), name), Err(NoteError::InvalidName(_))));
        assert!(matches!(note().cosign(&key(1), name), Err(NoteError::InvalidName(_))));
        let origin = Checkpoint { origin: name.to_owned(), ..checkpoint() };
        assert!(matches!(SignedCheckpoint::sign(origin, &key(1), "a"), Err(NoteError::InvalidName(_))));
        let read = note().as_str().replacen("gba.example/main/health\n", &format!("{name}\n"), 1);
        assert!(read.parse::<SignedCheckpoint>().is_err(), "{name:?}");
    }
}

#[test]
fn a_signer_with_two_lines_is_refused() {
    let cosigned = note().cosign(&key(2), "witness").unwrap();
    let twice = Err(NoteError::SignedTwice { name: "witness".to_owned() });
    assert_eq!(cosigned.cosign(&key(2), "witness"), twice);
    // Another key under the same name is another signer, as when a witness changes its key.
    assert!(cosigned.cosign(&key(3), "witness").is_ok());
}

#[test]
fn of_a_witness_answer_only_its_own_line_is_taken_and_only_if_it_holds() {
    let line = |number: u8, name: &str| note().cosignature(&key(number), name).unwrap();
    let (one, two) = (line(1, "w1"), line(2, "w2"));
    assert_eq!(note().with_cosignature(&two, "w2", &key(2).public()), note().cosign(&key(2), "w2"));
    // In the name and with the key id of another, over something else.
    let other = SignedCheckpoint::sign(Checkpoint { size: 7, ..checkpoint() }, &key(1), "w1").unwrap();
    let forged = other.cosignature(&key(2), "w2").unwrap();
    let taken = note().with_cosignature(&format!("{forged}{one}"), "w1", &key(1).public()).unwrap();
    assert_eq!(taken, note().cosign(&key(1), "w1").unwrap());
    assert_eq!(taken.with_cosignature(&one, "w1", &key(1).public()).unwrap(), taken);
    assert!(matches!(
        taken.with_cosignature(&forged, "w2", &key(2).public()),
        Err(NoteError::BadSignature { name, .. }) if name == "w2"
    ));
    assert!(matches!(taken.with_cosignature(&one, "w2", &key(2).public()), Err(NoteError::NotSigned { .. })));
}

#[test]
fn as_many_lines_are_read_as_a_chain_can_have_witnesses() {
    let line = |number: usize| format!("\u{2014} w{number} {}\n", "A".repeat(91) + "=");
    let body = note().as_str().to_owned();
    let full: String = (1..MAX_SIGNATURES).map(line).collect();
    let full = body + &full;
    assert!(full.parse::<SignedCheckpoint>().is_ok());
    let over = full.clone() + &line(MAX_SIGNATURES);
    assert_eq!(over.parse::<SignedCheckpoint>(), Err(NoteError::TooManySignatures));
    let long = "n".repeat(MAX_NOTE_BYTES + 1);
    assert_eq!(long.parse::<SignedCheckpoint>(), Err(NoteError::TooLong { found: MAX_NOTE_BYTES + 1 }));
}
