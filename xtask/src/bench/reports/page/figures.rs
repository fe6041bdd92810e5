//! All figures as one table: the textual form of every chart.

use std::fmt::Write;

use super::markup::{escape, ratio};
use crate::bench::reports::record::Record;
use crate::bench::reports::standing::groups;
use crate::bench::reports::table::{arrow, number};

const HEAD: [(&str, &str); 8] = [
    ("metric", ""),
    ("P", "n"),
    ("system", ""),
    ("median", "n"),
    ("unit", ""),
    ("min", "n"),
    ("max", "n"),
    ("gort / it", "n"),
];

/// Writes the table.
pub(super) fn write(page: &mut String, records: &[Record]) {
    page.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"All figures\"><table>\n\
         <caption>↓ less is better, ↑ more is better; the last column is the median ratio of \
         neighbouring runs</caption>\n<thead><tr>",
    );
    for (title, class) in HEAD {
        let _ = write!(page, "<th scope=\"col\" class=\"{class}\">{title}</th>");
    }
    page.push_str("</tr></thead>\n");
    for group in groups(records) {
        page.push_str("<tbody>\n");
        for (at, record) in group.iter().enumerate() {
            let against = group.iter().find_map(|ours| ours.ratio_to.get(&record.system));
            page.push_str("<tr>");
            if at == 0 {
                let _ = write!(
                    page,
                    "<th scope=\"rowgroup\" rowspan=\"{0}\">{1} {2}</th><td class=\"n\" rowspan=\"{0}\">{3}</td>",
                    group.len(),
                    escape(&record.metric),
                    arrow(record.better),
                    record.procs
                );
            }
            let _ = writeln!(
                page,
                "<td>{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                escape(&record.system),
                number(record.median),
                escape(&record.unit),
                number(record.min),
                number(record.max),
                against.map_or(String::new(), |value| ratio(*value))
            );
        }
        page.push_str("</tbody>\n");
    }
    page.push_str("</table></div>\n");
}
