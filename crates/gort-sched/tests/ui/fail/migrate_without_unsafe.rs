//! The same for all goroutines of a scheduler.

use gort_sched::{Config, Migrate};

fn main() {
    let _ = Config { migrate: Migrate::yes(), ..Config::default() };
}
