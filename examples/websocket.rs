//! A websocket echo server, and clients that try it: tungstenite, unchanged, over goroutines' sockets.
//!
//! ```text
//! websocket ADDR                 serves at ADDR
//! websocket [CLIENTS MESSAGES]   serves itself, sends, compares (100 and 20)
//! ```
//!
//! tungstenite is written for blocking streams. It reads and writes a `TcpStream`; that a goroutine parks
//! inside, and its thread runs others, it does not notice.

use gort::context::Context;
use gort::net::{TcpListener, TcpStream};
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;
use tungstenite::Message;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Sends each message back until the client closes.
fn session(stream: TcpStream) -> Result<()> {
    let mut socket = tungstenite::accept(stream).map_err(|e| e.to_string())?;
    loop {
        match socket.read()? {
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message)?,
            Message::Close(_) => return Ok(()),
            _ => {}
        }
    }
}

fn serve(listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        // How a session ends is its client's affair.
        gort::go(move || drop(session(stream)));
    }
}

/// Sends `count` messages and compares the answers.
fn client(number: usize, addr: SocketAddr, count: usize) -> Result<usize> {
    let stream = TcpStream::connect(addr)?;
    let (mut socket, _) = tungstenite::client(format!("ws://{addr}/"), stream)?;
    for n in 0..count {
        let text = format!("message {n} of client {number}");
        socket.send(Message::text(text.clone()))?;
        let answer = socket.read()?;
        if answer.to_text()? != text {
            return Err(format!("sent '{text}', got '{answer}'").into());
        }
    }
    socket.close(None)?;
    Ok(count)
}

#[gort::main]
fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [addr] = &args[..] {
        let listener = TcpListener::bind(addr)?;
        println!("ws://{}/", listener.local_addr()?);
        serve(&listener);
        return Ok(());
    }
    let (clients, messages) = match &args[..] {
        [clients, messages] => (clients.parse()?, messages.parse()?),
        _ => (100, 20),
    };
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    gort::go(move || serve(&listener));
    let (all, _) = Context::background().with_timeout(Duration::from_secs(60));
    let (answers, results) = gort::channel::unbounded();
    for number in 0..clients {
        let answers = answers.clone();
        gort::go(move || answers.send(client(number, addr, messages)));
    }
    let mut echoed = 0;
    for _ in 0..clients {
        echoed += gort::select! {
            recv(results) -> result => result??,
            recv(all.done()) -> _ => return Err("not all clients were served within a minute".into()),
        };
    }
    println!("{echoed} messages echoed to {clients} clients");
    Ok(())
}
