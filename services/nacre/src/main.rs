//! `nacre`: see `nacre --help`.

use std::process::ExitCode;

use clap::Parser as _;
use nacre::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("NACRE_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
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
