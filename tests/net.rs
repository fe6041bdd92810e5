//! The network's examples as processes of their own, with std's sockets on the other side.

#[path = "kit/program.rs"]
mod program;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server that is killed at the end.
struct Server {
    child: Child,
    addr: String,
}

impl Server {
    fn start(example: &str, args: &[&str], procs: &str) -> Self {
        let mut child = Command::new(program::path(example))
            .args(args)
            .env("GOMAXPROCS", procs)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the examples are built by `cargo test`");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let addr = line.trim().strip_prefix("listening ").expect("its address").to_owned();
        Self { child, addr }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.addr).expect("connect");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time");
        stream
    }

    fn interrupt(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status().expect("kill");
        assert!(status.success());
    }

    /// Waits until it ends by itself: its status, and what it said.
    fn ended(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        (self.child.wait().expect("wait").code(), said)
    }

    /// It still runs, and has not complained.
    fn end(mut self) {
        assert_eq!(self.child.try_wait().expect("its status"), None, "it runs");
        self.child.kill().expect("kill");
        let mut said = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert_eq!(said, "");
        self.child.wait().expect("wait");
    }
}

#[test]
fn echoes() {
    for procs in ["1", "2"] {
        let output =
            Command::new(program::path("echo")).env("GOMAXPROCS", procs).output().expect("echo");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "10000 echoes on 100 connections\n");
        assert!(output.status.success());
    }
}

/// SCHED-16: a server that waits for a client is not deadlocked, however long it waits.
#[test]
fn a_waiting_server_is_no_deadlock() {
    let server = Server::start("echo", &["serve", "127.0.0.1:0"], "1");
    // All looks of the deadlock check are over after 315 ms.
    std::thread::sleep(Duration::from_millis(500));
    let mut stream = server.connect();
    stream.write_all(b"are you there?").expect("write");
    stream.shutdown(Shutdown::Write).expect("shutdown");
    let mut back = String::new();
    stream.read_to_string(&mut back).expect("read");
    assert_eq!(back, "are you there?");
    server.end();
}

#[test]
fn http() {
    for procs in ["1", "2"] {
        let server = Server::start("http", &["127.0.0.1:0"], procs);
        // A connection that says nothing is in nobody's way.
        let silent = server.connect();
        let ask = |pieces: &[&str]| {
            let mut stream = server.connect();
            for piece in pieces {
                stream.write_all(piece.as_bytes()).expect("write");
                std::thread::sleep(Duration::from_millis(2));
            }
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("read");
            answer
        };
        let answer = ask(&["GET / HTTP/1.1\r\nConnection: close\r\n\r\n"]);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nhello from a goroutine\n"), "{answer}");
        // In pieces, and with a body that nobody wants.
        let answer = ask(&["GE", "T /no", "where HTTP/1.1\r\nConnection: cl", "ose\r\n\r\n"]);
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        let answer = ask(&["POST / HTTP/1.0\r\nContent-Length: 7\r\n\r\nabc", "defg"]);
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        // Several at once on a kept connection; the last one closes it.
        let answer = ask(&["GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\n\
             GET /stats HTTP/1.1\r\nConnection: close\r\n\r\n"]);
        assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 3, "{answer}");
        assert_eq!(answer.matches("hello").count(), 1, "{answer}");
        assert!(answer.contains("goroutines: "), "{answer}");
        let answer = ask(&["no request at all\r\n\r\n"]);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        drop(silent);
        server.end();
    }
}

