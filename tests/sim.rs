//! Programs with a planted fault that the simulator must find within 10,000 schedules, each beside the
//! right program, which passes all of them; and the attributes.
//!
//! `GORT_SIM_SCHEDULES` says how many schedules a right program must pass (300).

use gort::channel::{bounded, select, unbounded};
use gort::sim::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use gort::sim::{self, Config, Outcome};
use gort::sync::{Condvar, Mutex, WaitGroup};
use gort::{go, thread};
use std::sync::Arc;
use std::time::Duration;

const FAULTY: bool = true;
const RIGHT: bool = false;

/// `program(FAULTY)` fails as `expected` says, under a seed that repeats; `program(RIGHT)` never does.
fn hunt(name: &str, config: &Config, program: fn(bool), expected: fn(&Outcome) -> bool) {
    let failure = match sim::search(config, 10_000, move || program(FAULTY)) {
        Err(failure) => failure,
        Ok(explored) => panic!("{name}: not found in {explored:?}"),
    };
    println!("{name}: found after {} schedules: {}", failure.passed, failure.report);
    assert!(expected(&failure.report.outcome), "{name}: {failure}");
    assert!(failure.repeats, "{name}: {failure}");
    let again = Config { seed: failure.report.seed, ..config.clone() };
    let again = sim::run(&again, move || program(FAULTY));
    assert_eq!(again.log(), failure.report.log(), "{name}");
    let schedules = std::env::var("GORT_SIM_SCHEDULES").map_or(300, |n| n.parse().unwrap());
    match sim::search(config, schedules, move || program(RIGHT)) {
        Ok(explored) => println!("{name}: the right one passes {explored:?}"),
        Err(failure) => panic!("{name}, the right one: {failure}\n{}", failure.report.log()),
    }
}

fn deadlocks(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Deadlock(_))
}

fn panics(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Panic { .. })
}

/// A condition variable of park and unpark. The faulty one looks at the condition, and only then
/// enters itself among the waiters.
fn lost_wake_up(faulty: bool) {
    #[derive(Default)]
    struct State {
        ready: bool,
        waiters: Vec<thread::Thread>,
    }
    let state = Arc::new(Mutex::new(State::default()));
    let inner = Arc::clone(&state);
    let waiter = go(move || {
        loop {
            let mut state = inner.lock().unwrap();
            if state.ready {
                return;
            }
            if faulty {
                drop(state);
                inner.lock().unwrap().waiters.push(thread::current());
            } else {
                state.waiters.push(thread::current());
                drop(state);
            }
            thread::park();
        }
    });
    let waiters = {
        let mut state = state.lock().unwrap();
        state.ready = true;
        std::mem::take(&mut state.waiters)
    };
    waiters.iter().for_each(thread::Thread::unpark);
    waiter.join().unwrap();
}

/// Two transfers between two accounts, in opposite directions.
fn lock_order(faulty: bool) {
    let accounts = Arc::new([Mutex::new(10), Mutex::new(10)]);
    let transfers: Vec<_> = [(0, 1), (1, 0)]
        .into_iter()
        .map(|(from, to)| {
            let accounts = Arc::clone(&accounts);
            go(move || {
                let order = if faulty { (from, to) } else { (from.min(to), from.max(to)) };
                let first = accounts[order.0].lock().unwrap();
                let second = accounts[order.1].lock().unwrap();
                let (mut a, mut b) =
                    if order.0 == from { (first, second) } else { (second, first) };
                *a -= 3;
                *b += 3;
            })
        })
        .collect();
    transfers.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(*accounts[0].lock().unwrap() + *accounts[1].lock().unwrap(), 20);
}

/// Withdrawals that look at the balance under one lock and take under the next.
fn check_then_act(faulty: bool) {
    let balance = Arc::new(Mutex::new(100i32));
    let takers: Vec<_> = (0..3)
        .map(|_| {
            let balance = Arc::clone(&balance);
            go(move || {
                let mut guard = balance.lock().unwrap();
                if *guard >= 40 {
                    if faulty {
                        drop(guard);
                        guard = balance.lock().unwrap();
                    }
                    *guard -= 40;
                }
            })
        })
        .collect();
    takers.into_iter().for_each(|t| t.join().unwrap());
    assert!(*balance.lock().unwrap() >= 0, "overdrawn");
}

/// The last of the producers closes the channel; the faulty ones do not agree who that is.
fn missing_close(faulty: bool) {
    let (tx, rx) = bounded(1);
    let left = Arc::new(AtomicUsize::new(2));
    for n in 0..2 {
        let (tx, left) = (tx.clone(), Arc::clone(&left));
        go(move || {
            tx.send(n).unwrap();
            let before = if faulty {
                let before = left.load(SeqCst);
                left.store(before - 1, SeqCst);
                before
            } else {
                left.fetch_sub(1, SeqCst)
            };
            if before == 1 {
                tx.close();
            }
        });
    }
    // `tx` itself is never dropped before the end.
    assert_eq!(rx.iter().sum::<i32>(), 1);
    drop(tx);
}

