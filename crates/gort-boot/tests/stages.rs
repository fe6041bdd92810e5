//! The order of the boot, as its own report tells it. One test: the report is the process's.

use gort_boot::{Boot, Options};

/// BOOT-ORDER: the seventeen stages, in the documented order.
const STAGES: [&str; 17] = [
    "Rt0",
    "Check",
    "Args",
    "OsInit",
    "EarlyEnv",
    "StackInit",
    "MallocInit",
    "ModulesInit",
    "TypesInit",
    "GcInit",
    "SchedInit",
    "NewMain",
    "MStart",
    "RuntimeMain",
    "InitTasks",
    "MainMain",
    "Exit",
];

/// How the heap comes into being, the first time.
const MALLOC_INIT: [&str; 8] = [
    "self-checks",
    "heap lock",
    "pools",
    "central lists",
    "page allocator",
    "arena hints",
    "collector",
    "cache 0",
];

#[test]
fn the_report_is_the_documented_order() {
    for round in 0..3 {
        let before = gort_sys::clock::nanos();
        let ended = Boot::new(Options { ignore_env: true, ..Options::default() })
            .rt0()
            .and_then(gort_boot::stages::Rt0::check)
            .expect("this machine is supported")
            .args()
            .os_init()
            .early_env()
            .and_then(gort_boot::stages::EnvReady::stack_init)
            .and_then(gort_boot::stages::StacksReady::malloc_init)
            .and_then(gort_boot::stages::HeapReady::modules_init)
            .expect("there is memory")
            .types_init()
            .gc_init()
            .sched_init()
            .expect("there are processors")
            .new_main(|| gort_sched::thread::current().id().as_u64())
            .m_start()
            .expect("there are threads");
        assert_eq!(ended.exit().expect("no panic"), 1, "the main goroutine is number 1");
        let took = gort_sys::clock::nanos() - before;
        let report = gort_boot::report();
        let names: Vec<&str> = report.rows().iter().map(|r| r.name).collect();
        assert_eq!(names, STAGES);
        assert!(report.rows().iter().zip(1..).all(|(r, n)| r.number == n));
        assert!(report.total_ns() <= took, "{} of {took} ns", report.total_ns());
        if round == 0 {
            let steps: Vec<&str> = report.steps().iter().map(|step| step.name).collect();
            assert_eq!(steps, MALLOC_INIT);
            let parts: u64 = report.steps().iter().map(|step| step.ns).sum();
            assert!(parts <= report.rows()[6].ns, "{report}");
            let heap = &report.rows()[6];
            assert!(heap.reserved > 0 && heap.calls > 0, "{report}");
        }
        assert!(report.to_string().contains("MallocInit"));
    }
}
