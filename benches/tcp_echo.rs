//! S14, `tcp_echo`: sends back what it reads, one task per connection, until the client
//! ends it.

use std::io::{self, Read, Write};

use gort::net::{TcpListener, TcpStream};
use gort_bench_kit::{Wrong, fail};

pub(crate) fn run() -> Result<(), Wrong> {
    let listener = TcpListener::bind("127.0.0.1:0").or_else(fail)?;
    println!("listening {}", listener.local_addr().or_else(fail)?);
    loop {
        let (stream, _) = listener.accept().or_else(fail)?;
        gort::go(move || echo(stream));
    }
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count])?;
    }
}