/// An initialisation with a flag that is looked at without the lock.
fn double_checked(faulty: bool) {
    struct Lazy {
        done: AtomicBool,
        value: AtomicUsize,
        lock: Mutex<()>,
    }
    let lazy = Arc::new(Lazy {
        done: AtomicBool::new(false),
        value: AtomicUsize::new(0),
        lock: Mutex::new(()),
    });
    let get = move |lazy: &Lazy| {
        if !lazy.done.load(SeqCst) {
            let _guard = lazy.lock.lock().unwrap();
            if !lazy.done.load(SeqCst) {
                if faulty {
                    lazy.done.store(true, SeqCst);
                    lazy.value.store(42, SeqCst);
                } else {
                    lazy.value.store(42, SeqCst);
                    lazy.done.store(true, SeqCst);
                }
            }
        }
        lazy.value.load(SeqCst)
    };
    let users: Vec<_> = (0..2)
        .map(|_| {
            let lazy = Arc::clone(&lazy);
            go(move || assert_eq!(get(&lazy), 42, "used before it was made"))
        })
        .collect();
    users.into_iter().for_each(|u| u.join().unwrap());
}

/// A worker that ends at the word, though work may lie in the channel.
fn select_loses(faulty: bool) {
    let (work, jobs) = unbounded();
    let (stop, stopped) = bounded::<()>(1);
    let worker = go(move || {
        let mut done = 0;
        loop {
            select! {
                recv(jobs) -> job => done += job.unwrap(),
                recv(stopped) -> _ => {
                    if !faulty {
                        done += jobs.try_iter().sum::<i32>();
                    }
                    return done;
                }
            }
        }
    });
    for _ in 0..3 {
        work.send(1).unwrap();
    }
    stop.send(()).unwrap();
    assert_eq!(worker.join().unwrap(), 3, "work was lost");
}

/// A lock for readers and a writer. The faulty one lets readers in while a writer waits.
fn unfair_readers(faulty: bool) {
    #[derive(Default)]
    struct State {
        readers: usize,
        writer_waits: bool,
        entered: usize,
    }
    const READERS: usize = 2;
    let lock = Arc::new((Mutex::new(State::default()), Condvar::new()));
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let lock = Arc::clone(&lock);
            go(move || {
                for _ in 0..6 {
                    let closed = |s: &mut State| s.writer_waits && !faulty;
                    let mut state = lock.1.wait_while(lock.0.lock().unwrap(), closed).unwrap();
                    state.readers += 1;
                    state.entered += 1;
                    drop(state);
                    sim::point();
                    lock.0.lock().unwrap().readers -= 1;
                    lock.1.notify_all();
                }
            })
        })
        .collect();
    let mut state = lock.0.lock().unwrap();
    state.writer_waits = true;
    let before = state.entered;
    let mut state = lock.1.wait_while(state, |s| s.readers > 0).unwrap();
    state.writer_waits = false;
    let overtook = state.entered - before;
    drop(state);
    lock.1.notify_all();
    readers.into_iter().for_each(|r| r.join().unwrap());
    assert!(overtook <= READERS, "{overtook} readers overtook the writer");
}

/// A stack of slots by number. The faulty one compares the top alone; the right one also counts.
fn aba(faulty: bool) {
    const NONE: usize = 0xff;
    struct Stack {
        /// The top in the low byte, the count above.
        head: AtomicUsize,
        next: [AtomicUsize; 3],
        faulty: bool,
    }
    impl Stack {
        fn top(head: usize) -> usize {
            head & 0xff
        }
        fn with(&self, old: usize, top: usize) -> usize {
            let count = if self.faulty { 0 } else { (old >> 8) + 1 };
            count << 8 | top
        }
        fn pop(&self) -> Option<usize> {
            loop {
                let head = self.head.load(SeqCst);
                let top = Self::top(head);
                if top == NONE {
                    return None;
                }
                let next = self.next[top].load(SeqCst);
                let new = self.with(head, next);
                if self.head.compare_exchange(head, new, SeqCst, SeqCst).is_ok() {
                    return Some(top);
                }
            }
        }
        fn push(&self, slot: usize) {
            loop {
                let head = self.head.load(SeqCst);
                self.next[slot].store(Self::top(head), SeqCst);
                let new = self.with(head, slot);
                if self.head.compare_exchange(head, new, SeqCst, SeqCst).is_ok() {
                    return;
                }
            }
        }
    }
    let next = [1, 2, NONE].map(AtomicUsize::new);
    let stack = Arc::new(Stack { head: AtomicUsize::new(0), next, faulty });
    let taken: Arc<[AtomicBool; 3]> = Arc::default();
    let users: Vec<_> = (0..2)
        .map(|n| {
            let (stack, taken) = (Arc::clone(&stack), Arc::clone(&taken));
            go(move || {
                let take = || {
                    let slot = stack.pop();
                    if let Some(slot) = slot {
                        assert!(!taken[slot].swap(true, SeqCst), "slot {slot} was given out twice");
                    }
                    slot
                };
                let mine: Vec<usize> = (0..1 + n).filter_map(|_| take()).collect();
                if let Some(&first) = mine.first() {
                    taken[first].store(false, SeqCst);
                    stack.push(first);
                }
                take();
            })
        })
        .collect();
    users.into_iter().for_each(|u| u.join().unwrap());
}

