//! Property tests: goroutines that wait in a channel against the textbook's queues.

mod common;

use common::{Counted, Mint, World};
use gort_sync::{Sender, TryRecvError, TrySendError, bounded, never, select};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

#[derive(Clone, Debug)]
enum Step {
    Send,
    Recv,
    SelectSend,
    SelectRecv,
    TrySend,
    TryRecv,
    /// Calls the n-th of those that select and wait off.
    Cancel(usize),
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Send),
        4 => Just(Step::Recv),
        4 => Just(Step::SelectSend),
        4 => Just(Step::SelectRecv),
        2 => Just(Step::TrySend),
        2 => Just(Step::TryRecv),
        3 => (0usize..8).prop_map(Step::Cancel),
        1 => prop_oneof![9 => Just(Step::Send), 1 => Just(Step::Close)],
    ];
    proptest::collection::vec(step, 0..40)
}

/// How a waiter ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Sent,
    Got(u64),
    Closed,
    Cancelled,
}

type Ends = BTreeMap<u64, End>;

/// Channels as the textbook has them.
#[derive(Default)]
struct Textbook {
    cap: usize,
    queue: VecDeque<u64>,
    senders: VecDeque<u64>,
    receivers: VecDeque<u64>,
    closed: bool,
    ends: Ends,
}

impl Textbook {
    /// A send of `id`'s value; waiting is allowed or not. `None`: it would wait.
    fn send(&mut self, id: u64, wait: bool) -> Option<End> {
        let end = if self.closed {
            Some(End::Closed)
        } else if let Some(receiver) = self.receivers.pop_front() {
            self.ends.insert(receiver, End::Got(id));
            Some(End::Sent)
        } else if self.queue.len() < self.cap {
            self.queue.push_back(id);
            Some(End::Sent)
        } else {
            None
        };
        if wait {
            match end {
                Some(end) => _ = self.ends.insert(id, end),
                None => self.senders.push_back(id),
            }
        }
        end
    }

    fn recv(&mut self, id: u64, wait: bool) -> Option<End> {
        let waiting = |book: &mut Self| {
            let sender = book.senders.pop_front()?;
            book.ends.insert(sender, End::Sent);
            Some(sender)
        };
        let end = if let Some(value) = self.queue.pop_front() {
            if let Some(sender) = waiting(self) {
                self.queue.push_back(sender);
            }
            Some(End::Got(value))
        } else if let Some(sender) = waiting(self) {
            Some(End::Got(sender))
        } else if self.closed {
            Some(End::Closed)
        } else {
            None
        };
        if wait {
            match end {
                Some(end) => _ = self.ends.insert(id, end),
                None => self.receivers.push_back(id),
            }
        }
        end
    }

    fn close(&mut self) {
        self.closed = true;
        for id in self.senders.drain(..).chain(self.receivers.drain(..)) {
            self.ends.insert(id, End::Closed);
        }
    }

    fn cancel(&mut self, id: u64) {
        self.senders.retain(|&other| other != id);
        self.receivers.retain(|&other| other != id);
        self.ends.insert(id, End::Cancelled);
    }
}

/// Lets all others run until they wait, and until `ends` is as expected.
fn settle(ends: &Mutex<Ends>, want: &Ends) {
    for _ in 0..8 {
        gort_sched::thread::yield_now();
    }
    for _ in 0..200 {
        if *ends.lock().unwrap() == *want {
            return;
        }
        gort_sched::thread::yield_now();
    }
    assert_eq!(*ends.lock().unwrap(), *want);
}

fn check_waiters(cap: usize, steps: &[Step]) {
    let world = World::Goroutines;
    let mint = Mint::default();
    let (s, r) = bounded::<Counted>(cap);
    let mut book = Textbook { cap, ..Textbook::default() };
    let ends = Arc::new(Mutex::new(Ends::new()));
    let mut off_switches: BTreeMap<u64, Sender<()>> = BTreeMap::new();
    let mut tasks = vec![];
    for (id, step) in steps.iter().enumerate() {
        let id = id as u64;
        let (s1, r1, mint1, ends1) = (s.clone(), r.clone(), mint.clone(), Arc::clone(&ends));
        let tell = move |end| _ = ends1.lock().unwrap().insert(id, end);
        let mut off = || {
            let (on, off) = bounded(0);
            off_switches.insert(id, on);
            off
        };
        let got = |res: Result<Counted, _>| res.map_or(End::Closed, |coin| End::Got(coin.value));
        match step {
            Step::Send => {
                book.send(id, true);
                tasks.push(world.go(move || {
                    tell(s1.send(mint1.coin(id)).map_or(End::Closed, |()| End::Sent));
                }));
            }
            Step::Recv => {
                book.recv(id, true);
                tasks.push(world.go(move || tell(got(r1.recv().map_err(drop)))));
            }
            Step::SelectSend => {
                book.send(id, true);
                let off = off();
                tasks.push(world.go(move || {
                    tell(select! {
                        send(s1, mint1.coin(id)) -> res => res.map_or(End::Closed, |()| End::Sent),
                        recv(off) -> _ => End::Cancelled,
                        recv(never::<()>()) -> _ => unreachable!(),
                    });
                }));
            }
            Step::SelectRecv => {
                book.recv(id, true);
                let off = off();
                tasks.push(world.go(move || {
                    tell(select! {
                        recv(off) -> _ => End::Cancelled,
                        recv(r1) -> res => got(res.map_err(drop)),
                    });
                }));
            }
            Step::TrySend => {
                let end = match s.try_send(mint.coin(id)) {
                    Ok(()) => Some(End::Sent),
                    Err(TrySendError::Full(_)) => None,
                    Err(TrySendError::Disconnected(_)) => Some(End::Closed),
                };
                assert_eq!(end, book.send(id, false));
            }
            Step::TryRecv => {
                let end = match r.try_recv() {
                    Ok(coin) => Some(End::Got(coin.value)),
                    Err(TryRecvError::Empty) => None,
                    Err(TryRecvError::Disconnected) => Some(End::Closed),
                };
                assert_eq!(end, book.recv(id, false));
            }
            Step::Cancel(n) => {
                off_switches.retain(|id, _| !book.ends.contains_key(id));
                if let Some(&id) = off_switches.keys().nth(*n) {
                    book.cancel(id);
                    off_switches.remove(&id);
                }
            }
            Step::Close => {
                s.close();
                book.close();
            }
        }
        settle(&ends, &book.ends);
        assert_eq!(s.len(), book.queue.len());
        assert_eq!(
            mint.alive(),
            book.queue.len() + eager_senders(&book, steps),
            "each value is owned once"
        );
    }
    s.close();
    book.close();
    settle(&ends, &book.ends);
    tasks.into_iter().for_each(|task| task.join());
    assert_eq!(r.try_iter().map(|coin| coin.value).collect::<VecDeque<_>>(), book.queue);
    assert_eq!(mint.alive(), 0);
}

/// Waiting senders that have their value in hand; a select makes it later.
fn eager_senders(book: &Textbook, steps: &[Step]) -> usize {
    book.senders.iter().filter(|&&id| matches!(steps[id as usize], Step::Send)).count()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// CHAN-2, CHAN-3, CHAN-4, WAIT-2, WAIT-3.
    #[test]
    fn waiters_are_served_in_order(cap in 0usize..3, steps in steps()) {
        gort_sched::testing::run(1, move || check_waiters(cap, &steps));
    }
}
