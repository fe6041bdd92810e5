//! What the scheduler and the channels do for one task, one switch, one item.

use gort::channel::bounded;
use gort::thread;

/// A task's whole life, and its join.
pub(crate) fn spawn(times: u64) {
    for _ in 0..times {
        // Its result is what is waited for; there is none to look at.
        drop(gort::go(|| ()).join());
    }
}

/// One turn of two tasks that give way to each other.
pub(crate) fn switch(times: u64) {
    let other = gort::go(move || (0..times / 2).for_each(|_| thread::yield_now()));
    (0..times / 2).for_each(|_| thread::yield_now());
    drop(other.join());
}

/// One park and the wake-up that ends it.
pub(crate) fn park_ready(times: u64) {
    let main = thread::current();
    let other = gort::go(move || {
        for _ in 0..times / 2 {
            main.unpark();
            thread::park();
        }
    });
    for _ in 0..times / 2 {
        thread::park();
        other.thread().unpark();
    }
    drop(other.join());
}

/// One item into a channel with room, and out of it.
pub(crate) fn send_recv(times: u64) {
    let (sender, receiver) = bounded::<u64>(1);
    for item in 0..times {
        let sent = sender.send(item).map(|()| receiver.recv());
        assert_eq!(sent, Ok(Ok(item)));
    }
}
