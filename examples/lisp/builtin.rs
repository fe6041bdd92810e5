//! The functions that are written in Rust. None is a safepoint: they get handles.

use gort::gc::{Gc, GcSlice, Mutator};

use crate::machine::Machine;
use crate::value::{Val, Value, ValueInit, cons, kind};

type Builtin = for<'mu> fn(&mut Machine, &'mu Mutator, &[Val<'mu>]) -> Result<Val<'mu>, String>;

/// Numbers that are made once for each machine.
pub(crate) struct Ints;

impl Ints {
    const LEAST: i64 = -16;
    const COUNT: usize = 1024;

    pub(crate) fn table(mu: &Mutator) -> Gc<'_, GcSlice<Value>> {
        let table = mu.alloc_slice(Self::COUNT).expect("memory");
        for (i, field) in table.slice().iter().enumerate() {
            field.store(mu, Some(mu.alloc(ValueInit::Int(Self::LEAST + i as i64))));
        }
        table
    }
}

fn int<'mu>(machine: &Machine, mu: &'mu Mutator, n: i64) -> Result<Val<'mu>, String> {
    let at = usize::try_from(n.wrapping_sub(Ints::LEAST)).unwrap_or(usize::MAX);
    let ready = machine.state.get(mu).get().ints.load();
    if let Some(field) = ready.and_then(|table| table.slice().get(at)) {
        return Ok(field.load());
    }
    mu.try_alloc(ValueInit::Int(n)).map(Some).map_err(|e| e.to_string())
}

fn truth<'mu>(machine: &Machine, mu: &'mu Mutator, is: bool) -> Result<Val<'mu>, String> {
    let state = machine.state.get(mu).get();
    Ok(if is { state.truth.load() } else { state.lie.load() })
}

fn number(value: Val<'_>) -> Result<i64, String> {
    match value.map(Gc::get) {
        Some(Value::Int(n)) => Ok(*n),
        _ => Err(format!("a number was expected, not {}", kind(value))),
    }
}

fn one<'mu>(args: &[Val<'mu>]) -> Result<Val<'mu>, String> {
    match args {
        [a] => Ok(*a),
        _ => Err(format!("{} arguments, one was expected", args.len())),
    }
}

fn two<'mu>(args: &[Val<'mu>]) -> Result<(Val<'mu>, Val<'mu>), String> {
    match args {
        [a, b] => Ok((*a, *b)),
        _ => Err(format!("{} arguments, two were expected", args.len())),
    }
}

fn fold(args: &[Val<'_>], start: i64, f: fn(i64, i64) -> Option<i64>) -> Result<i64, String> {
    args.iter()
        .try_fold(start, |sum, &n| f(sum, number(n)?).ok_or("the number is too large".into()))
}

fn divide(args: &[Val<'_>], f: fn(i64, i64) -> Option<i64>) -> Result<i64, String> {
    let (a, b) = two(args)?;
    f(number(a)?, number(b)?).ok_or("a division by zero".into())
}

fn ordered(args: &[Val<'_>], f: fn(i64, i64) -> bool) -> Result<bool, String> {
    let numbers = args.iter().map(|&n| number(n)).collect::<Result<Vec<_>, _>>()?;
    Ok(numbers.windows(2).all(|w| f(w[0], w[1])))
}

/// Identity, and for numbers and names equality.
fn same(a: Val<'_>, b: Val<'_>) -> bool {
    match (a.map(Gc::get), b.map(Gc::get)) {
        (None, None) | (Some(Value::True), Some(Value::True)) => true,
        (Some(Value::Int(a)), Some(Value::Int(b))) => a == b,
        (Some(Value::Symbol(a)), Some(Value::Symbol(b))) => a == b,
        (Some(Value::False), Some(Value::False)) => true,
        (Some(a), Some(b)) => std::ptr::eq(a, b),
        _ => false,
    }
}

fn part<'mu>(value: Val<'mu>, first: bool) -> Result<&'mu gort::gc::Field<Value>, String> {
    match value.map(Gc::get) {
        Some(Value::Pair { head, tail }) => Ok(if first { head } else { tail }),
        _ => Err(format!("a pair was expected, not {}", kind(value))),
    }
}

fn vector<'mu>(value: Val<'mu>) -> Result<Gc<'mu, GcSlice<Value>>, String> {
    match value.map(Gc::get) {
        Some(Value::Vector(fields)) => fields.load().ok_or("a vector without fields".into()),
        _ => Err(format!("a vector was expected, not {}", kind(value))),
    }
}

