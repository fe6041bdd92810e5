//! What machine the figures are from, and whether it was quiet.

use std::fs;
use std::thread;

/// One line: processor, cores, memory, kernel, huge pages.
pub(crate) fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let cpu = field(&cpuinfo, "model name").unwrap_or("unknown processor");
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let memory = field(&read("/proc/meminfo"), "MemTotal").map_or(0, gib);
    let huge = read("/sys/kernel/mm/transparent_hugepage/enabled");
    format!(
        "{cores} x {cpu}, {memory} GiB, Linux {}, THP {}",
        kernel.trim(),
        chosen(&huge).unwrap_or("unknown")
    )
}

/// Says so where other work is running: the figures will suffer.
pub(crate) fn load_warning() -> Option<String> {
    let load = fs::read_to_string("/proc/loadavg").ok()?;
    warning(&load)
}

fn warning(loadavg: &str) -> Option<String> {
    let minute: f64 = loadavg.split_whitespace().next()?.parse().ok()?;
    (minute > 0.7).then(|| format!("the machine is not quiet (load {minute}); compare ratios only"))
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
        assert_eq!(warning("0.10 0.2 0.3 1/2 3"), None);
        assert!(warning("2.50 0.2 0.3 1/2 3").is_some_and(|text| text.contains("2.5")));
    }
}