/// BOOT-16: under load, an interrupt cuts no request off; who is silent is sent away, who comes later is
/// refused.
#[test]
fn http_ends_in_order() {
    for (procs, signal) in [("1", "-INT"), ("2", "-TERM")] {
        let server = Server::start("http", &["127.0.0.1:0"], procs);
        let mut silent = server.connect();
        let mut under_way = server.connect();
        under_way.write_all(b"GET / HT").expect("write");
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let mut stream = server.connect();
                std::thread::spawn(move || {
                    let mut answers = 0;
                    loop {
                        // Between two requests the connection may be closed, in the midst of one not.
                        if stream.write_all(b"HEAD / HTTP/1.1\r\n\r\n").is_err() {
                            return answers;
                        }
                        let (mut head, mut byte) = (Vec::new(), [0]);
                        while !head.ends_with(b"\r\n\r\n") {
                            match stream.read(&mut byte) {
                                Ok(1) => head.push(byte[0]),
                                _ => {
                                    assert!(head.is_empty(), "an answer was cut off");
                                    return answers;
                                }
                            }
                        }
                        assert!(head.starts_with(b"HTTP/1.1 200 OK"));
                        answers += 1;
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(50));
        server.interrupt(signal);
        assert_eq!(silent.read(&mut [0]).expect("its end"), 0);
        let answers: Vec<i32> = clients.into_iter().map(|c| c.join().expect("a client")).collect();
        assert!(answers.iter().all(|&n| n > 0), "{answers:?}");
        assert!(TcpStream::connect(&server.addr).is_err(), "nobody is let in any more");
        under_way.write_all(b"TP/1.1\r\n\r\n").expect("write");
        let mut answer = String::new();
        under_way.read_to_string(&mut answer).expect("read");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("Connection: close"), "{answer}");
        assert_eq!(server.ended(), (Some(0), String::new()));
    }
}

/// BOOT-16: who does not come to an end is given up.
#[test]
fn http_gives_up_in_time() {
    let server = Server::start("http", &["127.0.0.1:0", "1"], "1");
    let mut stuck = server.connect();
    stuck.write_all(b"GET / HT").expect("write");
    std::thread::sleep(Duration::from_millis(20));
    server.interrupt("-INT");
    let (code, said) = server.ended();
    assert_eq!(code, Some(1));
    assert!(said.ends_with("gave up on open connections\n"), "{said}");
}

/// Bodies that are larger than all buffers on the way, on a connection that is kept.
#[test]
fn http_takes_large_bodies() {
    let server = Server::start("http", &["127.0.0.1:0"], "2");
    let mut stream = server.connect();
    let body = vec![b'x'; 3 << 20];
    for _ in 0..2 {
        write!(stream, "POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len()).expect("write");
        stream.write_all(&body).expect("write");
    }
    stream.write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").expect("write");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    assert_eq!(answer.matches("HTTP/1.1 405 ").count(), 2, "{answer}");
    assert_eq!(answer.matches("hello").count(), 1, "{answer}");
    server.end();
}

#[test]
fn hyper_serves_and_asks() {
    for procs in ["1", "2"] {
        let server = Server::start("hyper_server", &["127.0.0.1:0"], procs);
        // By hand: two requests at once on a connection that is kept, the second in pieces, with a body.
        let mut stream = server.connect();
        let two = "GET / HTTP/1.1\r\nhost: here\r\n\r\nPOST /count HTTP/1.1\r\nhost: here\r\ncontent-length: 11\r\nconnection: close\r\n\r\none two ";
        stream.write_all(two.as_bytes()).expect("written");
        std::thread::sleep(Duration::from_millis(20));
        stream.write_all(b"and").expect("written");
        let mut got = String::new();
        stream.read_to_string(&mut got).expect("answers, then the end");
        assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{got}");
        assert!(got.contains("\r\n\r\nhello from a goroutine\n"), "{got}");
        assert!(got.ends_with("\r\n\r\n3 words\n"), "{got}");
        // A client that leaves in the middle does no harm.
        server.connect().write_all(b"POST /count HTTP/1.1\r\ncontent-le").expect("written");
        // By hyper's own client, several at a time.
        let clients: Vec<_> = ["/", "/nothing", "/", "/"]
            .map(|path| {
                let args = ["get", &server.addr, path];
                let mut client = Command::new(program::path("hyper_server"));
                client.args(args).env("GOMAXPROCS", procs).stdout(Stdio::piped());
                (path, client.spawn().expect("the example"))
            })
            .into();
        for (path, client) in clients {
            let output = client.wait_with_output().expect("its end");
            let want =
                if path == "/" { "200 OK\nhello from a goroutine\n" } else { "404 Not Found\n" };
            assert_eq!(String::from_utf8_lossy(&output.stdout), want);
            assert!(output.status.success());
        }
        server.end();
    }
}
