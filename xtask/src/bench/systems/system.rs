//! A system that is measured: its name, its version, its programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::workload::{Case, Program, Workload};

/// One of the compared systems, ready to run.
#[derive(Debug)]
pub(crate) struct System {
    /// As `--peers` and the results name it.
    pub(crate) name: &'static str,
    pub(crate) version: String,
    /// The programs, each with the workloads that it says it can do.
    pub(crate) programs: Vec<(PathBuf, Vec<String>)>,
    /// The program of the workload `hello`.
    pub(crate) hello: Option<PathBuf>,
}

/// Variables that change how a runtime behaves. A user's own settings must not
/// slant the comparison.
const CLEARED: &[&str] = &[
    "GC_ENABLE_INCREMENTAL",
    "GC_FREE_SPACE_DIVISOR",
    "GC_INITIAL_HEAP_SIZE",
    "GC_MARKERS",
    "GC_NPROCS",
    "GODEBUG",
    "GOGC",
    "GOMEMLIMIT",
    "GOTRACEBACK",
    "GORT_MALLOC",
    "GORT_SCAVENGER",
    "LD_PRELOAD",
    "MALLOC_ARENA_MAX",
    "MALLOC_CONF",
    "TOKIO_WORKER_THREADS",
];

impl System {
    /// A system of these programs; each is asked what it can do.
    pub(crate) fn of(
        name: &'static str,
        version: String,
        programs: &[PathBuf],
        hello: Option<PathBuf>,
    ) -> Result<Self, String> {
        let listed = |path: &PathBuf| Ok::<_, String>((path.clone(), list(path)?));
        let programs = programs.iter().map(listed).collect::<Result<_, _>>()?;
        Ok(Self { name, version, programs, hello })
    }

    /// The command of one process of a case; `None` where the system has none.
    pub(crate) fn command(
        &self,
        workload: &Workload,
        case: &Case,
        procs: usize,
        how: &How<'_>,
    ) -> Option<Command> {
        let mut command = match workload.program {
            Program::Hello => Command::new(self.hello.as_ref()?),
            Program::Bench => Command::new(self.program(case)?),
            Program::Served => {
                let mut command = Command::new(how.echo_client);
                command.arg(self.program(case)?);
                command
            }
        };
        if workload.program != Program::Hello {
            command.arg(case.argument);
            if how.quick {
                command.arg("quick");
            }
        }
        for name in CLEARED {
            command.env_remove(name);
        }
        command.env("GOMAXPROCS", procs.to_string());
        Some(command)
    }

    fn program(&self, case: &Case) -> Option<&Path> {
        let able = |(_, names): &&(PathBuf, Vec<String>)| names.iter().any(|n| n == case.argument);
        self.programs.iter().find(able).map(|(path, _)| path.as_path())
    }

    #[cfg(test)]
    pub(crate) fn named(name: &'static str) -> Self {
        Self { name, version: "1".into(), programs: Vec::new(), hello: None }
    }
}

/// What holds for all processes of a run of the bench.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How<'a> {
    /// Drives the servers of all systems.
    pub(crate) echo_client: &'a Path,
    /// Only a small piece of each workload.
    pub(crate) quick: bool,
}

/// The workloads that a program says it can do.
fn list(program: &Path) -> Result<Vec<String>, String> {
    let output = Command::new(program)
        .arg("--list")
        .output()
        .map_err(|error| format!("{} cannot be run: {error}", program.display()))?;
    if !output.status.success() {
        return Err(format!("{} --list ended with {}", program.display(), output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(String::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::workload::WORKLOADS;

    #[test]
    fn command_says_workload_and_processors() {
        let names = WORKLOADS.iter().flat_map(|w| w.cases).map(|case| case.argument.to_string());
        let system = System {
            programs: vec![("b".into(), names.collect())],
            hello: Some("h".into()),
            ..System::named("x")
        };
        let how = How { echo_client: Path::new("client"), quick: true };
        for workload in WORKLOADS {
            for case in workload.cases {
                let command = system.command(workload, case, 3, &how).unwrap();
                let procs = command.get_envs().find(|(name, _)| *name == "GOMAXPROCS");
                assert_eq!(procs.and_then(|(_, value)| value), Some("3".as_ref()));
                let args: Vec<_> = command.get_args().collect();
                let program = command.get_program();
                match workload.program {
                    Program::Hello => assert!(program == "h" && args.is_empty()),
                    Program::Bench => assert!(program == "b" && args == [case.argument, "quick"]),
                    Program::Served => {
                        assert!(program == "client" && args == ["b", case.argument, "quick"]);
                    }
                }
            }
        }
    }

    #[test]
    fn what_it_cannot_do_is_no_command() {
        let how = How { echo_client: Path::new("client"), quick: false };
        let system = System::named("x");
        for workload in WORKLOADS {
            assert!(system.command(workload, &workload.cases[0], 1, &how).is_none());
        }
    }
}
