//! The early environment: read once, before the layers that obey it exist.
//!
//! | variable | grammar | default |
//! |---|---|---|
//! | `GOMAXPROCS` | a whole number from 1 to 1024 | the processors that may be used |
//! | `GOGC` | a whole number of percent from 0, or `off` | 100 |
//! | `GOMEMLIMIT` | a whole number with `B`, `KiB`, `MiB`, `GiB` or `TiB` (none: bytes), or `off` | off |
//! | `GORT_SIM_SEED` | a whole number | none: explorations try many |
//! | `GODEBUG` | `key=value,key=value`; unknown keys are passed over | |
//!
//! Keys of `GODEBUG` that are obeyed: `gctrace`, `inittrace` (0 or 1), `schedtrace`
//! (milliseconds), `clobberfree`, `gcpin`, `gccheckmark`, `gcroots`, `stealnear` (0 or 1), `gcstoptheworld` (0 to 2). A bad value is an error that names the
//! variable, the value and the grammar (BOOT-4).

use core::fmt;
use std::ffi::OsString;

/// What the environment asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Env {
    /// `GOMAXPROCS`.
    pub procs: Option<u32>,
    /// `GOGC`: `Some(None)` is `off`.
    pub gc_percent: Option<Option<u32>>,
    /// `GOMEMLIMIT`, in bytes; `Some(None)` is `off`.
    pub memory_limit: Option<Option<u64>>,
    /// `gctrace=1`.
    pub gctrace: bool,
    /// `inittrace=1`.
    pub inittrace: bool,
    /// `schedtrace=MS`; 0: none.
    pub schedtrace_ms: u32,
    /// `stealnear=1`.
    pub steal_near: bool,
    /// `gcroots=1`.
    pub root_places: bool,
    /// `gccheckmark=1`.
    pub check_mark: bool,
    /// `gcstoptheworld`: 0, 1 or 2.
    pub stop_the_world: u8,
    /// `clobberfree=1`.
    pub clobber_free: bool,
    /// `gcpin=1`.
    pub pin_checks: bool,
    /// `GORT_SIM_SEED`: explorations run this seed alone, and print its log.
    pub sim_seed: Option<u64>,
}

/// A variable that cannot be obeyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvError {
    /// The variable, or `GODEBUG` with its key.
    pub variable: String,
    /// What it said, with what is no text replaced.
    pub value: String,
    /// What it may say.
    pub grammar: &'static str,
}

impl fmt::Display for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}={:?} is not understood: it must be {}",
            self.variable, self.value, self.grammar
        )
    }
}

impl std::error::Error for EnvError {}

const PROCS: &str = "a whole number from 1 to 1024";
const PERCENT: &str = "a whole number of percent from 0, or off";
const LIMIT: &str =
    "a whole number of bytes, with an optional unit B, KiB, MiB, GiB or TiB, or off";
const SEED: &str = "a whole number";
const LEVEL: &str = "0, 1 or 2";
const SWITCH: &str = "0 or 1";
const MILLIS: &str = "a whole number of milliseconds";
const PAIRS: &str = "key=value pairs with commas between them";

impl Env {
    /// Nothing asked for.
    pub const EMPTY: Self = Self {
        procs: None,
        gc_percent: None,
        memory_limit: None,
        gctrace: false,
        inittrace: false,
        schedtrace_ms: 0,
        steal_near: false,
        root_places: false,
        check_mark: false,
        stop_the_world: 0,
        clobber_free: false,
        pin_checks: cfg!(debug_assertions),
        sim_seed: None,
    };

    /// Reads the process's environment.
    ///
    /// # Errors
    /// The first variable that cannot be obeyed.
    pub fn read() -> Result<Self, EnvError> {
        Self::parse(|name| std::env::var_os(name))
    }

