//! JSON of every document, and of problems: the first byte chooses the type. Reading does not panic; what is read and
//! within its cap has canonical bytes that decode to the same.

use nacre_schemas::{Document, problem::Problem};

macro_rules! choose {
    ($($document:ty,)*) => {
        fn check(number: usize, rest: &[u8]) {
            let checks: &[fn(&[u8])] = &[$(|rest| {
                if let Ok(document) = serde_json::from_slice::<$document>(rest) {
                    let bytes = document.to_canonical();
                    if let Some(again) = crate::one_encoding::<$document>(&bytes) {
                        assert_eq!(again, document);
                    }
                }
            },)* |rest| {
                if let Ok(problem) = serde_json::from_slice::<Problem>(rest) {
                    let again: Problem = serde_json::from_slice(&serde_json::to_vec(&problem).expect("it has JSON")).expect("it came from there");
                    assert_eq!(again, problem);
                }
            }];
            checks[number % checks.len()](rest);
        }
    };
}
crate::for_each_document!(choose);

/// One input.
pub fn run(data: &[u8]) {
    if let Some((number, rest)) = data.split_first() {
        check(usize::from(*number), rest);
    }
}
