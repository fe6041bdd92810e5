//! [`Nodes`]: which processors are near to which; and [`Reach`], when a thief looks far.
//!
//! On a machine with several memory nodes a goroutine that is stolen from another node finds nothing in
//! the caches near to it, and its stack far away. So, where a program asks for it ([`Config::nodes`]), a
//! thief visits the processors of its own node first, then those of the next distance, and so on:
//! every other processor once a round, as ever. It passes over the far ones until a few searches
//! near by have failed, unless much waits there; and if it then finds nothing either, it is more
//! patient the next time.
//!
//! No goroutine is left behind for that (WAKE-1): a thief that gives up makes its processor idle
//! and looks at all queues once more; what it sees there makes it a thief again, and each failure brings it
//! nearer to the end of its patience, which is at most [`MOST_PATIENT`] searches.
//!
//! [`Config::nodes`]: crate::Config::nodes

use core::cell::Cell;
use core::fmt;
use gort_sys::numa::{self, MOST, Topology};
use std::sync::Arc;

/// The nodes of the processors, by which thieves choose whom they visit first.
#[derive(Clone)]
pub struct Nodes(Arc<Table>);

struct Table {
    /// Their numbers, rising.
    nodes: Vec<u32>,
    /// By two nodes: 0 for the node itself, then 1 more for each greater distance.
    rings: Box<[[u8; MOST]; MOST]>,
    /// A processor is where the thread that holds it runs.
    by_thread: bool,
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Nodes").field(&self.0.nodes).finish()
    }
}

impl Nodes {
    /// Those of this machine: a processor is on the node where its thread ran when it took it.
    pub fn machine() -> Self {
        Self::new(numa::topology(), true)
    }

    /// Those of any machine, which need not be this one: processor `n` is on node `n` modulo their
    /// number. For tests, and for programs that bind their threads so.
    pub fn in_turns(topology: &Topology) -> Self {
        Self::new(topology, false)
    }

    fn new(topology: &Topology, by_thread: bool) -> Self {
        let nodes: Vec<u32> = topology.nodes().collect();
        let mut rings = Box::new([[0; MOST]; MOST]);
        for &from in &nodes {
            let mut near = [0; MOST];
            let n = topology.nearest(from, &mut near);
            let (mut ring, mut last) = (0, 0);
            for &to in &near[..n] {
                let far = topology.distance(from, to);
                if ring == 0 || far != last {
                    (ring, last) = (ring + 1, far);
                }
                rings[from as usize][to as usize] = ring;
            }
        }
        Self(Arc::new(Table { nodes, rings, by_thread }))
    }

    /// Whether all are near to all.
    pub(crate) fn are_one(&self) -> bool {
        self.0.nodes.len() == 1
    }

    /// The node of a processor, which was last noted to be on `noted`.
    pub(crate) fn of(&self, processor: u32, noted: u32) -> u32 {
        if self.0.by_thread { noted } else { self.0.nodes[processor as usize % self.0.nodes.len()] }
    }

    /// The node of the calling thread, if that is what counts.
    pub(crate) fn of_thread(&self) -> Option<u32> {
        (self.0.by_thread && !self.are_one()).then(numa::current)
    }

    /// How far it is: 0 on the same node.
    pub(crate) fn ring(&self, from: u32, to: u32) -> u8 {
        let at = |n: u32| (n as usize).min(MOST - 1);
        self.0.rings[at(from)][at(to)]
    }
}

/// Every processor below the number of `rings` once, with its ring: near ones first, those of a ring in the
/// order that `draw` gives.
pub(crate) fn near_first(rings: &[u8], draw: u32) -> impl Iterator<Item = (u32, u8)> + '_ {
    let most = rings.iter().copied().max().unwrap_or(0);
    (0..=most).flat_map(move |ring| {
        crate::steal::visit_order(rings.len() as u32, draw)
            .filter(move |&id| rings[id as usize] == ring)
            .map(move |id| (id, ring))
    })
}

/// Searches near by that fail before the first that goes far.
const FIRST_PATIENCE: u8 = 2;
/// And at most.
pub(crate) const MOST_PATIENT: u8 = 16;

/// How far a thread's search goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    failures: Cell<u8>,
    patience: Cell<u8>,
}

impl Default for Reach {
    fn default() -> Self {
        Self { failures: Cell::new(0), patience: Cell::new(FIRST_PATIENCE) }
    }
}

impl Reach {
    /// Whether the next search goes far.
    pub(crate) fn is_far(&self) -> bool {
        self.failures.get() >= self.patience.get()
    }

    /// A search has found nothing.
    pub(crate) fn failed(&self) {
        if self.is_far() {
            self.failures.set(0);
            self.patience.set((2 * self.patience.get()).min(MOST_PATIENT));
        } else {
            self.failures.set(self.failures.get() + 1);
        }
    }

