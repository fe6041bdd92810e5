//! A source file, each line split into code and comment.
//!
//! A rule about code must not stumble over prose or string literals, and a rule
//! about comments must not read code. This is no parser: it knows comments,
//! strings, raw strings and character literals, and where tests begin.

use std::path::{Path, PathBuf};

/// One file. Only Rust files have code; of others every line is text.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the workspace's root.
    pub(crate) path: PathBuf,
    pub(crate) lines: Vec<Line>,
    /// Index of the first line of the test module at the end, or the length.
    pub(crate) tests_from: usize,
}

/// One line of a file.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// The line as it stands.
    pub(crate) text: String,
    /// What is left without comments, and without what stands in literals.
    pub(crate) code: String,
    /// The comment on this line, with its slashes.
    pub(crate) comment: String,
}

impl Source {
    /// Splits `text`.
    pub(crate) fn new(path: &Path, text: &str) -> Self {
        let rust = path.extension().is_some_and(|e| e == "rs");
        let lines = if rust { split(text) } else { plain(text) };
        let in_tests =
            path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests");
        let tests_from = if in_tests { 0 } else { first_test_line(&lines) };
        Self { path: path.to_path_buf(), lines, tests_from }
    }

    /// Whether it is a Rust file.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.extension().is_some_and(|e| e == "rs")
    }
}

impl Line {
    /// A comment and nothing else.
    pub(crate) fn is_only_comment(&self) -> bool {
        self.code.trim().is_empty() && !self.comment.is_empty()
    }

