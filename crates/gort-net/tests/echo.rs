//! Echo servers and clients on goroutines, in both modes, on one processor and on two.

use gort_net::{TcpListener, TcpStream};
use gort_sched::testing;
use std::io::{Read, Write};

fn serve(listener: TcpListener, connections: usize) {
    for stream in listener.incoming().take(connections) {
        let mut stream = stream.expect("a connection");
        gort_sched::go(move || {
            let mut buf = [0; 512];
            loop {
                let n = stream.read(&mut buf).expect("read");
                if n == 0 {
                    return;
                }
                stream.write_all(&buf[..n]).expect("write");
            }
        });
    }
}

/// Many connections, each with its own words, which come back whole.
fn echo(connections: usize, rounds: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let addr = listener.local_addr().expect("address");
    let server = gort_sched::go(move || serve(listener, connections));
    let clients: Vec<_> = (0..connections)
        .map(|n| {
            gort_sched::go(move || {
                let mut stream = TcpStream::connect(addr).expect("connect");
                for round in 0..rounds {
                    let words = format!("connection {n} round {round}");
                    stream.write_all(words.as_bytes()).expect("write");
                    let mut back = vec![0; words.len()];
                    stream.read_exact(&mut back).expect("read");
                    assert_eq!(back, words.as_bytes());
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("a client");
    }
    server.join().expect("the server");
}

#[test]
fn echo_bound() {
    for procs in [1, 2] {
        testing::run(procs, || echo(200, 5));
    }
}

#[test]
fn echo_migrating() {
    for procs in [1, 2] {
        // SAFETY: MIGRATE-1 of gort-sched — the goroutines keep nothing of a thread's.
        unsafe { testing::run_migrating(procs, || echo(200, 5)) };
    }
}
