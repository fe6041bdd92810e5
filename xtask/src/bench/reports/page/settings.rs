//! What else of the machine moves figures: threads that share a core, a host below.

use std::fs;

/// One line of what the kernel shows, or nothing.
pub(crate) fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    line(&read("/sys/devices/system/cpu/smt/active"), &read("/proc/cpuinfo"))
}

fn line(smt: &str, cpuinfo: &str) -> String {
    let mut parts = Vec::new();
    match smt.trim() {
        "1" => parts.push("several threads per core"),
        "0" => parts.push("one thread per core"),
        _ => {}
    }
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    if flags.split_whitespace().any(|flag| flag == "hypervisor") {
        parts.push("a virtual machine");
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let cases = [
            ("0\n", "flags\t: fpu sse\n", "one thread per core"),
            ("1\n", "flags\t: fpu hypervisor\n", "several threads per core, a virtual machine"),
            ("", "", ""),
        ];
        for (smt, cpuinfo, want) in cases {
            assert_eq!(line(smt, cpuinfo), want);
        }
    }
}
