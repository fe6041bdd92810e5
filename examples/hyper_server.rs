//! hyper on goroutines: a server and a client over our sockets, with an executor of twenty lines.
//!
//! ```text
//! cargo run --release --example hyper_server -- 127.0.0.1:8080
//! curl -d 'some words' http://127.0.0.1:8080/count
//! cargo run --release --example hyper_server -- get 127.0.0.1:8080 /
//! ```
//! A connection is one goroutine. It polls hyper's future; when that can go no further, it selects over what
//! the future has left to be waited for: the socket, and a channel of one wake, which is the waker. So a
//! handler may await anything, and anybody may wake it: here it awaits goroutines.

use gort::channel::{Receiver, Select, Sender, bounded};
use gort::net::{TcpListener, TcpStream};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use std::error::Error;
use std::future::Future;
use std::io::{self, Read as _, Write as _};
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Wake};

/// A socket that says "not yet" instead of waiting, and remembers what was asked of it.
#[derive(Clone)]
struct Socket(Arc<Shared>);

struct Shared {
    stream: TcpStream,
    wants_read: AtomicBool,
    wants_write: AtomicBool,
}

impl Socket {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let (wants_read, wants_write) = Default::default();
        Ok(Self(Arc::new(Shared { stream, wants_read, wants_write })))
    }
}

/// `Pending` for what would block, which is then wanted.
fn not_yet<T>(result: io::Result<T>, wanted: &AtomicBool) -> Poll<io::Result<T>> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
            // ORDER: Relaxed — asked by the goroutine that polls, after it has polled.
            wanted.store(true, Relaxed);
            Poll::Pending
        }
        done => Poll::Ready(done),
    }
}

impl Read for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut to: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 8 << 10];
        let room = to.remaining().min(bytes.len());
        let read = (&self.0.stream).read(&mut bytes[..room]);
        not_yet(read, &self.0.wants_read).map_ok(|n| to.put_slice(&bytes[..n]))
    }
}

impl Write for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        not_yet((&self.0.stream).write(bytes), &self.0.wants_write)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.stream.shutdown(std::net::Shutdown::Write))
    }
}

/// A wake is a message; a second one before it was taken is none.
struct Waker(Sender<()>);

impl Wake for Waker {
    fn wake(self: Arc<Self>) {
        let _ = self.0.try_send(());
    }
}

/// The executor: runs a future that waits for one socket, and for whatever else wakes it.
fn drive<F: Future>(socket: &Socket, future: F) -> F::Output {
    let (wake, woken): (_, Receiver<()>) = bounded(1);
    let waker = Arc::new(Waker(wake)).into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let Shared { stream, wants_read, wants_write } = &*socket.0;
    loop {
        for wanted in [wants_read, wants_write] {
            // ORDER: Relaxed — this goroutine polls, and is alone with them.
            wanted.store(false, Relaxed);
        }
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        let mut select = Select::new();
        let wakes = select.recv(&woken);
        // ORDER: Relaxed — as above.
        if wants_read.load(Relaxed) {
            select.readable(stream);
        }
        // ORDER: Relaxed — as above.
        if wants_write.load(Relaxed) {
            select.writable(stream);
        }
        if select.ready() == wakes {
            let _ = woken.try_recv();
        }
    }
}

/// What the server answers.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let reply = |text: String| Response::new(Full::new(Bytes::from(text)));
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => reply("hello from a goroutine\n".into()),
        (&Method::POST, "/count") => {
            let body = request.into_body().collect().await?.to_bytes();
            // Work that takes its time is a goroutine's, and its handle is a future.
            let count = gort::go(move || {
                body.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()).count()
            });
            match count.await {
                Ok(words) => reply(format!("{words} words\n")),
                Err(_) => status(StatusCode::INTERNAL_SERVER_ERROR),
            }
        }
        _ => status(StatusCode::NOT_FOUND),
    })
}

fn status(code: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = code;
    response
}

fn serve(addr: &str) -> io::Result<()> {
    let listener = TcpListener::bind(addr)?;
    println!("listening {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept()?;
        gort::go(move || {
            let socket = Socket::new(stream)?;
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(socket.clone(), service_fn(answer));
            // A client that goes away in the middle is nobody's fault.
            let _ = drive(&socket, connection);
            io::Result::Ok(())
        });
    }
}

/// One request, by hyper's client: its connection is driven by one goroutine, the request by another.
fn get(addr: &str, path: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let socket = Socket::new(TcpStream::connect(addr)?)?;
    let (mut sender, connection) =
        drive(&socket, hyper::client::conn::http1::handshake(socket.clone()))?;
    gort::go(move || drive(&socket, connection));
    let request = Request::get(path).header("host", addr).body(Empty::<Bytes>::new())?;
    let (status, body) = gort::block_on(async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        hyper::Result::Ok((status, response.into_body().collect().await?.to_bytes()))
    })?;
    print!("{status}\n{}", String::from_utf8_lossy(&body));
    Ok(())
}

// SAFETY: no goroutine here parks while it holds anything that is tied to its thread.
#[gort::main(unsafe(migrate))]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (addr, done) = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => ("127.0.0.1:8080", serve("127.0.0.1:8080").map_err(Into::into)),
        [addr] => (addr, serve(addr).map_err(Into::into)),
        ["get", addr, path] => (addr, get(addr, path)),
        _ => {
            eprintln!("usage: hyper_server [ADDRESS:PORT] | hyper_server get ADDRESS:PORT PATH");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("hyper_server: {addr}: {e}");
            ExitCode::FAILURE
        }
    }
}
