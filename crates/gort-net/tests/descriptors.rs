//! Descriptors that have gone, come again, are shared with others, or are used in both directions at once.

mod common;

use common::{everywhere, on_goroutines, pause, spawn, until};
use gort_net::unix::UnixStream;
use gort_net::{Shutdown, TcpListener, TcpStream};
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, client)
}

fn is_late(e: &std::io::Error) -> bool {
    matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// NET-3 of gort-sched: events that come for a descriptor of before do the next one of the same number no harm.
#[test]
fn stale_events_after_close() {
    on_goroutines(|| {
        let stop = Arc::new(AtomicBool::new(false));
        // Somebody who keeps the poller busy, so that events lie about.
        let busy = {
            let (mut a, mut b) = UnixStream::pair().unwrap();
            let stop = Arc::clone(&stop);
            let echo = spawn(move || {
                let mut byte = [0];
                while b.read(&mut byte).unwrap() == 1 {
                    b.write_all(&byte).unwrap();
                }
            });
            spawn(move || {
                // ORDER: SeqCst — a flag of a test.
                while !stop.load(SeqCst) {
                    a.write_all(&[1]).unwrap();
                    a.read_exact(&mut [0]).unwrap();
                }
                drop(a);
                echo.join();
            })
        };
        for round in 0..200_u8 {
            // One end waits, is told, and is closed with the event on its way.
            let (old, mut other) = UnixStream::pair().unwrap();
            let old = Arc::new(old);
            old.set_read_timeout(Some(Duration::from_micros(50))).unwrap();
            let _ = (&*old).read(&mut [0]);
            other.write_all(&[round]).unwrap();
            drop(old);
            drop(other);
            // The next one has the descriptor's number, and its record.
            let (mut new, mut other) = UnixStream::pair().unwrap();
            new.set_read_timeout(Some(Duration::from_micros(200))).unwrap();
            assert!(is_late(&new.read(&mut [0]).unwrap_err()), "nothing was sent to it");
            new.set_read_timeout(None).unwrap();
            let reader = spawn(move || {
                let mut buf = [0; 2];
                new.read_exact(&mut buf).unwrap();
                buf
            });
            other.write_all(&[round, 1]).unwrap();
            assert_eq!(reader.join(), [round, 1]);
        }
        stop.store(true, SeqCst); // ORDER: SeqCst — a flag of a test.
        busy.join();
    });
}

/// The kernel watches the open file, not the descriptor: another descriptor of the same file lives on.
#[test]
fn another_descriptor_of_the_same_file() {
    everywhere(|| {
        let (a, mut b) = tcp_pair();
        a.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        assert!(is_late(&(&a).read(&mut [0]).unwrap_err()), "it is registered now");
        a.set_read_timeout(None).unwrap();
        let copies: Vec<OwnedFd> =
            (0..3).map(|_| a.as_fd().try_clone_to_owned().unwrap()).collect();
        drop(a);
        // Events of the file that nobody watches any more.
        b.write_all(b"for the copies").unwrap();
        pause();
        for (n, copy) in copies.into_iter().enumerate() {
            let mut copy = TcpStream::from(copy);
            // The open file does not block, so that is what the copy takes for its user's wish.
            copy.set_nonblocking(false).unwrap();
            let mut buf = [0; 4];
            if n < 2 {
                copy.read_exact(&mut buf).unwrap();
            } else {
                let waits = spawn(move || {
                    let mut rest = String::new();
                    copy.read_to_string(&mut rest).unwrap();
                    rest
                });
                pause();
                b.shutdown(Shutdown::Write).unwrap();
                assert_eq!(waits.join(), "copies");
                break;
            }
        }
    });
}

/// A child process has the file, too: it writes to it and reads from it, while goroutines wait for it.
#[test]
fn a_file_shared_with_a_child() {
    everywhere(|| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let input = OwnedFd::from(theirs.try_clone().unwrap());
        let mut child = Command::new("sh")
            .args(["-c", "read line; echo \"child: $line\""])
            // The child's end must block, and does when our handles give it away.
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stdin(Stdio::from(input))
            .spawn()
            .unwrap();
        let mut reader = ours.try_clone().unwrap();
        let waits = spawn(move || {
            let mut said = String::new();
            reader.read_to_string(&mut said).unwrap();
            said
        });
        pause();
        (&ours).write_all(b"hello\n").unwrap();
        assert_eq!(waits.join(), "child: hello\n");
        assert!(child.wait().unwrap().success());
    });
}

