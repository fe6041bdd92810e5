//! Datagrams over UDP and over Unix sockets, with time-outs, peeking, vectors, clones and half-closed
//! streams: what std promises of each.

use super::{net, os, sync, thread};
use net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;
use sync::{Arc, Barrier, mpsc};

const SOON: Option<Duration> = Some(Duration::from_millis(5));

/// The two ways in which systems say that the time is over.
fn over<T>(result: io::Result<T>) -> bool {
    matches!(result.map_err(|e| e.kind()), Err(ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

fn by_udp(said: &mut Vec<String>) -> io::Result<()> {
    let (a, b) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    let (at_a, at_b) = (a.local_addr()?, b.local_addr()?);
    assert_eq!(at_a.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    let echo = thread::spawn(move || -> io::Result<usize> {
        let mut buf = [0; 64];
        let (n, from) = b.recv_from(&mut buf)?;
        buf[..n].reverse();
        b.connect(from)?;
        b.send(&buf[..n])
    });
    a.set_read_timeout(SOON)?;
    said.push(format!("udp in time: {}", !over(a.recv_from(&mut [0; 8]))));
    a.set_read_timeout(None)?;
    a.send_to(b"parcel", at_b)?;
    let mut buf = [0; 64];
    let peeked = a.peek_from(&mut buf)?;
    assert_eq!(peeked, (6, at_b));
    let (n, _) = a.recv_from(&mut buf)?;
    said.push(format!("udp: {}", String::from_utf8_lossy(&buf[..n])));
    assert_eq!(echo.join().unwrap()?, 6);
    said.push(format!("udp peer: {:?}", a.peer_addr().map_err(|e| e.kind())));
    a.set_nonblocking(true)?;
    said.push(format!("udp empty: {:?}", a.recv(&mut buf).map_err(|e| e.kind())));
    Ok(())
}

fn by_unix(said: &mut Vec<String>) -> io::Result<()> {
    let (a, b) = UnixDatagram::pair()?;
    let sender = thread::spawn(move || (0..5).try_for_each(|n| a.send(&[n; 3]).map(|_| ())));
    let mut buf = [0; 16];
    for n in 0..5 {
        assert_eq!((b.recv(&mut buf)?, buf[2]), (3, n));
    }
    sender.join().unwrap()?;
    b.set_read_timeout(SOON)?;
    said.push(format!("unix end: {:?}", b.recv(&mut buf).map_err(|e| e.kind()).is_ok()));

    let path = std::env::temp_dir().join(format!("parcels-{}-{:p}", std::process::id(), &buf));
    let listener = UnixListener::bind(&path)?;
    let meet = Arc::new(Barrier::new(2));
    let met = Arc::clone(&meet);
    let server = thread::spawn(move || -> io::Result<String> {
        met.wait();
        let (mut stream, from) = listener.accept()?;
        assert!(from.is_unnamed());
        let mut all = String::new();
        stream.read_to_string(&mut all)?;
        stream.write_all(b"thanks")?;
        Ok(all)
    });
    meet.wait();
    let mut stream = UnixStream::connect(&path)?;
    std::fs::remove_file(&path)?;
    let n = stream.write_vectored(&[IoSlice::new(b"two "), IoSlice::new(b"parts")])?;
    assert_eq!(n, 9);
    stream.shutdown(Shutdown::Write)?;
    let mut back = String::new();
    stream.read_to_string(&mut back)?;
    said.push(format!("unix: {} {back}", server.join().unwrap()?));
    Ok(())
}

fn by_tcp(said: &mut Vec<String>) -> io::Result<()> {
    let listener = TcpListener::bind(("localhost", 0))?;
    let addr: SocketAddr = listener.local_addr()?;
    let (tx, rx) = mpsc::channel();
    thread::scope(|s| -> io::Result<()> {
        for n in 0..4_u8 {
            let tx = tx.clone();
            s.spawn(move || -> io::Result<()> {
                let mut stream = TcpStream::connect_timeout(&addr, Duration::from_secs(10))?;
                stream.set_nodelay(true)?;
                let mut again = stream.try_clone()?;
                stream.write_all(&[n; 10])?;
                let (mut head, mut tail) = ([0; 4], [0; 16]);
                let mut got = 0;
                while got < 10 {
                    let mut parts = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut tail)];
                    got += again.read_vectored(&mut parts)?;
                }
                tx.send((n, got)).unwrap();
                // Through a descriptor, and back.
                let stream = TcpStream::from(OwnedFd::from(stream));
                stream.shutdown(Shutdown::Both)
            });
        }
        for stream in listener.incoming().take(4) {
            let stream = stream?;
            s.spawn(move || io::copy(&mut &stream, &mut &stream).map(|_| ()));
        }
        Ok(())
    })?;
    drop(tx);
    let mut got: Vec<_> = rx.iter().collect();
    got.sort_unstable();
    said.push(format!("tcp: {got:?}"));
    let nobody = TcpStream::connect(addr);
    said.push(format!("tcp still listens: {}", nobody.is_ok()));
    drop(listener);
    let gone = TcpStream::connect(addr).map_err(|e| e.kind()).err();
    said.push(format!("tcp gone: {gone:?}"));
    listener_of_no_address(said);
    Ok(())
}

fn listener_of_no_address(said: &mut Vec<String>) {
    let none: &[SocketAddr] = &[];
    said.push(format!("{:?}", TcpListener::bind(none).map_err(|e| e.kind()).err()));
    said.push(format!("{:?}", TcpStream::connect(none).map_err(|e| e.kind()).err()));
}

pub(crate) fn run() -> Vec<String> {
    let mut said = Vec::new();
    by_udp(&mut said).unwrap();
    by_unix(&mut said).unwrap();
    by_tcp(&mut said).unwrap();
    said
}
