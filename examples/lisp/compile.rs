//! From lists to code.
//!
//! Variables are resolved here: a local one is a number of frames to go up and a place in the frame there, all others
//! are global. What a function defines inside of it is a variable of its frame. A call in the last place of a function
//! is a jump: it leaves nothing on the stack.

use gort::gc::{Gc, Mutator};

use crate::read::Symbols;
use crate::value::{Code, CodeInit, Op, Symbol, Val, Value, ValueInit, cons, items, list, parts};

/// A function that is being compiled.
#[derive(Default)]
struct Unit<'mu> {
    ops: Vec<Op>,
    constants: Vec<Gc<'mu, Value>>,
    inner: Vec<Gc<'mu, Code>>,
    names: Vec<Symbol>,
}

pub(crate) struct Compiler<'c, 'mu> {
    mu: &'mu Mutator,
    symbols: &'c mut Symbols,
    /// The innermost is the last.
    units: Vec<Unit<'mu>>,
}

type Done = Result<(), String>;

/// The code of a form at the top.
pub(crate) fn compile<'mu>(
    mu: &'mu Mutator,
    symbols: &mut Symbols,
    form: Val<'mu>,
) -> Result<Gc<'mu, Code>, String> {
    let mut compiler = Compiler { mu, symbols, units: vec![Unit::default()] };
    compiler.form(form, true)?;
    compiler.finish(0, false)
}

