//! The heap as this program's allocator: threads that come and go, late destructors, doubtful addresses.

use gort_heap::GortAlloc;
use std::cell::RefCell;
use std::sync::mpsc;
use std::thread;

#[global_allocator]
static ALLOCATOR: GortAlloc = GortAlloc::new();

/// GLOBAL-2: caches are left to the threads that come after.
#[test]
fn threads_come_and_go() {
    let text: Vec<String> = (0..400)
        .map(|n| {
            thread::spawn(move || format!("thread {n} had its own cache")).join().expect("no panic")
        })
        .collect();
    assert!(
        text.iter().enumerate().all(|(n, text)| *text == format!("thread {n} had its own cache"))
    );
}

/// A destructor of a thread-local allocates, after others have run.
#[test]
fn late_destructors_allocate() {
    struct Late(mpsc::Sender<String>);
    impl Drop for Late {
        fn drop(&mut self) {
            let words = vec!["late".to_string(); 100];
            self.0.send(words.join(" ")).expect("somebody listens");
        }
    }
    thread_local!(static LATE: RefCell<Option<Late>> = const { RefCell::new(None) });
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || LATE.with(|late| *late.borrow_mut() = Some(Late(sender))))
        .join()
        .expect("no panic");
    assert_eq!(receiver.recv().expect("a text").len(), 499);
}

/// GLOBAL-1: many first calls at once make one heap.
#[test]
fn one_heap_for_all() {
    let heaps: Vec<usize> = thread::scope(|scope| {
        let ask = || GortAlloc::heap().map_or(0, |heap| std::ptr::from_ref(heap).addr());
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(heaps.iter().all(|heap| *heap == heaps[0] && *heap != 0));
}

#[test]
fn foreign_addresses_have_no_size() {
    let local = 0_u64;
    assert_eq!(GortAlloc::usable_size(std::ptr::from_ref(&local).cast()), 0);
    assert_eq!(GortAlloc::usable_size(std::ptr::null()), 0);
}
