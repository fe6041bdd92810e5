//! Accounts under locks of all kinds, and transfers by many tasks.

use super::{sync, thread};
use sync::atomic::{AtomicUsize, Ordering};
use sync::{Arc, Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, RwLock, TryLockError};

static FEES: LazyLock<Mutex<u64>> = LazyLock::new(|| Mutex::new(0));

struct Bank {
    accounts: RwLock<Vec<Mutex<u64>>>,
    open: (Mutex<bool>, Condvar),
    name: OnceLock<String>,
    greeted: Once,
    busy: AtomicUsize,
}

impl Bank {
    fn transfer(&self, from: usize, to: usize, amount: u64) {
        if from == to {
            return;
        }
        let accounts = self.accounts.read().unwrap();
        let (first, second) = (from.min(to), from.max(to));
        let mut a = accounts[first].lock().unwrap();
        let mut b = match accounts[second].try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::WouldBlock) => {
                self.busy.fetch_add(1, Ordering::Relaxed);
                accounts[second].lock().unwrap()
            }
            Err(TryLockError::Poisoned(e)) => e.into_inner(),
        };
        let (source, target) = if from < to { (&mut *a, &mut *b) } else { (&mut *b, &mut *a) };
        if *source > amount {
            *source -= amount + 1;
            *target += amount;
            *FEES.lock().unwrap() += 1;
        }
    }
}

pub(crate) fn run() -> Vec<String> {
    let bank = Arc::new(Bank {
        accounts: RwLock::new((0..8).map(|_| Mutex::new(1000)).collect()),
        open: (Mutex::new(false), Condvar::new()),
        name: OnceLock::new(),
        greeted: Once::new(),
        busy: AtomicUsize::new(0),
    });
    let start = Arc::new(Barrier::new(5));
    let before = *FEES.lock().unwrap();
    let clerks: Vec<_> = (0..4u64)
        .map(|clerk| {
            let (bank, start) = (Arc::clone(&bank), Arc::clone(&start));
            let builder = thread::Builder::new().name(format!("clerk {clerk}"));
            builder
                .spawn(move || {
                    start.wait();
                    let (open, turn) = &bank.open;
                    drop(turn.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
                    bank.greeted.call_once(|| bank.name.set("corner".into()).unwrap());
                    let mut dice = clerk + 1;
                    for _ in 0..500 {
                        dice = dice
                            .wrapping_mul(6364136223846793005)
                            .wrapping_add(1442695040888963407);
                        bank.transfer(
                            (dice >> 33) as usize % 8,
                            (dice >> 40) as usize % 8,
                            (dice >> 50) % 50,
                        );
                    }
                    thread::current().name().map(str::len)
                })
                .unwrap()
        })
        .collect();
    start.wait();
    *bank.open.0.lock().unwrap() = true;
    bank.open.1.notify_all();
    let names: Vec<_> = clerks.into_iter().map(|c| c.join().unwrap()).collect();
    let mut accounts = bank.accounts.write().unwrap();
    let left: u64 = accounts.iter_mut().map(|a| *a.get_mut().unwrap()).sum();
    let fees = *FEES.lock().unwrap() - before;
    drop(accounts);
    let poison = Arc::new(Mutex::new(1));
    let by = Arc::clone(&poison);
    let thief = thread::spawn(move || {
        let _guard = by.lock().unwrap();
        std::panic::resume_unwind(Box::new("caught"));
    });
    let caught = thief.join().unwrap_err();
    vec![
        format!("{names:?} {:?}", bank.name.get()),
        format!("{}", left + fees),
        format!(
            "{:?} {:?}",
            caught.downcast_ref::<&str>(),
            poison.lock().map(|g| *g).map_err(|e| *e.into_inner())
        ),
        format!("{poison:?} {:?} {:?}", bank.name, RwLock::new(5)),
    ]
}
