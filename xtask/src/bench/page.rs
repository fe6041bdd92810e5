//! The results as one page for a browser: no network, no script, light and dark.
//!
//! ```text
//! head: what, when, where, which versions; how gort stands in a sentence
//! one card per workload: for each metric and number of processors a chart ([`chart`]),
//!   bars from the line of Go to the left (better) or right, and a strip ([`strip`]) where
//!   the figure is a distribution
//! one table of all figures ([`figures`]); what was not measured; how it was measured
//! ```
//!
//! Everything is a function from records to text; [`markup`] escapes what is data.

mod chart;
mod figures;
pub(crate) mod markup;
mod strip;
mod style;
mod summary;

use std::fmt::Write;

use super::record::{Kind, Record};
use super::workload::{Group, WORKLOADS, Workload};
use markup::escape;

/// What the page says beside the figures.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) date: String,
    pub(crate) machine: String,
    /// A warning about other load.
    pub(crate) warning: Option<String>,
    /// Counted runs of each system.
    pub(crate) runs: usize,
    /// Name and version of each system.
    pub(crate) systems: Vec<(String, String)>,
    /// What was not measured, and why: a line each.
    pub(crate) missing: Vec<String>,
}

/// The whole page.
pub(crate) fn render(records: &[Record], about: &About) -> String {
    let mut page = String::with_capacity(1 << 18);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>gort bench, {}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
        escape(&about.date),
        style::SHEET
    );
    head(&mut page, records, about);
    let measured = |workload: &&Workload| {
        records.iter().any(|record| record.workload == workload.name && record.kind == Kind::Main)
    };
    let mut last = None;
    for workload in WORKLOADS.iter().filter(measured) {
        if last != Some(workload.group) {
            let _ = writeln!(page, "<h2 id=\"{0}\">{0}</h2>", heading(workload.group));
            last = Some(workload.group);
        }
        card(&mut page, workload, records);
    }
    page.push_str("<h2 id=\"figures\">All figures</h2>\n");
    figures::write(&mut page, records);
    foot(&mut page, about);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn head(page: &mut String, records: &[Record], about: &About) {
    let _ = write!(
        page,
        "<header>\n<p class=\"over\">{} · {} alternating runs each</p>\n\
         <h1>gort beside its peers</h1>\n<p class=\"machine\">{}</p>\n",
        escape(&about.date),
        about.runs,
        escape(&about.machine)
    );
    if let Some(warning) = &about.warning {
        let _ = writeln!(page, "<p class=\"warning\">{}</p>", escape(warning));
    }
    summary::write(page, records);
    page.push_str("<ul class=\"versions\" aria-label=\"Versions\">");
    for (name, version) in &about.systems {
        let _ = write!(page, "<li><b>{}</b> {}</li>", escape(name), escape(version));
    }
    page.push_str("</ul>\n<nav aria-label=\"Workloads\">");
    for workload in WORKLOADS {
        if records.iter().any(|record| record.workload == workload.name) {
            let _ = write!(page, "<a href=\"#{0}\">{0}</a>", workload.name);
        }
    }
    page.push_str(
        "<a href=\"#figures\">all figures</a></nav>\n\
         <p class=\"legend\">Bars start at the line of Go. <b>To the left is better</b>, whichever \
         direction the figure itself prefers: a bar to 0.5 means half the time, or twice the rate. \
         The scale is logarithmic; the thin line spans the fastest and the slowest run. \
         <span class=\"star\">★</span> marks the best peer.</p>\n</header>\n",
    );
}

fn heading(group: Group) -> &'static str {
    match group {
        Group::Tasks => "Tasks, channels, locks, timers, network",
        Group::Switch => "The bare switch",
        Group::Collector => "Collected memory",
        Group::Allocator => "The allocator",
        Group::Process => "The process",
    }
}

fn card(page: &mut String, workload: &Workload, records: &[Record]) {
    let _ = write!(
        page,
        "<section id=\"{}\">\n<h3>{}</h3>\n<p class=\"about\">{}</p>\n<div class=\"charts\">\n",
        workload.name,
        workload.name,
        escape(workload.about)
    );
    let groups = records.chunk_by(|a, b| a.metric == b.metric && a.procs == b.procs);
    for group in groups.filter(|group| group[0].workload == workload.name) {
        if group[0].kind != Kind::Main {
            continue;
        }
        chart::write(page, group, records);
        if group.iter().any(|record| !record.distribution.is_empty()) {
            strip::write(page, group);
        }
    }
    page.push_str("</div>\n</section>\n");
}

fn foot(page: &mut String, about: &About) {
    page.push_str("<footer>\n");
    if !about.missing.is_empty() {
        page.push_str("<h2>Not measured</h2>\n<ul class=\"missing\">\n");
        for line in &about.missing {
            let _ = writeln!(page, "<li>{}</li>", escape(line));
        }
        page.push_str("</ul>\n");
    }
    let _ = write!(
        page,
        "<h2>How it was measured</h2>\n<p>Each run is a process of its own. Within a workload the \
         systems alternate run by run, so that runs which stand next to each other met the same \
         machine; one run of each before them is not counted. Figures are medians of {} runs with \
         the smallest and the largest; ratios are medians over neighbouring runs. Every program \
         verifies its own result. Processor time and peak memory are the kernel's figures for the \
         process. Absolute times of a shared machine mean little: compare ratios.</p>\n</footer>\n",
        about.runs
    );
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bench::record::tests::sample;

    fn about() -> About {
        About {
            date: "2026-01-02".into(),
            machine: "2 x <CPU> & co".into(),
            warning: Some("busy".into()),
            runs: 3,
            systems: vec![("gort".into(), "0.1.0".into()), ("go".into(), "go1.27.3".into())],
            missing: vec!["skynet P=1, may: <no> stacks".into()],
        }
    }

    #[test]
    fn data_is_escaped_and_tags_are_closed() {
        let page = render(&sample(), &about());
        assert!(page.contains("2 x &lt;CPU&gt; &amp; co") && page.contains("&lt;no&gt; stacks"));
        for tag in ["section", "div", "table", "svg", "ul", "main", "figure", "nav", "p"] {
            let opened = page.matches(&format!("<{tag}")).count()
                - if tag == "p" { page.matches("<path").count() } else { 0 };
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }

    #[test]
    fn nothing_is_fetched() {
        let page = render(&sample(), &about());
        for word in ["http:", "https:", "src=", "@import", "url(", "<script"] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn no_records_make_a_page() {
        let page = render(&[], &about());
        assert!(page.ends_with("</html>\n"));
    }
}
