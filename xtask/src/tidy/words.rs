//! Words that must not stand in the project, and file names that say nothing.
//!
//! This file is the list, so it is not held to it.

use std::path::Path;

use super::Finding;
use super::source::{Line, Source};

/// Where a word is looked for.
#[derive(Clone, Copy, PartialEq)]
enum Where {
    /// The whole line of every text file.
    Text,
    /// Code of a Rust file, tests apart.
    Code,
    /// The same, in the crates where an error is a value with numbers in it.
    CoreCode,
}

/// The word, where, and why not.
const WORDS: &[(&str, Where, &str)] = &[
    ("TODO", Where::Text, "open an issue, or do it"),
    ("FIXME", Where::Text, "open an issue, or do it"),
    ("XXX", Where::Text, "open an issue, or do it"),
    ("/home/", Where::Text, "a path of somebody's machine"),
    ("/root/", Where::Text, "a path of somebody's machine"),
    ("/work/", Where::Text, "a path of somebody's machine"),
    ("pypi.org", Where::Text, "name a package, not a registry's host"),
    ("index.crates.io", Where::Text, "name a package, not a registry's host"),
    ("registry.npmjs", Where::Text, "name a package, not a registry's host"),
    ("proxy.golang", Where::Text, "name a package, not a registry's host"),
    ("todo!(", Where::Code, "nothing is left to do in what is committed"),
    ("unimplemented!(", Where::Code, "nothing is left to do in what is committed"),
    ("dbg!(", Where::Code, "it was for you, not for the reader"),
    (".unwrap()", Where::CoreCode, "errors are values here; a broken invariant is fatal!"),
    (".expect(", Where::CoreCode, "errors are values here; a broken invariant is fatal!"),
    ("panic!(", Where::CoreCode, "errors are values here; a broken invariant is fatal!"),
    ("println!(", Where::CoreCode, "these crates do not talk; fatal! does"),
];

/// The crates that `Where::CoreCode` means.
const CORE: &[&str] = &["crates/gort-sys", "crates/gort-fixalloc", "crates/gort-heap"];

/// Where the public contract has the word: file, word. The reason stands there.
const PERMITTED: &[(&str, &str)] = &[
    // In debug builds a lock taken against its rank panics (SYS-8).
    ("crates/gort-sys/src/rank.rs", "panic!("),
];

/// A file is named by its noun.
const NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "misc", "manager"];

/// The findings of one file.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    if source.path.ends_with("tidy/words.rs") {
        return Vec::new();
    }
    let finding =
        |line: usize, what: String| Finding { file: source.path.clone(), line: line + 1, what };
    let mut findings = Vec::new();
    let stem = source.path.file_stem().unwrap_or_default().to_string_lossy();
    if source.is_rust() && NAMES.contains(&stem.as_ref()) {
        findings.push(finding(0, format!("'{stem}' says nothing: name the file by its noun")));
    }
    for (at, line) in source.lines.iter().enumerate() {
        for (word, place, why) in WORDS {
            let permitted = PERMITTED.iter().any(|(f, w)| source.path.ends_with(f) && w == word);
            let text = text_of(source, at, line, *place);
            if !permitted && text.is_some_and(|text| has_word(text, word)) {
                findings.push(finding(at, format!("'{word}': {why}")));
            }
        }
    }
    findings
}

/// The part of a line that a word of this kind is looked for in.
fn text_of<'a>(source: &Source, at: usize, line: &'a Line, place: Where) -> Option<&'a str> {
    let is_code = source.is_rust() && at < source.tests_from;
    match place {
        Where::Text => Some(&line.text),
        Where::Code if is_code => Some(&line.code),
        Where::CoreCode if is_code && is_core(&source.path) => Some(&line.code),
        Where::Code | Where::CoreCode => None,
    }
}

fn is_core(path: &Path) -> bool {
    // Generators and build scripts run on a developer's machine only.
    CORE.iter().any(|core| path.starts_with(core))
        && path.components().any(|c| c.as_os_str() == "src")
}

/// `word`, not as the end of a longer name.
fn has_word(text: &str, word: &str) -> bool {
    let starts_with_name = word.starts_with(|c: char| c.is_alphanumeric());
    text.match_indices(word).any(|(at, _)| {
        !starts_with_name
            || !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    fn untidy(path: &str, text: &str) -> Vec<usize> {
        let source = Source::new(Path::new(path), text);
        check(&source).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn finds_words_in_any_text() {
        assert_eq!(untidy("README.md", "fine\nTODO: more"), [2]);
        assert_eq!(untidy("a.rs", "// see /home/me/x"), [1]);
        assert_eq!(untidy("README.md", "a METODO is fine"), NONE);
    }

    #[test]
    fn core_crates_do_not_panic() {
        assert_eq!(untidy("crates/gort-heap/src/a.rs", "a.unwrap();\nb.unwrap_or(1);"), [1]);
        assert_eq!(
            untidy("crates/gort-heap/src/a.rs", "// a.unwrap()\nlet s = \"panic!(\";"),
            NONE
        );
        assert_eq!(untidy("crates/gort-heap/src/a.rs", "const_panic!(1);"), NONE);
        assert_eq!(untidy("crates/gort-sync/src/a.rs", "a.unwrap();"), NONE);
        assert_eq!(untidy("crates/gort-heap/tests/a.rs", "a.unwrap();"), NONE);
        assert_eq!(untidy("crates/gort-heap/src/a/tests.rs", "a.unwrap();"), NONE);
        assert_eq!(untidy("crates/gort-sys/src/rank.rs", "panic!(1);\na.unwrap();"), [2]);
        assert_eq!(
            untidy("crates/gort-sys/src/a.rs", "#[cfg(test)]\nmod tests {\na.unwrap();"),
            NONE
        );
    }

    #[test]
    fn file_names_are_nouns() {
        assert_eq!(untidy("crates/gort/src/utils.rs", ""), [1]);
        assert_eq!(untidy("crates/gort/src/span.rs", ""), NONE);
    }
}
