//! Types without a pointer into the collected heap.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, Once, OnceLock, RwLock, mpsc};
use std::{cell, ffi, net, num, ops, path, sync, thread, time};

use core::marker::PhantomData;

/// A type that holds no [`Field`](crate::Field), however deep. `#[derive(Leaf)]` checks it.
///
/// A `Leaf` may own anything else: memory, files, locks, even a [`Root`](crate::Root) (which keeps its
/// object alive, so a root inside the object that it names, or in one that this reaches, is a leak).
/// Its drop glue runs after the object died, on a thread of the collector.
///
/// # Safety
/// No value of the type, and nothing that it owns, contains a `Field`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not `Leaf`: it may hold a pointer into the collected heap",
    label = "needs `#[derive(Leaf)]`"
)]
pub unsafe trait Leaf: 'static {}

macro_rules! leaf {
    ($($t:ty),* $(,)?) => { $(
        // SAFETY: a type of the standard library without type parameters holds no Field.
        unsafe impl Leaf for $t {}
    )* };
}
leaf! {
    (), bool, char, u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64, str,
    num::NonZeroU8, num::NonZeroU16, num::NonZeroU32, num::NonZeroU64, num::NonZeroU128, num::NonZeroUsize,
    num::NonZeroI8, num::NonZeroI16, num::NonZeroI32, num::NonZeroI64, num::NonZeroI128, num::NonZeroIsize,
    sync::atomic::AtomicBool, sync::atomic::AtomicU8, sync::atomic::AtomicU16, sync::atomic::AtomicU32,
    sync::atomic::AtomicU64, sync::atomic::AtomicUsize, sync::atomic::AtomicI8, sync::atomic::AtomicI16,
    sync::atomic::AtomicI32, sync::atomic::AtomicI64, sync::atomic::AtomicIsize,
    String, path::Path, path::PathBuf, ffi::OsStr, ffi::OsString, ffi::CStr, ffi::CString,
    time::Duration, time::Instant, time::SystemTime, core::cmp::Ordering, core::any::TypeId,
    net::IpAddr, net::Ipv4Addr, net::Ipv6Addr, net::SocketAddr, net::SocketAddrV4, net::SocketAddrV6,
    net::TcpListener, net::TcpStream, net::UdpSocket, std::fs::File, std::io::Error,
    thread::Thread, thread::ThreadId, Condvar, Once, ops::RangeFull, core::alloc::Layout, core::panic::Location<'static>,
}

macro_rules! leaf_of {
    ($($t:ident < $($p:ident $(: ?$m:ident)?),+ >),* $(,)?) => { $(
        // SAFETY: it owns values of its parameters and nothing else, and these are Leaf.
        unsafe impl<$($p: Leaf $(+ ?$m)?),+> Leaf for $t<$($p),+> {}
    )* };
}
use cell::{Cell, OnceCell, RefCell, UnsafeCell};
use core::mem::{ManuallyDrop, MaybeUninit};
use core::num::{Saturating, Wrapping};
use core::pin::Pin;
use ops::{Bound, Range, RangeInclusive};
use sync::atomic::AtomicPtr;
use thread::JoinHandle;
leaf_of! {
    Option<T>, Result<T, E>, Box<T: ?Sized>, Rc<T: ?Sized>, Arc<T: ?Sized>, Vec<T>, VecDeque<T>, BinaryHeap<T>,
    BTreeSet<T>, BTreeMap<K, V>, HashSet<T, S>, HashMap<K, V, S>, Cell<T: ?Sized>, RefCell<T: ?Sized>,
    UnsafeCell<T: ?Sized>, OnceCell<T>, OnceLock<T>, Mutex<T: ?Sized>, RwLock<T: ?Sized>, AtomicPtr<T>,
    Range<T>, RangeInclusive<T>, Bound<T>, Wrapping<T>, Saturating<T>, ManuallyDrop<T: ?Sized>, MaybeUninit<T>,
    Pin<T>, JoinHandle<T>,
}

// SAFETY: elements are Leaf.
unsafe impl<T: Leaf> Leaf for [T] {}
// SAFETY: elements are Leaf.
unsafe impl<T: Leaf, const N: usize> Leaf for [T; N] {}
// SAFETY: there is no value of T in it.
unsafe impl<T: ?Sized + 'static> Leaf for PhantomData<T> {}
// SAFETY: it refers to a Leaf.
unsafe impl<T: Leaf + ?Sized> Leaf for &'static T {}
// SAFETY: it owns no value; what it points to is reached by unsafe code only.
unsafe impl<T: ?Sized + 'static> Leaf for *const T {}
// SAFETY: it owns no value; what it points to is reached by unsafe code only.
unsafe impl<T: ?Sized + 'static> Leaf for *mut T {}
// SAFETY: it owns no value; what it points to is reached by unsafe code only.
unsafe impl<T: ?Sized + 'static> Leaf for core::ptr::NonNull<T> {}
// SAFETY: queued messages are Leaf.
unsafe impl<T: Leaf> Leaf for mpsc::Sender<T> {}
// SAFETY: queued messages are Leaf.
unsafe impl<T: Leaf> Leaf for mpsc::SyncSender<T> {}
// SAFETY: queued messages are Leaf.
unsafe impl<T: Leaf> Leaf for mpsc::Receiver<T> {}
// SAFETY: states of the standard hashers are numbers.
unsafe impl Leaf for std::hash::RandomState {}
// SAFETY: it is a zero-sized maker of hashers.
unsafe impl<H: 'static> Leaf for std::hash::BuildHasherDefault<H> {}
// SAFETY: weak references own no value that is not owned by a strong one, whose type is the same.
unsafe impl<T: Leaf + ?Sized> Leaf for sync::Weak<T> {}
// SAFETY: a root's slot lies outside the heap and is scanned by the collector; no Field is in it.
#[cfg(not(loom))]
unsafe impl<T: crate::Trace> Leaf for crate::Root<T> {}
// SAFETY: as a root's.
#[cfg(not(loom))]
unsafe impl<T: crate::Trace> Leaf for crate::RootCell<T> {}
// SAFETY: a weak name's slot lies outside the heap, and no Field is in it.
#[cfg(not(loom))]
unsafe impl<T: crate::Trace> Leaf for crate::Weak<T> {}
// SAFETY: a cleanup's function and argument are 'static values outside of the heap.
#[cfg(not(loom))]
unsafe impl Leaf for crate::Cleanup {}

macro_rules! leaf_tuples {
    ($($t:ident)*) => {
        // SAFETY: members are Leaf.
        unsafe impl<$($t: Leaf),*> Leaf for ($($t,)*) {}
        // SAFETY: a plain function pointer holds no value.
        unsafe impl<R: 'static, $($t: 'static),*> Leaf for fn($($t),*) -> R {}
    };
}
// SAFETY: a plain function pointer holds no value.
unsafe impl<R: 'static> Leaf for fn() -> R {}
leaf_tuples!(A);
leaf_tuples!(A B);
leaf_tuples!(A B C);
leaf_tuples!(A B C D);
leaf_tuples!(A B C D E);
leaf_tuples!(A B C D E F);
leaf_tuples!(A B C D E F G);
leaf_tuples!(A B C D E F G H);
