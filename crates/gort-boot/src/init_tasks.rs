//! Init tasks: functions that run once before main, in dependency order.
//!
//! `init_task!` puts a record into a table that the linker gathers. Stage 8 verifies the table;
//! stage 15 runs it: each task after those that it names, the smallest runnable name first, where
//! names are `module::task` (so the order is the smallest topological one, as Go's linker
//! sorts packages). A cycle is refused before anything ran (INIT-1).

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

/// A registered task. Made by `init_task!`.
#[derive(Debug)]
pub struct InitTask {
    /// Tells a record from padding.
    pub magic: u64,
    /// `module::path::name`.
    pub name: &'static str,
    /// What it does.
    pub run: fn(),
    /// Tasks that come first, by full name or by last name.
    pub after: &'static [&'static str],
    /// Where it was registered.
    pub file: &'static str,
    /// The line there.
    pub line: u32,
}

/// What every record starts with.
pub const MAGIC: u64 = 0x6772_745f_696e_6974;

/// The table.
#[linkme::distributed_slice]
pub static INIT_TASKS: [InitTask];

/// Why the table cannot be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitError {
    /// A record is damaged.
    Damaged {
        /// Its place in the table.
        index: usize,
    },
    /// Two tasks have one name.
    Twice {
        /// The name.
        name: String,
        /// Where they stand.
        places: [String; 2],
    },
    /// A task names another that does not exist.
    Unknown {
        /// The task.
        name: String,
        /// What it names.
        after: String,
    },
    /// Tasks wait for each other.
    Cycle {
        /// Their names, the first one again at the end.
        path: Vec<String>,
    },
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { index } => {
                write!(f, "record {index} of the table of init tasks is damaged (wrong magic)")
            }
            Self::Twice { name, places } => {
                write!(f, "init task {name} is registered twice: {}, {}", places[0], places[1])
            }
            Self::Unknown { name, after } => {
                write!(f, "init task {name} comes after {after}, which does not exist")
            }
            Self::Cycle { path } => write!(f, "initialization cycle: {}", path.join(" -> ")),
        }
    }
}

impl std::error::Error for InitError {}

/// Checks every record (stage 8) and returns them in the order in which they run.
///
/// # Errors
/// [`InitError`].
pub fn order(tasks: &[InitTask]) -> Result<Vec<&InitTask>, InitError> {
    let mut by_name: BTreeMap<&str, &InitTask> = BTreeMap::new();
    for (index, task) in tasks.iter().enumerate() {
        if task.magic != MAGIC {
            return Err(InitError::Damaged { index });
        }
        if let Some(other) = by_name.insert(task.name, task) {
            let place = |t: &InitTask| format!("{}:{}", t.file, t.line);
            return Err(InitError::Twice {
                name: task.name.into(),
                places: [place(other), place(task)],
            });
        }
    }
    // What each task waits for, by full name.
    let mut waits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for task in tasks {
        let mut set = BTreeSet::new();
        for after in task.after {
            set.insert(find(&by_name, task.name, after)?);
        }
        waits.insert(task.name, set);
    }
    let mut sorted = Vec::with_capacity(tasks.len());
    while !waits.is_empty() {
        let Some(next) = waits.iter().find(|(_, w)| w.is_empty()).map(|(&n, _)| n) else {
            return Err(InitError::Cycle { path: cycle(&waits) });
        };
        waits.remove(next);
        for set in waits.values_mut() {
            set.remove(next);
        }
        sorted.extend(by_name.get(next).copied());
    }
    Ok(sorted)
}

/// The full name of what `after` names: itself, or the only task whose last part it is, one of the
/// same module first.
fn find<'a>(
    by_name: &BTreeMap<&'a str, &InitTask>,
    name: &str,
    after: &str,
) -> Result<&'a str, InitError> {
    let module = name.rsplit_once("::").map_or("", |(m, _)| m);
    let near = format!("{module}::{after}");
    let exact = by_name.get_key_value(after).or_else(|| by_name.get_key_value(near.as_str()));
    let mut far = by_name.keys().filter(|n| n.rsplit("::").next() == Some(after));
    exact
        .map(|(&n, _)| n)
        .or_else(|| far.next().copied().filter(|_| far.next().is_none()))
        .ok_or_else(|| InitError::Unknown { name: name.into(), after: after.into() })
}

