//! The line that `GODEBUG=gctrace=1` prints for each cycle, in Go's grammar:
//!
//! ```text
//! gc 7 @0.318s 2%: 0.011+3.4+0.006 ms clock, 0.023+0/3.4/0+0.012 ms cpu, 18->20->9 MB, 18 MB goal, 0 MB stacks, 0 MB globals, 2 P
//! ```
//! | field | Go | here |
//! |---|---|---|
//! | `#+#+# ms clock` | two stop-the-world phases round the marking | the waits of H1 and H3 round the marking; nobody stops |
//! | `#+#/#/#+# ms cpu` | the same; assist, background, idle time | idle time is 0, handshakes cost no processor |
//! | `2%` | processor time of the collector since start | the coordinator's marking time |
//! | `MB stacks` | scanned stacks | always 0: stacks are not scanned |
//! | `MB globals` | scanned globals | the root table |

use core::fmt::Write as _;
use core::time::Duration;

use crate::cycle::Report;
use crate::shared::Shared;

/// Prints the line of cycle `number`, in one write.
pub(crate) fn print(s: &Shared, number: u64, report: &Report) {
    let busy = s.stats.get().mark_time;
    let cpus = s.host.cpus();
    gort_sys::fatal::stderr(line(number, report, busy, s.started.elapsed(), cpus).as_bytes());
}

fn line(number: u64, r: &Report, busy: Duration, elapsed: Duration, cpus: usize) -> String {
    let share = busy.as_secs_f64() / (elapsed.as_secs_f64() * cpus as f64).max(1e-9) * 100.0;
    let mb = |bytes: u64| bytes >> 20;
    let (h1, mark, h3, work) = (ms(r.h1), ms(r.mark), ms(r.h3), ms(r.work));
    let assist = ms(r.assist);
    let mut line = String::with_capacity(160);
    let _ = writeln!(
        line,
        "gc {number} @{:.3}s {share:.0}%: {h1}+{mark}+{h3} ms clock, 0+{assist}/{work}/0+0 ms cpu, {}->{}->{} MB, {} MB goal, \
         0 MB stacks, {} MB globals, {cpus} P{}",
        r.started.as_secs_f64(),
        mb(r.at_start),
        mb(r.at_end),
        mb(r.marked),
        mb(r.goal),
        mb(r.root_bytes),
        if r.forced { " (forced)" } else { "" },
    );
    line
}

/// Milliseconds with two significant digits, as Go prints them.
fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        ms if ms >= 10.0 => format!("{ms:.0}"),
        ms if ms >= 1.0 => format!("{ms:.1}"),
        ms if ms >= 0.1 => format!("{ms:.2}"),
        ms => format!("{ms:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_gos_shape() {
        let r = Report {
            forced: true,
            at_start: 18 << 20,
            at_end: 20 << 20,
            marked: 9 << 20,
            goal: 18 << 20,
            started: Duration::from_millis(318),
            h1: Duration::from_micros(11),
            mark: Duration::from_micros(3400),
            h3: Duration::from_micros(6),
            work: Duration::from_millis(20),
            assist: Duration::from_micros(1500),
            ..Report::default()
        };
        assert_eq!(
            line(7, &r, Duration::from_millis(10), Duration::from_millis(250), 2),
            "gc 7 @0.318s 2%: 0.011+3.4+0.006 ms clock, 0+1.5/20/0+0 ms cpu, 18->20->9 MB, 18 MB goal, \
             0 MB stacks, 0 MB globals, 2 P (forced)\n"
        );
    }

    /// Number, start, share, clock, processor time, heap sizes with the goal, processors.
    type Fields = (u64, f64, u64, Vec<f64>, Vec<f64>, [u64; 4], u64);

    /// The fields of a line by Go's grammar; `None` if it is no such line.
    fn parse(line: &str) -> Option<Fields> {
        let rest = line.strip_prefix("gc ")?;
        let (number, rest) = rest.split_once(" @")?;
        let (at, rest) = rest.split_once("s ")?;
        let (share, rest) = rest.split_once("%: ")?;
        let (clock, rest) = rest.split_once(" ms clock, ")?;
        let (cpu, rest) = rest.split_once(" ms cpu, ")?;
        let (heap, rest) = rest.split_once(" MB, ")?;
        let (goal, rest) = rest.split_once(" MB goal, 0 MB stacks, ")?;
        let (_globals, rest) = rest.split_once(" MB globals, ")?;
        let (procs, rest) = rest.split_once(" P")?;
        let numbers = |text: &str| text.split(['+', '/']).map(str::parse).collect::<Result<_, _>>();
        let mut sizes = heap.split("->").map(str::parse);
        let mut size = || sizes.next()?.ok();
        let heap = [size()?, size()?, size()?, goal.parse().ok()?];
        if !matches!(rest, "\n" | " (forced)\n") {
            return None;
        }
        let (clock, cpu) = (numbers(clock).ok()?, numbers(cpu).ok()?);
        let head = (number.parse().ok()?, at.parse().ok()?, share.parse().ok()?);
        Some((head.0, head.1, head.2, clock, cpu, heap, procs.parse().ok()?))
    }

    #[test]
    fn every_line_parses() {
        for (us, mb) in [(0, 0), (7, 1), (999, 30), (12_345, 4096), (9_999_999, 1 << 20)] {
            let time = Duration::from_micros(us);
            let r = Report {
                forced: us % 2 == 0,
                at_start: mb << 20,
                at_end: (mb + 2) << 20,
                marked: mb << 19,
                goal: (mb + 1) << 20,
                started: time * 3,
                h1: time,
                mark: time * 2,
                h3: time / 3,
                work: time,
                assist: time / 5,
                ..Report::default()
            };
            let text = line(42, &r, time, Duration::from_secs(10), 8);
            let got = parse(&text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((got.0, got.3.len(), got.4.len(), got.6), (42, 3, 5, 8), "{text}");
            assert_eq!(got.5, [mb, mb + 2, mb / 2, mb + 1], "{text}");
            let ms = us as f64 / 1e3;
            assert!((got.3[1] - 2.0 * ms).abs() <= 0.05 * ms + 0.0006, "{text}");
            assert!((got.1 - 3e-3 * ms).abs() < 0.001 && got.2 <= 100, "{text}");
        }
    }
}
