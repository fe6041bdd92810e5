//! No other way leads to the value.

use gort_sched::Migrate;

fn main() {
    let _ = Migrate(true);
}
