//! No tool makes a network with the cross lane unless it is asked to, with a flag whose help says what leaks.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

use nacre::known_leaks::{FLAG, LEAKS};

fn nacre(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nacre")).args(arguments).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = nacre(arguments);
    assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_network_has_no_cross_lane_unless_the_flag_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (network, other) = (folder.path().join("network"), folder.path().join("other"));
    let said = printed(&["consortium", "init", network.to_str().unwrap()]);
    assert!(!said.contains("valuator") && !network.join("cross").exists() && !network.join("evaluators").exists());
    let trust = network.join("trust.toml");
    let text = printed(&["trust", "show", trust.to_str().unwrap()]);
    assert!(text.contains("cross lane off\n"), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&printed(&["--json", "trust", "show", trust.to_str().unwrap()])).unwrap();
    assert_eq!(json["cross-lane"], serde_json::json!({ "state": "off" }));
    // No shorter word asks for it.
    for flag in ["--cross", "--cross-lane"] {
        let refused = nacre(&["consortium", "init", other.to_str().unwrap(), flag]);
        assert_eq!((refused.status.code(), other.exists()), (Some(2), false), "{flag}");
    }
}

#[test]
fn the_flags_help_says_what_leaks() {
    let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for command in [&["demo", "--help"][..], &["consortium", "init", "--help"]] {
        let help = one_line(printed(command));
        assert!(help.contains(FLAG) && help.contains("Use invented data only."), "{help}");
        for leak in LEAKS {
            assert!(help.to_lowercase().contains(leak), "{leak}\n{help}");
        }
    }
}
