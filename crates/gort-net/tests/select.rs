//! Descriptors as cases of a select, beside channels, timers and contexts, in all worlds.

mod common;

use common::{everywhere, on_goroutines, pause, spawn};
use gort_net::{Pollable, TcpListener, TcpStream};
use gort_sync::context::Context;
use gort_sync::{
    Receiver, Select, Sender, after, bounded, never, select, select_biased, unbounded,
};
use proptest::prelude::*;
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::sync::Arc;
use std::time::Duration;

fn pipe() -> (Pollable<PipeReader>, Pollable<PipeWriter>) {
    let (reader, writer) = std::io::pipe().unwrap();
    (Pollable::new(reader), Pollable::new(writer))
}

/// Which arm a select with a pipe, a channel and a timer takes.
fn which(reader: &Pollable<PipeReader>, r: &Receiver<u8>, time: Duration) -> &'static str {
    let timer = after(time);
    select! {
        readable(reader) -> ready => if ready.is_ok() { "pipe" } else { "closed" },
        recv(r) -> _ => "channel",
        recv(timer) -> _ => "timer",
    }
}

const SHORT: Duration = Duration::from_millis(3);
const LONG: Duration = Duration::from_secs(20);

#[test]
fn whichever_comes_first() {
    everywhere(|| {
        let (reader, mut writer) = pipe();
        let (s, r) = bounded(1);
        assert_eq!(which(&reader, &r, SHORT), "timer");
        s.send(1).unwrap();
        assert_eq!(which(&reader, &r, LONG), "channel");
        writer.write_all(b"x").unwrap();
        assert_eq!(which(&reader, &r, LONG), "pipe");
        assert_eq!(which(&reader, &r, LONG), "pipe", "nothing was taken from it");
        assert_eq!((&reader).read(&mut [0; 8]).unwrap(), 1);
        // Now each comes while it is waited for.
        for round in 0..20 {
            let (mut late, s) = (writer.get_ref().try_clone().unwrap(), s.clone());
            let other = spawn(move || {
                pause();
                if round % 2 == 0 { late.write_all(b"y").unwrap() } else { s.send(2).unwrap() }
            });
            if round % 2 == 0 {
                assert_eq!(which(&reader, &r, LONG), "pipe");
                assert_eq!((&reader).read(&mut [0; 8]).unwrap(), 1);
            } else {
                assert_eq!(which(&reader, &r, LONG), "channel");
            }
            other.join();
        }
        drop(writer);
        assert_eq!(which(&reader, &r, LONG), "pipe", "its end can be read");
        assert_eq!((&reader).read(&mut [0; 8]).unwrap(), 0);
    });
}

#[test]
fn a_default_asks_the_kernel() {
    everywhere(|| {
        let (reader, mut writer) = pipe();
        let r = never::<()>();
        for there in [false, true, false] {
            let beside = select! {
                recv(r) -> _ => unreachable!(),
                readable(reader) -> ready => ready.is_ok(),
                default => false,
            };
            let alone = select! {
                readable(reader) -> ready => ready.is_ok(),
                default => false,
            };
            assert_eq!((beside, alone), (there, there));
            if there {
                assert_eq!((&reader).read(&mut [0; 8]).unwrap(), 1);
            } else {
                // A wait in vain: the poller knows it now, and the next `default` asks all the same.
                select! {
                    readable(reader) -> _ => unreachable!(),
                    default(SHORT) => (),
                }
                writer.write_all(b"z").unwrap();
            }
        }
    });
}

#[test]
fn room_and_data_in_one_statement() {
    everywhere(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let client = spawn(move || {
            pause();
            let stream = TcpStream::connect(addr).unwrap();
            let (mut sent, mut back) = (0, 0_usize);
            let (out, mut into) = (vec![7; 40_000], vec![0; 40_000]);
            while back < 2_000_000 {
                // Both directions by one goroutine: neither side's buffers can lock the other up.
                select! {
                    writable(stream) -> ready => {
                        ready.unwrap();
                        if sent < 2_000_000 {
                            stream.set_nonblocking(true).unwrap();
                            sent += (&stream).write(&out).unwrap_or(0);
                            stream.set_nonblocking(false).unwrap();
                            if sent >= 2_000_000 {
                                stream.shutdown(gort_net::Shutdown::Write).unwrap();
                            }
                        } else {
                            back += (&stream).read(&mut into).unwrap();
                        }
                    }
                    readable(&stream) -> ready => {
                        ready.unwrap();
                        back += (&stream).read(&mut into).unwrap();
                    }
                }
            }
            assert_eq!(sent, back);
        });
        let arrived = select! {
            readable(listener) -> ready => ready.is_ok(),
            default(LONG) => false,
        };
        assert!(arrived);
        let (mut stream, _) = listener.accept().unwrap();
        let mut buf = vec![0; 10_000];
        loop {
            match stream.read(&mut buf).unwrap() {
                0 => break,
                n => stream.write_all(&buf[..n]).unwrap(),
            }
        }
        drop(stream);
        client.join();
    });
}

