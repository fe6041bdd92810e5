//! The table of contents: the groups of workloads, how gort stands in each, and links.

use std::fmt::Write;

use super::summary::Stand;
use crate::bench::reports::record::Record;
use crate::bench::workload::{Group, WORKLOADS};

/// The groups in the order of the page: anchor and heading.
pub(super) fn heading(group: Group) -> (&'static str, &'static str) {
    match group {
        Group::Tasks => ("tasks", "Tasks, channels, locks, timers, network"),
        Group::Switch => ("switch", "The bare switch"),
        Group::Collector => ("collector", "Collected memory"),
        Group::Allocator => ("allocator", "The allocator"),
        Group::Process => ("process", "The process"),
    }
}

/// Writes the links, group by group.
pub(super) fn write(page: &mut String, records: &[Record]) {
    page.push_str("<nav aria-label=\"Workloads\">\n");
    for group in WORKLOADS.chunk_by(|a, b| a.group == b.group) {
        let within = |record: &&Record| group.iter().any(|w| w.name == record.workload);
        let of: Vec<Record> = records.iter().filter(within).cloned().collect();
        if of.is_empty() {
            continue;
        }
        let (anchor, heading) = heading(group[0].group);
        let _ = write!(
            page,
            "<div class=\"group\"><p><a href=\"#{anchor}\">{heading}</a>{}</p><ul>",
            standing(&Stand::of(&of))
        );
        for workload in group.iter().filter(|w| of.iter().any(|r| r.workload == w.name)) {
            let _ = write!(page, "<li><a href=\"#{0}\">{0}</a></li>", workload.name);
        }
        page.push_str("</ul></div>\n");
    }
    page.push_str(
        "<div class=\"group\"><p><a href=\"#figures\">All figures</a> <a href=\"#method\">How it \
         was measured</a></p></div>\n</nav>\n",
    );
}

/// How gort stands in a group, in a few words; nothing without a comparison.
fn standing(stand: &Stand) -> String {
    let mut parts = Vec::new();
    if stand.against > 0 {
        parts.push(format!("best in {} of {}", stand.best, stand.against));
    }
    if let Some(mean) = stand.mean_of_go() {
        parts.push(format!("{mean:.2} of Go’s cost"));
    }
    match parts.is_empty() {
        true => String::new(),
        false => format!(" <span>{}</span>", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::reports::record::tests::sample;

    #[test]
    fn groups_are_together_and_said_once() {
        let mut page = String::new();
        write(&mut page, &sample());
        assert_eq!(page.matches("href=\"#tasks\"").count(), 1);
        assert!(page.contains("<span>best in 2 of 2, 0.50 of Go’s cost</span>"), "{page}");
        assert!(page.contains("<li><a href=\"#hog_latency\">hog_latency</a></li>"), "{page}");
        assert!(!page.contains("#allocator"), "{page}");
        let all = WORKLOADS.chunk_by(|a, b| a.group == b.group).map(|g| heading(g[0].group));
        let mut anchors: Vec<&str> = all.map(|(anchor, _)| anchor).collect();
        let groups = anchors.len();
        anchors.sort_unstable();
        anchors.dedup();
        assert_eq!(anchors.len(), groups);
    }
}