    /// Neither code nor comment.
    pub(crate) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

fn plain(text: &str) -> Vec<Line> {
    text.lines().map(|line| Line { text: line.into(), ..Line::default() }).collect()
}

/// Where `mod tests {` or the like stands under a `#[cfg(test)]`; by the style
/// rules it is the last item of its file.
fn first_test_line(lines: &[Line]) -> usize {
    let is_test_cfg = |line: &Line| {
        let code = line.code.trim();
        code.starts_with("#[cfg(") && code.contains("test")
    };
    (0..lines.len())
        .find(|&at| {
            is_test_cfg(&lines[at])
                && lines[at + 1..]
                    .iter()
                    .map(|line| line.code.trim())
                    .find(|code| !code.is_empty() && !code.starts_with("#["))
                    .is_some_and(|code| code.starts_with("mod ") && code.ends_with('{'))
        })
        .unwrap_or(lines.len())
}

/// What the splitter is inside of, between two characters.
#[derive(Clone, Copy, PartialEq)]
enum Inside {
    Code,
    /// `//` up to the end of the line.
    LineComment,
    /// `/* */`, with its depth.
    BlockComment(u32),
    /// `"`.
    Text,
    /// `r#"`, with its number of hashes.
    RawText(usize),
}

/// Splits Rust text into lines of code and comment.
fn split(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut inside = Inside::Code;
    for text in text.lines() {
        let mut line = Line { text: text.into(), ..Line::default() };
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        while at < chars.len() {
            at += step(&chars[at..], &mut inside, &mut line);
        }
        if inside == Inside::LineComment {
            inside = Inside::Code;
        }
        lines.push(line);
    }
    lines
}

/// Takes the next token of a line; returns its length in characters.
fn step(rest: &[char], inside: &mut Inside, line: &mut Line) -> usize {
    let two = (rest[0], rest.get(1).copied().unwrap_or(' '));
    match *inside {
        Inside::Code => return step_in_code(rest, inside, line),
        Inside::LineComment => line.comment.push(rest[0]),
        Inside::BlockComment(depth) => {
            line.comment.push(rest[0]);
            let now = match two {
                ('*', '/') => depth - 1,
                ('/', '*') => depth + 1,
                _ => return 1,
            };
            line.comment.push(two.1);
            *inside = if now == 0 { Inside::Code } else { Inside::BlockComment(now) };
            return 2;
        }
        Inside::Text if rest[0] == '\\' => return 2.min(rest.len()),
        Inside::Text if rest[0] == '"' => {
            line.code.push('"');
            *inside = Inside::Code;
        }
        Inside::RawText(hashes) if rest[0] == '"' && hashes_after(&rest[1..]) >= hashes => {
            line.code.push('"');
            *inside = Inside::Code;
            return 1 + hashes;
        }
        Inside::Text | Inside::RawText(_) => {}
    }
    1
}

/// The same where the last character was code.
fn step_in_code(rest: &[char], inside: &mut Inside, line: &mut Line) -> usize {
    let second = rest.get(1).copied().unwrap_or(' ');
    match (rest[0], second) {
        ('/', '/') => {
            line.comment.push_str("//");
            *inside = Inside::LineComment;
            return 2;
        }
        ('/', '*') => {
            line.comment.push_str("/*");
            *inside = Inside::BlockComment(1);
            return 2;
        }
        ('"', _) => *inside = Inside::Text,
        ('r', '"' | '#') if !ends_with_name(&line.code) => {
            let hashes = hashes_after(&rest[1..]);
            if rest.get(1 + hashes) == Some(&'"') {
                line.code.push_str("r\"");
                *inside = Inside::RawText(hashes);
                return 2 + hashes;
            }
        }
        ('\'', '\\') => return char_literal(rest, 3),
        ('\'', _) if rest.get(2) == Some(&'\'') => return 3,
        _ => {}
    }
    line.code.push(rest[0]);
    1
}

/// The length of a character literal whose closing quote is not before `from`.
fn char_literal(rest: &[char], from: usize) -> usize {
    rest.iter().skip(from).position(|c| *c == '\'').map_or(rest.len(), |at| from + at + 1)
}

fn hashes_after(rest: &[char]) -> usize {
    rest.iter().take_while(|c| **c == '#').count()
}

/// An `r` after a letter is the end of a name (`br"` is a string all the same).
fn ends_with_name(code: &str) -> bool {
    let mut back = code.chars().rev();
    match back.next() {
        Some('b') => back.next().is_some_and(|c| c.is_alphanumeric() || c == '_'),
        Some(c) => c.is_alphanumeric() || c == '_',
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, code: &str, comment: &str) {
        let source = Source::new(Path::new("a.rs"), text);
        let last = source.lines.last().unwrap();
        assert_eq!((last.code.as_str(), last.comment.as_str()), (code, comment), "{text}");
    }

    #[test]
    fn splits_code_from_comment() {
        check("let a = 1; // one", "let a = 1; ", "// one");
        check("//! page", "", "//! page");
        check("a /* b */ c", "a  c", "/* b */");
        check("/* a\n /* b */ c\n */ d", " d", " */");
    }

    #[test]
    fn literals_are_no_code() {
        check(r#"say("// no \" comment") // yes"#, "say(\"\") ", "// yes");
        check("r#\"// \" no\"# + x", "r\"\" + x", "");
        check("br\"//\" // yes", "br\"\" ", "// yes");
        check("let q = '\"'; // yes", "let q = ; ", "// yes");
        check(r"let q = '\''; // yes", "let q = ; ", "// yes");
        check("fn f<'a>(x: &'a str) {} // yes", "fn f<'a>(x: &'a str) {} ", "// yes");
        check("\"one\n// two\" // yes", "\" ", "// yes");
    }

    #[test]
    fn finds_the_tests() {
        let at = |text: &str| Source::new(Path::new("a.rs"), text).tests_from;
        assert_eq!(at("fn a() {}\n#[cfg(test)]\nmod tests {\n}\n"), 1);
        assert_eq!(at("fn a() {}\n#[cfg(test)]\nfn b() {}\n"), 3);
        assert_eq!(at("#[cfg(all(test, not(loom)))]\n#[expect(x)]\nmod tests {"), 0);
        assert_eq!(Source::new(Path::new("crates/x/tests/a.rs"), "fn a() {}").tests_from, 0);
    }
}