fn element<'mu>(of: Val<'mu>, i: Val<'_>) -> Result<&'mu gort::gc::Field<Value>, String> {
    let (fields, i) = (vector(of)?.slice(), number(i)?);
    let field = usize::try_from(i).ok().and_then(|i| fields.get(i));
    field.ok_or_else(|| format!("element {i} of {}", fields.len()))
}

/// Names and functions. The machine calls them by their place.
pub(crate) const BUILTINS: &[(&str, Builtin)] = &[
    ("+", |m, mu, args| int(m, mu, fold(args, 0, i64::checked_add)?)),
    ("*", |m, mu, args| int(m, mu, fold(args, 1, i64::checked_mul)?)),
    ("-", |m, mu, args| match args {
        [] => Err("no argument".into()),
        [a] => int(m, mu, fold(&[*a], 0, i64::checked_sub)?),
        [a, rest @ ..] => int(m, mu, fold(rest, number(*a)?, i64::checked_sub)?),
    }),
    ("quotient", |m, mu, args| int(m, mu, divide(args, i64::checked_div)?)),
    ("remainder", |m, mu, args| int(m, mu, divide(args, i64::checked_rem)?)),
    ("=", |m, mu, args| truth(m, mu, ordered(args, |a, b| a == b)?)),
    ("<", |m, mu, args| truth(m, mu, ordered(args, |a, b| a < b)?)),
    (">", |m, mu, args| truth(m, mu, ordered(args, |a, b| a > b)?)),
    ("<=", |m, mu, args| truth(m, mu, ordered(args, |a, b| a <= b)?)),
    ("eq?", |m, mu, args| two(args).and_then(|(a, b)| truth(m, mu, same(a, b)))),
    ("not", |m, mu, args| truth(m, mu, matches!(one(args)?.map(Gc::get), Some(Value::False)))),
    ("null?", |m, mu, args| truth(m, mu, one(args)?.is_none())),
    ("pair?", |m, mu, args| {
        truth(m, mu, matches!(one(args)?.map(Gc::get), Some(Value::Pair { .. })))
    }),
    ("cons", |_, mu, args| two(args).map(|(a, b)| Some(cons(mu, a, b)))),
    ("car", |_, _, args| Ok(part(one(args)?, true)?.load())),
    ("cdr", |_, _, args| Ok(part(one(args)?, false)?.load())),
    ("set-car!", |_, mu, args| {
        let (pair, value) = two(args)?;
        part(pair, true)?.store(mu, value);
        Ok(None)
    }),
    ("set-cdr!", |_, mu, args| {
        let (pair, value) = two(args)?;
        part(pair, false)?.store(mu, value);
        Ok(None)
    }),
    ("list", |_, mu, args| Ok(crate::value::list(mu, args))),
    ("make-vector", |_, mu, args| {
        let (len, fill) = two(args)?;
        let len = usize::try_from(number(len)?).map_err(|_| "a length below zero")?;
        let fields = mu.alloc_slice(len).map_err(|e| e.to_string())?;
        fields.slice().iter().for_each(|field| field.store(mu, fill));
        mu.try_alloc(ValueInit::Vector(Some(fields))).map(Some).map_err(|e| e.to_string())
    }),
    ("vector-ref", |_, _, args| two(args).and_then(|(v, i)| Ok(element(v, i)?.load()))),
    ("vector-set!", |_, mu, args| match args {
        [v, i, value] => {
            element(*v, *i)?.store(mu, *value);
            Ok(None)
        }
        _ => Err("three arguments were expected".into()),
    }),
    ("vector-length", |m, mu, args| int(m, mu, vector(one(args)?)?.len() as i64)),
    ("display", |m, _, args| {
        args.iter().for_each(|&value| m.print(value));
        Ok(None)
    }),
    ("newline", |m, _, _| {
        m.output.push('\n');
        Ok(None)
    }),
    ("collect", |m, _, _| {
        m.collect = true;
        Ok(None)
    }),
    ("error", |m, _, args| {
        let at = m.output.len();
        args.iter().for_each(|&value| m.print(value));
        Err(m.output.split_off(at))
    }),
];
