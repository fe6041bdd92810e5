//! S14, `tcp_echo`: sends back what it reads, one coroutine per connection, until the
//! client ends it.

use std::io::{Read, Write};

use gort_bench_kit::{Wrong, fail};
use may::go;
use may::net::{TcpListener, TcpStream};

pub(crate) fn run() -> Result<(), Wrong> {
    let listener = TcpListener::bind("127.0.0.1:0").or_else(fail)?;
    println!("listening {}", listener.local_addr().or_else(fail)?);
    let server = go!(move || {
        while let Ok((stream, _)) = listener.accept() {
            go!(move || echo(stream));
        }
    });
    server.join().or_else(|_| fail("the server panicked"))?;
    fail("the listener failed")
}

fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; 2048];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count])?;
    }
}
