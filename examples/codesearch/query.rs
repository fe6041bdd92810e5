//! What a file must contain so that a pattern can match in it: a condition over trigrams.
//!
//! After Russ Cox, "Regular Expression Matching with a Trigram Index" (2012), in its simplest sound form:
//! only literal runs count, everything else may be anything.

use regex_syntax::hir::{Hir, HirKind};

/// Three bytes that follow each other.
pub(crate) type Trigram = [u8; 3];

/// A condition that holds in every file with a match; a file that fulfils it need not have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Query {
    /// Any file.
    Any,
    /// Files with this trigram.
    Has(Trigram),
    /// Files that fulfil all of these.
    All(Vec<Query>),
    /// Files that fulfil one of these.
    One(Vec<Query>),
}

impl Query {
    /// The condition of a pattern; a pattern that does not parse gives no condition.
    pub(crate) fn of(pattern: &str) -> Self {
        let mut parser = regex_syntax::ParserBuilder::new().utf8(false).build();
        parser.parse(pattern).map_or(Self::Any, |hir| Self::of_hir(&hir))
    }

    fn of_hir(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Literal(literal) => {
                let windows = literal.0.windows(3).map(|w| Self::Has([w[0], w[1], w[2]]));
                Self::all(windows.collect())
            }
            HirKind::Capture(group) => Self::of_hir(&group.sub),
            HirKind::Repetition(r) if r.min > 0 => Self::of_hir(&r.sub),
            HirKind::Concat(parts) => Self::all(parts.iter().map(Self::of_hir).collect()),
            HirKind::Alternation(parts) => {
                let parts: Vec<Self> = parts.iter().map(Self::of_hir).collect();
                if parts.contains(&Self::Any) { Self::Any } else { Self::One(parts) }
            }
            _ => Self::Any,
        }
    }

    fn all(parts: Vec<Self>) -> Self {
        let mut parts: Vec<Self> = parts.into_iter().filter(|p| *p != Self::Any).collect();
        match parts.len() {
            0 => Self::Any,
            1 => parts.remove(0),
            _ => Self::All(parts),
        }
    }

    /// The files, by ascending number below `count`, that fulfil the condition; `list` gives those with
    /// one trigram.
    pub(crate) fn files(&self, count: u32, list: &mut dyn FnMut(Trigram) -> Vec<u32>) -> Vec<u32> {
        match self {
            Self::Any => (0..count).collect(),
            Self::Has(trigram) => list(*trigram),
            Self::All(parts) => {
                let mut left: Option<Vec<u32>> = None;
                for part in parts {
                    let files = part.files(count, list);
                    left = Some(match left {
                        None => files,
                        Some(left) => both(&left, &files),
                    });
                    if left.as_ref().is_some_and(Vec::is_empty) {
                        break;
                    }
                }
                left.unwrap_or_default()
            }
            Self::One(parts) => {
                let mut files: Vec<u32> = parts.iter().flat_map(|p| p.files(count, list)).collect();
                files.sort_unstable();
                files.dedup();
                files
            }
        }
    }
}

/// What two ascending lists have in common.
fn both(a: &[u32], b: &[u32]) -> Vec<u32> {
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                out.push(a[i]);
                i += 1;
                j += 1;
            }
        }
    }
    out
}
