//! The ping-pong on all connections, from one thread.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use gort_bench_kit::parameters::tcp_echo::MESSAGE;
use gort_bench_kit::{Wrong, fail};

/// All connections, and the poller that says which have something to read.
#[derive(Debug)]
pub(crate) struct Load {
    poller: OwnedFd,
    connections: Vec<Connection>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    /// The message that is under way.
    message: [u8; MESSAGE],
    back: [u8; MESSAGE],
    /// How much of it has come back.
    filled: usize,
    sent: u64,
}

impl Load {
    pub(crate) fn connect(address: SocketAddr, connections: usize) -> Result<Self, Wrong> {
        // SAFETY: ECHO-1: no pointer is given.
        let poller = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if poller < 0 {
            return fail(io::Error::last_os_error());
        }
        // SAFETY: ECHO-1: a descriptor that was just made and has no other owner.
        let poller = unsafe { OwnedFd::from_raw_fd(poller) };
        let mut load = Self { poller, connections: Vec::new() };
        for number in 0..connections {
            load.add(number as u64, address).or_else(fail)?;
        }
        Ok(load)
    }

    fn add(&mut self, number: u64, address: SocketAddr) -> io::Result<()> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: number };
        let (poller, descriptor) = (self.poller.as_raw_fd(), stream.as_raw_fd());
        // SAFETY: ECHO-1: both descriptors are open, the event lives over the call.
        let added =
            unsafe { libc::epoll_ctl(poller, libc::EPOLL_CTL_ADD, descriptor, &raw mut event) };
        if added != 0 {
            return Err(io::Error::last_os_error());
        }
        self.connections.push(Connection {
            stream,
            message: [0; MESSAGE],
            back: [0; MESSAGE],
            filled: 0,
            sent: number << 32,
        });
        Ok(())
    }

    /// Plays for so long; the number of messages that came back, and the time.
    /// Afterwards no message is under way.
    pub(crate) fn run(&mut self, time: Duration) -> Result<(u64, Duration), Wrong> {
        let start = Instant::now();
        for connection in &mut self.connections {
            connection.send()?;
        }
        let mut under_way = self.connections.len();
        let mut requests = 0;
        let mut stop = false;
        while under_way > 0 {
            // The clock is read once for all that is ready, not once for each.
            for number in self.ready()? {
                let connection = &mut self.connections[number];
                if !connection.receive()? {
                    continue;
                }
                if stop {
                    under_way -= 1;
                } else {
                    requests += 1;
                    connection.send()?;
                }
            }
            stop = start.elapsed() >= time;
        }
        Ok((requests, start.elapsed()))
    }

    /// The connections that have something to read; waits for one.
    fn ready(&self) -> Result<Vec<usize>, Wrong> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 64];
        let (poller, room) = (self.poller.as_raw_fd(), events.len() as i32);
        loop {
            // SAFETY: ECHO-1: the events live over the call, and there is room for so many.
            let count = unsafe { libc::epoll_wait(poller, events.as_mut_ptr(), room, 10_000) };
            match usize::try_from(count) {
                Ok(0) => return fail("no answer for ten seconds"),
                Ok(count) => return Ok(events[..count].iter().map(|e| e.u64 as usize).collect()),
                Err(_) if io::Error::last_os_error().kind() == ErrorKind::Interrupted => {}
                Err(_) => return fail(io::Error::last_os_error()),
            }
        }
    }
}

impl Connection {
    /// Sends the next message, whose bytes are those of its number.
    fn send(&mut self) -> Result<(), Wrong> {
        self.sent += 1;
        for part in self.message.chunks_mut(8) {
            part.copy_from_slice(&self.sent.to_le_bytes());
        }
        self.filled = 0;
        // So little always fits into a socket's buffer that holds nothing else.
        self.stream.write_all(&self.message).or_else(fail)
    }

    /// Reads what has come; `true` where the message is whole.
    fn receive(&mut self) -> Result<bool, Wrong> {
        match self.stream.read(&mut self.back[self.filled..]) {
            Ok(0) => return fail("the server closed a connection"),
            Ok(count) => self.filled += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return fail(error),
        }
        if self.filled < MESSAGE {
            return Ok(false);
        }
        if self.back != self.message {
            return fail(format_args!("message {} came back changed", self.sent));
        }
        Ok(true)
    }
}
