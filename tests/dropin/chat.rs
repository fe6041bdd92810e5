//! A server of lines over TCP and over a Unix socket, and its clients.

use super::{net, os, sync, thread};
use net::{Shutdown, TcpListener, TcpStream};
use os::unix::net::UnixStream;
use std::io::{BufRead, BufReader, Read, Write};
use sync::mpsc;
use sync::{Arc, Mutex};

fn serve<S: Read>(stream: S, mut answers: impl Write) {
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        let back: String = line.chars().rev().collect();
        writeln!(answers, "{back}").unwrap();
    }
}

pub(crate) fn run() -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let served = Arc::new(Mutex::new(0));
    let count = Arc::clone(&served);
    let server = thread::spawn(move || {
        let sessions: Vec<_> = listener
            .incoming()
            .take(3)
            .map(|stream| {
                let (stream, count) = (stream.unwrap(), Arc::clone(&count));
                thread::spawn(move || {
                    serve(&stream, &stream);
                    *count.lock().unwrap() += 1;
                })
            })
            .collect();
        sessions.into_iter().for_each(|s| s.join().unwrap());
    });
    let (tx, rx) = mpsc::channel();
    thread::scope(|s| {
        for client in 0..3 {
            let tx = tx.clone();
            s.spawn(move || {
                let mut stream = TcpStream::connect(addr).unwrap();
                stream.set_nodelay(true).unwrap();
                writeln!(stream, "hello {client}").unwrap();
                write!(stream, "bye {client}").unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                tx.send(answer).unwrap();
            });
        }
    });
    drop(tx);
    server.join().unwrap();
    let mut answers: Vec<String> = rx.iter().collect();
    answers.sort_unstable();
    let (mut a, b) = UnixStream::pair().unwrap();
    let echo = thread::spawn(move || serve(&b, &b));
    a.write_all(b"unix\n").unwrap();
    let mut back = [0; 5];
    a.read_exact(&mut back).unwrap();
    drop(a);
    echo.join().unwrap();
    answers.push(String::from_utf8_lossy(&back).into_owned());
    answers.push(served.lock().unwrap().to_string());
    let refused = TcpStream::connect(addr).map_err(|e| e.kind());
    answers.push(format!("{:?}", refused.err()));
    answers
}
