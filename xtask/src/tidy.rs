//! `cargo xtask tidy`: the written rules that no compiler checks.
//!
//! | rule | what it asks | where it stands |
//! |---|---|---|
//! | front | a Rust file begins with its `//!` page | [`front`] |
//! | ids | an id cited in a `SAFETY` or `ORDER` comment is defined exactly once | [`ids`] |
//! | order | a line that names an atomic ordering has its `ORDER` comment | [`order`] |
//! | words | no word of the forbidden list, no file name that says nothing | [`words`] |
//!
//! Each rule is a pure function from the sources to findings, so that its tests
//! are a few lines of text.

mod front;
mod ids;
mod order;
mod source;
mod words;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use crate::failure::Failure;
use crate::metadata;
use source::Source;

const HELP: &str = "\
Checks the written rules that no compiler checks: every Rust file begins with a
//! page, invariant ids cited in SAFETY and ORDER comments are defined exactly
once, atomic orderings have their ORDER comment, forbidden words and file names.

Usage: cargo xtask tidy [OPTIONS]

Options:
  --untested   list the invariant ids that no test cites (information only)
  -h, --help   this text

Exit status: 0 tidy, 1 findings, 2 wrong usage, 4 a file could not be read.
";

/// One thing to put right.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) file: PathBuf,
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// The command.
pub(crate) fn run(args: Vec<OsString>) -> Result<(), Failure> {
    let mut untested = false;
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("untested") => untested = true,
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => {
                print!("{HELP}");
                return Ok(());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let sources = read(&metadata::root())
        .map_err(|error| Failure::File(format!("tidy: the sources cannot be read: {error}")))?;
    if untested {
        for id in ids::untested(&sources) {
            println!("{id}");
        }
        return Ok(());
    }
    let findings = check(&sources);
    if findings.is_empty() {
        println!("tidy: {} files, nothing to put right", sources.len());
        return Ok(());
    }
    for finding in &findings {
        println!("{finding}");
    }
    Err(Failure::Found(format!("tidy: {} findings", findings.len())))
}

/// All findings of all rules, by file and line.
fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = ids::check(sources);
    for source in sources {
        findings.extend(front::check(source));
        findings.extend(order::check(source));
        findings.extend(words::check(source));
    }
    findings.sort();
    findings
}

/// Folders that hold no text of ours.
const SKIPPED: &[&str] = &["target", ".git", "corpus", "node_modules"];
/// What is text: by the file name's ending.
const TEXT: &[&str] = &["rs", "toml", "md", "go", "sh", "S"];

/// Reads every text file below `root`, in path order.
fn read(root: &Path) -> io::Result<Vec<Source>> {
    let mut sources = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let name = entry.file_name();
            if kind.is_dir() && !SKIPPED.iter().any(|skipped| name == *skipped) {
                folders.push(path);
            } else if kind.is_file()
                && path.extension().is_some_and(|e| TEXT.iter().any(|t| e == *t))
            {
                let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
                let inside = path.strip_prefix(root).unwrap_or(&path);
                sources.push(Source::new(inside, &text));
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finding_reads_like_a_compilers() {
        let finding = Finding { file: "a/b.rs".into(), line: 7, what: "wrong".into() };
        assert_eq!(finding.to_string(), "a/b.rs:7: wrong");
    }

    #[test]
    fn this_package_is_tidy() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sources = read(here).unwrap();
        assert!(sources.len() > 10);
        assert_eq!(check(&sources), Vec::<Finding>::new());
    }
}
