//! TCP as std's tests have it, in our own words, in all worlds.

mod common;

use common::{everywhere, on_goroutines, pause, spawn};
use gort_net::{Shutdown, TcpListener, TcpStream};
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Two ends of a connection.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let client = spawn(move || TcpStream::connect(addr).unwrap());
    let (server, peer) = listener.accept().unwrap();
    let client = client.join();
    assert_eq!(client.local_addr().unwrap(), peer);
    assert_eq!(server.peer_addr().unwrap(), peer);
    assert_eq!(client.peer_addr().unwrap(), addr);
    (server, client)
}

#[test]
fn ends_and_halves() {
    everywhere(|| {
        let (mut server, mut client) = pair();
        // A reader that waits sees the half close, and can still answer.
        let answer = spawn(move || {
            let mut said = String::new();
            server.read_to_string(&mut said).unwrap();
            assert_eq!(server.read(&mut [0]).unwrap(), 0, "the end stays");
            server.write_all(b"I heard ").unwrap();
            server.write_all(said.as_bytes()).unwrap();
        });
        pause();
        client.write_all(b"half").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        let mut heard = String::new();
        client.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "I heard half");
        answer.join();
    });
}

/// IO-2: a short read and the end, which both were there before anybody looked.
#[test]
fn the_end_right_behind_a_short_read() {
    everywhere(|| {
        let (mut server, mut client) = pair();
        for last in [false, true] {
            client.write_all(b"bit").unwrap();
            if last {
                client.shutdown(Shutdown::Write).unwrap();
            }
            pause();
            let mut buf = [0; 64];
            assert_eq!(server.read(&mut buf).unwrap(), 3);
        }
        assert_eq!(server.read(&mut [0; 64]).unwrap(), 0);
    });
}

#[test]
fn time_outs() {
    everywhere(|| {
        let (server, mut client) = pair();
        let zero = server.set_read_timeout(Some(Duration::ZERO)).unwrap_err();
        assert_eq!(zero.kind(), ErrorKind::InvalidInput);
        let time = Duration::from_millis(20);
        server.set_read_timeout(Some(time)).unwrap();
        assert_eq!(server.read_timeout().unwrap(), Some(time));
        assert_eq!(server.try_clone().unwrap().read_timeout().unwrap(), Some(time), "shared");
        for _ in 0..3 {
            let begun = Instant::now();
            let e = (&server).read(&mut [0; 8]).unwrap_err();
            assert!(matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{e}");
            assert!(begun.elapsed() >= time);
            // What comes afterwards is not lost.
            client.write_all(b"late").unwrap();
            server.set_read_timeout(None).unwrap();
            let mut buf = [0; 4];
            (&server).read_exact(&mut buf).unwrap();
            assert_eq!(&buf, b"late");
            server.set_read_timeout(Some(time)).unwrap();
        }
        // A writer that nobody reads from.
        client.set_write_timeout(Some(time)).unwrap();
        let chunk = vec![7; 1 << 16];
        let e = loop {
            match client.write(&chunk) {
                Ok(n) => assert!(n > 0),
                Err(e) => break e,
            }
        };
        assert!(matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{e}");
    });
}

#[test]
fn a_full_buffer_and_a_slow_reader() {
    everywhere(|| {
        const ALL: usize = 8 << 20;
        let (mut server, mut client) = pair();
        let writer = spawn(move || {
            let data: Vec<u8> = (0..ALL).map(|n| (n % 251) as u8).collect();
            client.write_all(&data).unwrap();
        });
        let mut got = 0;
        let mut buf = vec![0; 70_000];
        loop {
            let n = server.read(&mut buf).unwrap();
            if n == 0 {
                break;
            }
            for (k, byte) in buf[..n].iter().enumerate() {
                assert_eq!(*byte, ((got + k) % 251) as u8);
            }
            got += n;
        }
        assert_eq!(got, ALL);
        writer.join();
    });
}

#[test]
fn would_block_when_asked() {
    everywhere(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        let (server, mut client) = pair();
        let clone = server.try_clone().unwrap();
        clone.set_nonblocking(true).unwrap();
        assert_eq!((&server).read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock, "shared");
        server.set_nonblocking(false).unwrap();
        client.write_all(b"now").unwrap();
        let mut buf = [0; 3];
        (&server).read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"now");
    });
}

