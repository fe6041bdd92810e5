//! Every Rust file begins with the page that explains it.

use super::Finding;
use super::source::Source;

/// The first line that is not blank is a `//!` line.
pub(crate) fn check(source: &Source) -> Option<Finding> {
    if !source.is_rust() {
        return None;
    }
    let first = source.lines.iter().position(|line| !line.is_blank());
    if first.is_some_and(|at| source.lines[at].text.starts_with("//!")) {
        return None;
    }
    Some(Finding {
        file: source.path.clone(),
        line: first.map_or(1, |at| at + 1),
        what: "the file must begin with a //! page that says what it is".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn untidy(name: &str, text: &str) -> Option<usize> {
        check(&Source::new(Path::new(name), text)).map(|finding| finding.line)
    }

    #[test]
    fn wants_a_page_first() {
        assert_eq!(untidy("a.rs", "//! A page.\nfn a() {}\n"), None);
        assert_eq!(untidy("a.rs", "\n\nuse std::io;\n"), Some(3));
        assert_eq!(untidy("a.rs", "// A comment.\n"), Some(1));
        assert_eq!(untidy("a.rs", ""), Some(1));
        assert_eq!(untidy("a.md", "text"), None);
    }
}
