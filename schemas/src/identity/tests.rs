//! Numbers that were published as examples, or made for the purpose; none is of a person known to the authors.

use super::*;

fn spelled(text: &str) -> Result<(IdentityKind, String), IdentityError> {
    text.parse().map(|number: IdentityNumber| (number.kind, number.characters.to_string()))
}

fn mainland(text: &str) -> Result<(IdentityKind, String), IdentityError> {
    Ok((IdentityKind::Mainland, text.to_owned()))
}

#[test]
fn the_standards_own_examples_are_numbers() {
    // GB 11643-1999, the two examples of its section on the check character.
    assert_eq!(spelled("11010519491231002X"), mainland("11010519491231002X"));
    assert_eq!(spelled("440524188001010014"), mainland("440524188001010014"));
}

#[test]
fn a_number_has_one_spelling() {
    for text in
        ["11010519491231002x", " 110105 19491231 002-X ", "１１０１０５１９４９１２３１００２Ｘ", "110105491231002"]
    {
        assert_eq!(spelled(text), mainland("11010519491231002X"), "{text}");
    }
    for text in ["A123456(3)", "a1234563", "Ａ１２３４５６（３）", "A 123456 (3)", "A-123456-3"] {
        assert_eq!(spelled(text), Ok((IdentityKind::HongKong, "A1234563".to_owned())), "{text}");
    }
    for text in ["1234567(8)", "12345678", "１２３４５６７（８）", "1234567 - 8"] {
        assert_eq!(spelled(text), Ok((IdentityKind::Macao, "12345678".to_owned())), "{text}");
    }
}

#[test]
fn the_kind_stands_before_the_characters() {
    let bytes = |text: &str| text.parse::<IdentityNumber>().unwrap().to_bytes().to_vec();
    assert_eq!(bytes("1234567(8)"), [&[3, 0, 0, 0, 8], &b"12345678"[..]].concat());
    assert_eq!(bytes("A123456(3)"), [&[2, 0, 0, 0, 8], &b"A1234563"[..]].concat());
    assert_eq!(bytes("110105491231002"), [&[1, 0, 0, 0, 18], &b"11010519491231002X"[..]].concat());
}

#[test]
fn every_mistyped_character_of_a_checked_number_is_found() {
    for good in ["11010519491231002X", "440524188001010014", "A1234563", "AB9876543"] {
        let kind = spelled(good).unwrap().0;
        for position in 0..good.len() {
            for other in (b'0'..=b'9').chain(b'A'..=b'Z') {
                let mut typed = good.as_bytes().to_vec();
                if std::mem::replace(&mut typed[position], other) == other {
                    continue;
                }
                let typed = String::from_utf8(typed).unwrap();
                // A letter's weight is counted modulo 11, so letters 11 apart stand for each other: the rule's own gap.
                let gap = good.as_bytes()[position].abs_diff(other).is_multiple_of(11) && other.is_ascii_uppercase();
                // And a letter mistyped as 1 can give the form of a Macao number, which has no check.
                assert!(gap || spelled(&typed).map(|(kind, _)| kind) != Ok(kind), "{typed}");
            }
        }
    }
}

#[test]
fn neighbours_that_change_places_are_found() {
    for good in ["11010519491231002X", "A1234563"] {
        for position in 0..good.len() - 1 {
            let mut typed = good.as_bytes().to_vec();
            typed.swap(position, position + 1);
            let typed = String::from_utf8(typed).unwrap();
            assert!(typed == good || spelled(&typed).is_err(), "{typed}");
        }
    }
}

#[test]
fn what_has_the_form_of_none_is_refused() {
    let long = "1".repeat(MAX_TEXT_CHARACTERS + 1);
    for text in [
        "",
        " ",
        "()",
        "(1)",
        "1",
        "1234567",
        "123456789",
        "11010519491231002",
        "1101051949123100211",
        "ABC1234563",
        "A12345(63)",
        "A123456(3",
        "A123456)3(",
        "A(123456)3",
        "A123456[3]",
        "A123456(B)",
        "2234567(8)",
        "0234567(8)",
        "1234567(A)",
        "11010519491231002Y",
        "1101051949123100XX",
        "11010549123100X",
        "张三",
        "A123456(3)\u{0}",
        &long,
    ] {
        assert_eq!(spelled(text), Err(IdentityError::Form), "{text}");
    }
}

#[test]
fn a_birth_date_must_exist() {
    for date in ["19490229", "19000229", "20001301", "20000001", "20000431", "20000100", "17991231", "22000101"] {
        assert_eq!(spelled(&format!("110105{date}0020")), Err(IdentityError::BirthDate), "{date}");
    }
    assert_eq!(spelled("110105491331002"), Err(IdentityError::BirthDate));
    // A leap day: every check character but one is refused, and by its check.
    let tried: Vec<_> = (0..=9).map(|digit| spelled(&format!("11010520000229002{digit}"))).collect();
    assert!(tried.iter().all(|one| one.is_ok() || *one == Err(IdentityError::CheckCharacter)));
}

#[test]
fn nothing_of_a_number_is_printed() {
    let number: IdentityNumber = "A123456(3)".parse().unwrap();
    assert_eq!(format!("{number:?}"), "IdentityNumber(…)");
    for text in ["A123456(4)", "110105194912310021", "A123456", "110105194902290021"] {
        let error = text.parse::<IdentityNumber>().unwrap_err();
        assert!(!format!("{error} {error:?}").chars().any(|character| character.is_ascii_digit()), "{error}");
    }
}