#[test]
fn peek_and_vectors() {
    everywhere(|| {
        let (mut server, mut client) = pair();
        let n =
            client.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")]);
        assert_eq!(n.unwrap(), 5);
        let mut small = [0; 3];
        assert_eq!(server.peek(&mut small).unwrap(), 3);
        let (mut a, mut b) = ([0; 1], [0; 9]);
        let mut bufs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!(server.read_vectored(&mut bufs).unwrap(), 5);
        assert_eq!((&a, &b[..4]), (b"a", &b"bcde"[..]));
        // A peek waits, too, and takes nothing.
        let peeker = spawn(move || {
            assert_eq!(server.peek(&mut [0; 8]).unwrap(), 1);
            let mut buf = [0; 8];
            assert_eq!(server.read(&mut buf).unwrap(), 1);
        });
        pause();
        client.write_all(b"z").unwrap();
        peeker.join();
    });
}

#[test]
fn shutdown_wakes_who_waits_on_a_clone() {
    everywhere(|| {
        let (server, client) = pair();
        let clone = server.try_clone().unwrap();
        let reader = spawn(move || (&clone).read(&mut [0; 8]).unwrap());
        pause();
        server.shutdown(Shutdown::Read).unwrap();
        assert_eq!(reader.join(), 0);
        drop(client);
    });
}

/// SYNC-9: `close` ends the waits of all, and those to come.
#[test]
fn close_wakes_who_waits() {
    on_goroutines(|| {
        let listener = std::sync::Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let listener = std::sync::Arc::clone(&listener);
                spawn(move || listener.accept().unwrap_err().kind())
            })
            .collect();
        pause();
        listener.close();
        for task in waiting {
            assert_eq!(task.join(), ErrorKind::NotConnected);
        }
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::NotConnected);
    });
}

#[test]
fn many_take_from_one_listener() {
    everywhere(|| {
        let listener = std::sync::Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let addr = listener.local_addr().unwrap();
        let takers: Vec<_> = (0..8)
            .map(|_| {
                let listener = std::sync::Arc::clone(&listener);
                spawn(move || {
                    for _ in 0..5 {
                        let (mut stream, _) = listener.accept().unwrap();
                        stream.write_all(b"!").unwrap();
                    }
                })
            })
            .collect();
        pause();
        for _ in 0..40 {
            let mut stream = TcpStream::connect(addr).unwrap();
            assert_eq!(stream.read(&mut [0; 4]).unwrap(), 1);
        }
        takers.into_iter().for_each(|t| t.join());
    });
}

/// Several readers of one socket: what one leaves behind, another gets.
#[test]
fn many_read_from_one_stream() {
    everywhere(|| {
        let (server, mut client) = pair();
        let server = std::sync::Arc::new(server);
        let readers: Vec<_> = (0..5)
            .map(|_| {
                let server = std::sync::Arc::clone(&server);
                spawn(move || {
                    let mut got = 0;
                    while (&*server).read(&mut [0; 1]).unwrap() == 1 {
                        got += 1;
                    }
                    got
                })
            })
            .collect();
        pause();
        for _ in 0..20 {
            client.write_all(&[1; 10]).unwrap();
        }
        drop(client);
        assert_eq!(readers.into_iter().map(|r| r.join()).sum::<i32>(), 200);
    });
}

