//! `/proc/PID/smaps`: what the kernel has behind ranges of addresses.

use std::collections::BTreeMap;

/// One mapping of the kernel's; sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vma {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) writable: bool,
    /// The fields that are sizes, by name.
    pub(crate) fields: BTreeMap<String, u64>,
}

impl Vma {
    pub(crate) fn field(&self, name: &str) -> u64 {
        self.fields.get(name).copied().unwrap_or(0)
    }

    /// Bytes that it has in common with a range.
    pub(crate) fn common(&self, addr: u64, len: u64) -> u64 {
        self.to.min(addr + len).saturating_sub(self.from.max(addr))
    }
}

/// Reads the text; lines that are not understood are passed over.
pub(crate) fn parse(text: &str) -> Vec<Vma> {
    let mut all: Vec<Vma> = Vec::new();
    for line in text.lines() {
        if let Some(vma) = head(line) {
            all.push(vma);
        } else if let (Some(vma), Some((name, size))) = (all.last_mut(), field(line)) {
            vma.fields.insert(name.to_owned(), size);
        }
    }
    all
}

fn head(line: &str) -> Option<Vma> {
    let mut words = line.split(' ');
    let (from, to) = words.next()?.split_once('-')?;
    let hex = |s| u64::from_str_radix(s, 16).ok();
    let writable = words.next()?.contains('w');
    Some(Vma { from: hex(from)?, to: hex(to)?, writable, fields: BTreeMap::new() })
}

/// `Rss:                 120 kB`
fn field(line: &str) -> Option<(&str, u64)> {
    let (name, rest) = line.split_once(':')?;
    let kib = rest.trim().strip_suffix(" kB")?.parse::<u64>().ok()?;
    Some((name, kib * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_and_their_fields() {
        let text = "\
c000000000-c000400000 rw-p 00000000 00:00 0                              [anon:gort: heap]
Size:               4096 kB
KernelPageSize:        4 kB
MMUPageSize:        2048 kB
Rss:                 120 kB
THPeligible:           1
VmFlags: rd wr mr mw me ac
c000400000-c004000000 ---p 00000000 00:00 0
Rss:                   0 kB
";
        let all = parse(text);
        assert_eq!(all.len(), 2);
        assert!(all[0].writable && !all[1].writable);
        assert_eq!(all[0].field("Rss"), 120 << 10);
        assert_eq!(all[0].field("MMUPageSize"), 2 << 20);
        assert_eq!((all[0].field("THPeligible"), all[0].fields.len()), (0, 4));
        let cases = [(0xc0_0000_0000, 4096, 4096), (0xbf_ffff_f000, 8192, 4096), (0, 4096, 0)];
        for (addr, len, want) in cases {
            assert_eq!(all[0].common(addr, len), want);
        }
    }
}
