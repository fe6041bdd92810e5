//! A goroutine may outlive its spawner.

fn main() {
    let text = String::from("local");
    gort_sched::go(|| text.len());
}