impl<'mu> Compiler<'_, 'mu> {
    fn unit(&mut self) -> &mut Unit<'mu> {
        self.units.last_mut().expect("there is one")
    }

    fn emit(&mut self, op: Op) -> usize {
        self.unit().ops.push(op);
        self.unit().ops.len() - 1
    }

    /// Lets a jump go to the next operation.
    fn land(&mut self, jump: usize) {
        let here = self.unit().ops.len() as u32;
        match &mut self.unit().ops[jump] {
            Op::Jump(to) | Op::JumpIfFalse(to) => *to = here,
            _ => unreachable!("not a jump"),
        }
    }

    fn finish(&mut self, params: usize, rest: bool) -> Result<Gc<'mu, Code>, String> {
        self.emit(Op::Return);
        let unit = self.units.pop().expect("begun");
        let text = |e: gort::gc::AllocError| e.to_string();
        let constants = self.mu.alloc_slice(unit.constants.len()).map_err(text)?;
        for (field, &value) in constants.slice().iter().zip(&unit.constants) {
            field.store(self.mu, Some(value));
        }
        let inner = self.mu.alloc_slice(unit.inner.len()).map_err(text)?;
        for (field, &code) in inner.slice().iter().zip(&unit.inner) {
            field.store(self.mu, Some(code));
        }
        let (ops, slots) = (unit.ops, unit.names.len());
        let (constants, inner) = (Some(constants), Some(inner));
        Ok(self.mu.alloc(CodeInit { ops, constants, inner, params, rest, slots }))
    }

    fn constant(&mut self, value: Val<'mu>) {
        match value {
            None => self.emit(Op::Nil),
            Some(value) => {
                self.unit().constants.push(value);
                let i = self.unit().constants.len() as u32 - 1;
                self.emit(Op::Constant(i))
            }
        };
    }

    fn place(&self, name: Symbol) -> Option<(u16, u16)> {
        // The lowest unit is the form at the top: it has no frame.
        let frames = self.units[1..].iter().rev().enumerate();
        let find = |unit: &Unit<'_>| unit.names.iter().rposition(|&n| n == name);
        frames.filter_map(|(up, unit)| Some((up as u16, find(unit)? as u16))).next()
    }

    /// Leaves the form's value on the stack; at the end of a function a call may leave the function instead.
    fn form(&mut self, form: Val<'mu>, last: bool) -> Done {
        let Some(value) = form else {
            self.emit(Op::Nil);
            return Ok(());
        };
        match value.get() {
            Value::Symbol(name) => {
                let op = match self.place(*name) {
                    Some((up, i)) => Op::Local(up, i),
                    None => Op::Global(*name),
                };
                self.emit(op);
                Ok(())
            }
            Value::Pair { head, tail } => {
                let (head, tail) = (head.load(), items(tail.load())?);
                let word = match head.map(Gc::get) {
                    Some(Value::Symbol(name)) if self.place(*name).is_none() => {
                        self.symbols.name(*name).to_owned()
                    }
                    _ => String::new(),
                };
                self.special(&word, head, &tail, last)
            }
            _ => {
                self.constant(form);
                Ok(())
            }
        }
    }

    fn special(&mut self, word: &str, head: Val<'mu>, args: &[Val<'mu>], last: bool) -> Done {
        match (word, args) {
            ("quote", [value]) => self.constant(*value),
            ("if", [test, yes, no @ ..]) if no.len() < 2 => {
                self.form(*test, false)?;
                let skip = self.emit(Op::JumpIfFalse(0));
                self.form(*yes, last)?;
                let end = self.emit(Op::Jump(0));
                self.land(skip);
                self.form(no.first().copied().flatten(), last)?;
                self.land(end);
            }
            ("cond", []) => _ = self.emit(Op::Nil),
            ("cond", [clause, rest @ ..]) => {
                let (test, body) = parts(*clause).ok_or("a clause of cond is a list")?;
                let is_else = matches!(test.map(Gc::get), Some(Value::Symbol(s)) if self.symbols.name(*s) == "else");
                if is_else {
                    return self.body(&items(body)?, last);
                }
                self.form(test, false)?;
                let skip = self.emit(Op::JumpIfFalse(0));
                self.body(&items(body)?, last)?;
                let end = self.emit(Op::Jump(0));
                self.land(skip);
                self.special("cond", head, rest, last)?;
                self.land(end);
            }
            ("begin", body) => self.body(body, last)?,
            ("lambda", [params, body @ ..]) => self.lambda(*params, body)?,
            ("let", [bindings, body @ ..]) => self.bind(*bindings, body, last)?,
            ("define", [target, body @ ..]) => {
                let name = match parts(*target) {
                    // (define (name parameters..) body..)
                    Some((name, params)) => {
                        self.lambda(params, body)?;
                        symbol(name)?
                    }
                    None => {
                        self.form(body.first().copied().flatten(), false)?;
                        symbol(*target)?
                    }
                };
                match self.place(name) {
                    Some((0, i)) => _ = self.emit(Op::SetLocal(0, i)),
                    _ => _ = self.emit(Op::Define(name)),
                }
            }
            ("set!", [name, value]) => {
                let name = symbol(*name)?;
                self.form(*value, false)?;
                let op = match self.place(name) {
                    Some((up, i)) => Op::SetLocal(up, i),
                    None => Op::SetGlobal(name),
                };
                self.emit(op);
            }
            ("quote" | "if" | "lambda" | "let" | "define" | "set!", _) => {
                return Err(format!("{word} with {} parts", args.len()));
            }
            _ => {
                self.form(head, false)?;
                for &arg in args {
                    self.form(arg, false)?;
                }
                let n = u16::try_from(args.len()).map_err(|_| "too many arguments")?;
                self.emit(if last { Op::TailCall(n) } else { Op::Call(n) });
            }
        }
        Ok(())
    }

    fn body(&mut self, forms: &[Val<'mu>], last: bool) -> Done {
        let Some((end, before)) = forms.split_last() else {
            self.emit(Op::Nil);
            return Ok(());
        };
        for &form in before {
            self.form(form, false)?;
            self.emit(Op::Pop);
        }
        self.form(*end, last)
    }

    /// `params` is a list of names; a name in place of the list's end takes the rest.
    fn lambda(&mut self, mut params: Val<'mu>, body: &[Val<'mu>]) -> Done {
        let mut names = Vec::new();
        while let Some((name, more)) = parts(params) {
            names.push(symbol(name)?);
            params = more;
        }
        let count = names.len();
        if params.is_some() {
            names.push(symbol(params)?);
        }
        for form in body {
            if let Some((word, rest)) = parts(*form)
                && matches!(word.map(Gc::get), Some(Value::Symbol(s)) if self.symbols.name(*s) == "define")
                && let Some((target, _)) = parts(rest)
            {
                names.push(symbol(parts(target).map_or(target, |(name, _)| name))?);
            }
        }
        if names.len() > usize::from(u16::MAX) {
            return Err("a function with too many variables".into());
        }
        self.units.push(Unit { names, ..Unit::default() });
        self.body(body, true)?;
        let code = self.finish(count, params.is_some())?;
        self.unit().inner.push(code);
        let i = self.unit().inner.len() as u32 - 1;
        self.emit(Op::Closure(i));
        Ok(())
    }

    /// `(let ((name value)..) body..)` is a call of a function; `(let name (..) body..)` gives the function a name.
    fn bind(&mut self, bindings: Val<'mu>, body: &[Val<'mu>], last: bool) -> Done {
        let mu = self.mu;
        let (name, bindings, body) = match bindings.map(Gc::get) {
            Some(Value::Symbol(_)) => {
                let (list, body) = body.split_first().ok_or("let with a name and no bindings")?;
                (bindings, *list, body)
            }
            _ => (None, bindings, body),
        };
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for binding in items(bindings)? {
            let (name, value) = parts(binding).ok_or("a binding is a list")?;
            names.push(name);
            values.push(parts(value).and_then(|(value, _)| value));
        }
        let word =
            |this: &mut Self, word| Some(mu.alloc(ValueInit::Symbol(this.symbols.intern(word))));
        let lambda = word(self, "lambda");
        let mut function = Some(cons(mu, lambda, Some(cons(mu, list(mu, &names), list(mu, body)))));
        if name.is_some() {
            // ((lambda () (define name function) name))
            let define = word(self, "define");
            let define = list(mu, &[define, name, function]);
            function = list(mu, &[list(mu, &[lambda, None, define, name])]);
        }
        self.special("", function, &values, last)
    }
}

fn symbol(value: Val<'_>) -> Result<Symbol, String> {
    match value.map(Gc::get) {
        Some(Value::Symbol(name)) => Ok(*name),
        _ => Err("a name was expected".into()),
    }
}
