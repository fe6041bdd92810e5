//! The conservative collector of Boehm, Demers and Weiser, in C: the machine's
//! library, or the distribution's package unpacked under `target/peers`.

use std::path::Path;
use std::process::Command;

use super::output;
use crate::bench::systems::system::System;

pub(crate) fn prepare(root: &Path) -> Result<System, String> {
    let out = root.join("target").join("peers").join("bdwgc");
    let script = root.join("benches").join("peers").join("bdwgc").join("build.sh");
    output(Command::new("sh").arg(script).arg(&out))?;
    let program = out.join("peer-bdwgc");
    let version = output(Command::new(&program).arg("--version"))?.trim().to_string();
    System::of("bdwgc", version, &[program], None)
}
