//! CSV by a description: what counts, and what is not taken.

use super::*;

const REGISTER: &str = "id,sex,birth-date\nA,female,1980-02-29\nB,male,1970-01-01\n";

const ROWS: &str = "person = \"card\"\ntime = \"taken\"\nid = \"no\"\n[row]\nvalue = \"result\"\nmeasure = \"item\"\nunit = \"unit\"\n\
                    [measures]\n\"空腹血糖\" = \"fasting-glucose\"\n[units]\n\"毫摩\" = \"mmol/L\"\n";

const COLUMNS: &str = "person = \"card\"\ntime = \"taken\"\ndelimiter = \";\"\n\
                       [[column]]\nname = \"sbp\"\nmeasure = \"systolic-bp\"\nunit = \"mmHg\"\n\
                       [[column]]\nname = \"dbp\"\nmeasure = \"diastolic-bp\"\nunit = \"mm[Hg]\"\n\
                       [[column]]\nname = \"kg\"\nmeasure = \"body-weight\"\nunit = \"kg\"\n";

fn prepared(description: &str, csv: &[u8]) -> Prepared {
    let files = Files::new().with("a.csv", csv);
    let beside = tempfile::tempdir().unwrap();
    let (people, table) = (beside.path().join("people.csv"), beside.path().join("table.toml"));
    std::fs::write(&people, REGISTER).unwrap();
    std::fs::write(&table, description).unwrap();
    let settings = Settings { people: Some(people), table: Some(table), ..settings() };
    prepare(&settings, &files.paths(), "2026-03-15T00:00:00Z".parse().unwrap()).unwrap()
}

#[test]
fn a_line_has_one_value_with_its_words_for_measure_and_unit() {
    let csv = "\u{feff}no,name,card,item,result,unit,taken,note\r\n\
               1,Unmistakable-Name,A,空腹血糖,5.5,毫摩,2026-01-05 07:30,\"Hidden Street, 1\nsecond line\"\r\n\
               2,Unmistakable-Name,B,fasting-glucose,99,mg/dl,2026-01-05T07:30:00+08:00,\r\n\
               3,Unmistakable-Name,B,hba1c,48,mmol/mol,2026-01-05,\r\n";
    let prepared = prepared(ROWS, csv.as_bytes());
    assert_eq!(prepared.refused, []);
    let expected = [
        "fasting-glucose@1 2026-01 female 45-49 55 1",
        // 0.09148 × 48 + 2.152 = 6.54304
        "fasting-glucose@1 2026-01 male 55-59 55 1",
        "hba1c@1 2026-01 male 55-59 65 1",
    ];
    assert_eq!(values(&prepared), expected);
    assert!(!format!("{prepared:?}").contains("Unmistakable-Name"));
}

#[test]
fn a_line_has_a_column_for_each_measure_and_pressures_are_a_panel() {
    let csv = "card;taken;sbp;dbp;kg\nA;2026-01-05;125;85;\nB;2026-01-05;;;70.25\n";
    let prepared = prepared(COLUMNS, csv.as_bytes());
    assert_eq!(prepared.refused, []);
    let expected = [
        "blood-pressure-class@1 2026-01 female 45-49 2 1",
        "diastolic-bp@1 2026-01 female 45-49 85 1",
        "systolic-bp@1 2026-01 female 45-49 125 1",
        "body-weight@1 2026-01 male 55-59 703 1",
    ];
    assert_eq!(values(&prepared), expected);
}

#[test]
fn a_bad_line_is_named_and_does_not_stop_the_others() {
    let csv = b"no,card,item,result,unit,taken\n\
                1,A,body-weight,70,kg,2026-01-05\n\
                2,C,body-weight,70,kg,2026-01-05\n\
                3,A,height,170,cm,2026-01-05\n\
                4,A,body-weight,\"7,0\",kg,2026-01-05\n\
                5,A,body-weight,70,,2026-01-05\n\
                6,A,body-weight,70,kg,yesterday\n\
                7,A,body-weight,70,kg\n\
                8,,body-weight,70,kg,2026-01-05\n\
                9,A,body-weight,70,kg,\xff\n\
                10,A,glucose,70,kg,2026-01-05\n\
                1,A,body-weight,71,kg,2026-01-05\n\
                1,A,body-weight,70.0,kg,2026-01-05\n";
    let prepared = prepared(ROWS, csv);
    let found: Vec<(crate::Place, Reason)> =
        prepared.refused.iter().map(|refused| (refused.origin.place, refused.reason)).collect();
    let expected = [
        (3, Reason::UnknownPatient),
        (4, Reason::UnknownWord),
        (5, Reason::NotANumber),
        (6, Reason::NoUnit),
        (7, Reason::InvalidDate),
        (8, Reason::OtherFields),
        (9, Reason::NoSubject),
        (10, Reason::NotUtf8),
        (11, Reason::OtherUnit),
        (12, Reason::OtherContentBefore),
    ];
    assert_eq!(found, expected.map(|(line, reason)| (crate::Place::Line(line), reason)));
    assert_eq!((prepared.records.len(), prepared.repeated), (1, 1));
}

#[test]
fn a_file_that_is_not_as_described_is_refused_whole() {
    for csv in ["", "card,taken\nA,2026-01-05\n", "no,card,card,item,result,unit,taken\n"] {
        let prepared = prepared(ROWS, csv.as_bytes());
        let expected = if csv.is_empty() { vec![] } else { vec![Reason::OtherColumns] };
        assert_eq!(reasons(&prepared), expected);
    }
    let endless = format!("no,card,item,result,unit,taken\n1,A,\"{}", "x".repeat(6 << 20));
    assert_eq!(reasons(&prepared(ROWS, endless.as_bytes())), [Reason::RecordTooLong]);
    let files = Files::new().with("a.csv", "card\n");
    let named = [files.0.path().join("a.csv")];
    let without = prepare(&settings(), &named, "2026-03-15T00:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(reasons(&without), [Reason::NoTable]);
}
