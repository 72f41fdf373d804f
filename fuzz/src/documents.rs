//! Canonical bytes of every document: the first byte chooses the type, its tag and version are put in front of the rest.
//! Decoding does not panic, and what is decoded has the one encoding it came from, and comes back from JSON as it was.

use nacre_schemas::{Document, entry::Entry};

fn tagged<D: Document>(rest: &[u8]) -> Vec<u8> {
    [&D::TAG[..], &[D::VERSION], rest].concat()
}

macro_rules! choose {
    ($($document:ty,)*) => {
        fn check(number: usize, rest: &[u8]) {
            let checks: &[fn(&[u8])] = &[$(|rest| {
                if let Some(document) = crate::one_encoding::<$document>(&tagged::<$document>(rest)) {
                    let json = serde_json::to_vec(&document).expect("every document has a JSON form");
                    if let Ok(again) = serde_json::from_slice::<$document>(&json) {
                        assert_eq!(again, document);
                    }
                }
            },)* |rest| drop(crate::one_encoding::<Entry>(&tagged::<Entry>(rest)))];
            checks[number % checks.len()](rest);
        }
    };
}
crate::for_each_document!(choose);

/// Writes the seeds of the corpora, if it is told to, and ends.
pub fn write_seeds() {
    if let Some(folder) = std::env::var_os("NACRE_FUZZ_SEEDS") {
        crate::seeds::write(folder.as_ref());
        std::process::exit(0);
    }
}

/// One input.
pub fn run(data: &[u8]) {
    if let Some((number, rest)) = data.split_first() {
        check(usize::from(*number), rest);
    }
}