    /// Reads any environment.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(get: impl Fn(&str) -> Option<OsString>) -> Result<Self, EnvError> {
        let mut env = Self::EMPTY;
        // An empty variable says nothing, as in Go.
        let get = |name: &str| get(name).filter(|v| !v.is_empty());
        if let Some(value) = get("GOMAXPROCS") {
            let n = number(&value).filter(|n| (1..=1024).contains(n));
            env.procs = Some(n.ok_or_else(|| bad("GOMAXPROCS", &value, PROCS))? as u32);
        }
        if let Some(value) = get("GOGC") {
            env.gc_percent = Some(match value.to_str() {
                Some("off") => None,
                _ => Some(
                    number(&value)
                        .and_then(|n| u32::try_from(n).ok())
                        .ok_or_else(|| bad("GOGC", &value, PERCENT))?,
                ),
            });
        }
        if let Some(value) = get("GOMEMLIMIT") {
            env.memory_limit = Some(match value.to_str() {
                Some("off") => None,
                Some(text) => Some(bytes(text).ok_or_else(|| bad("GOMEMLIMIT", &value, LIMIT))?),
                None => return Err(bad("GOMEMLIMIT", &value, LIMIT)),
            });
        }
        if let Some(value) = get("GORT_SIM_SEED") {
            env.sim_seed = Some(number(&value).ok_or_else(|| bad("GORT_SIM_SEED", &value, SEED))?);
        }
        if let Some(value) = get("GODEBUG") {
            env.debug(&value)?;
        }
        Ok(env)
    }

    fn debug(&mut self, value: &OsString) -> Result<(), EnvError> {
        let text = value.to_str().ok_or_else(|| bad("GODEBUG", value, PAIRS))?;
        for pair in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(bad("GODEBUG", &pair.into(), PAIRS));
            };
            let wrong = |grammar| bad(&format!("GODEBUG {key}"), &value.into(), grammar);
            let switch = || match value {
                "0" => Ok(false),
                "1" => Ok(true),
                _ => Err(wrong(SWITCH)),
            };
            match key {
                "gctrace" => self.gctrace = switch()?,
                "inittrace" => self.inittrace = switch()?,
                "gcroots" => self.root_places = switch()?,
                "gccheckmark" => self.check_mark = switch()?,
                "gcstoptheworld" => {
                    self.stop_the_world = value.parse().map_err(|_| wrong(LEVEL))?;
                    if self.stop_the_world > 2 {
                        return Err(wrong(LEVEL));
                    }
                }
                "clobberfree" => self.clobber_free = switch()?,
                "stealnear" => self.steal_near = switch()?,
                "gcpin" => self.pin_checks = switch()?,
                "schedtrace" => {
                    self.schedtrace_ms = value.parse().map_err(|_| wrong(MILLIS))?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn bad(variable: &str, value: &OsString, grammar: &'static str) -> EnvError {
    EnvError { variable: variable.into(), value: value.to_string_lossy().into_owned(), grammar }
}

/// A whole number without a sign.
fn number(value: &OsString) -> Option<u64> {
    let text = value.to_str()?;
    // `parse` would take a plus sign.
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Bytes with an optional binary unit.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let shift = match &text[digits..] {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    let n: u64 = text[..digits].parse().ok()?;
    n.checked_mul(1 << shift).filter(|&n| i64::try_from(n).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(name: &'static str, value: &str) -> Result<Env, EnvError> {
        let value = OsString::from(value);
        Env::parse(move |asked| (asked == name).then(|| value.clone()))
    }

    #[test]
    fn good_values() {
        assert_eq!(with("GOMAXPROCS", "8").unwrap().procs, Some(8));
        assert_eq!(with("GOMAXPROCS", "").unwrap().procs, None);
        assert_eq!(with("GORT_SIM_SEED", "7").unwrap().sim_seed, Some(7));
        assert_eq!(with("GOGC", "off").unwrap().gc_percent, Some(None));
        assert_eq!(with("GOGC", "0").unwrap().gc_percent, Some(Some(0)));
        for (text, want) in [
            ("512MiB", 512 << 20),
            ("8GiB", 8_589_934_592),
            ("8589934592", 8_589_934_592),
            ("1B", 1),
            ("2KiB", 2048),
            ("1TiB", 1 << 40),
        ] {
            assert_eq!(with("GOMEMLIMIT", text).unwrap().memory_limit, Some(Some(want)), "{text}");
        }
        assert_eq!(with("GOMEMLIMIT", "off").unwrap().memory_limit, Some(None));
        let env = with("GODEBUG", "gctrace=1, schedtrace=1000,madeup=x,,inittrace=1").unwrap();
        assert!(env.gctrace && env.inittrace && env.schedtrace_ms == 1000);
    }

    #[test]
    fn bad_values_name_variable_value_and_grammar() {
        for (name, value) in [
            ("GORT_SIM_SEED", "seven"),
            ("GOMAXPROCS", "-1"),
            ("GOMAXPROCS", "0"),
            ("GOMAXPROCS", "+2"),
            ("GOMAXPROCS", "2000"),
            ("GOGC", "abc"),
            ("GOGC", "-5"),
            ("GOMEMLIMIT", "1XB"),
            ("GOMEMLIMIT", "MiB"),
            ("GOMEMLIMIT", "9999999TiB"),
            ("GOMEMLIMIT", "1.5GiB"),
            ("GODEBUG", "gctrace"),
            ("GODEBUG", "gctrace=2"),
            ("GODEBUG", "schedtrace=soon"),
        ] {
            let text = with(name, value).unwrap_err().to_string();
            let shown = value.split('=').next_back().unwrap();
            assert!(
                text.contains(name) && text.contains(shown) && text.contains("must be"),
                "{text}"
            );
        }
    }

    proptest! {
        /// Whatever it says, it is obeyed or refused, and a number is read as it is written.
        #[test]
        fn never_panics(text in "\\PC{0,20}", n in 0..=u32::MAX) {
            for name in ["GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG"] {
                let _ = with(name, &text);
            }
            prop_assert_eq!(with("GOGC", &n.to_string()).unwrap().gc_percent, Some(Some(n)));
        }
    }
}
