//! Where a report comes from: a program that is run, or a file that is there already.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::report::Report;
use crate::failure::Failure;
use crate::metadata;

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Source {
    /// A file.
    File(PathBuf),
    /// A program with its arguments. `own`: it has the allocator itself.
    Program { own: bool, line: Vec<OsString> },
}

impl Source {
    /// Reads a command line. `more` is asked about long options that are not known here, and says whether it knows them.
    /// `None`: the help was printed.
    pub(crate) fn parse(
        command: &str,
        help: &str,
        args: Vec<OsString>,
        mut more: impl FnMut(&mut lexopt::Parser, &str) -> Result<bool, Failure>,
    ) -> Result<Option<Self>, Failure> {
        let mut parser = lexopt::Parser::from_args(args);
        let (mut own, mut file, mut line) = (false, None, Vec::new());
        while let Some(arg) = parser.next()? {
            match arg {
                lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => {
                    print!("{help}");
                    return Ok(None);
                }
                lexopt::Arg::Long("own") => own = true,
                lexopt::Arg::Long("read") => file = Some(PathBuf::from(parser.value()?)),
                lexopt::Arg::Long(name) => {
                    let name = name.to_owned();
                    if !more(&mut parser, &name)? {
                        let text = format!("{command}: unknown option '--{name}'");
                        return Err(Failure::Usage(text));
                    }
                }
                lexopt::Arg::Value(program) => {
                    line.push(program);
                    line.extend(parser.raw_args()?);
                }
                other => return Err(other.unexpected().into()),
            }
        }
        match (file, line.is_empty()) {
            (Some(file), true) if !own => Ok(Some(Self::File(file))),
            (None, false) => Ok(Some(Self::Program { own, line })),
            _ => Err(Failure::Usage(format!("{command}: say either a program or --read FILE"))),
        }
    }

    /// The report: read, or made by running the program to its end.
    pub(crate) fn report(&self, command: &str) -> Result<Report, Failure> {
        match self {
            Self::File(path) => read(command, path),
            Self::Program { own, line } => watch(command, *own, line),
        }
    }
}

fn read(command: &str, path: &Path) -> Result<Report, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::File(format!("{command}: {}: {error}", path.display())))?;
    Report::parse(&text)
        .map_err(|error| Failure::Tool(format!("{command}: {}: {error}", path.display())))
}

/// Builds the library that replaces malloc.
fn library(command: &str) -> Result<PathBuf, Failure> {
    let root = metadata::root();
    let built = metadata::cargo()
        .args(["build", "--quiet", "--release", "--package", "gort-malloc"])
        .current_dir(&root)
        .status()
        .map_err(|error| Failure::Tool(format!("{command}: cargo cannot be run: {error}")))?;
    if !built.success() {
        return Err(Failure::Tool(format!("{command}: gort-malloc cannot be built")));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    Ok(target.join("release").join("libgort_malloc.so"))
}

fn watch(command: &str, own: bool, line: &[OsString]) -> Result<Report, Failure> {
    let name = format!("gort-heap-report-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::File(format!("{command}: {}: {error}", folder.display())))?;
    let [program, args @ ..] = line else {
        return Err(Failure::Usage(format!("{command}: no program")));
    };
    let mut child = Command::new(program);
    child.args(args).env("GORT_HEAP_REPORT", folder.join("%p"));
    if !own {
        child.env("LD_PRELOAD", library(command)?);
    }
    let show = Path::new(program).display().to_string();
    let ran = child
        .spawn()
        .and_then(|mut child| Ok((child.id(), child.wait()?)))
        .map_err(|error| Failure::Tool(format!("{command}: {show}: {error}")));
    let report = ran.and_then(|(pid, status)| {
        if !status.success() {
            eprintln!("{command}: {show}: {status}");
        }
        let others = std::fs::read_dir(&folder).map_or(0, Iterator::count).saturating_sub(1);
        if others != 0 {
            eprintln!("{command}: {others} more processes wrote reports; this is the first one's");
        }
        let path = folder.join(pid.to_string());
        if path.exists() {
            return read(command, &path);
        }
        let why = "it was killed, left by _exit, or has another allocator";
        Err(Failure::Tool(format!("{command}: {show} wrote no report: {why}")))
    });
    // What is left behind in the folder for temporary files hurts nobody.
    let _ = std::fs::remove_dir_all(&folder);
    report
}

/// Writes a file, or says why not.
pub(crate) fn save(command: &str, path: &OsStr, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        Failure::File(format!("{command}: {}: {error}", Path::new(path).display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Option<Source>, Failure> {
        let args = words.iter().map(OsString::from).collect();
        Source::parse("frag", "", args, |_, name| Ok(name == "json"))
    }

    #[test]
    fn a_program_or_a_file() {
        assert!(
            matches!(parsed(&["--read", "x"]), Ok(Some(Source::File(p))) if p == Path::new("x"))
        );
        let Ok(Some(Source::Program { own, line })) =
            parsed(&["--json", "--own", "--", "ls", "-l"])
        else {
            panic!("a program")
        };
        assert!(own && line == ["ls", "-l"]);
        // Options of the program are its own.
        let Ok(Some(Source::Program { own: false, line })) = parsed(&["ls", "--own"]) else {
            panic!("a program")
        };
        assert_eq!(line, ["ls", "--own"]);
        for wrong in [&[][..], &["--read", "x", "ls"], &["--own", "--read", "x"], &["--nothing"]] {
            assert!(matches!(parsed(wrong), Err(Failure::Usage(_))), "{wrong:?}");
        }
    }
}
