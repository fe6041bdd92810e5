//! A line that names an atomic ordering has an `ORDER` comment.
//!
//! The comment may stand on the line itself, on another line of the same
//! statement, or right above the statement. Statements that follow each other
//! without a blank line and all name an ordering may share one comment. A comment
//! may also say how far it reaches: *all*, *both*, *below* reach to the end of the
//! block that it stands in, *above* reaches back to the statement before. Tests
//! are free of it: their counters argue nothing.
//!
//! A bare name (`Relaxed`) is an ordering only in a file that imports it as one.

use super::Finding;
use super::source::{Line, Source};

const ORDERINGS: &[&str] = &["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];
/// What the comment begins with. (Written so that this line is none.)
const TAG: &str = concat!("ORDER", ":");

/// The lines without their comment.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let bare: Vec<&str> =
        ORDERINGS.iter().copied().filter(|name| is_imported(&source.lines, name)).collect();
    let lines = &source.lines[..source.tests_from];
    let names = |line: &Line| names_ordering(line, &bare);
    (0..lines.len())
        .filter(|&at| names(&lines[at]) && !imports(lines, at))
        .filter(|&at| !is_argued(lines, at, &names) && !is_reached(lines, at))
        .map(|at| Finding {
            file: source.path.clone(),
            line: at + 1,
            what: "an atomic ordering without an ORDER comment (which, why, partner)".into(),
        })
        .collect()
}

/// Names one of the five, with its path or as one of the names in `bare`.
fn names_ordering(line: &Line, bare: &[&str]) -> bool {
    ORDERINGS.iter().any(|name| has_word(&line.code, name, bare.contains(name)))
}

/// Whether the line is part of a `use`, which may go over several lines.
fn imports(lines: &[Line], at: usize) -> bool {
    let begins = |line: &Line| {
        let code = line.code.trim_start();
        ["use ", "pub use ", "pub(crate) use "].iter().any(|word| code.starts_with(word))
    };
    let open = |line: &&Line| !line.code.trim_end().ends_with(';');
    begins(&lines[at]) || lines[..at].iter().rev().take_while(open).any(begins)
}

/// Whether a `use` brings `name` in from `Ordering`.
fn is_imported(lines: &[Line], name: &str) -> bool {
    (0..lines.len()).any(|at| {
        let code = &lines[at].code;
        let from = code.split("Ordering::").nth(1);
        from.is_some_and(|from| from.contains(name) || from.starts_with('*')) && imports(lines, at)
    })
}

/// `name` as a whole word that is a value, not a type's or a variant's path of
/// something else (`Phase::Release` is none of ours).
fn has_word(code: &str, name: &str, bare: bool) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let ends = !after.starts_with(|c: char| is_name(c) || c == '(' || c == '{' || c == ':')
            && !after.trim_start().starts_with("=>");
        let begins = match before.strip_suffix("::") {
            Some(path) => path.ends_with("Ordering"),
            None => bare && !before.ends_with(is_name),
        };
        begins && ends
    })
}

/// Whether the statement around line `at`, or one that it shares a comment
/// with, has the tag.
fn is_argued(lines: &[Line], at: usize, names: &impl Fn(&Line) -> bool) -> bool {
    let last = (at..lines.len()).find(|&i| ends_statement(&lines[i])).unwrap_or(at);
    if lines[at..=last].iter().any(is_tagged) {
        return true;
    }
    for line in lines[..at].iter().rev() {
        if is_tagged(line) {
            return true;
        }
        // A new statement above: it may share its comment with ours only if it
        // names an ordering itself.
        let other = !line.is_only_comment() && ends_statement(line) && !names(line);
        if line.is_blank() || other {
            return false;
        }
    }
    false
}

/// Whether a comment that says how far it reaches reaches line `at`.
fn is_reached(lines: &[Line], at: usize) -> bool {
    let last = (at..lines.len()).find(|&i| ends_statement(&lines[i])).unwrap_or(at);
    let back =
        lines.get(last + 1).is_some_and(|next| is_tagged(next) && says(next, &["above", "both"]));
    let mut depth = usize::MAX;
    back || lines[..=at].iter().rev().filter(|line| !line.is_blank()).any(|line| {
        // The block that a comment stands in goes on while nothing is less indented.
        depth = depth.min(indent(line));
        let reaches = is_tagged(line) && line.is_only_comment() && indent(line) <= depth;
        reaches && says(line, &["all", "both", "below", "times"])
    })
}

