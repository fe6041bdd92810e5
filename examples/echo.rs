//! A TCP echo server and its clients, in the style of `std::net`: one goroutine for each connection.
//!
//! ```text
//! cargo run --release --example echo                        a server and 100 clients in one process
//! cargo run --release --example echo -- serve 127.0.0.1:7   a server, until it is killed
//! ```

use gort::net::{TcpListener, TcpStream};
use std::io::{self, Read, Write};
use std::process::ExitCode;

const CLIENTS: usize = 100;
const ROUNDS: usize = 100;

// SAFETY: no goroutine here parks while it holds anything that is tied to its thread.
#[gort::main(unsafe(migrate))]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        [] => demo(),
        ["serve", addr] => TcpListener::bind(addr).and_then(|listener| {
            println!("listening {}", listener.local_addr()?);
            serve(&listener)
        }),
        _ => {
            eprintln!("usage: echo [serve ADDRESS]");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("echo: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Takes connections for ever.
fn serve(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        gort::go(move || echo(stream));
    }
}

/// Sends back what comes, until the other side ends.
fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n])?,
        }
    }
}

fn demo() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    gort::go(move || serve(&listener));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            gort::go(move || -> io::Result<usize> {
                let mut stream = TcpStream::connect(addr)?;
                let mut right = 0;
                for round in 0..ROUNDS {
                    let said = format!("client {client}, round {round}");
                    stream.write_all(said.as_bytes())?;
                    let mut heard = vec![0; said.len()];
                    stream.read_exact(&mut heard)?;
                    right += usize::from(heard == said.as_bytes());
                }
                Ok(right)
            })
        })
        .collect();
    let mut right = 0;
    for client in clients {
        right += client.join().map_err(|_| io::Error::other("a client panicked"))??;
    }
    println!("{right} echoes on {CLIENTS} connections");
    Ok(())
}