#[test]
fn connects_that_fail() {
    everywhere(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        assert_eq!(TcpStream::connect(addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let limit = Duration::from_secs(5);
        let e = TcpStream::connect_timeout(&addr, limit).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::ConnectionRefused);
        let e = TcpStream::connect_timeout(&addr, Duration::ZERO).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidInput);
        let none: &[std::net::SocketAddr] = &[];
        assert_eq!(TcpStream::connect(none).unwrap_err().kind(), ErrorKind::InvalidInput);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let both = [addr, listener.local_addr().unwrap()];
        TcpStream::connect(&both[..]).expect("the second address answers");
        TcpStream::connect(("localhost", both[1].port())).expect("a name is resolved");
    });
}

/// A connect that nobody answers: the line of a listener that does not accept is full.
#[test]
fn a_connect_gives_up_in_time() {
    on_goroutines(|| {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&any.into()).unwrap();
        socket.listen(0).unwrap();
        let addr = socket.local_addr().unwrap().as_socket().unwrap();
        let mut held = Vec::new();
        let e = loop {
            match TcpStream::connect_timeout(&addr, Duration::from_millis(50)) {
                Ok(stream) => held.push(stream),
                Err(e) => break e,
            }
            assert!(held.len() < 100, "the line does not fill");
        };
        assert_eq!(e.kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn settings_and_handles() {
    everywhere(|| {
        let (server, mut client) = pair();
        server.set_nodelay(true).unwrap();
        assert!(server.nodelay().unwrap());
        server.set_ttl(99).unwrap();
        assert_eq!(server.ttl().unwrap(), 99);
        assert!(server.take_error().unwrap().is_none());
        assert!(format!("{server:?}").starts_with("TcpStream"), "{server:?}");
        // Out to std and back: std's own blocks again, ours does not.
        // (The kernel keeps time-outs in ticks.)
        let time = Duration::from_millis(20);
        server.set_read_timeout(Some(time)).unwrap();
        let fd = server.as_raw_fd();
        let std: std::net::TcpStream = server.into();
        assert_eq!(std.as_raw_fd(), fd);
        assert_eq!(std.read_timeout().unwrap(), Some(time), "handed over");
        assert!((&std).read(&mut [0]).is_err());
        let server = TcpStream::from(OwnedFd::from(std));
        assert_eq!(server.read_timeout().unwrap(), Some(time), "and back");
        server.set_read_timeout(None).unwrap();
        let raw = server.into_raw_fd();
        // SAFETY: IO-3 — the descriptor was just given up.
        let mut server = unsafe { TcpStream::from_raw_fd(raw) };
        client.write_all(b"still").unwrap();
        let mut buf = [0; 5];
        server.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"still");
    });
}

/// NET-3: descriptors are used again at once, and nobody hears of their last owners.
#[test]
fn descriptors_come_back() {
    everywhere(|| {
        for round in 0..60 {
            let (mut server, mut client) = pair();
            let reader = spawn(move || {
                let mut buf = [0; 16];
                let n = server.read(&mut buf).unwrap();
                buf[..n].to_vec()
            });
            if round % 3 == 0 {
                pause();
            }
            client.write_all(format!("{round}").as_bytes()).unwrap();
            assert_eq!(reader.join(), format!("{round}").as_bytes());
        }
    });
}

/// Goroutines and plain threads on the two ends, and on clones of one end.
#[test]
fn threads_and_goroutines_mixed() {
    on_goroutines(|| {
        let (server, client) = pair();
        let clone = server.try_clone().unwrap();
        let thread = std::thread::spawn(move || {
            let mut buf = [0; 4];
            (&clone).read_exact(&mut buf).unwrap();
            (&clone).write_all(&buf).unwrap();
        });
        pause();
        (&client).write_all(b"ping").unwrap();
        let mut buf = [0; 4];
        (&client).read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"ping");
        gort_sched::thread::blocking(|| thread.join()).unwrap();
        let other = std::thread::spawn(move || {
            (&client).write_all(b"pong").unwrap();
            client
        });
        (&server).read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"pong");
        drop(gort_sched::thread::blocking(|| other.join()).unwrap());
    });
}