/// PARK-2: also of a plain thread, which has to be rung.
#[test]
fn close_ends_the_wait_with_an_error() {
    everywhere(|| {
        let (reader, _writer) = pipe();
        let reader = Arc::new(reader);
        let r = never::<()>();
        let waits = Arc::clone(&reader);
        let waiter = spawn(move || {
            select! {
                readable(waits) -> ready => ready.unwrap_err().kind(),
                recv(r) -> _ => unreachable!(),
            }
        });
        let alone = Arc::clone(&reader);
        let reads = spawn(move || (&*alone).read(&mut [0; 8]).unwrap_err().kind());
        pause();
        reader.close();
        assert_eq!(waiter.join(), ErrorKind::NotConnected);
        assert_eq!(reads.join(), ErrorKind::NotConnected);
        let again = select! {
            readable(reader) -> ready => ready.unwrap_err().kind(),
        };
        assert_eq!(again, ErrorKind::NotConnected);
    });
}

#[test]
fn a_cancelled_context_ends_the_wait() {
    everywhere(|| {
        let (reader, _writer) = pipe();
        let (ctx, cancel) = Context::background().with_cancel();
        let other = spawn(move || {
            pause();
            cancel.cancel();
        });
        select! {
            readable(reader) -> _ => unreachable!("nobody writes"),
            recv(ctx.done()) -> _ => (),
        }
        other.join();
        let (ctx, _cancel) = Context::background().with_timeout(SHORT);
        select! {
            readable(reader) -> _ => unreachable!("nobody writes"),
            recv(ctx.done()) -> _ => (),
        }
    });
}

#[test]
fn a_list_of_operations() {
    everywhere(|| {
        let pipes: Vec<_> = (0..12).map(|_| pipe()).collect();
        let (s, r) = unbounded();
        for (n, (_, writer)) in pipes.iter().enumerate() {
            let mut sel = Select::new();
            let message = sel.recv(&r);
            let numbers: Vec<_> = pipes.iter().map(|(reader, _)| sel.readable(reader)).collect();
            assert!(sel.try_select().is_err());
            assert!(sel.ready_timeout(SHORT).is_err());
            let (mut late, s) = (writer.get_ref().try_clone().unwrap(), s.clone());
            let other = spawn(move || {
                pause();
                if n == 5 { s.send(5).unwrap() } else { late.write_all(b"n").unwrap() }
            });
            assert_eq!(sel.ready(), if n == 5 { message } else { numbers[n] });
            let oper = sel.select_timeout(LONG).unwrap();
            if n == 5 {
                assert_eq!((oper.index(), oper.recv(&r)), (message, Ok(5)));
            } else {
                assert_eq!(oper.index(), numbers[n]);
                oper.ready(&pipes[n].0).unwrap();
                assert_eq!((&pipes[n].0).read(&mut [0; 4]).unwrap(), 1);
            }
            other.join();
        }
        let room = select_biased! {
            readable(pipes[0].0) -> _ => false,
            writable(pipes[0].1) -> ready => ready.is_ok(),
        };
        assert!(room);
    });
}

#[test]
#[should_panic(expected = "passed a descriptor that wasn't selected")]
fn another_descriptor_does_not_complete_it() {
    let ((a, mut b), (c, _d)) = (pipe(), pipe());
    b.write_all(b"x").unwrap();
    let mut sel = Select::new();
    sel.readable(&a);
    let _ = sel.select().ready(&c);
}

/// One feeder of a select: a pipe, a channel with room, or one without.
enum Feeder {
    Pipe(Pollable<PipeWriter>),
    Channel(Sender<u8>),
}

enum Source {
    Pipe(Pollable<PipeReader>),
    Channel(Receiver<u8>),
}

