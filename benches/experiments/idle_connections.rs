//! SYNC-9: connections that nobody uses. Each has its goroutine, which waits to read from it; the other
//! ends are plain descriptors of a child process, so that only one end counts. The growth of the resident
//! memory is divided by their number. Then one in a hundred is used, and has to answer.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use gort::net::TcpListener;
use gort::sync::WaitGroup;
use gort_bench_kit::{Size, Wrong, fail, resident_bytes};

use crate::report::{figure, point};

const CONNECTIONS: Size = Size::new(10_000, 500);
/// The setting of the child.
const CHILD: &str = "child:";

pub(crate) fn run(setting: &str) -> Result<(), Wrong> {
    let result = match setting.strip_prefix(CHILD) {
        Some(addr) => other_ends(addr),
        None => measure(),
    };
    result.or_else(fail)
}

fn resident() -> io::Result<u64> {
    resident_bytes().map_err(|wrong| io::Error::other(wrong.to_string()))
}

fn measure() -> io::Result<()> {
    let count = CONNECTIONS.get();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // The same experiment at the same size, as the other side.
    let args: Vec<String> = std::env::args().skip(1).take(2).collect();
    let mut child = Command::new(std::env::current_exe()?)
        .args(&args)
        .arg(format!("{CHILD}{}", listener.local_addr()?))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let group: &'static WaitGroup = Box::leak(Box::new(WaitGroup::new()));
    let before = resident()?;
    for n in 0..count {
        let (mut stream, _) = listener.accept()?;
        group.add(1);
        gort::go(move || {
            let mut byte = [0];
            while matches!(stream.read(&mut byte), Ok(1)) {
                let _ = stream.write_all(&byte);
            }
            group.done();
        });
        if n % 250 == 249 {
            let grown = resident()?.saturating_sub(before);
            point("resident", (n + 1) as f64, grown as f64 / (n + 1) as f64);
        }
    }
    // All have come to their reads.
    gort::thread::sleep(std::time::Duration::from_millis(200));
    let grown = resident()?.saturating_sub(before);
    figure("resident", grown as f64 / count as f64, "bytes/connection");
    // The child uses some of them, closes all, and says how many have answered.
    drop(child.stdin.take());
    group.wait();
    let mut said = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut said)?;
    }
    child.wait()?;
    if said.trim() != format!("{}", count.div_ceil(100)) {
        return Err(io::Error::other(format!("'{}' connections have answered", said.trim())));
    }
    Ok(())
}

/// Connects, waits for the word, tries each hundredth connection.
fn other_ends(addr: &str) -> io::Result<()> {
    let streams: Vec<TcpStream> =
        (0..CONNECTIONS.get()).map(|_| TcpStream::connect(addr)).collect::<io::Result<_>>()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    let mut answered = 0;
    for mut stream in streams.iter().step_by(100) {
        stream.write_all(&[7])?;
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        answered += usize::from(byte == [7]);
    }
    println!("{answered}");
    Ok(())
}
