//! A system that is measured: its name, its version, its two programs.

use std::path::PathBuf;
use std::process::Command;

use super::workload::{Program, Workload};

/// One of the compared systems, ready to run.
#[derive(Debug)]
pub(crate) struct System {
    /// As `--peers` and the results name it.
    pub(crate) name: &'static str,
    pub(crate) version: String,
    /// The program of all workloads.
    pub(crate) bench: PathBuf,
    /// The program of the workload `hello`.
    pub(crate) hello: PathBuf,
}

/// Variables that change how a runtime behaves. A user's own settings must not
/// slant the comparison.
const CLEARED: &[&str] =
    &["GODEBUG", "GOGC", "GOMEMLIMIT", "GOTRACEBACK", "LD_PRELOAD", "MALLOC_ARENA_MAX"];

impl System {
    /// The command line of one process of `workload`.
    pub(crate) fn command(&self, workload: &Workload, procs: usize) -> Command {
        let mut command = match workload.program {
            Program::Bench => {
                let mut command = Command::new(&self.bench);
                command.arg(workload.name);
                command
            }
            Program::Hello => Command::new(&self.hello),
        };
        for name in CLEARED {
            command.env_remove(name);
        }
        command.env("GOMAXPROCS", procs.to_string());
        command
    }
}

#[cfg(test)]
mod tests {
    use super::super::workload::WORKLOADS;
    use super::*;

    #[test]
    fn command_says_workload_and_processors() {
        let system =
            System { name: "x", version: "1".into(), bench: "b".into(), hello: "h".into() };
        for workload in WORKLOADS {
            let command = system.command(workload, 3);
            let procs = command.get_envs().find(|(name, _)| *name == "GOMAXPROCS");
            assert_eq!(procs.and_then(|(_, value)| value), Some("3".as_ref()));
            let args: Vec<_> = command.get_args().collect();
            if workload.program == Program::Hello {
                assert!(command.get_program() == "h" && args.is_empty());
            } else {
                assert!(command.get_program() == "b" && args == [workload.name]);
            }
        }
    }
}
