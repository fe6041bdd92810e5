//! Property tests: channels against the obvious queue.

mod common;

use common::{Counted, Mint};
use gort_sync::{
    Receiver, Select, SelectedOperation, Sender, TryRecvError, TrySendError, bounded, select,
    unbounded,
};
use proptest::prelude::*;
use std::collections::VecDeque;

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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// CHAN-1, and each value is owned exactly once.
    #[test]
    fn a_channel_is_a_queue(cap in caps(), ops in ops()) {
        check_one_thread(cap, &ops);
    }
}
