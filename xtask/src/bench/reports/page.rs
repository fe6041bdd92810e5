//! The results as one page for a browser: no network, no script, light and dark.
//!
//! ```text
//! head: what, when, where, which versions; how gort stands ([`summary`]); [`contents`]
//! one card per workload: for each metric and number of processors a chart ([`chart`]),
//!   bars from the line of Go to the left (better) or right, and a strip ([`strip`]) where
//!   the figure is a distribution; what a system could not do
//! one table of all figures ([`figures`]); what was not measured; how it was measured
//! ```
//!
//! Everything is a function from records to text; [`markup`] escapes what is data.

mod chart;
mod contents;
mod figures;
pub(crate) mod markup;
mod scale;
pub(crate) mod settings;
mod strip;
mod style;
mod summary;
mod svg;

use std::fmt::Write;

use crate::bench::reports::record::{Kind, Record};
use crate::bench::reports::standing::groups;
use crate::bench::workload::{WORKLOADS, Workload};
use markup::escape;

/// What the page says beside the figures.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) date: String,
    pub(crate) machine: String,
    /// What else moves figures, as [`settings::describe`] says it; may be empty.
    pub(crate) settings: String,
    /// A warning about other load.
    pub(crate) warning: Option<String>,
    /// Counted runs of each system.
    pub(crate) runs: usize,
    /// Only a small piece of each workload was done.
    pub(crate) quick: bool,
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
            let (anchor, heading) = contents::heading(workload.group);
            let _ = writeln!(page, "<h2 id=\"{anchor}\">{heading}</h2>");
            last = Some(workload.group);
        }
        card(&mut page, workload, records, about);
    }
    page.push_str("<h2 id=\"figures\">All figures</h2>\n");
    figures::write(&mut page, records);
    foot(&mut page, about);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn head(page: &mut String, records: &[Record], about: &About) {
    let plural = if about.runs == 1 { "" } else { "s" };
    let _ = write!(
        page,
        "<header>\n<p class=\"over\">{} · {} alternating run{plural} of each</p>\n\
         <h1>gort beside its peers</h1>\n<p class=\"machine\">{}{}</p>\n",
        escape(&about.date),
        about.runs,
        escape(&about.machine),
        if about.settings.is_empty() { "" } else { "<br>" }.to_string() + &escape(&about.settings)
    );
    if about.quick {
        page.push_str(
            "<p class=\"warning\">A quick run: a small piece of each workload, which shows that \
             it works, not how fast it is.</p>\n",
        );
    }
    if let Some(warning) = &about.warning {
        let _ = writeln!(page, "<p class=\"warning\">{}</p>", escape(warning));
    }
    summary::write(page, records);
    page.push_str("<ul class=\"versions\" aria-label=\"Versions\">");
    for (name, version) in &about.systems {
        let _ = write!(page, "<li><b>{}</b> {}</li>", escape(name), escape(version));
    }
    page.push_str("</ul>\n");
    contents::write(page, records);
    page.push_str(
        "<p class=\"legend\">Bars start at the line of Go, or of the best peer where Go has no \
         figure. <b>To the left is better</b>, whichever direction the figure itself prefers; the \
         scale is logarithmic. The thin line spans the runs, <span class=\"star\">★</span> marks \
         the best peer. Beside a bar stand the ratio, the median, and what the process took: \
         processor time and peak memory.</p>\n</header>\n",
    );
}

/// A number of processors in words.
fn processors(procs: usize) -> String {
    format!("{procs} processor{}", if procs == 1 { "" } else { "s" })
}

fn card(page: &mut String, workload: &Workload, records: &[Record], about: &About) {
    let _ = write!(
        page,
        "<section id=\"{0}\">\n<h3>{0}</h3>\n<p class=\"about\">{1}</p>\n<div class=\"charts\">\n",
        workload.name,
        escape(workload.about)
    );
    for group in groups(records).filter(|group| group[0].workload == workload.name) {
        if group[0].kind != Kind::Main {
            continue;
        }
        chart::write(page, group, records);
        if group.iter().any(|record| !record.distribution.is_empty()) {
            strip::write(page, group);
        }
    }
    page.push_str("</div>\n");
    let of_it = |line: &&String| {
        let is = |name| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(" P="));
        workload.cases.iter().any(|case| is(case.name))
    };
    missing(page, about.missing.iter().filter(of_it));
    page.push_str("</section>\n");
}

/// What was not measured, a line each.
fn missing<'a>(page: &mut String, lines: impl Iterator<Item = &'a String>) {
    let lines: Vec<_> = lines.map(|line| format!("<li>{}</li>\n", escape(line))).collect();
    if !lines.is_empty() {
        let _ = writeln!(page, "<ul class=\"missing\">\n{}</ul>", lines.concat());
    }
}

fn foot(page: &mut String, about: &About) {
    page.push_str("<footer>\n");
    if !about.missing.is_empty() {
        page.push_str("<h2 id=\"missing\">Not measured</h2>\n");
        missing(page, about.missing.iter());
    }
    let plural = if about.runs == 1 { "" } else { "s" };
    let warm_up = if about.quick { "" } else { "; one run of each before them is not counted" };
    let _ = write!(
        page,
        "<h2 id=\"method\">How it was measured</h2>\n<p>Each run is a process of its own. Within a \
         workload the systems alternate run by run, so that runs which stand next to each other met \
         the same machine{}. Figures are medians of {} \
         run{plural} with the smallest and the largest; ratios are medians over neighbouring runs. \
         Every program verifies its own result. Processor time and peak memory are the kernel’s \
         figures for the process. A system that takes very long is run once. Absolute times of a \
         shared machine mean little: compare ratios.</p>\n</footer>\n",
        warm_up, about.runs
    );
}

#[cfg(test)]
mod tests;
