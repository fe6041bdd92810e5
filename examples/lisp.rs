//! A small Lisp on the collector, as a model of how a language is put on it through the safe interface.
//!
//! `cargo run --release --example lisp -- FILE..`: each file runs on a goroutine of its own, with a machine of its own; all
//! machines share the collector. Without a file the demonstration runs. `GODEBUG=gctrace=1` shows the collector at work.
//!
//! | what a language needs | how it is done here | where |
//! |---|---|---|
//! | values of several shapes | one traced enum; the empty list is a null field; small numbers are made once | `value` |
//! | code | a traced object: operations, constants, the code of inner functions | `compile` |
//! | the interpreter's stack, scanned precisely | a slice of fields in the heap, kept by the machine's root: the collector marks it as it does any object, and a deep recursion makes it grow | `machine` |
//! | registers | handles, in a loop of ten thousand operations; between two such loops they are in the heap and the guard passes | `machine` |
//! | reader and compiler | plain recursive functions with handles: nothing in them is a safepoint, so nothing needs a root | `read`, `compile` |

#[path = "lisp/builtin.rs"]
mod builtin;
#[path = "lisp/compile.rs"]
mod compile;
#[path = "lisp/machine.rs"]
mod machine;
#[path = "lisp/print.rs"]
mod print;
#[path = "lisp/read.rs"]
mod read;
#[path = "lisp/value.rs"]
mod value;

use std::process::ExitCode;

const DEMO: &str = include_str!("lisp/demo.lisp");

/// The output of a program, and what stopped it.
fn run(text: &str) -> (String, Result<(), String>) {
    let mut mu = gort::gc::pin();
    let mut machine = machine::Machine::new(&mu);
    let result = machine.program(&mut mu, text);
    (machine.output, result)
}

#[gort::main]
fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let runs: Vec<_> = if files.is_empty() {
        vec![gort::go(|| run(DEMO))]
    } else {
        let one = |file: String| match std::fs::read_to_string(&file) {
            Ok(text) => {
                let (output, result) = run(&text);
                (output, result.map_err(|e| format!("{file}: {e}")))
            }
            Err(e) => (String::new(), Err(format!("{file}: {e}"))),
        };
        files.into_iter().map(|file| gort::go(move || one(file))).collect()
    };
    let mut code = ExitCode::SUCCESS;
    for run in runs {
        let (output, result) =
            run.join().unwrap_or_else(|_| (String::new(), Err("a panic".into())));
        print!("{output}");
        if let Err(e) = result {
            eprintln!("lisp: {e}");
            code = ExitCode::FAILURE;
        }
    }
    code
}
