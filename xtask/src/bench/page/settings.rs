//! What of the machine's settings moves figures: frequency governor, threads of a core,
//! whether it is a virtual one.

use std::fs;

/// One line, of what the kernel shows.
pub(crate) fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    line(
        &read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        &read("/sys/devices/system/cpu/smt/active"),
        &read("/proc/cpuinfo"),
    )
}

fn line(governor: &str, smt: &str, cpuinfo: &str) -> String {
    let mut parts = Vec::new();
    parts.push(match governor.trim() {
        "" => "no frequency governor to be seen".to_string(),
        governor => format!("frequency governor {governor}"),
    });
    match smt.trim() {
        "1" => parts.push("several threads per core".into()),
        "0" => parts.push("one thread per core".into()),
        _ => {}
    }
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    if flags.split_whitespace().any(|flag| flag == "hypervisor") {
        parts.push("a virtual machine".into());
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let cases = [
            (
                ("performance\n", "0\n", "flags\t: fpu sse\n"),
                "frequency governor performance, one thread per core",
            ),
            (
                ("", "1\n", "flags\t: fpu hypervisor\n"),
                "no frequency governor to be seen, several threads per core, a virtual machine",
            ),
            (("", "", ""), "no frequency governor to be seen"),
        ];
        for ((governor, smt, cpuinfo), want) in cases {
            assert_eq!(line(governor, smt, cpuinfo), want);
        }
    }
}
