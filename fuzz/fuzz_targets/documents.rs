#![no_main]

libfuzzer_sys::fuzz_target!(init: nacre_fuzz::documents::write_seeds(), |data: &[u8]| nacre_fuzz::documents::run(data));
