//! A heap's samples as a profile.

use super::View;
use super::builder::{Builder, objects};
use super::message::{Label, Profile};
use gort_heap::{Backend, Heap};
use std::time::{SystemTime, UNIX_EPOCH};

/// One bucket, copied out before anything is looked up.
struct Row {
    stack: Vec<usize>,
    size: u64,
    values: [u64; 4],
}

pub(super) fn message<B: Backend>(heap: &Heap<B>, view: View) -> Profile {
    let mut rows = Vec::new();
    heap.for_each_sample(|s| {
        let n = s.scaled();
        rows.push(Row {
            stack: s.stack.to_vec(),
            size: s.size,
            values: [n.alloc_objects, n.alloc_bytes, n.inuse_objects, n.inuse_bytes],
        });
    });
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mut b = Builder::new(objects(&maps));
    let types = [
        ("alloc_objects", "count"),
        ("alloc_space", "bytes"),
        ("inuse_objects", "count"),
        ("inuse_space", "bytes"),
    ];
    let types = types.map(|(what, unit)| b.value(what, unit)).to_vec();
    let period_type = b.value("space", "bytes");
    let first = b.string(match view {
        View::InUse => "inuse_space",
        View::Allocated => "alloc_space",
    });
    let (key, unit) = (b.string("bytes"), b.string("bytes"));
    for row in rows {
        let values = row.values.map(|v| i64::try_from(v).unwrap_or(i64::MAX)).to_vec();
        let label = Label { key, num: row.size as i64, num_unit: unit };
        b.sample(&row.stack, values).label.push(label);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let p = b.profile();
    p.sample_type = types;
    p.period_type = Some(period_type);
    p.period = i64::try_from(heap.profile_rate()).unwrap_or(i64::MAX);
    p.default_sample_type = first;
    p.time_nanos = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
    b.finish()
}