/// Walks from the smallest waiting task along the smallest dependency until it comes back.
fn cycle(waits: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let mut path: Vec<&str> = Vec::new();
    let mut at = waits.keys().next().copied().unwrap_or_default();
    while !path.contains(&at) {
        path.push(at);
        at = waits.get(at).and_then(|w| w.iter().next()).copied().unwrap_or_default();
    }
    let start = path.iter().position(|&n| n == at).unwrap_or(0);
    path[start..].iter().chain([&at]).map(|n| n.rsplit("::").next().unwrap_or(n).into()).collect()
}

/// Registers a function that runs once before main, on the main goroutine.
///
/// ```ignore
/// gort::init_task! { tables: fill_tables }
/// gort::init_task! { index: build_index, after: [tables] }
/// ```
#[macro_export]
macro_rules! init_task {
    ($name:ident: $run:path) => { $crate::init_task! { $name: $run, after: [] } };
    ($name:ident: $run:path, after: [$($after:ident),* $(,)?]) => {
        const _: () = {
            #[$crate::__private::linkme::distributed_slice($crate::init_tasks::INIT_TASKS)]
            #[linkme(crate = $crate::__private::linkme)]
            static TASK: $crate::init_tasks::InitTask = $crate::init_tasks::InitTask {
                magic: $crate::init_tasks::MAGIC,
                name: concat!(module_path!(), "::", stringify!($name)),
                run: $run,
                after: &[$(stringify!($after)),*],
                file: file!(),
                line: line!(),
            };
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn task(name: &'static str, after: &'static [&'static str]) -> InitTask {
        InitTask { magic: MAGIC, name, run: || (), after, file: "f.rs", line: 1 }
    }

    fn names(tasks: &[InitTask]) -> Result<Vec<&str>, InitError> {
        Ok(order(tasks)?.into_iter().map(|t| t.name).collect())
    }

    #[test]
    fn the_smallest_order() {
        let tasks =
            [task("m::c", &["b"]), task("m::b", &[]), task("m::a", &["c"]), task("m::d", &[])];
        assert_eq!(names(&tasks).unwrap(), ["m::b", "m::c", "m::a", "m::d"]);
    }

    #[test]
    fn refusals() {
        let text = |tasks: &[InitTask]| names(tasks).unwrap_err().to_string();
        assert_eq!(
            text(&[task("m::a", &["b"]), task("m::b", &["a"])]),
            "initialization cycle: a -> b -> a"
        );
        assert_eq!(
            text(&[task("m::a", &["b"]), task("m::b", &["c"]), task("m::c", &["b"])]),
            "initialization cycle: b -> c -> b"
        );
        assert_eq!(text(&[task("m::a", &["a"])]), "initialization cycle: a -> a");
        assert!(text(&[task("m::a", &["x"])]).contains("which does not exist"));
        assert!(text(&[task("m::a", &[]), task("m::a", &[])]).contains("twice"));
        let damaged = InitTask { magic: 7, ..task("m::a", &[]) };
        assert!(text(&[task("m::b", &[]), damaged]).contains("record 1"));
    }

    proptest! {
        /// On random graphs without cycles: everybody once, after what it names, and no smaller
        /// name could have come earlier.
        #[test]
        fn topological_and_smallest(edges in proptest::collection::vec((0..8usize, 0..8usize), 0..20)) {
            const NAMES: [&str; 8] = ["m::a", "m::b", "m::c", "m::d", "m::e", "m::f", "m::g", "m::h"];
            let mut after: Vec<Vec<&'static str>> = vec![Vec::new(); 8];
            for (x, y) in edges {
                // From the larger rank of a fixed shuffle to the smaller: no cycles.
                let (rx, ry) = ((x * 5) % 8, (y * 5) % 8);
                if rx > ry { after[x].push(NAMES[y]) }
            }
            let tasks: Vec<InitTask> =
                after.into_iter().enumerate().map(|(i, a)| task(NAMES[i], a.leak())).collect();
            let got = order(&tasks).unwrap();
            prop_assert_eq!(got.len(), 8);
            for (i, t) in got.iter().enumerate() {
                let before: Vec<&str> = got[..i].iter().map(|t| t.name).collect();
                prop_assert!(t.after.iter().all(|a| before.contains(a)));
                for later in &got[i + 1..] {
                    let ready = later.after.iter().all(|a| before.contains(a));
                    prop_assert!(!(ready && later.name < t.name));
                }
            }
        }
    }
}