/// One of the words, in the line's comment.
fn says(line: &Line, words: &[&str]) -> bool {
    line.comment.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word))
}

fn is_tagged(line: &Line) -> bool {
    line.comment.contains(TAG)
}

fn indent(line: &Line) -> usize {
    line.text.len() - line.text.trim_start().len()
}

/// Ends in what closes a statement or opens or closes a block.
fn ends_statement(line: &Line) -> bool {
    line.code.trim_end().ends_with([';', '{', '}'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const NONE: [usize; 0] = [];

    fn untidy(text: &str) -> Vec<usize> {
        let import = "use atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};";
        let source = Source::new(Path::new("a.rs"), &format!("{text}\n{import}\n"));
        check(&source).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn tag_on_the_line_or_above() {
        assert_eq!(untidy("a.load(Relaxed); // ORDER: why"), NONE);
        assert_eq!(untidy("// ORDER: why\n// and more\na.load(Relaxed);"), NONE);
        assert_eq!(untidy("// ORDER: why\nlet a =\n    b.load(Ordering::Acquire);"), NONE);
        assert_eq!(untidy("a.swap(\n  1,\n  AcqRel,\n); // ORDER: why"), NONE);
    }

    #[test]
    fn planted_line_is_found() {
        assert_eq!(untidy("// Because.\na.load(Relaxed);"), [2]);
        assert_eq!(untidy("// ORDER: why\n\na.load(Relaxed);"), [3]);
        assert_eq!(untidy("// ORDER: why\nb();\na.load(atomic::Ordering::SeqCst);"), [3]);
    }

    #[test]
    fn neighbours_share() {
        assert_eq!(untidy("// ORDER: both\na.load(Relaxed);\nb.load(Relaxed);"), NONE);
    }

    #[test]
    fn a_comment_says_how_far_it_reaches() {
        let body = "    a.load(Relaxed);\n    b();\n    if c {\n        d.load(Relaxed);\n    }\n}";
        assert_eq!(untidy(&format!("fn f() {{\n    // ORDER: Relaxed, all\n{body}\n")), NONE);
        assert_eq!(untidy(&format!("fn f() {{\n    // ORDER: Relaxed\n{body}\n")), [6]);
        assert_eq!(untidy(&format!("{{\n    // ORDER: all\n}}\nfn f() {{\n{body}\n")), [5, 8]);
        assert_eq!(untidy("if a.load(Relaxed) {\n  return; // ORDER: Relaxed (above)\n}"), NONE);
    }

    #[test]
    fn a_bare_name_is_imported() {
        let found = |text: &str| check(&Source::new(Path::new("a.rs"), text)).len();
        assert_eq!(found("use crate::Release;\nfn f(how: Release) {}"), 0);
        assert_eq!(found("use atomic::Ordering::Release;\nf(Release);"), 1);
        assert_eq!(found("use atomic::Ordering::*;\nf(Release);"), 1);
        assert_eq!(found("f(Ordering::Release);"), 1);
    }

    #[test]
    fn other_things_of_that_name() {
        assert_eq!(untidy("use Ordering::{Acquire, Relaxed};"), NONE);
        assert_eq!(untidy("use atomic::{\n  Ordering::{Acquire, Relaxed},\n};\n"), NONE);
        assert_eq!(untidy("x = Phase::Release;\nlet a: Released = Acquired;"), NONE);
        assert_eq!(untidy("say(\"Relaxed\"); // Relaxed"), NONE);
        assert_eq!(untidy("match x { Acquire => 1 }"), NONE);
        assert_eq!(untidy("a.sort_by(|a, b| Ordering::Less)"), NONE);
    }

    #[test]
    fn tests_are_free() {
        assert_eq!(untidy("#[cfg(test)]\nmod tests {\n  a.load(Relaxed);\n}"), NONE);
    }
}
