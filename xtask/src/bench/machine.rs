//! What machine the figures are from, and whether it was quiet.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// One line: processor, cores, memory, kernel, huge pages, governor.
pub(crate) fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let cpu = field(&cpuinfo, "model name").unwrap_or("unknown processor");
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let memory = field(&read("/proc/meminfo"), "MemTotal").map_or(0, gib);
    let huge = read("/sys/kernel/mm/transparent_hugepage/enabled");
    let governor = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    let governor = match governor.trim() {
        // A virtual machine has none: its host decides.
        "" => "none",
        name => name,
    };
    format!(
        "{cores} x {cpu}, {memory} GiB, Linux {}, THP {}, governor {governor}",
        kernel.trim(),
        chosen(&huge).unwrap_or("unknown")
    )
}

/// Says so where other work is running as the bench begins: looks for a second. The load
/// average would still hold what was built just before.
pub(crate) fn load_warning() -> Option<String> {
    let watch = Watch::start();
    thread::sleep(Duration::from_secs(1));
    watch.warning().map(|_| "the machine is not quiet; compare ratios only".into())
}

/// Watches for other work while the bench runs: what the processors did, less what the
/// bench and its processes used.
#[derive(Debug)]
pub(crate) struct Watch {
    start: Instant,
    busy: Duration,
    own: Duration,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), busy: busy(), own: own() }
    }

    /// Says so where others used more than a tenth of a processor on average.
    pub(crate) fn warning(&self) -> Option<String> {
        let own = own().saturating_sub(self.own);
        let others = busy().saturating_sub(self.busy).saturating_sub(own);
        let share = others.as_secs_f64() / self.start.elapsed().as_secs_f64().max(1.0);
        (share > 0.1).then(|| {
            format!("other work took {share:.2} processors meanwhile; compare ratios only")
        })
    }
}

/// Time that all processors together have spent working.
fn busy() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    // SAFETY: CHILD-3: takes and returns numbers.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    Duration::from_secs_f64(busy_ticks(&stat) as f64 / ticks.max(1) as f64)
}

/// User, nice, system, interrupts; not idle, not waiting, and not what the host took away.
fn busy_ticks(stat: &str) -> u64 {
    let line = stat.lines().next().unwrap_or_default();
    let numbers: Vec<u64> =
        line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    [0, 1, 2, 5, 6].iter().filter_map(|at| numbers.get(*at)).sum()
}

/// Processor time of this process and of those of its children that have ended.
fn own() -> Duration {
    [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN].into_iter().map(used).sum()
}

fn used(who: libc::c_int) -> Duration {
    // SAFETY: CHILD-3: all-zero is a valid value of this plain C structure.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: CHILD-3: the structure lives over the call.
    unsafe { libc::getrusage(who, &raw mut usage) };
    let span = |time: libc::timeval| {
        Duration::from_micros(u64::try_from(time.tv_sec * 1_000_000 + time.tv_usec).unwrap_or(0))
    };
    span(usage.ru_utime) + span(usage.ru_stime)
}

/// The value of `name : value` in a file of such lines.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then_some(value.trim())
    })
}

/// Whole GiB, rounded, of a text like `24684168 kB`.
fn gib(kib: &str) -> u64 {
    let number: u64 = kib.trim_end_matches("kB").trim().parse().unwrap_or(0);
    (number + (1 << 19)) >> 20
}

/// The word in brackets: `always [madvise] never`.
fn chosen(text: &str) -> Option<&str> {
    text.split_once('[')?.1.split_once(']').map(|(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_texts() {
        assert_eq!(field("a\t: 1\nmodel name\t: Big CPU\n", "model name"), Some("Big CPU"));
        assert_eq!(chosen("always [madvise] never"), Some("madvise"));
        assert_eq!(gib("24684168 kB"), 24);
        assert_eq!(busy_ticks("cpu  1 2 4 100 200 8 16 300 0 0\ncpu0 9 9\n"), 31);
        assert_eq!(busy_ticks(""), 0);
    }

    #[test]
    fn describes_this_machine() {
        let line = describe();
        assert!(line.contains("Linux") && line.contains("governor"), "{line}");
    }

    #[test]
    fn own_work_is_not_others() {
        let watch = Watch { start: Instant::now(), busy: Duration::ZERO, own: Duration::ZERO };
        // Everything since the machine started, in no time at all: certainly others.
        assert!(watch.warning().is_some_and(|text| text.contains("processors")));
    }
}
