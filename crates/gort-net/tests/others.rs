//! UDP, Unix sockets and any descriptor, in all worlds.

mod common;

use common::{everywhere, on_goroutines, pause, spawn};
use gort_net::unix::{UnixDatagram, UnixListener, UnixStream};
use gort_net::{Pollable, Shutdown, UdpSocket};
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

#[test]
fn datagrams() {
    everywhere(|| {
        let a = UdpSocket::bind("127.0.0.1:0").unwrap();
        let b = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (at_a, at_b) = (a.local_addr().unwrap(), b.local_addr().unwrap());
        let echo = spawn(move || {
            let mut buf = [0; 32];
            let (n, from) = b.recv_from(&mut buf).unwrap();
            assert_eq!(from, at_a);
            b.connect(from).unwrap();
            assert_eq!(b.peer_addr().unwrap(), from);
            b.send(&buf[..n]).unwrap();
            assert_eq!(b.peek(&mut buf).unwrap(), 3);
            assert_eq!(b.recv(&mut buf).unwrap(), 3);
        });
        pause();
        assert_eq!(a.send_to(b"over", at_b).unwrap(), 4);
        let mut buf = [0; 32];
        assert_eq!(a.peek_from(&mut buf).unwrap(), (4, at_b));
        assert_eq!(a.recv_from(&mut buf).unwrap(), (4, at_b));
        a.try_clone().unwrap().send_to(b"out", at_b).unwrap();
        echo.join();
        a.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let e = a.recv_from(&mut buf).unwrap_err();
        assert!(matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
        a.set_broadcast(true).unwrap();
        assert!(a.broadcast().unwrap());
        a.set_ttl(33).unwrap();
        assert_eq!(a.ttl().unwrap(), 33);
        let none: &[std::net::SocketAddr] = &[];
        assert_eq!(a.send_to(b"", none).unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

/// A path that nobody else has.
fn path() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // ORDER: Relaxed — numbers only have to differ.
    let name = format!("gort-net-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
    std::env::temp_dir().join(name)
}

#[test]
fn unix_streams() {
    everywhere(|| {
        let path = path();
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(UnixListener::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path));
        let addr = listener.local_addr().unwrap();
        let server = spawn(move || {
            for stream in listener.incoming().take(2) {
                let mut stream = stream.unwrap();
                let mut said = String::new();
                stream.read_to_string(&mut said).unwrap();
                stream.write_all(said.to_uppercase().as_bytes()).unwrap();
            }
        });
        for by_path in [true, false] {
            let stream =
                if by_path { UnixStream::connect(&path) } else { UnixStream::connect_addr(&addr) };
            let mut stream = stream.unwrap();
            stream.write_all(b"quiet").unwrap();
            pause();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut back = String::new();
            stream.read_to_string(&mut back).unwrap();
            assert_eq!(back, "QUIET");
        }
        server.join();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(UnixStream::connect(&path).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn unix_pairs_and_abstract_names() {
    everywhere(|| {
        let (mut a, mut b) = UnixStream::pair().unwrap();
        let writer = spawn(move || a.write_all(&vec![1; 1 << 20]).unwrap());
        pause();
        let mut all = Vec::new();
        b.read_to_end(&mut all).unwrap();
        assert_eq!(all.len(), 1 << 20);
        writer.join();
        #[cfg(target_os = "linux")]
        {
            use std::os::linux::net::SocketAddrExt;
            let name = path();
            let name = name.as_os_str().as_encoded_bytes();
            let addr = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
            let listener = UnixListener::bind_addr(&addr).unwrap();
            let client = spawn(move || UnixStream::connect_addr(&addr).unwrap());
            let (stream, _) = listener.accept().unwrap();
            assert_eq!(stream.local_addr().unwrap().as_pathname(), None);
            drop(client.join());
        }
    });
}

/// The line of a listener is full: a connect waits its turn.
#[test]
fn unix_connects_wait_in_line() {
    on_goroutines(|| {
        let path = path();
        let listener = UnixListener::bind(&path).unwrap();
        // Makes the line short.
        socket2::SockRef::from(&listener).listen(0).unwrap();
        let clients: Vec<_> = (0..6)
            .map(|_| {
                let path = path.clone();
                spawn(move || UnixStream::connect(path).unwrap())
            })
            .collect();
        pause();
        let held: Vec<_> = listener.into_iter().take(6).map(|s| s.unwrap()).collect();
        clients.into_iter().for_each(|c| drop(c.join()));
        drop(held);
        std::fs::remove_file(&path).unwrap();
    });
}

#[test]
fn unix_datagrams() {
    everywhere(|| {
        let (at_a, at_b) = (path(), path());
        let a = UnixDatagram::bind(&at_a).unwrap();
        let b = UnixDatagram::bind(&at_b).unwrap();
        // Far more than a socket's queue holds: the sender waits for the receiver.
        let to = at_b.clone();
        let sender = spawn(move || {
            for n in 0..300u32 {
                a.send_to(&n.to_le_bytes(), &to).unwrap();
            }
            a
        });
        pause();
        for n in 0..300u32 {
            let mut buf = [0; 8];
            let (len, from) = b.recv_from(&mut buf).unwrap();
            assert_eq!((&buf[..len], from.as_pathname()), (&n.to_le_bytes()[..], Some(&*at_a)));
        }
        drop(sender.join());
        let (c, d) = UnixDatagram::pair().unwrap();
        let receiver = spawn(move || {
            let mut buf = [0; 8];
            (0..300).map(|_| d.recv(&mut buf).unwrap()).sum::<usize>()
        });
        for _ in 0..300 {
            c.send(b"xy").unwrap();
        }
        assert_eq!(receiver.join(), 600);
        std::fs::remove_file(&at_a).unwrap();
        std::fs::remove_file(&at_b).unwrap();
    });
}

#[test]
fn any_descriptor() {
    everywhere(|| {
        let (reader, writer) = std::io::pipe().unwrap();
        let (reader, writer) = (Pollable::new(reader), Pollable::new(writer));
        assert!(!reader.readable_timeout(Duration::from_millis(5)).unwrap());
        assert!(writer.writable_timeout(Duration::from_millis(5)).unwrap());
        let filler = spawn(move || {
            (&writer).write_all(&vec![3; 1 << 20]).unwrap();
            writer
        });
        pause();
        reader.readable().unwrap();
        let mut all = vec![0; 1 << 20];
        (&reader).read_exact(&mut all).unwrap();
        let writer = filler.join();
        writer.writable().unwrap();
        assert!(!reader.readable_timeout(Duration::from_millis(5)).unwrap());
        drop(writer.into_inner());
        reader.readable().unwrap();
        assert_eq!((&reader).read(&mut [0; 4]).unwrap(), 0);
    });
}

#[test]
fn a_file_cannot_be_watched() {
    on_goroutines(|| {
        let file = Pollable::new(std::fs::File::open("/proc/self/exe").unwrap());
        let mut tries = 0;
        let e = file.read_with(|_| -> std::io::Result<()> {
            tries += 1;
            Err(ErrorKind::WouldBlock.into())
        });
        assert_eq!((e.unwrap_err().kind(), tries), (ErrorKind::PermissionDenied, 1));
    });
}
