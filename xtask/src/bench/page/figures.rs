//! All figures as one table: the textual form of every chart.

use std::fmt::Write;

use super::markup::{escape, ratio};
use crate::bench::record::Record;
use crate::bench::table::number;
use crate::bench::workload::Better;

/// Writes the table.
pub(super) fn write(page: &mut String, records: &[Record]) {
    page.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"All figures\"><table>\n\
         <thead><tr><th>metric</th><th>P</th><th>system</th><th class=\"n\">median</th><th>unit</th>\
         <th class=\"n\">min</th><th class=\"n\">max</th><th class=\"n\">gort / it</th></tr></thead>\n<tbody>\n",
    );
    for group in records.chunk_by(|a, b| a.metric == b.metric && a.procs == b.procs) {
        for (at, record) in group.iter().enumerate() {
            let against = group.iter().find_map(|ours| ours.ratio_to.get(&record.system));
            let arrow = if record.better == Better::Lower { "↓" } else { "↑" };
            let _ = writeln!(
                page,
                "<tr{}><td>{} {arrow}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td>{}</td>\
                 <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                if at == 0 { " class=\"first\"" } else { "" },
                escape(&record.metric),
                record.procs,
                escape(&record.system),
                number(record.median),
                escape(&record.unit),
                number(record.min),
                number(record.max),
                against.map_or(String::new(), |value| ratio(*value))
            );
        }
    }
    page.push_str("</tbody></table></div>\n");
}
