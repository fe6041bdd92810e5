//! Schedulers that end, descriptors that run out: what becomes of sockets and of who waits for them.

mod common;

use common::pause;
use gort_net::unix::UnixStream;
use gort_net::{TcpListener, TcpStream};
use gort_sched::testing;
use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// A shutdown ends the waits of goroutines, whose destructors run.
#[test]
fn a_shutdown_unwinds_who_waits() {
    struct Flag(Arc<AtomicBool>);
    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.store(true, SeqCst); // ORDER: SeqCst — a flag of a test.
        }
    }
    for procs in [1, 2] {
        let gone = Arc::new(AtomicBool::new(false));
        let flag = Flag(Arc::clone(&gone));
        testing::run(procs, move || {
            gort_sched::go(move || {
                let _flag = flag;
                let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
                let _ = listener.accept();
                unreachable!("nobody connects");
            });
            pause();
        });
        assert!(gone.load(SeqCst)); // ORDER: SeqCst — as above.
    }
}

/// NET-6: a socket outlives the poller that it was registered with.
#[test]
fn a_socket_moves_to_another_scheduler() {
    let (mut a, mut b) = UnixStream::pair().expect("a pair");
    for round in 0..3u8 {
        (a, b) = testing::run(1, move || {
            a.set_read_timeout(Some(Duration::from_millis(2))).expect("a time");
            a.read(&mut [0]).expect_err("nothing yet");
            a.set_read_timeout(None).expect("no time");
            let reader = gort_sched::go(move || {
                let mut buf = [0; 8];
                assert_eq!(a.read(&mut buf).expect("read"), 1);
                (a, buf[0])
            });
            pause();
            b.write_all(&[round]).expect("write");
            let (a, byte) = reader.join().expect("the reader");
            assert_eq!(byte, round);
            (a, b)
        });
    }
}

/// NET-6: who waits with the poller of a scheduler that ends goes on with his own.
#[test]
fn who_waits_with_a_strange_poller() {
    let (a, mut b) = UnixStream::pair().expect("a pair");
    let a = Arc::new(a);
    let (end, ended) = mpsc::channel::<()>();
    let (registered, is_registered) = mpsc::channel::<()>();
    let first = {
        let a = Arc::clone(&a);
        std::thread::spawn(move || {
            testing::run(1, move || {
                a.set_read_timeout(Some(Duration::from_millis(2))).expect("a time");
                (&*a).read(&mut [0]).expect_err("nothing yet");
                a.set_read_timeout(None).expect("no time");
                registered.send(()).expect("told");
                gort_sched::thread::blocking(|| ended.recv()).expect("told");
            });
        })
    };
    is_registered.recv().expect("registered");
    let second = std::thread::spawn(move || {
        testing::run(1, move || (&*a).read(&mut [0; 4]).expect("read"));
    });
    std::thread::sleep(Duration::from_millis(20));
    end.send(()).expect("told");
    first.join().expect("the first scheduler");
    std::thread::sleep(Duration::from_millis(20));
    b.write_all(&[1]).expect("write");
    second.join().expect("the second scheduler");
}

/// Sleeps end beside a socket that somebody waits for, by the poller.
#[test]
fn timers_beside_sockets() {
    testing::run(1, || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let waiting = gort_sched::go(move || listener.accept().map(|_| listener));
        drop(waiting);
        pause();
        let begun = std::time::Instant::now();
        for _ in 0..20 {
            gort_sched::thread::sleep(Duration::from_micros(300));
        }
        assert!(begun.elapsed() >= Duration::from_millis(6));
    });
}

/// A child process of its own, as the limit holds for all of one. It runs the test of the same name.
fn in_a_child(test: &str) -> bool {
    if std::env::var_os("GORT_NET_CHILD").is_some() {
        return true;
    }
    let program = std::env::current_exe().expect("this program");
    let mut child = std::process::Command::new(program);
    child.args(["--exact", test, "--nocapture", "--test-threads", "1"]).env("GORT_NET_CHILD", "1");
    let output = child.output().expect("a child");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    false
}

