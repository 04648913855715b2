//! Who may see whom: the arrows of README's code map and the invariants of each crate's page, read from `cargo tree`.

use std::collections::BTreeSet;
use std::process::Command;

/// The packages that `package` is built from, itself left out.
fn sees(package: &str) -> BTreeSet<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let arguments = [
        "tree",
        "--locked",
        "-e",
        "normal",
        "--prefix",
        "none",
        "-f",
        "{lib}|{p}",
        "-p",
        package,
    ];
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(super::tree::root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text
        .lines()
        .filter_map(|line| line.split('|').nth(1)?.split(' ').next());
    names
        .filter(|name| *name != package)
        .map(str::to_owned)
        .collect()
}

fn rooms(seen: &BTreeSet<String>) -> Vec<&str> {
    seen.iter()
        .map(String::as_str)
        .filter(|name| *name == "purser" || name.starts_with("purser-"))
        .collect()
}

#[test]
fn every_arrow_is_one_of_the_design() {
    for (package, expected) in [
        ("purser-crds", &[][..]),
        ("purser-config", &[]),
        (
            "purser-console",
            &["purser-authority", "purser-config", "purser-crds"],
        ),
        ("purser-dialects", &["purser-config"]),
        ("purser-authority", &["purser-config"]),
        ("purser-compile", &["purser-config", "purser-crds"]),
        ("purser-sidecar", &["purser-config", "purser-dialects"]),
        (
            "purser-operator",
            &[
                "purser-authority",
                "purser-compile",
                "purser-config",
                "purser-crds",
            ],
        ),
        (
            "purser",
            &[
                "purser-authority",
                "purser-compile",
                "purser-config",
                "purser-crds",
                "purser-dialects",
                "purser-sidecar",
            ],
        ),
    ] {
        let seen = sees(package);
        assert_eq!(rooms(&seen), expected, "what {package} is built from");
    }
}

#[test]
fn what_must_not_be_seen_is_not_seen() {
    let kubernetes = [
        "kube",
        "kube-core",
        "kube-client",
        "k8s-openapi",
        "schemars",
    ];
    let network = ["tokio", "hyper", "hyper-util"];
    for (package, never) in [
        ("purser-sidecar", &kubernetes[..]),
        ("purser-config", &kubernetes),
        ("purser-dialects", &kubernetes),
        ("purser-authority", &kubernetes),
        ("purser-config", &network),
        ("purser-dialects", &network),
        ("purser-compile", &network),
        ("purser-authority", &["hyper", "hyper-util"]),
    ] {
        let seen = sees(package);
        let broken: Vec<_> = never.iter().filter(|name| seen.contains(**name)).collect();
        assert!(broken.is_empty(), "{package} must never see {broken:?}");
    }
}

#[test]
fn there_is_one_tls_provider() {
    for package in ["purser", "purser-operator", "purser-sidecar"] {
        let seen = sees(package);
        assert!(
            !seen.contains("aws-lc-rs") && !seen.contains("openssl"),
            "{package} has a second TLS provider beside ring"
        );
    }
}
