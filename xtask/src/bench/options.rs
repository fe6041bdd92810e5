//! The command line of the bench.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;

use lexopt::ValueExt;

use crate::bench::systems::peer::{PEERS, Peer};
use crate::bench::workload::{WORKLOADS, Workload};
use crate::failure::Failure;

/// What the user asked for.
#[derive(Debug)]
pub(crate) struct Options {
    /// In the order of the table of workloads, whatever order they were named in.
    pub(crate) workloads: Vec<&'static Workload>,
    /// Numbers of processors, in the order given.
    pub(crate) procs: Vec<usize>,
    pub(crate) peers: Vec<&'static Peer>,
    /// Counted runs per system.
    pub(crate) runs: usize,
    /// Runs before them that are not counted.
    pub(crate) warm_ups: usize,
    /// Only a small piece of each workload.
    pub(crate) quick: bool,
    pub(crate) json: Option<PathBuf>,
    pub(crate) html: Option<PathBuf>,
    /// An earlier run's JSON to compare with.
    pub(crate) compare: Option<PathBuf>,
    /// Say what falls short of the targets.
    pub(crate) targets: bool,
    /// Put the table into the README.
    pub(crate) update_readme: bool,
}

const RUNS: usize = 5;

/// Reads the command line; `None` after `--help`.
pub(crate) fn parse(args: Vec<OsString>) -> Result<Option<Options>, Failure> {
    let mut options = Options {
        workloads: WORKLOADS.iter().collect(),
        procs: vec![1, 2],
        peers: PEERS.iter().collect(),
        runs: RUNS,
        warm_ups: 1,
        quick: false,
        json: None,
        html: None,
        compare: None,
        targets: false,
        update_readme: false,
    };
    let mut runs = None;
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("only") => {
                options.workloads = workloads(&parser.value()?.string()?)?;
            }
            lexopt::Arg::Long("procs") => options.procs = procs(&parser.value()?.string()?)?,
            lexopt::Arg::Long("peers") => options.peers = peers(&parser.value()?.string()?)?,
            lexopt::Arg::Long("runs") => {
                runs = Some(positive("--runs", &parser.value()?.string()?)?)
            }
            lexopt::Arg::Long("quick") => options.quick = true,
            lexopt::Arg::Long("json") => options.json = Some(parser.value()?.into()),
            lexopt::Arg::Long("html") => options.html = Some(parser.value()?.into()),
            lexopt::Arg::Long("compare") => options.compare = Some(parser.value()?.into()),
            lexopt::Arg::Long("targets") => options.targets = true,
            lexopt::Arg::Long("update-readme") => options.update_readme = true,
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => {
                print!("{}", help());
                return Ok(None);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if options.quick && options.update_readme {
        return Err(Failure::Usage("--quick measures too little for the README".into()));
    }
    if options.quick {
        (options.runs, options.warm_ups) = (1, 0);
    }
    options.runs = runs.unwrap_or(options.runs);
    Ok(Some(options))
}

/// The parts of a list like `a,b`.
fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn workloads(list: &str) -> Result<Vec<&'static Workload>, Failure> {
    let names: Vec<&str> = parts(list).collect();
    let known = |name: &&str| WORKLOADS.iter().any(|workload| workload.name == *name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let valid: Vec<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
        return Err(unknown_name("workload", unknown, &valid));
    }
    if names.is_empty() {
        return Err(Failure::Usage("--only wants at least one workload".into()));
    }
    Ok(WORKLOADS.iter().filter(|workload| names.contains(&workload.name)).collect())
}

fn peers(list: &str) -> Result<Vec<&'static Peer>, Failure> {
    if list.trim() == "none" {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = parts(list).collect();
    let known = |name: &&str| PEERS.iter().any(|peer| peer.name == *name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let valid: Vec<&str> = PEERS.iter().map(|peer| peer.name).chain(["none"]).collect();
        return Err(unknown_name("peer", unknown, &valid));
    }
    if names.is_empty() {
        return Err(Failure::Usage("--peers wants at least one peer, or 'none'".into()));
    }
    Ok(PEERS.iter().filter(|peer| names.contains(&peer.name)).collect())
}

fn procs(list: &str) -> Result<Vec<usize>, Failure> {
    let mut all = Vec::new();
    for part in parts(list) {
        let procs = positive("--procs", part)?;
        if !all.contains(&procs) {
            all.push(procs);
        }
    }
    if all.is_empty() {
        return Err(Failure::Usage("--procs wants at least one number".into()));
    }
    Ok(all)
}