/// Each direction has its own time; neither disturbs the other.
#[test]
fn deadlines_of_both_directions() {
    everywhere(|| {
        let (a, b) = tcp_pair();
        let a = Arc::new(a);
        a.set_read_timeout(Some(Duration::from_millis(15))).unwrap();
        a.set_write_timeout(Some(Duration::from_millis(40))).unwrap();
        let reads = {
            let a = Arc::clone(&a);
            spawn(move || {
                let begun = Instant::now();
                let e = (&*a).read(&mut [0]).unwrap_err();
                assert!(is_late(&e), "{e}");
                begun.elapsed()
            })
        };
        let writes = {
            let a = Arc::clone(&a);
            spawn(move || {
                let chunk = vec![1; 1 << 16];
                let begun = Instant::now();
                let mut last = begun;
                loop {
                    match (&*a).write(&chunk) {
                        Ok(n) => {
                            assert!(n > 0);
                            last = Instant::now();
                        }
                        Err(e) => {
                            assert!(is_late(&e), "{e}");
                            return last.elapsed();
                        }
                    }
                }
            })
        };
        assert!(reads.join() >= Duration::from_millis(15));
        assert!(writes.join() >= Duration::from_millis(40));
        // What has timed out is as good as before.
        (&b).write_all(b"x").unwrap();
        (&*a).read_exact(&mut [0]).unwrap();
    });
}

/// Closed for one direction, a stream still serves the other, whoever waits meanwhile.
#[test]
fn half_closed() {
    everywhere(|| {
        let (a, b) = tcp_pair();
        let a = Arc::new(a);
        let waits = {
            let a = Arc::clone(&a);
            spawn(move || {
                let mut all = Vec::new();
                (&*a).read_to_end(&mut all).unwrap();
                all.len()
            })
        };
        pause();
        a.shutdown(Shutdown::Write).unwrap();
        assert_eq!((&*a).write(b"no").unwrap_err().kind(), ErrorKind::BrokenPipe);
        // The other side hears the end, and still answers.
        assert_eq!((&b).read(&mut [0]).unwrap(), 0);
        let chunk = vec![3; 300_000];
        (&b).write_all(&chunk).unwrap();
        assert_eq!((&b).read(&mut [0]).unwrap(), 0, "the end stays");
        drop(b);
        assert_eq!(waits.join(), chunk.len());
        assert_eq!((&*a).read(&mut [0]).unwrap(), 0);
    });
}

/// Vectors, through buffers that are too small for them: nothing is twice or lost.
#[test]
fn vectors_that_do_not_fit() {
    everywhere(|| {
        const ALL: usize = 2_000_000;
        let (mut a, b) = tcp_pair();
        let writer = spawn(move || {
            let data: Vec<u8> = (0..ALL).map(|n| (n % 241) as u8).collect();
            let mut at = 0;
            while at < ALL {
                let parts = data[at..].chunks(1_111).take(700).map(IoSlice::new);
                at += a.write_vectored(&parts.collect::<Vec<_>>()).unwrap();
            }
        });
        let (mut at, mut bufs) = (0, vec![vec![0; 997]; 90]);
        loop {
            let mut parts: Vec<_> = bufs.iter_mut().map(|b| IoSliceMut::new(b)).collect();
            let n = (&b).read_vectored(&mut parts).unwrap();
            if n == 0 {
                break;
            }
            for &byte in bufs.iter().flatten().take(n) {
                assert_eq!(byte, (at % 241) as u8, "byte {at}");
                at += 1;
            }
        }
        assert_eq!(at, ALL);
        writer.join();
    });
}

/// Who closes a listener ends all who accept from it, goroutines and plain threads alike.
#[test]
fn close_ends_mixed_waiters() {
    on_goroutines(|| {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let ends = Arc::new(Mutex::new(Vec::new()));
        let accept = || {
            let (listener, ends) = (Arc::clone(&listener), Arc::clone(&ends));
            move || {
                let kind = listener.accept().unwrap_err().kind();
                ends.lock().unwrap().push(kind);
            }
        };
        let goroutines: Vec<_> = (0..3).map(|_| spawn(accept())).collect();
        let threads: Vec<_> = (0..3).map(|_| std::thread::spawn(accept())).collect();
        pause();
        listener.close();
        goroutines.into_iter().for_each(common::Task::join);
        until(|| ends.lock().unwrap().len() == 6);
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert!(ends.lock().unwrap().iter().all(|&kind| kind == ErrorKind::NotConnected));
    });
}