/// Sends the numbers 0, 1, 2, .. from every feeder, with pauses; a select takes them all, in order, each
/// once, and then hears the ends.
fn nothing_is_lost(kinds: &[(u8, u8)], seed: u64, threads: bool) {
    let (mut sources, mut tasks) = (Vec::new(), Vec::new());
    for (n, &(kind, count)) in kinds.iter().enumerate() {
        let (feeder, source) = match kind {
            0 | 1 => {
                let (reader, writer) = pipe();
                (Feeder::Pipe(writer), Source::Pipe(reader))
            }
            capacity => {
                let (s, r) = bounded(usize::from(capacity - 2));
                (Feeder::Channel(s), Source::Channel(r))
            }
        };
        let mut pace = seed ^ (n as u64) << 32 | 1;
        let feed = move || {
            for i in 0..count {
                pace = pace.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                match pace >> 61 {
                    0 => gort_sched::thread::sleep(Duration::from_micros(pace >> 50 & 255)),
                    1 | 2 => gort_sched::thread::yield_now(),
                    _ => {}
                }
                match &feeder {
                    Feeder::Pipe(writer) => {
                        let mut writer = writer;
                        writer.write_all(&[i]).unwrap();
                    }
                    Feeder::Channel(s) => s.send(i).unwrap(),
                }
            }
        };
        // A plain thread feeds a goroutine as well as another does.
        tasks.push(if threads && n % 2 == 0 {
            common::Task::Thread(std::thread::spawn(feed))
        } else {
            spawn(feed)
        });
        sources.push(source);
    }
    let mut got = vec![0_u8; kinds.len()];
    let mut open: Vec<usize> = (0..kinds.len()).collect();
    while !open.is_empty() {
        let mut sel = Select::new();
        for &n in &open {
            match &sources[n] {
                Source::Pipe(reader) => sel.readable(reader),
                Source::Channel(r) => sel.recv(r),
            };
        }
        let oper = sel.select_timeout(LONG).expect("something is lost");
        let at = oper.index();
        let n = open[at];
        let mut buf = [0; 7];
        let came = match &sources[n] {
            Source::Pipe(reader) => {
                oper.ready(reader).unwrap();
                let mut reader = reader;
                let came = reader.read(&mut buf).unwrap();
                &buf[..came]
            }
            Source::Channel(r) => match oper.recv(r) {
                Ok(i) => {
                    buf[0] = i;
                    &buf[..1]
                }
                Err(_) => &[],
            },
        };
        for &i in came {
            assert_eq!(i, got[n], "in order, each once");
            got[n] += 1;
        }
        if came.is_empty() {
            open.remove(at);
        }
    }
    for (n, &(_, count)) in kinds.iter().enumerate() {
        assert_eq!(got[n], count);
    }
    tasks.into_iter().for_each(common::Task::join);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Against the simplest of models: what was sent is what comes.
    #[test]
    fn what_was_sent_comes_once(
        kinds in proptest::collection::vec((0..6_u8, 0..60_u8), 1..11),
        seed: u64,
        procs in 1..3_u32,
        threads: bool,
    ) {
        let run = move || nothing_is_lost(&kinds, seed, threads);
        gort_sched::testing::run(procs, run.clone());
        run();
    }
}

/// Several selects wait for one pipe and one channel: each message and each byte has one taker, and each
/// taker hears both ends.
#[test]
fn many_selects_share_a_descriptor() {
    on_goroutines(|| {
        const BYTES: usize = 600;
        let (reader, mut writer) = pipe();
        let (reader, (s, r)) = (Arc::new(reader), bounded(1));
        let takers: Vec<_> = (0..5)
            .map(|_| {
                let (reader, r) = (Arc::clone(&reader), r.clone());
                spawn(move || {
                    let (mut sums, mut open) = ([0, 0], r.clone());
                    loop {
                        select! {
                            readable(reader) -> ready => {
                                ready.unwrap();
                                // Another taker may be faster: then this waits for the next byte.
                                match (&*reader).read(&mut [0; 1]).unwrap() {
                                    0 => break,
                                    n => sums[0] += n,
                                }
                            }
                            recv(open) -> message => match message {
                                Ok(()) => sums[1] += 1,
                                Err(_) => open = never(),
                            }
                        }
                    }
                    sums[1] += r.iter().count();
                    sums
                })
            })
            .collect();
        drop(r);
        let mut messages = 0;
        for n in 0..BYTES {
            writer.write_all(b"b").unwrap();
            if n % 3 == 0 && s.try_send(()).is_ok() {
                messages += 1;
            }
        }
        drop(writer);
        drop(s);
        let sums = takers.into_iter().map(common::Task::join);
        let sums = sums.fold([0, 0], |a, b| [a[0] + b[0], a[1] + b[1]]);
        assert_eq!(sums, [BYTES, messages]);
    });
}
