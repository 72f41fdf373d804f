//! Programs of others that tests hold the product against: Python with packages of PyPI, Node with modules of npm.
//!
//! The interpreter is the one that `NACRE_PYTHON` names, else `python3`; Node finds modules by `NODE_PATH`. `.ci/run` installs
//! them. Where one is absent, its test skips, and this says so.

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// Python on a script of `tests/peers`, if it has those modules (`gmssl, cryptography`).
pub fn python(script: &str, modules: &str) -> Option<Command> {
    let python = std::env::var("NACRE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    peer(&python, &["-c", &format!("import {modules}")], script, modules)
}

/// Node on a script of `tests/peers`, if it has that module.
pub fn node(script: &str, module: &str) -> Option<Command> {
    // `require` would not find a module that has an entry for `import` alone.
    let there = format!("require('fs').statSync(process.env.NODE_PATH + '/{module}')");
    peer("node", &["-e", &there], script, module)
}

fn peer(program: &str, probe: &[&str], script: &str, modules: &str) -> Option<Command> {
    let probed = Command::new(program).args(probe).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !probed.is_ok_and(|status| status.success()) {
        println!("skipped: {program} with {modules} is not installed");
        return None;
    }
    let mut command = Command::new(program);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script));
    Some(command)
}
