//! Inputs that fuzzing found, run through the same code again: what was found once stays found. Trying new ones takes time, luck
//! and a nightly compiler: `fuzz/run`.

use std::{fs, path::Path};

/// Runs each input of the corpora of that name.
fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut count = 0;
    for file in fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        println!("{}", path.display());
        run(&fs::read(&path).unwrap());
        count += 1;
    }
    assert!(count > 0, "{target} has no corpus");
}

macro_rules! targets {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target), nacre_fuzz::$target::run);
        })*

        #[test]
        fn every_corpus_is_replayed() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
            let mut corpora: Vec<String> =
                fs::read_dir(folder).unwrap().map(|corpus| corpus.unwrap().file_name().into_string().unwrap()).collect();
            corpora.sort();
            assert_eq!(corpora, [$(stringify!($target)),*]);
        }
    };
}

targets!(ceremony custody documents json log merkle notes proofs records shares tokens trust verifier);
