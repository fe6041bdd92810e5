//! Property tests: channels against the obvious queue.

mod common;

use common::{Counted, Mint, World};
use gort_sync::{
    Receiver, Select, SelectedOperation, Sender, TryRecvError, TrySendError, bounded, never,
    select, unbounded,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

fn channel<T>(cap: Option<usize>) -> (Sender<T>, Receiver<T>) {
    cap.map_or_else(unbounded, bounded)
}

fn caps() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![Just(Some(0)), Just(Some(1)), Just(Some(3)), Just(None)]
}

// --- One thread: nothing waits -------------------------------------------------------------

#[derive(Clone, Debug)]
enum Op {
    TrySend,
    TryRecv,
    SelectSend,
    SelectRecv,
    /// Wins a send with a dynamic select and keeps the right.
    Reserve,
    /// Uses the oldest right that is kept.
    Redeem,
    /// Lets it go unused.
    GiveUp,
    CloneSender,
    DropSender,
    CloneReceiver,
    DropReceiver,
    Close,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => Just(Op::TrySend),
        6 => Just(Op::TryRecv),
        2 => Just(Op::SelectSend),
        2 => Just(Op::SelectRecv),
        2 => Just(Op::Reserve),
        1 => Just(Op::Redeem),
        1 => Just(Op::GiveUp),
        1 => Just(Op::CloneSender),
        1 => Just(Op::DropSender),
        1 => Just(Op::CloneReceiver),
        1 => Just(Op::DropReceiver),
        1 => prop_oneof![9 => Just(Op::TrySend), 1 => Just(Op::Close)],
    ];
    proptest::collection::vec(op, 0..60)
}

/// The obvious channel.
#[derive(Default)]
struct Model {
    queue: VecDeque<u64>,
    reserved: usize,
    closed: bool,
}

impl Model {
    fn room(&self, cap: Option<usize>) -> bool {
        cap.is_none_or(|cap| self.queue.len() + self.reserved < cap)
    }
}

fn check_one_thread(cap: Option<usize>, ops: &[Op]) {
    let mint = Mint::default();
    let mut model = Model::default();
    // The first of each stays, for the rights that are kept to borrow.
    let (s, r) = channel::<Counted>(cap);
    let (mut senders, mut receivers) = (vec![], vec![r]);
    let mut kept: VecDeque<SelectedOperation<'_>> = VecDeque::new();
    for (value, op) in ops.iter().enumerate() {
        let value = value as u64;
        match op {
            Op::TrySend | Op::SelectSend => {
                let coin = mint.coin(value);
                let got = if matches!(op, Op::TrySend) {
                    s.try_send(coin)
                } else {
                    select! {
                        send(s, coin) -> res => res.map_err(TrySendError::from),
                        default => Err(TrySendError::Full(coin)),
                    }
                };
                let want = match (model.closed, model.room(cap)) {
                    (true, _) => Err("Disconnected(..)"),
                    (_, false) => Err("Full(..)"),
                    _ => {
                        model.queue.push_back(value);
                        Ok(())
                    }
                };
                assert_eq!(got.map_err(|e| format!("{e:?}")), want.map_err(String::from));
            }
            Op::TryRecv | Op::SelectRecv => {
                let Some(r) = receivers.last() else { continue };
                let got = if matches!(op, Op::TryRecv) {
                    r.try_recv()
                } else {
                    select! {
                        recv(r) -> res => res.map_err(TryRecvError::from),
                        default => Err(TryRecvError::Empty),
                    }
                };
                let want = model.queue.pop_front().ok_or(match model.closed {
                    true => TryRecvError::Disconnected,
                    false => TryRecvError::Empty,
                });
                assert_eq!(got.map(|coin| coin.value), want);
            }
            Op::Reserve => {
                let mut sel = Select::new();
                sel.send(&s);
                let won = sel.try_select();
                assert_eq!(won.is_ok(), model.closed || model.room(cap));
                if let Ok(oper) = won {
                    // On a closed channel there is nothing to reserve.
                    model.reserved += usize::from(!model.closed);
                    kept.push_back(oper);
                }
            }
            Op::Redeem => {
                let Some(oper) = kept.pop_front() else { continue };
                let sent = oper.send(&s, mint.coin(value));
                assert_eq!(sent.is_ok(), !model.closed);
                model.reserved = model.reserved.saturating_sub(1);
                if !model.closed {
                    model.queue.push_back(value);
                }
            }
            Op::GiveUp => {
                let Some(oper) = kept.pop_front() else { continue };
                let dropped = std::panic::AssertUnwindSafe(|| drop(oper));
                assert!(std::panic::catch_unwind(dropped).is_err());
                model.reserved = model.reserved.saturating_sub(1);
            }
            Op::CloneSender => senders.push(s.clone()),
            // Never the last one: `s` stays.
            Op::DropSender => drop(senders.pop()),
            Op::CloneReceiver => receivers.extend(receivers.last().cloned()),
            Op::DropReceiver => {
                let had = receivers.pop().is_some();
                if had && receivers.is_empty() {
                    model.closed = true;
                    model.queue.clear();
                }
            }
            Op::Close => {
                assert_eq!(s.close(), !model.closed);
                model.closed = true;
            }
        }
        assert_eq!(s.len(), model.queue.len());
        assert_eq!(s.is_empty(), model.queue.is_empty());
        assert_eq!(s.is_full(), cap == Some(model.queue.len()));
        assert_eq!(mint.alive(), model.queue.len(), "each value is owned once");
    }
    for oper in kept {
        let _ = oper.send(&s, mint.coin(0));
    }
    drop(receivers);
    assert_eq!(mint.alive(), 0);
    assert!(s.try_send(mint.coin(0)).is_err());
}

// --- Many goroutines on one processor: who waits is served in order --------------------------

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
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// CHAN-1, and each value is owned exactly once.
    #[test]
    fn a_channel_is_a_queue(cap in caps(), ops in ops()) {
        check_one_thread(cap, &ops);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// CHAN-2, CHAN-3, CHAN-4, WAIT-2, WAIT-3.
    #[test]
    fn waiters_are_served_in_order(cap in 0usize..3, steps in steps()) {
        gort_sched::testing::run(1, move || check_waiters(cap, &steps));
    }
}
