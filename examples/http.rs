//! An HTTP/1.1 server in blocking style: one goroutine for each connection, `httparse` for the heads.
//!
//! ```text
//! cargo run --release --example http -- 127.0.0.1:8080
//! curl http://127.0.0.1:8080/stats
//! ```
//! An interrupt (SIGINT or SIGTERM) ends it in order: nobody is let in any more, kept connections without a
//! request are closed, requests under way are answered. What is not done after 5 s (or the seconds given
//! as the second argument) is given up. Signals come as bytes through a socket, which stands in the same
//! `select!` as the listener.
//!
//! It answers GET and HEAD on `/` and `/stats`, keeps connections, takes requests that come in pieces or
//! several at once, and gives up on a client that is silent for too long.

use gort::channel::{Sender, bounded};
use gort::context::Context;
use gort::net::{TcpListener, TcpStream};
use gort::os::unix::net::UnixStream;
use gort::select;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

/// A head may be so long.
const LONGEST: usize = 16 << 10;
const PATIENCE: Duration = Duration::from_secs(30);
/// How long open work may take at the end.
const GRACE: Duration = Duration::from_secs(5);

// SAFETY: no goroutine here parks while it holds anything that is tied to its thread.
#[gort::main(unsafe(migrate))]
fn main() -> ExitCode {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    let grace = match std::env::args().nth(2).map(|s| (s.parse().map(Duration::from_secs), s)) {
        None => GRACE,
        Some((Ok(grace), _)) => grace,
        Some((Err(e), said)) => {
            eprintln!("http: '{said}' is no number of seconds to wait for the end: {e}");
            return ExitCode::from(2);
        }
    };
    match serve(&addr, grace) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("http: {addr}: {e}");
            ExitCode::FAILURE
        }
    }
}

/// A byte for each signal that asks for the end.
fn interrupts() -> io::Result<UnixStream> {
    let (here, there) = std::os::unix::net::UnixStream::pair()?;
    for signal in [SIGINT, SIGTERM] {
        signal_hook::low_level::pipe::register(signal, there.try_clone()?)?;
    }
    Ok(here.into())
}

fn serve(addr: &str, grace: Duration) -> io::Result<()> {
    let listener = TcpListener::bind(addr)?;
    let interrupts = interrupts()?;
    println!("listening {}", listener.local_addr()?);
    let (open, end) = Context::background().with_cancel();
    // Each connection has a sender; that all are gone is what the receiver hears.
    let (alive, all_done) = bounded(0);
    // A client may be gone again before it is let in.
    listener.set_nonblocking(true)?;
    loop {
        select! {
            recv(all_done) -> _ => unreachable!("nobody sends"),
            readable(interrupts) -> _ => break,
            readable(listener) -> _ => accept(&listener, &open, &alive),
        }
    }
    // From here on connections are refused.
    drop(listener);
    drop(alive);
    end.cancel();
    select! {
        recv(all_done) -> _ => Ok(()),
        default(grace) => Err(io::Error::new(io::ErrorKind::TimedOut, "gave up on open connections")),
    }
}

/// Lets in whoever is there.
fn accept(listener: &TcpListener, open: &Context, alive: &Sender<()>) {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                let (open, alive) = (open.clone(), alive.clone());
                gort::go(move || {
                    // How a connection ends is its client's affair.
                    let _ = connection(stream, &open);
                    drop(alive);
                });
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
            // Out of descriptors, or a client that is gone already: the others still come.
            Err(e) => {
                eprintln!("http: accept: {e}");
                return gort::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// What a request's head says that we need.
struct Request {
    /// Bytes of the head, and of the body behind it.
    head: usize,
    body: usize,
    path: String,
    known: bool,
    without_body: bool,
    keeps: bool,
}

/// All requests of one connection, one after another.
fn connection(mut stream: TcpStream, open: &Context) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut buffer = Vec::new();
    loop {
        let request = match next_request(&mut stream, &mut buffer, open) {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                return respond(&mut stream, "400 Bad Request", &format!("{e}\n"), true, false);
            }
            Err(e) => return Err(e),
        };
        skip(&mut stream, &mut buffer, request.head + request.body)?;
        let (status, text) = answer(&request);
        let keeps = request.keeps && open.err().is_none();
        respond(&mut stream, status, &text, !request.without_body, keeps)?;
        if !keeps {
            return Ok(());
        }
    }
}

fn answer(request: &Request) -> (&'static str, String) {
    match request.path.as_str() {
        _ if !request.known => ("405 Method Not Allowed", "only GET and HEAD\n".into()),
        "/" => ("200 OK", "hello from a goroutine\n".into()),
        "/stats" => ("200 OK", format!("{:#?}\n", gort::runtime::stats())),
        path => ("404 Not Found", format!("there is no {path}\n")),
    }
}

/// Reads until a whole head is there; `None` at the end of the connection, or of the server while no
/// request is under way.
fn next_request(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    open: &Context,
) -> io::Result<Option<Request>> {
    let mut chunk = [0; 4096];
    loop {
        if !buffer.is_empty()
            && let Some(request) = parse(buffer)?
        {
            return Ok(Some(request));
        }
        if buffer.len() > LONGEST {
            return Err(invalid("the head is too long"));
        }
        if buffer.is_empty() {
            select! {
                readable(stream) -> ready => ready?,
                recv(open.done()) -> _ => return Ok(None),
                default(PATIENCE) => return Ok(None),
            }
        }
        match stream.read(&mut chunk)? {
            0 if buffer.is_empty() => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => buffer.extend_from_slice(&chunk[..n]),
        }
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

/// A head, if all of it is there.
fn parse(bytes: &[u8]) -> io::Result<Option<Request>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let head = match parsed.parse(bytes).map_err(|e| invalid(&e.to_string()))? {
        httparse::Status::Partial => return Ok(None),
        httparse::Status::Complete(head) => head,
    };
    let mut keeps = parsed.version == Some(1);
    let mut body = 0;
    for header in parsed.headers.iter() {
        let value = core::str::from_utf8(header.value).unwrap_or("").trim();
        if header.name.eq_ignore_ascii_case("connection") {
            keeps = match () {
                () if value.eq_ignore_ascii_case("close") => false,
                () if value.eq_ignore_ascii_case("keep-alive") => true,
                () => keeps,
            };
        } else if header.name.eq_ignore_ascii_case("content-length") {
            body = value.parse().map_err(|_| invalid("a length that is no number"))?;
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(invalid("bodies in chunks are not for this server"));
        }
    }
    let method = parsed.method.unwrap_or("");
    Ok(Some(Request {
        head,
        body,
        path: parsed.path.unwrap_or("").to_owned(),
        known: matches!(method, "GET" | "HEAD"),
        without_body: method == "HEAD",
        keeps,
    }))
}

/// Drops `n` bytes of what comes, of which the first ones are in the buffer.
fn skip(stream: &mut TcpStream, buffer: &mut Vec<u8>, n: usize) -> io::Result<()> {
    let here = n.min(buffer.len());
    buffer.drain(..here);
    io::copy(&mut stream.take((n - here) as u64), &mut io::sink()).map(|_| ())
}

fn respond(
    stream: &mut TcpStream,
    status: &str,
    text: &str,
    with_body: bool,
    keeps: bool,
) -> io::Result<()> {
    let connection = if keeps { "keep-alive" } else { "close" };
    let mut response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: {connection}\r\n\r\n",
        text.len()
    );
    if with_body {
        response.push_str(text);
    }
    stream.write_all(response.as_bytes())
}