/// A goroutine that counts itself into the group, perhaps after the wait.
fn late_add(faulty: bool) {
    let (wg, sum) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
    for _ in 0..2 {
        let (inner, sum) = (wg.clone(), Arc::clone(&sum));
        if !faulty {
            wg.add(1);
        }
        go(move || {
            if faulty {
                inner.add(1);
            }
            sum.fetch_add(1, SeqCst);
            inner.done();
        });
    }
    wg.wait();
    assert_eq!(sum.load(SeqCst), 2, "the wait was too short");
}

/// A program that believes that ten milliseconds are enough for another goroutine.
fn hasty(faulty: bool) {
    let (tx, rx) = bounded(1);
    let slow = go(move || {
        for _ in 0..3 {
            sim::point();
        }
        let _ = tx.send(7);
    });
    let limit = if faulty { Duration::from_millis(10) } else { Duration::MAX };
    assert_eq!(rx.recv_timeout(limit), Ok(7));
    slow.join().unwrap();
}

#[test]
fn planted_faults_are_found() {
    let usual = Config::default();
    hunt("lost wake-up", &usual, lost_wake_up, deadlocks);
    hunt("lock order", &usual, lock_order, deadlocks);
    hunt("check then act", &usual, check_then_act, panics);
    hunt("missing close", &usual, missing_close, deadlocks);
    hunt("double-checked init", &usual, double_checked, panics);
    hunt("select loses", &usual, select_loses, panics);
    hunt("unfair readers", &usual, unfair_readers, panics);
    hunt("ABA", &usual, aba, panics);
    hunt("late add", &usual, late_add, panics);
    hunt("hasty", &Config { stalls: 50, ..usual }, hasty, panics);
}

/// With no stalls nobody is ever too slow.
#[test]
fn deadlines_wait_for_those_who_can_run() {
    sim::explore(200, || hasty(FAULTY));
}

/// What the log of one run of everything says.
fn everything() -> String {
    let mut logs = String::new();
    for seed in 0..6 {
        let report = sim::run(&Config { seed, ..Config::default() }, || {
            for program in [lost_wake_up, lock_order, missing_close, select_loses, aba, late_add] {
                program(RIGHT);
            }
            let ticks = gort::channel::tick(Duration::from_millis(3));
            let start = gort::time::now();
            for n in 1..4 {
                let at = ticks.recv().unwrap();
                assert_eq!(at - start, Duration::from_millis(3 * n));
            }
            let once = gort::sync::OnceLock::new();
            assert_eq!(once.get_or_init(|| thread::current().id().as_u64()), &1);
        });
        assert_eq!(report.outcome, Outcome::Ok, "{report}");
        logs += &report.log();
    }
    logs
}

/// SIM-1: byte for byte the same log, in this process and in another.
#[test]
fn another_process_logs_the_same() {
    const WORD: &str = "GORT_TEST_SIM_CHILD";
    let logs = everything();
    if std::env::var_os(WORD).is_some() {
        print!("LOG\n{logs}END\n");
        return;
    }
    assert_eq!(everything(), logs);
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "another_process_logs_the_same", "--nocapture"])
        .env(WORD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8(child.stdout).unwrap();
    let theirs = text.split("LOG\n").nth(1).and_then(|t| t.split("END\n").next());
    assert_eq!(theirs, Some(&*logs));
}

#[gort::test(seed = 7)]
fn a_test_of_one_seed() -> Result<(), gort::channel::RecvError> {
    assert!(sim::is_simulated());
    let (tx, rx) = bounded(0);
    go(move || {
        thread::sleep(Duration::from_secs(3600));
        tx.send(5).unwrap();
    });
    assert_eq!(rx.recv()?, 5);
    Ok(())
}

#[gort::test(explore = 100)]
fn a_test_of_many_seeds() {
    lock_order(RIGHT);
}

#[gort::test(explore = 1000)]
#[should_panic(expected = "GORT_SIM_SEED=")]
fn a_test_that_fails_says_how_to_repeat_it() {
    lock_order(FAULTY);
}

/// A simulation inside a goroutine of a runtime, and two at a time.
#[gort::test]
fn simulations_are_apart() {
    let runs: Vec<_> = (0..2).map(|_| go(everything)).collect();
    let logs: Vec<_> = runs.into_iter().map(|r| r.join().unwrap()).collect();
    assert_eq!(logs[0], logs[1]);
    assert!(!sim::is_simulated());
}