    /// It has found something, near or far.
    pub(crate) fn found(&self, far: bool) {
        self.failures.set(0);
        if far {
            self.patience.set(FIRST_PATIENCE);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use core::fmt::Write;
    use std::path::PathBuf;

    /// A machine of `count` nodes, as its kernel would show it: pairs are near, pairs of pairs farther.
    pub(crate) fn machine(count: u32) -> Topology {
        let root: PathBuf = std::env::temp_dir().join(format!(
            "gort-nodes-{}-{count}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        let dir = root.join("sys/devices/system/node");
        let distance = |a: u32, b: u32| match (a ^ b).checked_ilog2() {
            None => 10,
            Some(bit) => 20 + 5 * bit,
        };
        for a in 0..count {
            let node = dir.join(format!("node{a}"));
            std::fs::create_dir_all(&node).expect("a directory");
            let row: Vec<String> = (0..count).map(|b| distance(a, b).to_string()).collect();
            std::fs::write(node.join("distance"), row.join(" ") + "\n").expect("a file");
        }
        std::fs::write(dir.join("online"), format!("0-{}\n", count - 1)).expect("a file");
        let topology = Topology::read(root.to_str().expect("text"));
        std::fs::remove_dir_all(&root).expect("it goes");
        assert_eq!(topology.count(), count);
        topology
    }

    fn rings(nodes: &Nodes, n: u32, me: u32) -> Vec<u8> {
        (0..n).map(|id| nodes.ring(nodes.of(me, 0), nodes.of(id, 0))).collect()
    }

    /// SCHED-8, SCHED-9: for 1 to 64 processors on 1, 2, 4 and 8 nodes everybody is visited once, near ones
    /// first; and the orders are the golden ones.
    #[test]
    fn golden_orders() {
        let mut text = String::new();
        for count in [1, 2, 4, 8] {
            let nodes = Nodes::in_turns(&machine(count));
            for n in 1..=64 {
                for draw in [0u32, 0x0003_0001, 0x1234_5678, u32::MAX] {
                    let me = draw % n;
                    let rings = rings(&nodes, n, me);
                    let order: Vec<(u32, u8)> = near_first(&rings, draw).collect();
                    assert!(order.is_sorted_by_key(|v| v.1), "{order:?}");
                    let mut ids: Vec<u32> = order.iter().map(|v| v.0).collect();
                    if draw == 0x1234_5678 {
                        let words: Vec<String> = ids.iter().map(u32::to_string).collect();
                        let _ = writeln!(
                            text,
                            "nodes {count} procs {n} from {me}: {}",
                            words.join(" ")
                        );
                    }
                    ids.sort_unstable();
                    assert_eq!(ids, (0..n).collect::<Vec<_>>(), "{count} {n} {draw:#x}");
                }
            }
        }
        let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/steal_order.txt");
        if std::env::var_os("GORT_WRITE_GOLDEN").is_some() {
            std::fs::write(&golden, &text).expect("a file");
        }
        let kept = std::fs::read_to_string(&golden).expect("the golden file");
        assert!(kept == text, "the orders differ from {}", golden.display());
    }

    #[test]
    fn rings_are_distances() {
        let nodes = Nodes::in_turns(&machine(8));
        let seen: Vec<u8> = (0..8).map(|to| nodes.ring(0, to)).collect();
        assert_eq!(seen, [0, 1, 2, 2, 3, 3, 3, 3]);
        assert!(Nodes::in_turns(&machine(1)).are_one());
        assert_eq!(nodes.of_thread(), None);
    }

    /// WAKE-1: with several nodes a program of goroutines that all start on one processor is still done
    /// by all, and the counts by distance fit together.
    #[test]
    fn programs_run_on_several_nodes() {
        for procs in [2, 4] {
            let nodes = Some(Nodes::in_turns(&machine(2)));
            let config = crate::Config { procs, nodes, ..Default::default() };
            let stats = crate::testing::run_with(config, || {
                for _ in 0..20 {
                    let all: Vec<_> = (0..200)
                        .map(|n| {
                            crate::go(move || (0..n % 7).for_each(|_| crate::thread::yield_now()))
                        })
                        .collect();
                    all.into_iter().for_each(|g| g.join().expect("no panic"));
                    crate::thread::sleep(core::time::Duration::from_micros(100));
                }
                crate::Scheduler::with_current(crate::Scheduler::stats).expect("a goroutine")
            });
            assert!(stats.far_steals <= stats.steals && stats.far_stolen <= stats.stolen);
            assert!(procs > 2 || stats.far_steals == stats.steals, "the other one is far");
        }
        let machine =
            crate::Config { procs: 2, nodes: Some(Nodes::machine()), ..Default::default() };
        assert_eq!(crate::testing::run_with(machine, || crate::go(|| 7).join().expect("ok")), 7);
    }

    /// WAKE-1: a thief to whom all others are far goes there when its patience ends.
    #[test]
    fn a_far_goroutine_is_stolen() {
        use core::sync::atomic::AtomicBool;
        use core::sync::atomic::Ordering::Relaxed;
        let nodes = Some(Nodes::in_turns(&machine(2)));
        let config = crate::Config { procs: 2, nodes, ..Default::default() };
        crate::testing::run_with(config, || {
            let far =
                || crate::Scheduler::with_current(crate::Scheduler::stats).expect("one").far_steals;
            let stolen = (0..1_000).any(|_| {
                let ran: Arc<[AtomicBool; 2]> = Arc::default();
                let both = [0, 1].map(|n| {
                    let ran = Arc::clone(&ran);
                    // ORDER: Relaxed — a look.
                    crate::go(move || ran[n].store(true, Relaxed))
                });
                // This processor is busy for as long as nobody has stolen them, or sysmon has not given it away.
                // ORDER: Relaxed — a look.
                while !ran.iter().all(|r| r.load(Relaxed)) {
                    core::hint::spin_loop();
                }
                both.into_iter().for_each(|g| g.join().expect("no panic"));
                far() > 0
            });
            assert!(stolen, "nobody ever went far");
        });
    }

    #[test]
    fn patience_grows_and_is_forgotten() {
        let reach = Reach::default();
        let searches_until_far = || {
            let mut n = 0;
            while !reach.is_far() {
                reach.failed();
                n += 1;
            }
            n
        };
        let mut seen = Vec::new();
        for _ in 0..6 {
            seen.push(searches_until_far());
            reach.failed();
        }
        assert_eq!(seen, [2, 4, 8, 16, 16, 16]);
        reach.found(false);
        assert_eq!(searches_until_far(), 16, "a find near by changes no patience");
        reach.found(true);
        assert_eq!(reach, Reach::default());
    }
}
