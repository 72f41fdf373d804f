//! `nacre`: see `nacre --help`.

use std::process::ExitCode;

use clap::Parser as _;
use nacre::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = nacre_hosting::logs::begin() {
        eprintln!("nacre: {error}");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("nacre: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(nacre::commands::run(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("nacre: {}", nacre::commands::explain(&error));
            ExitCode::FAILURE
        }
    }
}
