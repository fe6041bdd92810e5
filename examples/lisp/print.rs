//! From values to text.

use crate::read::Symbols;
use crate::value::{Val, Value, parts};

/// Parts inside of parts that are written out: a value may contain itself.
const DEPTH: usize = 50;
/// Items of one list.
const LENGTH: usize = 1000;

pub(crate) fn print(out: &mut String, symbols: &Symbols, value: Val<'_>) {
    part(out, symbols, value, 0);
}

fn part(out: &mut String, symbols: &Symbols, value: Val<'_>, depth: usize) {
    let Some(value) = value else { return out.push_str("()") };
    if depth > DEPTH {
        return out.push_str("..");
    }
    match value.get() {
        Value::False => out.push_str("#f"),
        Value::True => out.push_str("#t"),
        Value::Int(n) => out.push_str(&n.to_string()),
        Value::Symbol(s) => out.push_str(symbols.name(*s)),
        Value::Text(text) => out.push_str(text.load().map_or("", |t| t.text())),
        Value::Pair { .. } => {
            let (mut at, mut before, mut length) = (Some(value), "(", 0);
            while let Some((head, tail)) = parts(at) {
                out.push_str(before);
                if length == LENGTH {
                    return out.push_str("..)");
                }
                part(out, symbols, head, depth + 1);
                (at, before, length) = (tail, " ", length + 1);
            }
            if at.is_some() {
                out.push_str(" . ");
                part(out, symbols, at, depth + 1);
            }
            out.push(')');
        }
        Value::Vector(fields) => {
            out.push_str("#(");
            for (i, field) in fields.load().iter().flat_map(|f| f.slice()).enumerate() {
                out.push_str(if i == 0 { "" } else { " " });
                part(out, symbols, field.load(), depth + 1);
            }
            out.push(')');
        }
        Value::Closure { .. } | Value::Builtin(_) => out.push_str("#<function>"),
        Value::Return { .. } => out.push_str("#<return>"),
    }
}
