//! The machine that runs code.
//!
//! Its state between two slices of work is one object in the heap, [`State`], and one root names that. In a slice, the
//! registers are handles: they borrow the guard, so the compiler sees to it that none of them is in use where the guard
//! passes. The stack is a slice of fields in the heap. Whoever stores into it need not know whether the collector has
//! scanned it already: the store shades what it writes.

use gort::gc::{Field, Gc, GcSlice, Mutator, Root, Trace};

use crate::builtin::{BUILTINS, Ints};
use crate::compile::compile;
use crate::print::print;
use crate::read::{Reader, Symbols};
use crate::value::{Code, Frame, Op, Symbol, Val, Value, ValueInit};

/// Operations between two safepoints.
const SLICE: usize = 10_000;
/// Values on the stack at most: 128 MiB of fields.
const DEEPEST: usize = 1 << 24;

/// What the collector must see of a machine.
#[derive(Trace)]
pub(crate) struct State {
    stack: Field<GcSlice<Value>>,
    globals: Field<GcSlice<Value>>,
    code: Field<Code>,
    env: Field<Frame>,
    pub(crate) ints: Field<GcSlice<Value>>,
    pub(crate) truth: Field<Value>,
    pub(crate) lie: Field<Value>,
}

pub(crate) struct Machine {
    pub(crate) state: Root<State>,
    pub(crate) symbols: Symbols,
    /// Which globals are defined: null is a value.
    defined: Vec<bool>,
    pub(crate) output: String,
    /// Whether the next pause shall be a whole collection.
    pub(crate) collect: bool,
    pc: usize,
    /// Values on the stack.
    depth: usize,
}

impl Machine {
    pub(crate) fn new(mu: &Mutator) -> Self {
        let ints = Ints::table(mu);
        let state = mu.alloc(StateInit {
            stack: Some(mu.alloc_slice(256).expect("memory")),
            globals: None,
            code: None,
            env: None,
            ints: Some(ints),
            truth: Some(mu.alloc(ValueInit::True)),
            lie: Some(mu.alloc(ValueInit::False)),
        });
        let mut machine = Self {
            state: Root::new(mu, state),
            symbols: Symbols::default(),
            defined: Vec::new(),
            output: String::new(),
            collect: false,
            pc: 0,
            depth: 0,
        };
        for (i, (name, _)) in BUILTINS.iter().enumerate() {
            let symbol = machine.symbols.intern(name);
            machine.define(mu, symbol, Some(mu.alloc(ValueInit::Builtin(i))));
        }
        machine
    }

    /// Reads and runs form after form.
    pub(crate) fn program(&mut self, mu: &mut Mutator, text: &str) -> Result<(), String> {
        let mut reader = Reader::new(text);
        for number in 1.. {
            let stopped = |why: String| format!("form {number}: {why}");
            if !self.form(mu, &mut reader).map_err(stopped)? {
                break;
            }
        }
        Ok(())
    }

    /// Reads and runs one form; `false` at the end of the text.
    fn form(&mut self, mu: &mut Mutator, reader: &mut Reader<'_>) -> Result<bool, String> {
        let Some(form) = reader.next(mu, &mut self.symbols)? else { return Ok(false) };
        let code = compile(mu, &mut self.symbols, form)?;
        let state = self.state.get(mu);
        state.code.store(mu, Some(code));
        state.env.store(mu, None);
        (self.pc, self.depth) = (0, 0);
        let stop = mu.alloc(ValueInit::Return { code: None, env: None, pc: 0 });
        self.push(mu, Some(stop))?;
        while !self.slice(mu)? {
            if std::mem::take(&mut self.collect) {
                mu.collect();
            } else {
                mu.safepoint();
            }
        }
        Ok(true)
    }

    pub(crate) fn print(&mut self, value: Val<'_>) {
        print(&mut self.output, &self.symbols, value);
    }

    fn push(&mut self, mu: &Mutator, value: Val<'_>) -> Result<(), String> {
        let state = self.state.get(mu);
        let mut stack = state.stack.load().expect("made with the machine");
        if self.depth == stack.len() {
            if self.depth == DEEPEST {
                return Err(format!("the stack has {DEEPEST} values: the recursion is too deep"));
            }
            let larger = mu.alloc_slice(stack.len() * 2).map_err(|e| e.to_string())?;
            for (to, from) in larger.slice().iter().zip(stack.slice()) {
                to.store(mu, from.load());
            }
            state.stack.store(mu, Some(larger));
            stack = larger;
        }
        stack.slice()[self.depth].store(mu, value);
        self.depth += 1;
        Ok(())
    }

