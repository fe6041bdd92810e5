//! The fast paths one by one, for counting instructions: `gort-micro OPERATION TIMES`.
//!
//! A count of instructions does not depend on what else the machine does. The bench runs
//! each operation under callgrind with two different numbers of times; the difference,
//! divided, is what one operation takes, without the start and the end of the process.
//!
//! # Does not know
//! How it is counted.
//!
//! # Invariants
//! - MICRO-1 No task parks while it holds anything that is tied to its thread.
//!
//! # Locks
//! None.
//!
//! # Read in this order
//! `tasks` → `heap` → `collector`
//!
//! An example of its use alone:
//!
//! ```text
//! $ gort-micro --list | head -1
//! spawn 20000 120000
//! $ valgrind --tool=callgrind gort-micro send_recv 20000
//! ```

mod collector;
mod heap;
mod tasks;

use std::process::ExitCode;

/// Does an operation so many times.
type Operation = fn(times: u64);

/// Name, operation, and the two numbers of times to count it with.
const OPERATIONS: &[(&str, Operation, [u64; 2])] = &[
    ("spawn", tasks::spawn, MANY),
    ("switch", tasks::switch, MANY),
    ("park_ready", tasks::park_ready, MANY),
    ("send_recv", tasks::send_recv, MANY),
    ("alloc_free_64", heap::alloc_free, MANY),
    ("alloc_hit", heap::alloc_hit, FEW),
    ("free_hit", heap::free_hit, FEW),
    ("gc_alloc_64", collector::alloc, MANY),
    ("field_load", collector::field_load, MANY),
    ("plain_load", collector::plain_load, MANY),
    ("store_off", collector::store_off, MANY),
    ("store_on", collector::store_on, MANY),
    ("pin_unpin", collector::pin_unpin, MANY),
    ("safepoint", collector::safepoint, MANY),
];
const MANY: [u64; 2] = [20_000, 120_000];
const FEW: [u64; 2] = [100, 900];

// MICRO-1 makes it sound.
#[gort::main(unsafe(migrate))]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args == ["--list"] {
        for (name, _, [few, many]) in OPERATIONS {
            println!("{name} {few} {many}");
        }
        return ExitCode::SUCCESS;
    }
    let [name, times] = args.as_slice() else {
        eprintln!("usage: gort-micro OPERATION TIMES | gort-micro --list");
        return ExitCode::from(2);
    };
    let operation = OPERATIONS.iter().find(|(known, ..)| known == name);
    let (Some((_, operation, _)), Ok(times)) = (operation, times.parse()) else {
        eprintln!("gort-micro: no operation '{name}', or '{times}' is no number");
        return ExitCode::from(2);
    };
    operation(times);
    ExitCode::SUCCESS
}
