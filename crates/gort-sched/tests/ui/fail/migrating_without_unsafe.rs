//! Migration is a promise of the program (MIGRATE-1).

fn main() {
    gort_sched::thread::go_migrating(|| ());
}
