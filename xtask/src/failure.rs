//! What can go wrong in a command, and the exit status that says so.
//!
//! The statuses are a closed list, printed by every `--help`; scripts may rely
//! on them.

use std::fmt;

/// Why a command did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command worked and found something wrong. Status 1.
    Found(String),
    /// The command line makes no sense. Status 2.
    Usage(String),
    /// A program that the command needs could not be run, or failed. Status 3.
    Tool(String),
    /// A file could not be read or written. Status 4.
    File(String),
}

impl Failure {
    /// The exit status of the process.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Found(_) => 1,
            Self::Usage(_) => 2,
            Self::Tool(_) => 3,
            Self::File(_) => 4,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(what) | Self::Usage(what) | Self::Tool(what) | Self::File(what) => {
                f.write_str(what)
            }
        }
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

/// Reads the command line of a command that takes no options but `--help`.
/// `true`: the help was printed and there is nothing else to do.
pub(crate) fn only_help(args: Vec<std::ffi::OsString>, help: &str) -> Result<bool, Failure> {
    let mut parser = lexopt::Parser::from_args(args);
    match parser.next()? {
        None => Ok(false),
        Some(lexopt::Arg::Short('h') | lexopt::Arg::Long("help")) => {
            print!("{help}");
            Ok(true)
        }
        Some(other) => Err(other.unexpected().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_the_printed_ones() {
        let say = || String::from("x");
        let all = [
            Failure::Found(say()),
            Failure::Usage(say()),
            Failure::Tool(say()),
            Failure::File(say()),
        ];
        assert_eq!(all.map(|failure| failure.status()), [1, 2, 3, 4]);
    }

    #[test]
    fn only_help_refuses_anything_else() {
        assert!(matches!(only_help(vec![], ""), Ok(false)));
        assert!(matches!(only_help(vec!["--help".into()], ""), Ok(true)));
        assert!(matches!(only_help(vec!["--fix".into()], ""), Err(Failure::Usage(_))));
    }
}
