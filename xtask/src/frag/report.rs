//! The report of a heap, read from its lines of JSON. The format is described in `crates/gort-heap/src/report.rs`.

use serde::Deserialize;
use serde_json::Value;

/// The version that is understood.
const VERSION: u64 = 1;

/// Figures of the whole heap, in bytes unless said otherwise.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct Stats {
    pub(crate) heap_in_use: u64,
    pub(crate) heap_free: u64,
    pub(crate) heap_released: u64,
    pub(crate) tables: u64,
    pub(crate) rows: u64,
    pub(crate) spans: u64,
    pub(crate) caches: u64,
    pub(crate) profile: u64,
    pub(crate) other: u64,
    pub(crate) live_objects: u64,
    pub(crate) live_bytes: u64,
    pub(crate) free_slots: u64,
    pub(crate) cached: u64,
    pub(crate) tails: u64,
}

impl Stats {
    /// Tables and records.
    pub(crate) fn metadata(&self) -> u64 {
        self.tables + self.rows + self.spans + self.caches + self.profile + self.other
    }
}

/// A range of addresses.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Mapping {
    pub(crate) part: String,
    pub(crate) addr: u64,
    pub(crate) len: u64,
}

/// A size class of a kind of owners.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Class {
    pub(crate) kind: String,
    pub(crate) class: u64,
    pub(crate) size: u64,
    pub(crate) mallocs: u64,
    pub(crate) frees: u64,
    pub(crate) live_bytes: u64,
    pub(crate) spans: u64,
    pub(crate) span_bytes: u64,
    pub(crate) free_slots: u64,
    pub(crate) cached_slots: u64,
}

/// A span.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Span {
    pub(crate) kind: String,
    pub(crate) class: u64,
    pub(crate) addr: u64,
    pub(crate) pages: u64,
    pub(crate) size: u64,
    pub(crate) slots: u64,
    pub(crate) free: u64,
}

impl Span {
    /// Share of its slots that are in use or on loan, 0 to 1.
    pub(crate) fn occupancy(&self) -> f64 {
        if self.slots == 0 { 1.0 } else { 1.0 - self.free as f64 / self.slots as f64 }
    }
}

/// A run of free pages.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Free {
    pub(crate) addr: u64,
    pub(crate) pages: u64,
    pub(crate) released: bool,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) pid: u64,
    /// Bytes of a heap page.
    pub(crate) page: u64,
    pub(crate) os_page: u64,
    pub(crate) stats: Stats,
    pub(crate) mappings: Vec<Mapping>,
    pub(crate) classes: Vec<Class>,
    pub(crate) spans: Vec<Span>,
    pub(crate) free: Vec<Free>,
    pub(crate) smaps: String,
}

impl Report {
    /// Reads the lines; what is wrong with them, and where.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut report = Report::default();
        let (mut version, mut whole) = (0, false);
        for (n, line) in text.lines().enumerate() {
            let at = |what: String| format!("line {}: {what}", n + 1);
            let value: Value = serde_json::from_str(line).map_err(|e| at(e.to_string()))?;
            let Some(object) = value.as_object() else { return Err(at("no object".into())) };
            if n == 0 {
                let number = |key: &str| object.get(key).and_then(Value::as_u64).unwrap_or(0);
                version = number("gort_heap_report");
                if version != VERSION {
                    return Err(format!("version {version} of a heap's report, not {VERSION}"));
                }
                (report.pid, report.page, report.os_page) =
                    (number("pid"), number("page"), number("os_page"));
                continue;
            }
            if object.contains_key("end") {
                whole = true;
                continue;
            }
            // Keys of later versions are passed over.
            for (key, value) in object {
                report.add(key, value.clone()).map_err(|e| at(e.to_string()))?;
            }
        }
        if version == 0 || !whole {
            return Err("not a whole report: its last line is missing".into());
        }
        Ok(report)
    }

    fn add(&mut self, key: &str, value: Value) -> Result<(), serde_json::Error> {
        match key {
            "stats" => self.stats = serde_json::from_value(value)?,
            "mapping" => self.mappings.push(serde_json::from_value(value)?),
            "class" => self.classes.push(serde_json::from_value(value)?),
            "span" => self.spans.push(serde_json::from_value(value)?),
            "free" => self.free.push(serde_json::from_value(value)?),
            "smaps" => {
                let line: String = serde_json::from_value(value)?;
                self.smaps.push_str(&line);
                self.smaps.push('\n');
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("", "last line is missing"),
            ("{\"gort_heap_report\":2}", "version 2"),
            ("{\"x\":1}", "version 0"),
            ("{\"gort_heap_report\":1}\n{\"span\":", "line 2"),
            ("{\"gort_heap_report\":1}\n[]", "line 2: no object"),
            ("{\"gort_heap_report\":1}\n{\"span\":{\"kind\":\"gc\"}}", "line 2: missing field"),
            ("{\"gort_heap_report\":1}\n{\"later\":1}", "last line is missing"),
        ];
        for (text, want) in cases {
            let error = Report::parse(text).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
        let whole =
            "{\"gort_heap_report\":1,\"pid\":7,\"page\":8192}\n{\"later\":1}\n{\"end\":true}";
        let report = Report::parse(whole).unwrap();
        assert_eq!((report.pid, report.page), (7, 8192));
    }
}
