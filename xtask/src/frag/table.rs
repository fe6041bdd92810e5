//! The summary as a text for people.

use std::fmt::Write;

use super::ratios::Summary;

/// Bytes with a unit: four digits at most.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (n as f64, 0);
    while value >= 1000.0 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value >= 100.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

pub(crate) fn text(s: &Summary) -> String {
    let mut out = String::new();
    // Writing into a string does not fail.
    let _ = write(&mut out, s);
    out
}

fn write(out: &mut String, s: &Summary) -> std::fmt::Result {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    writeln!(
        out,
        "{:>9} {:>9} {:>10} {:>10} {:>10} {:>10} {:>9} {:>8} {:>9} {:>14}",
        "kind",
        "size",
        "objects",
        "live",
        "allocated",
        "committed",
        "holes",
        "used",
        "rounding",
        "spans (sparse)"
    )?;
    for r in &s.classes {
        let size = if r.size == 0 { "large".into() } else { r.size.to_string() };
        writeln!(
            out,
            "{:>9} {size:>9} {:>10} {:>10} {:>10} {:>10} {:>9} {:>8} {:>9} {:>14}",
            r.kind,
            r.objects,
            bytes(r.live),
            bytes(r.allocated),
            bytes(r.committed),
            bytes(r.holes),
            percent(r.used),
            format!("<= {:.0} %", r.rounding_at_most * 100.0),
            format!("{} ({})", r.spans, r.sparse_spans)
        )?;
    }
    writeln!(out)?;
    let rows = [
        ("live objects", s.live),
        ("on loan to caches", s.cached),
        ("holes: free slots of spans", s.holes),
        ("ends of spans", s.tails),
        ("free pages with memory behind them", s.free_pages),
        ("tables and records", s.metadata),
        ("committed", s.committed),
        ("free pages given back", s.released_pages),
    ];
    for (name, n) in rows {
        writeln!(
            out,
            "{name:<36} {:>10} {:>8}",
            bytes(n),
            percent(n as f64 / s.committed.max(1) as f64)
        )?;
    }
    writeln!(out)?;
    writeln!(out, "internal fragmentation (of the spans' bytes)  {}", percent(s.internal))?;
    writeln!(
        out,
        "external fragmentation (of the free pages)    {}, largest run {}",
        percent(s.external),
        bytes(s.largest_free_run)
    )?;
    writeln!(
        out,
        "the scavenger takes {} unasked, {} when asked",
        bytes(s.scavenger_takes),
        bytes(s.scavenger_could_take)
    )?;
    for (part, k) in &s.kernel {
        writeln!(
            out,
            "in memory: {part:<10} {:>10}, in huge pages {}",
            bytes(k.rss),
            bytes(k.huge)
        )?;
    }
    let list = |sizes: &std::collections::BTreeSet<u64>| {
        sizes.iter().map(|n| bytes(*n)).collect::<Vec<_>>().join(", ")
    };
    writeln!(
        out,
        "page sizes: kernel {}; MMU {}",
        list(&s.kernel_page_sizes),
        list(&s.mmu_page_sizes)
    )?;
    writeln!(out)?;
    for line in &s.verdict {
        writeln!(out, "verdict: {line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frag::report::Report;

    /// A recorded report of a heap of which 15 of 16 blocks were freed, and what is made of it.
    #[test]
    fn recorded() {
        let report = Report::parse(include_str!("testdata/cheese.jsonl")).unwrap();
        let got = text(&Summary::of(&report));
        assert_eq!(got, include_str!("testdata/cheese.txt"), "\n{got}");
        let json = serde_json::to_value(Summary::of(&report)).unwrap();
        assert_eq!(json["version"], 1);
        assert!(json["classes"].as_array().is_some_and(|c| !c.is_empty()));
    }

    #[test]
    fn units() {
        for (n, want) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (150 << 20, "150 MiB"),
            (1 << 40, "1.0 TiB"),
        ] {
            assert_eq!(bytes(n), want);
        }
    }
}
