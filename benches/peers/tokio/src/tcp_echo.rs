//! S14, `tcp_echo`: sends back what it reads, one task per connection, until the client
//! ends it.

use gort_bench_kit::{Wrong, fail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::runtime;

pub(crate) fn run() -> Result<(), Wrong> {
    runtime::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.or_else(fail)?;
        println!("listening {}", listener.local_addr().or_else(fail)?);
        loop {
            let (stream, _) = listener.accept().await.or_else(fail)?;
            stream.set_nodelay(true).or_else(fail)?;
            tokio::spawn(echo(stream));
        }
    })
}

async fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}
