//! Link arguments of the library that is preloaded.

fn main() {
    // What was handed out lives on, and so do the handlers for forks and ends of threads: who loads the library with
    // `dlopen` cannot take it away again.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