fn limit(descriptors: u64) {
    let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: IO-3 — the structure lives over the calls.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut old), 0);
        old.rlim_cur = descriptors.min(old.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const old), 0);
    }
}

/// SYNC-9: a process out of descriptors gets the error, and later every connection.
#[test]
fn accept_without_descriptors() {
    if !in_a_child("accept_without_descriptors") {
        return;
    }
    for procs in [1, 2] {
        testing::run(procs, || {
            const CLIENTS: usize = 5;
            let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
            let addr = socket2::SockAddr::from(listener.local_addr().expect("address"));
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
                        .expect("a socket")
                })
                .collect();
            // Waits once, so that the poller has its own descriptors.
            let acceptor = gort_sched::go(move || {
                let mut refused = 0;
                let mut taken = Vec::new();
                while taken.len() < CLIENTS {
                    match listener.accept() {
                        Ok((stream, _)) => taken.push(stream),
                        Err(e) => {
                            assert_eq!(e.raw_os_error(), Some(libc::EMFILE), "{e}");
                            refused += 1;
                            limit(1024);
                        }
                    }
                }
                refused
            });
            pause();
            limit(3);
            for client in &clients {
                client.connect(&addr).expect("the line takes it");
            }
            assert!(acceptor.join().expect("the acceptor") >= 1);
        });
    }
}

#[test]
fn streams_run_out_as_errors() {
    if !in_a_child("streams_run_out_as_errors") {
        return;
    }
    testing::run(1, || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let addr = listener.local_addr().expect("address");
        limit(3);
        let e = TcpStream::connect(addr).expect_err("no descriptor");
        assert_eq!(e.raw_os_error(), Some(libc::EMFILE));
        // The poller itself cannot be made: an error of the wait, not an end of the process.
        let e = listener.accept().expect_err("no descriptor");
        assert_eq!(e.raw_os_error(), Some(libc::EMFILE), "{e}");
        limit(1024);
        let client = gort_sched::go(move || TcpStream::connect(addr).expect("connect"));
        listener.accept().expect("accept");
        drop(client.join());
    });
}

/// Signals without SA_RESTART interrupt who polls; nobody notices.
#[test]
fn interrupted_polls() {
    extern "C" fn nothing(_: libc::c_int) {}
    if !in_a_child("interrupted_polls") {
        return;
    }
    // SAFETY: IO-3 — an all-zero action is one without flags; the handler does nothing.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = nothing as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, core::ptr::null_mut()), 0);
    }
    let done = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&done);
    let pest = std::thread::spawn(move || {
        // ORDER: SeqCst — a flag of a test.
        while !stop.load(SeqCst) {
            for task in std::fs::read_dir("/proc/self/task").expect("tasks").flatten() {
                let tid: libc::pid_t = task.file_name().to_str().unwrap_or("").parse().unwrap_or(0);
                // SAFETY: IO-3 — a signal for a thread of this process, or an error.
                unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, libc::SIGUSR1) };
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    });
    common::on_goroutines(|| {
        let (mut a, mut b) = UnixStream::pair().expect("a pair");
        let echo = gort_sched::go(move || {
            let mut buf = [0; 8];
            loop {
                match b.read(&mut buf) {
                    Ok(0) => return,
                    Ok(n) => b.write_all(&buf[..n]).expect("write"),
                    Err(e) => assert_eq!(e.kind(), ErrorKind::Interrupted),
                }
            }
        });
        for n in 0..50u64 {
            a.write_all(&n.to_le_bytes()).expect("write");
            let mut back = [0; 8];
            a.read_exact(&mut back).expect("read");
            assert_eq!(u64::from_le_bytes(back), n);
            if n % 10 == 0 {
                pause();
            }
        }
        drop(a);
        echo.join().expect("echo");
    });
    done.store(true, SeqCst); // ORDER: SeqCst — as above.
    pest.join().expect("the pest");
}
