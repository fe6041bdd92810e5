//! A runtime that ends while goroutines wait: they unwind, and leave no trace where they waited.

mod common;

use common::{Counted, Mint, ms, pause};
use gort_sync::{
    Condvar, Mutex, Once, Receiver, Semaphore, Sender, WaitGroup, after, bounded, never, select,
};
use std::sync::Arc;

/// What goroutines of the first runtime wait for; it outlives it.
struct World {
    mint: Mint,
    full: (Sender<Counted>, Receiver<Counted>),
    empty: (Sender<Counted>, Receiver<Counted>),
    mutex: Mutex<()>,
    condvar: (Mutex<()>, Condvar),
    group: WaitGroup,
    permits: Semaphore,
    once: Once,
}

#[test]
fn all_who_wait_unwind() {
    let world = Arc::new(World {
        mint: Mint::default(),
        full: bounded(1),
        empty: bounded(1),
        mutex: Mutex::new(()),
        condvar: (Mutex::new(()), Condvar::new()),
        group: WaitGroup::new(),
        permits: Semaphore::new(0),
        once: Once::new(),
    });
    world.full.0.send(world.mint.coin(0)).unwrap();
    world.group.add(1);
    let held = world.mutex.lock().unwrap();
    for procs in [1, 2] {
        let w = Arc::clone(&world);
        let counted = Arc::downgrade(&w);
        gort_sched::testing::run(procs, move || {
            let waits: [fn(&World); 12] = [
                |w| _ = w.full.0.send(w.mint.coin(1)),
                |w| _ = w.full.0.send_timeout(w.mint.coin(2), ms(100_000)),
                |w| _ = w.empty.1.recv(),
                |w| _ = w.empty.1.recv_timeout(ms(100_000)),
                |w| {
                    select! {
                        send(w.full.0, w.mint.coin(3)) -> _ => {}
                        recv(w.empty.1) -> _ => {}
                        recv(after(ms(100_000))) -> _ => {}
                    }
                },
                |_| _ = never::<()>().recv(),
                |w| drop(w.mutex.lock()),
                |w| drop(w.condvar.1.wait(w.condvar.0.lock().unwrap())),
                |w| w.group.wait(),
                |w| w.permits.acquire(1),
                |_| gort_sync::sleep(ms(100_000)),
                |w| w.once.call_once(|| w.group.wait()),
            ];
            for wait in waits {
                let w = Arc::clone(&w);
                gort_sched::go(move || wait(&w));
            }
            pause();
        });
        assert_eq!(counted.strong_count(), 1, "all goroutines have let go");
        assert_eq!(world.mint.alive(), 1, "values that waited were dropped");
    }
    // Everything works as if nobody had ever been there.
    drop(held);
    assert!(!world.mutex.is_poisoned());
    assert!(world.mutex.try_lock().is_ok());
    assert_eq!(world.full.1.try_recv().map(|coin| coin.value).ok(), Some(0));
    assert!(world.full.1.try_recv().is_err());
    assert!(world.empty.0.try_send(world.mint.coin(4)).is_ok());
    assert_eq!(world.empty.1.recv().map(|coin| coin.value), Ok(4));
    world.condvar.1.notify_all();
    assert!(world.condvar.0.try_lock().is_ok());
    world.permits.release(1);
    assert!(world.permits.try_acquire(1));
    world.group.done();
    world.group.wait();
}
