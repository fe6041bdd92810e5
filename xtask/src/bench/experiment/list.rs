//! The experiments, their settings and their axes.

/// One question.
#[derive(Debug)]
pub(crate) struct Experiment {
    pub(crate) name: &'static str,
    /// The requirement that asks it.
    pub(crate) row: &'static str,
    pub(crate) about: &'static str,
    pub(crate) settings: &'static [Setting],
    pub(crate) x: Axis,
    pub(crate) y: Axis,
}

/// What one process of it is told.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) procs: usize,
    pub(crate) argument: &'static str,
}

impl Setting {
    pub(crate) const fn new(procs: usize, argument: &'static str) -> Self {
        Self { procs, argument }
    }

    /// As the head of a column.
    pub(crate) fn title(&self) -> String {
        format!("P={} {}", self.procs, self.argument).trim_end().to_string()
    }
}

/// A direction of the drawing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    pub(crate) label: &'static str,
    pub(crate) logarithmic: bool,
}

const fn linear(label: &'static str) -> Axis {
    Axis { label, logarithmic: false }
}

const fn logarithmic(label: &'static str) -> Axis {
    Axis { label, logarithmic: true }
}

/// All of them.
pub(crate) const EXPERIMENTS: &[Experiment] = &[
    Experiment {
        name: "scaling",
        row: "BENCH-2",
        about: "allocation by 100,000 tasks on 1, 2, 4 and 16 processors",
        settings: &[
            Setting::new(1, ""),
            Setting::new(2, ""),
            Setting::new(4, ""),
            Setting::new(16, ""),
        ],
        x: logarithmic("processors"),
        y: linear("ns per allocation"),
    },
    Experiment {
        name: "cache_depth",
        row: "BENCH-3",
        about: "a cache that holds 64 KiB or 256 KiB of free blocks of a class",
        settings: &[Setting::new(1, "64"), Setting::new(1, "256")],
        x: logarithmic("blocks allocated before any is freed"),
        y: linear("million pairs per second"),
    },
    Experiment {
        name: "sharded",
        row: "golang/go#18802",
        about: "additions to one atomic counter and to a value for each processor",
        settings: &[Setting::new(1, ""), Setting::new(2, "")],
        x: linear("processors"),
        y: logarithmic("ns per addition"),
    },
    Experiment {
        name: "stealing",
        row: "BENCH-4",
        about: "bursts from one task on 2, 4 and 16 processors, and how fast a sleeper wakes",
        settings: &[Setting::new(2, ""), Setting::new(4, ""), Setting::new(16, "")],
        x: logarithmic("processors"),
        y: logarithmic("percent of the tasks; us"),
    },
    Experiment {
        name: "trigger",
        row: "BENCH-5",
        about: "where cycles start while allocation goes on, and how far the goal is missed",
        settings: &[Setting::new(1, "100"), Setting::new(2, "100"), Setting::new(2, "50")],
        x: linear("MiB allocated"),
        y: linear("MiB"),
    },
    Experiment {
        name: "pauses",
        row: "BENCH-6",
        about: "handshakes, a mutator's steps and scheduling delays under collections",
        settings: &[
            Setting::new(2, "plain"),
            Setting::new(2, "hog"),
            Setting::new(2, "stacks"),
            Setting::new(2, "heap"),
        ],
        x: linear("percentile"),
        y: logarithmic("us"),
    },
    Experiment {
        name: "giving_back",
        row: "BENCH-7",
        about: "resident memory after a batch of 256 MiB, and while windows of 32 MiB stream",
        settings: &[
            Setting::new(1, "background"),
            Setting::new(1, "asked"),
            Setting::new(1, "never"),
        ],
        x: linear("seconds"),
        y: linear("MiB resident"),
    },
    Experiment {
        name: "idle_connections",
        row: "SYNC-9",
        about: "resident memory of connections that nobody uses, with their goroutines",
        settings: &[Setting::new(1, ""), Setting::new(2, "")],
        x: linear("connections"),
        y: linear("bytes resident for each"),
    },
    Experiment {
        name: "percent",
        row: "BENCH-8",
        about: "the percent fixed at 100 and by the closed loop, on a load that varies",
        settings: &[Setting::new(2, "fixed"), Setting::new(2, "closed")],
        x: linear("seconds"),
        y: linear("MiB of heap; percent"),
    },
    Experiment {
        name: "map",
        row: "BENCH-9",
        about: "a map of 100,000 keys under eight tasks, and the first write to a new one",
        settings: &[Setting::new(2, "map"), Setting::new(2, "locked")],
        x: logarithmic("reads for each write"),
        y: logarithmic("million operations per second"),
    },
    Experiment {
        name: "stacks",
        row: "STACK-3",
        about: "resident memory after 10,000 goroutines went 32 KiB deep, and ended or stayed parked",
        settings: &[Setting::new(2, "ended"), Setting::new(2, "parked")],
        x: linear("seconds"),
        y: linear("MiB resident"),
    },
];
