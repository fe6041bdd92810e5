//! What the machine has and permits: recorded trees of `/proc` and `/sys`, every fallback, and this machine.

mod common;

use common::{discard, fill, free, map, name, populate};
use gort_sys::cgroup::{CpuLimit, Groups, Limits};
use gort_sys::numa::{self, Topology};
use gort_sys::platform::{self, Features, platform};
use gort_sys::{Backend, Linux, Release, SysStat, cpu, membarrier};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory with files, as a system would show them under `/`.
struct Tree(PathBuf);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("gort-tree-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let tree = Self(std::env::temp_dir().join(name));
        for (path, text) in files {
            tree.write(path, text);
        }
        tree
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn root(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const fn quota(quota: u64, period: u64) -> Option<CpuLimit> {
    Some(CpuLimit { quota, period })
}

/// Version 2 alone, as on a current distribution: a service below two slices.
const V2: &[(&str, &str)] = &[
    ("proc/self/cgroup", "0::/system.slice/app.service\n"),
    (
        "proc/self/mountinfo",
        "24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
         29 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
    ),
    ("sys/fs/cgroup/system.slice/cpu.max", "max 100000\n"),
    ("sys/fs/cgroup/system.slice/memory.max", "max\n"),
    ("sys/fs/cgroup/system.slice/app.service/cpu.max", "300000 100000\n"),
    ("sys/fs/cgroup/system.slice/app.service/memory.max", "536870912\n"),
];

/// Version 1, as a container sees it: its own group is the root of the mounts.
const V1: &[(&str, &str)] = &[
    (
        "proc/self/cgroup",
        "12:memory:/docker/0123\n5:cpuset:/docker/0123\n3:cpu,cpuacct:/docker/0123\n1:name=systemd:/docker/0123\n",
    ),
    (
        "proc/self/mountinfo",
        "700 688 0:28 /docker/0123 /sys/fs/cgroup/systemd ro - cgroup cgroup rw,xattr,name=systemd\n\
         701 688 0:31 /docker/0123 /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:14 - cgroup cgroup rw,cpu,cpuacct\n\
         702 688 0:40 /docker/0123 /sys/fs/cgroup/memory ro,nosuid master:22 - cgroup cgroup rw,memory\n",
    ),
    ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200001\n"),
    ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
    ("sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n"),
];

/// Both: version 2 is mounted for its names only, processor time and memory are version 1's.
const HYBRID: &[(&str, &str)] = &[
    ("proc/self/cgroup", "4:memory:/a/b\n2:cpu:/a\n0::/user.slice/x\n"),
    (
        "proc/self/mountinfo",
        "31 23 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
         32 23 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
         33 23 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
    ),
    ("sys/fs/cgroup/unified/user.slice/x/cpu.max", "1 100000\n"),
    ("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "-1\n"),
    ("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"),
    ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "450000\n"),
    ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "150000\n"),
    ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
    ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1048576\n"),
    ("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n"),
];

/// SYS-5: recorded trees of both versions, with limits at the leaf, above it, and nowhere.
#[test]
fn limits_of_recorded_trees() {
    let none: &[(&str, &str)] = &[];
    let golden = [
        ("version 2", V2, Limits { cpu: quota(300_000, 100_000), memory: Some(512 << 20) }),
        ("version 1", V1, Limits { cpu: quota(200_001, 100_000), memory: Some(256 << 20) }),
        ("hybrid", HYBRID, Limits { cpu: quota(450_000, 150_000), memory: Some(1 << 20) }),
        ("nothing", none, Limits::default()),
    ];
    for (name, files, want) in golden {
        let tree = Tree::new(files);
        assert_eq!(Groups::find(tree.root()).limits(), want, "{name}");
    }
}

/// An ancestor's limit counts if it is stricter than the group's own; the periods may differ; changes are seen.
#[test]
fn the_strictest_of_all_ancestors() {
    let tree = Tree::new(V2);
    let groups = Groups::find(tree.root());
    let slice = "sys/fs/cgroup/system.slice/cpu.max";
    for (text, want) in [
        ("max 100000", quota(300_000, 100_000)),
        ("50000 10000", quota(300_000, 100_000)),
        ("150000 100000", quota(150_000, 100_000)),
        ("50000 100000", quota(50_000, 100_000)),
        ("20000", quota(20_000, 100_000)),
        // What is no limit by the grammar is none.
        ("", quota(300_000, 100_000)),
        ("many 100000", quota(300_000, 100_000)),
        ("0 100000", quota(300_000, 100_000)),
        ("1 0", quota(300_000, 100_000)),
        ("99999999999999999999999 1", quota(300_000, 100_000)),
    ] {
        tree.write(slice, text);
        assert_eq!(groups.cpu_limit(), want, "{text:?}");
    }
    tree.write("sys/fs/cgroup/memory.max", "4096\n");
    assert_eq!(groups.memory_limit(), Some(4096));
}

/// Tables that lie in other ways: groups outside of the mount, spaces in names, no mount, long lines, half of a table.
#[test]
fn tables_out_of_the_ordinary() {
    let mount = |root: &str, point: &str| format!("1 1 0:1 {root} {point} rw - cgroup2 none rw\n");
    let limit = "70000 100000";
    let want = quota(70_000, 100_000);
    for (group, from, point, file) in [
        // The group was moved out of what its namespace shows.
        ("/../other", "/", "/cg", "cg/cpu.max"),
        ("/elsewhere", "/mine", "/cg", "cg/cpu.max"),
        ("/mine/too", "/mine", "/cg", "cg/too/cpu.max"),
        ("/mineral", "/mine", "/cg", "cg/cpu.max"),
        ("/", "/", "/cg", "cg/cpu.max"),
        ("/a", "/", "/a\\040b\\134", "a b\\/a/cpu.max"),
    ] {
        let tree = Tree::new(&[
            ("proc/self/cgroup", &format!("0::{group}\n")),
            ("proc/self/mountinfo", &mount(from, point)),
            (file, limit),
        ]);
        assert_eq!(Groups::find(tree.root()).cpu_limit(), want, "{group} of {from} at {point}");
    }
    let deep = format!("/{}", vec!["d"; 300].join("/"));
    let tree = Tree::new(&[
        ("proc/self/cgroup", &format!("7:junk\n\n0::{deep}\n")),
        ("proc/self/mountinfo", &format!("{}\nshort\n{}", "x".repeat(9000), mount("/", "/cg"))),
        ("cg/d/d/cpu.max", limit),
    ]);
    assert_eq!(Groups::find(tree.root()).cpu_limit(), want);
    for files in [
        &[("proc/self/cgroup", "0::/a\n")][..],
        &[("proc/self/mountinfo", "1 1 0:1 / /cg rw - cgroup2 none rw\n")],
        &[("proc/self/cgroup", "0::/a\n"), ("proc/self/mountinfo", "1 1 0:1 / /cg rw - cgroup2\n")],
        &[
            ("proc/self/cgroup", "2:cpu:/a\n"),
            ("proc/self/mountinfo", "1 1 0:1 / /cg rw - cgroup c rw,cpuset\n"),
        ],
    ] {
        let tree = Tree::new(files);
        assert_eq!(Groups::find(tree.root()).limits(), Limits::default());
    }
}

/// SCHED-3's table.
#[test]
fn processors_by_quota() {
    for (usable, limit, want) in [
        (8, quota(300_000, 100_000), 3),
        (8, quota(200_001, 100_000), 3),
        (8, quota(200_000, 100_000), 2),
        (8, quota(50_000, 100_000), 2),
        (8, quota(1, 1_000_000), 2),
        (1, quota(50_000, 100_000), 1),
        (2, quota(300_000, 100_000), 2),
        (64, quota(u64::MAX, 1), 64),
        (8, None, 8),
    ] {
        assert_eq!(cpu::default_procs(usable, limit), want, "{usable} {limit:?}");
    }
}

fn nodes(online: &str, distances: &[&str]) -> Tree {
    let dir = "sys/devices/system/node";
    let tree = Tree::new(&[(&format!("{dir}/online"), online)]);
    let numbers = Topology::read(tree.root()).nodes().collect::<Vec<_>>();
    for (node, line) in numbers.iter().zip(distances) {
        tree.write(&format!("{dir}/node{node}/distance"), line);
    }
    tree
}

/// SYS-6: machines of 1, 2, 4 and 8 nodes, one with gaps, and one that does not know nodes.
#[test]
fn recorded_topologies() {
    let read = |tree: &Tree| Topology::read(tree.root());
    let none = Topology::read("/nonexistent");
    assert_eq!((none.count(), none.distance(0, 0), none.distance(0, 1)), (1, 10, 255));
    let one = read(&nodes("0\n", &["10\n"]));
    assert_eq!(one, none);

    let two = read(&nodes("0-1\n", &["10 21\n", "21 10\n"]));
    assert_eq!((two.count(), two.distance(0, 1), two.distance(1, 1)), (2, 21, 10));

    // A ring of four.
    let rows = ["10 16 22 16", "16 10 16 22", "22 16 10 16", "16 22 16 10"];
    let four = read(&nodes("0-3", &rows));
    let mut near = [0; numa::MOST];
    assert_eq!(four.nearest(2, &mut near), 3);
    assert_eq!(near[..3], [1, 3, 0]);

    // Two sockets of four: 12 within, 32 across.
    let row = |i: usize| {
        (0..8).map(move |j| {
            if i == j {
                "10"
            } else if i / 4 == j / 4 {
                "12"
            } else {
                "32"
            }
        })
    };
    let rows: Vec<String> = (0..8).map(|i| row(i).collect::<Vec<_>>().join(" ")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let eight = read(&nodes("0-7\n", &rows));
    assert_eq!(eight.count(), 8);
    assert_eq!(eight.nearest(5, &mut near), 7);
    assert_eq!(near[..7], [4, 6, 7, 0, 1, 2, 3]);
    assert_eq!((eight.distance(0, 3), eight.distance(3, 4)), (12, 32));

    let gaps = read(&nodes("0,2-3,70\n", &["10 20 30", "20 10 40", "30 40 10"]));
    assert_eq!(gaps.nodes().collect::<Vec<_>>(), [0, 2, 3]);
    assert_eq!((gaps.distance(0, 3), gaps.distance(2, 3), gaps.distance(0, 1)), (30, 40, 255));

    // A table that says nothing: others are 20 away.
    for (online, rows) in [("0-1", &["", ""][..]), ("0-1", &["ten 20", "900 10"])] {
        let t = read(&nodes(online, rows));
        assert_eq!((t.distance(0, 0), t.distance(1, 0)), (10, 20));
    }
    for online in ["", "\n", "a", "0-", "1-0"] {
        assert_eq!(read(&nodes(online, &[])), none, "{online:?}");
    }
}

#[test]
fn recorded_huge_pages() {
    let name = "sys/kernel/mm/transparent_hugepage/hpage_pmd_size";
    for (text, want) in
        [("2097152\n", Some(2 << 20)), ("536870912\n", Some(512 << 20)), ("0\n", None), ("", None)]
    {
        let tree = Tree::new(&[(name, text)]);
        assert_eq!(platform::huge_page(tree.root()), want);
    }
    assert_eq!(platform::huge_page("/nonexistent"), None);
}

/// This machine, whatever it is: the answers agree with each other, and with the standard library where it answers too.
#[cfg(not(miri))]
#[test]
fn this_machine() {
    let p = platform();
    assert_eq!(p.page, Linux.page_size());
    assert!(p.page.is_power_of_two() && (4096..=65536).contains(&p.page));
    assert!(p.cpus >= 1 && p.cpus == cpu::usable());
    assert_eq!(p.limits.cpu, cpu::quota());
    let n = cpu::procs();
    assert!(n >= 1 && n <= p.cpus);
    // The standard library rounds a quota down.
    assert!(std::thread::available_parallelism().unwrap().get() <= n as usize);
    assert!(cpu::current().is_some());
    assert!(numa::topology().nodes().any(|n| n == numa::current()));
    assert_eq!(p.nodes, numa::topology().count());

    let st = SysStat::new();
    let r = Linux.reserve(2 * p.page, p.page, 0, &st).unwrap();
    map(&Linux, r, &st).unwrap();
    if let Some(node) = numa::of_address(r.addr()) {
        // Nothing is behind the page yet; only a kernel without nodes can know the answer.
        assert_eq!((node, p.nodes), (0, 1));
    }
    fill(r.part(0, p.page).unwrap(), 1);
    let node = numa::of_address(r.addr());
    assert!(node.is_none_or(|n| numa::topology().nodes().any(|m| m == n)));
    if p.nodes == 1 {
        assert_eq!(node, Some(0));
    }
    free(&Linux, r, r.len, 0, &st);
}

/// SYS-5: each feature that a kernel may lack is taken away, and its users do without.
#[cfg(not(miri))]
#[test]
fn every_fallback() {
    let all = platform().features;
    let st = SysStat::new();
    let page = Linux.page_size();
    let r = Linux.reserve(16 * page, page, 0, &st).unwrap();
    map(&Linux, r, &st).unwrap();
    let named = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|l| l.starts_with(&format!("{:x}-", r.addr()))).unwrap();
        line.contains("gort: fallback")
    };
    let resident = || common::resident(r).iter().filter(|there| **there).count();

    platform::pretend_without(Features::MEMBARRIER);
    assert!(!membarrier::register() && !membarrier::private());
    platform::pretend_without(Features::VMA_NAMES);
    name(&Linux, r, c"gort: fallback");
    assert!(!named());
    platform::pretend_without(Features::POPULATE);
    populate(&Linux, r);
    assert_eq!(resident(), 0);
    platform::pretend_without(Features::LAZY_FREE);
    fill(r, 1);
    let gone = discard(&Linux, r, Release::Free);
    assert!(gone.zero && gone.bytes == r.len && resident() == 0);

    platform::pretend_without(Features::NONE);
    if all.has(Features::MEMBARRIER) {
        assert!(membarrier::register() && membarrier::private());
    }
    if all.has(Features::VMA_NAMES) {
        name(&Linux, r, c"gort: fallback");
        assert!(named());
    }
    if all.has(Features::POPULATE) {
        populate(&Linux, r);
        assert_eq!(resident(), 16);
    }
    if all.has(Features::LAZY_FREE) {
        fill(r, 1);
        let gone = discard(&Linux, r, Release::Free);
        assert!(!gone.zero && gone.bytes == r.len);
    }
    free(&Linux, r, r.len, 0, &st);
}
