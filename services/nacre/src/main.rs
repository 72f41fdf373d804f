//! `nacre`: see `nacre --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nacre::main()
}