    /// Takes a value off; its place is cleared, so that the stack keeps nothing that is not on it.
    fn pop<'mu>(&mut self, mu: &'mu Mutator) -> Val<'mu> {
        self.depth -= 1;
        let place = &self.state.get(mu).get().stack.load().expect("as above").slice()[self.depth];
        let value = place.load();
        place.store(mu, None);
        value
    }

    fn global<'mu>(&self, mu: &'mu Mutator, name: Symbol) -> Result<&'mu Field<Value>, String> {
        let i = name.0 as usize;
        match self.state.get(mu).get().globals.load() {
            Some(globals) if self.defined.get(i) == Some(&true) => Ok(&globals.slice()[i]),
            _ => Err(format!("{} is not defined", self.symbols.name(name))),
        }
    }

    fn define(&mut self, mu: &Mutator, name: Symbol, value: Val<'_>) {
        let (state, i) = (self.state.get(mu), name.0 as usize);
        let old = state.get().globals.load();
        if old.is_none_or(|old| old.len() <= i) {
            let room = (self.symbols.len() * 2).next_power_of_two();
            let larger = mu.alloc_slice(room).expect("memory for the globals");
            for (to, from) in larger.slice().iter().zip(old.map_or(&[][..], Gc::slice)) {
                to.store(mu, from.load());
            }
            state.globals.store(mu, Some(larger));
            self.defined.resize(room, false);
        }
        self.defined[i] = true;
        if let Some(globals) = state.globals.load() {
            globals.slice()[i].store(mu, value);
        }
    }

    /// Runs up to [`SLICE`] operations; whether the form is done. Not a safepoint.
    fn slice(&mut self, mu: &Mutator) -> Result<bool, String> {
        let state = self.state.get(mu).get();
        let mut code = state.code.load().expect("stored by `program`").get();
        let mut env = state.env.load();
        let mut args = Vec::new();
        for _ in 0..SLICE {
            let op = code.ops[self.pc];
            self.pc += 1;
            match op {
                Op::Nil => self.push(mu, None)?,
                Op::Constant(i) => {
                    let constants = code.constants.load().expect("made by `finish`");
                    self.push(mu, constants.slice()[i as usize].load())?;
                }
                Op::Local(up, i) => {
                    let value = frame(env, up).var(usize::from(i)).load();
                    self.push(mu, value)?;
                }
                Op::SetLocal(up, i) => {
                    let value = self.pop(mu);
                    frame(env, up).var(usize::from(i)).store(mu, value);
                    self.push(mu, None)?;
                }
                Op::Global(name) => {
                    let value = self.global(mu, name)?.load();
                    self.push(mu, value)?;
                }
                Op::SetGlobal(name) => {
                    let value = self.pop(mu);
                    self.global(mu, name)?.store(mu, value);
                    self.push(mu, None)?;
                }
                Op::Define(name) => {
                    let value = self.pop(mu);
                    self.define(mu, name, value);
                    self.push(mu, None)?;
                }
                Op::Closure(i) => {
                    let inner = code.inner.load().expect("made by `finish`");
                    let code = inner.slice()[i as usize].load();
                    let closure = mu.try_alloc(ValueInit::Closure { code, env });
                    self.push(mu, Some(closure.map_err(|e| e.to_string())?))?;
                }
                Op::Pop => _ = self.pop(mu),
                Op::Jump(to) => self.pc = to as usize,
                Op::JumpIfFalse(to) => {
                    if matches!(self.pop(mu).map(Gc::get), Some(Value::False)) {
                        self.pc = to as usize;
                    }
                }
                Op::Call(n) | Op::TailCall(n) => {
                    args.clear();
                    args.extend((0..n).map(|_| self.pop(mu)));
                    args.reverse();
                    match self.pop(mu).map(Gc::get) {
                        Some(Value::Builtin(i)) => {
                            let name = BUILTINS[*i].0;
                            let result = BUILTINS[*i].1(self, mu, &args);
                            self.push(mu, result.map_err(|e| format!("{name}: {e}"))?)?;
                            if self.collect {
                                break;
                            }
                        }
                        Some(Value::Closure { code: to, env: outer }) => {
                            if matches!(op, Op::Call(_)) {
                                let pc = self.pc as u32;
                                let this = state_code(state, code);
                                let back = mu.try_alloc(ValueInit::Return { code: this, env, pc });
                                self.push(mu, Some(back.map_err(|e| e.to_string())?))?;
                            }
                            let next = to.load().expect("a closure has code");
                            env = Some(enter(mu, next.get(), outer.load(), &mut args)?);
                            state.code.store(mu, Some(next));
                            (code, self.pc) = (next.get(), 0);
                        }
                        _ => return Err("what is called is no function".into()),
                    }
                }
                Op::Return => {
                    let value = self.pop(mu);
                    let Some(Value::Return { code: to, env: back, pc }) = self.pop(mu).map(Gc::get)
                    else {
                        return Err("the stack has no place to return to".into());
                    };
                    let Some(to) = to.load() else { return Ok(true) };
                    state.code.store(mu, Some(to));
                    (code, env, self.pc) = (to.get(), back.load(), *pc as usize);
                    self.push(mu, value)?;
                }
            }
        }
        state.env.store(mu, env);
        Ok(false)
    }
}

/// The handle of the code that runs: the state names it.
fn state_code<'mu>(state: &'mu State, runs: &Code) -> Option<Gc<'mu, Code>> {
    let code = state.code.load();
    debug_assert!(code.is_some_and(|code| std::ptr::eq(code.get(), runs)));
    code
}

fn frame<'mu>(env: Option<Gc<'mu, Frame>>, up: u16) -> &'mu Frame {
    let mut at = env.expect("a local variable has a frame").get();
    for _ in 0..up {
        at = at.up.load().expect("as many as the compiler counted").get();
    }
    at
}

/// A frame for a call.
fn enter<'mu>(
    mu: &'mu Mutator,
    code: &Code,
    outer: Option<Gc<'_, Frame>>,
    args: &mut Vec<Val<'mu>>,
) -> Result<Gc<'mu, Frame>, String> {
    if args.len() < code.params || (args.len() > code.params && !code.rest) {
        return Err(format!("{} arguments for {} parameters", args.len(), code.params));
    }
    if code.rest {
        let rest = crate::value::list(mu, &args[code.params..]);
        args.truncate(code.params);
        args.push(rest);
    }
    Frame::new(mu, outer, code.slots, args).map_err(|e| e.to_string())
}
