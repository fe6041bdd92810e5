//! Invariant ids: each one that a `SAFETY` or `ORDER` comment cites is defined
//! exactly once.
//!
//! An id is capital words and a number, joined by dashes: `SPAN-1`,
//! `G-STATE-12`. It is defined by a list item of a `//!` page, `//! - SPAN-1 ..`
//! (bold or code marks around it are fine); it is cited anywhere in the comment
//! block that begins with `SAFETY:` or `ORDER:`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Finding;
use super::source::{Line, Source};

/// Words that look like an id and are none.
const NOT_IDS: &[&str] = &["UTF-8", "UTF-16", "SHA-1", "SHA-256", "ISO-8601"];

/// A place in the sources.
type Place<'a> = (&'a Path, usize);

/// Cited and not defined; defined twice.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut defined: BTreeMap<String, Place<'_>> = BTreeMap::new();
    for (id, (file, line)) in sources.iter().flat_map(definitions) {
        if let Some((first, at)) = defined.get(&id) {
            let what = format!("{id} is defined a second time; first in {}:{at}", first.display());
            findings.push(Finding { file: file.into(), line, what });
        } else {
            defined.insert(id, (file, line));
        }
    }
    for (id, (file, line)) in sources.iter().flat_map(citations) {
        if !defined.contains_key(&id) {
            let what = format!("{id} is cited but no //! page defines it (as `//! - {id} ..`)");
            findings.push(Finding { file: file.into(), line, what });
        }
    }
    findings
}

/// The defined ids that no line of a test names.
pub(crate) fn untested(sources: &[Source]) -> BTreeSet<String> {
    let mut ids: BTreeSet<String> =
        sources.iter().flat_map(definitions).map(|(id, _)| id).collect();
    for source in sources.iter().filter(|source| source.is_rust()) {
        for line in &source.lines[source.tests_from..] {
            for id in ids_in(&line.text) {
                ids.remove(&id);
            }
        }
    }
    ids
}

/// The ids that the `//!` pages of a file define.
fn definitions(source: &Source) -> Vec<(String, Place<'_>)> {
    let mut found = Vec::new();
    for (at, line) in source.lines.iter().enumerate() {
        let Some(page) = line.comment.strip_prefix("//!") else { continue };
        let page = page.trim_start();
        let Some(item) = page.strip_prefix("- ").or_else(|| page.strip_prefix("* ")) else {
            continue;
        };
        let item = item.trim_start_matches(['*', '`', '[', ' ', '_']);
        let end = item.find(|c: char| !is_id_char(c)).unwrap_or(item.len());
        if is_id(&item[..end]) {
            found.push((item[..end].to_string(), (source.path.as_path(), at + 1)));
        }
    }
    found
}

/// The ids that the `SAFETY` and `ORDER` comments of a file cite.
fn citations(source: &Source) -> Vec<(String, Place<'_>)> {
    let mut found = Vec::new();
    let mut citing = false;
    for (at, line) in source.lines.iter().enumerate() {
        if line.comment.is_empty() || !line.is_only_comment() {
            citing = false;
        }
        let cited = begins_argument(line);
        citing |= cited.is_some();
        if citing && !line.comment.starts_with("//!") {
            let text = cited.map_or(line.comment.as_str(), |from| &line.comment[from..]);
            found.extend(ids_in(text).map(|id| (id, (source.path.as_path(), at + 1))));
        }
    }
    found
}

/// Where in the line's comment `SAFETY:` or `ORDER:` stands.
fn begins_argument(line: &Line) -> Option<usize> {
    ["SAFETY:", "ORDER:"].iter().filter_map(|word| line.comment.find(word)).min()
}

/// All ids in a piece of text.
fn ids_in(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !is_id_char(c))
        .map(|word| word.trim_matches('-'))
        .filter(|word| is_id(word))
        .map(String::from)
}

fn is_id_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

/// Capital words and a number, joined by dashes.
fn is_id(word: &str) -> bool {
    let Some((name, number)) = word.rsplit_once('-') else { return false };
    let is_word = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_uppercase())
            && part.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    !number.is_empty()
        && number.chars().all(|c| c.is_ascii_digit())
        && name.len() > 1
        && name.split('-').all(is_word)
        && !NOT_IDS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [(usize, String); 0] = [];

    fn untidy(text: &str) -> Vec<(usize, String)> {
        let sources = [Source::new(Path::new("a.rs"), text)];
        check(&sources).into_iter().map(|finding| (finding.line, finding.what)).collect()
    }

    #[test]
    fn knows_an_id() {
        for id in ["SPAN-1", "G-STATE-12", "WAKE2-3"] {
            assert!(is_id(id), "{id}");
        }
        for word in ["SPAN", "span-1", "A-1", "UTF-8", "x86-64", "SPAN-x", "-1", "SPAN-1a"] {
            assert!(!is_id(word), "{word}");
        }
    }

    #[test]
    fn defined_and_cited_is_tidy() {
        let text = "//! Page.\n//! - **SPAN-1**: live.\n// SAFETY: SPAN-1, as `a` is live.\n";
        assert_eq!(untidy(text), NONE);
    }

    #[test]
    fn planted_citation_is_found() {
        let found = untidy("//! - SPAN-1 live\nf(); // ORDER: Relaxed (SPAN-2).\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].0 == 2 && found[0].1.contains("SPAN-2"), "{found:?}");
    }

    #[test]
    fn second_line_of_an_argument_counts() {
        let found = untidy("//! Page.\n// SAFETY: because\n// of SPAN-7 alone.\nf();\n");
        assert_eq!(found[0].0, 3);
    }

    #[test]
    fn prose_elsewhere_is_no_citation() {
        assert_eq!(untidy("//! Page.\n// See SPAN-9.\nlet a = \"SAFETY: SPAN-9\";\n"), NONE);
    }

    #[test]
    fn second_definition_is_found() {
        let found = untidy("//! - SPAN-1 one\n//! - `SPAN-1` two\n");
        assert!(found[0].0 == 2 && found[0].1.contains("second time"), "{found:?}");
    }

    #[test]
    fn lists_what_no_test_names() {
        let text = "//! - SPAN-1 a\n//! - SPAN-2 b\n#[cfg(test)]\nmod tests {\n/// SPAN-2\n}\n";
        let sources = [Source::new(Path::new("a.rs"), text)];
        assert_eq!(untested(&sources), BTreeSet::from(["SPAN-1".to_string()]));
    }
}