fn positive(option: &str, text: &str) -> Result<usize, Failure> {
    match text.parse() {
        Ok(number) if (1..=1000).contains(&number) => Ok(number),
        _ => Err(Failure::Usage(format!("{option} wants a number from 1 to 1000, not '{text}'"))),
    }
}

fn unknown_name(kind: &str, unknown: &str, valid: &[&str]) -> Failure {
    Failure::Usage(format!("unknown {kind} '{unknown}', the {kind}s are: {}", valid.join(", ")))
}

fn help() -> String {
    let mut text = format!(
        "\
Measures gort and its peers on the same workloads, alternating run by run.

Usage: cargo xtask bench [OPTIONS]
       cargo xtask bench experiment NAME [--help]
       cargo xtask bench micro [--help]
       cargo xtask bench programs [--help]

Options:
  --only NAME,..   these workloads (default: all)
  --procs N,..     numbers of processors (GOMAXPROCS) to run with (default: 1,2)
  --peers NAME,..  compare with these peers, or 'none' (default: all)
  --runs N         counted runs of each system (default: {RUNS})
  --quick          one run of a small piece of each, without warm-up: whether it
                   works, not how fast it is
  --json FILE      write the results as a JSON array, too
  --html FILE      write them as one page for a browser, too
  --compare FILE   compare with the results that an earlier --json wrote
  --targets        say which targets are met and what falls short (information)
  --update-readme  put the table into README.md, with date and machine
  -h, --help       this text

Workloads:
"
    );
    for workload in WORKLOADS {
        let _ = writeln!(text, "  {:<14} {}", workload.name, workload.about);
    }
    text.push_str("\nPeers:\n");
    for peer in PEERS {
        let _ = writeln!(text, "  {:<14} {}", peer.name, peer.about);
    }
    text.push_str(
        "
Exit status:
  0  all ran (a peer that cannot be had is named and skipped)
  1  a workload failed: wrong result, crash or time-out; the others are reported
  2  wrong usage
  3  gort's workloads could not be built
  4  a file could not be read or written
",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Options, String> {
        let args = args.iter().map(OsString::from).collect();
        parse(args).map(|o| o.unwrap()).map_err(|failure| failure.to_string())
    }

    fn names(options: &Options) -> Vec<&str> {
        options.workloads.iter().map(|workload| workload.name).collect()
    }

    #[test]
    fn everything_by_default() {
        let options = parsed(&[]).unwrap();
        assert_eq!(options.workloads.len(), WORKLOADS.len());
        assert_eq!((options.procs, options.runs, options.warm_ups), (vec![1, 2], RUNS, 1));
        assert!(options.json.is_none());
    }

    #[test]
    fn selection_keeps_the_tables_order() {
        let options = parsed(&["--only", "skynet,spawn_join", "--procs=4,1,4"]).unwrap();
        assert_eq!(names(&options), ["spawn_join", "skynet"]);
        assert_eq!(options.procs, [4, 1]);
    }

    #[test]
    fn quick_is_one_run_unless_told() {
        let options = parsed(&["--quick"]).unwrap();
        assert_eq!((options.runs, options.warm_ups), (1, 0));
        assert_eq!(parsed(&["--runs", "3", "--quick"]).unwrap().runs, 3);
    }

    #[test]
    fn no_peers() {
        assert!(parsed(&["--peers", "none"]).unwrap().peers.is_empty());
        assert_eq!(parsed(&["--peers", "go"]).unwrap().peers.len(), 1);
    }

    #[test]
    fn errors_name_what_is_valid() {
        let unknown = parsed(&["--only", "skynet,fish"]).unwrap_err();
        assert!(unknown.contains("'fish'") && unknown.contains("spawn_join"), "{unknown}");
        let unknown = parsed(&["--peers", "java"]).unwrap_err();
        assert!(unknown.contains("'java'") && unknown.contains("go"), "{unknown}");
        for wrong in [&["--procs", "0"][..], &["--procs", ","], &["--runs", "x"], &["--only", ""]] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
        assert!(parsed(&["--fast"]).is_err());
    }

    #[test]
    fn help_lists_all() {
        let help = help();
        assert!(WORKLOADS.iter().all(|workload| help.contains(workload.name)));
        assert!(PEERS.iter().all(|peer| help.contains(peer.about)));
    }
}
