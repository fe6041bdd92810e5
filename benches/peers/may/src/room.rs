//! A channel with room for one item, made of two of may's: one carries the items, the
//! other brings back the permission to send the next.
//!
//! may's channels are unbounded; this is for where the far side must hold up the near.

use std::sync::mpsc::RecvError;

use may::sync::spsc;

pub(crate) struct Sender<T> {
    items: spsc::Sender<T>,
    room: spsc::Receiver<()>,
}

pub(crate) struct Receiver<T> {
    items: spsc::Receiver<T>,
    room: spsc::Sender<()>,
}

pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (items, received) = spsc::channel();
    let (made, room) = spsc::channel();
    // Both ends are alive: this cannot fail.
    let _ = made.send(());
    (Sender { items, room }, Receiver { items: received, room: made })
}

impl<T> Sender<T> {
    /// Waits for room; false if the receiver is gone.
    pub(crate) fn send(&self, item: T) -> bool {
        self.room.recv().is_ok() && self.items.send(item).is_ok()
    }
}

impl<T> Receiver<T> {
    pub(crate) fn recv(&self) -> Result<T, RecvError> {
        let item = self.items.recv()?;
        // A sender that is gone needs no room.
        let _ = self.room.send(());
        Ok(item)
    }
}
