//! From text to lists.

use std::collections::HashMap;

use gort::gc::Mutator;

use crate::value::{Symbol, Val, ValueInit, cons, list};

/// Lists inside of lists that the reader takes: it is recursive.
const DEPTH: usize = 200;

/// Names and their numbers.
#[derive(Default)]
pub(crate) struct Symbols {
    names: Vec<String>,
    numbers: HashMap<String, Symbol>,
}

impl Symbols {
    pub(crate) fn intern(&mut self, name: &str) -> Symbol {
        if let Some(&symbol) = self.numbers.get(name) {
            return symbol;
        }
        let symbol = Symbol(self.names.len() as u32);
        self.names.push(name.into());
        self.numbers.insert(name.into(), symbol);
        symbol
    }

    pub(crate) fn name(&self, symbol: Symbol) -> &str {
        &self.names[symbol.0 as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

/// Reads forms one by one.
pub(crate) struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { rest: text }
    }

    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix(';') {
                Some(comment) => self.rest = comment.find('\n').map_or("", |i| &comment[i..]),
                None => return,
            }
        }
    }

    /// The next form; `None` at the end.
    pub(crate) fn next<'mu>(
        &mut self,
        mu: &'mu Mutator,
        symbols: &mut Symbols,
    ) -> Result<Option<Val<'mu>>, String> {
        self.skip();
        if self.rest.is_empty() { Ok(None) } else { self.form(mu, symbols, 0).map(Some) }
    }

    fn form<'mu>(
        &mut self,
        mu: &'mu Mutator,
        symbols: &mut Symbols,
        depth: usize,
    ) -> Result<Val<'mu>, String> {
        if depth > DEPTH {
            return Err(format!("more than {DEPTH} lists inside of each other"));
        }
        self.skip();
        let first = self.rest.chars().next().ok_or("the text ends inside of a list")?;
        match first {
            '(' => {
                self.rest = &self.rest[1..];
                self.list(mu, symbols, depth)
            }
            ')' => Err("a ) without its (".into()),
            '\'' => {
                self.rest = &self.rest[1..];
                let quoted = self.form(mu, symbols, depth + 1)?;
                let quote = mu.alloc(ValueInit::Symbol(symbols.intern("quote")));
                Ok(list(mu, &[Some(quote), quoted]))
            }
            '"' => {
                let end = self.rest[1..].find('"').ok_or("a text without its end")? + 1;
                let text = mu.alloc_str(&self.rest[1..end]).map_err(|e| e.to_string())?;
                self.rest = &self.rest[end + 1..];
                Ok(Some(mu.alloc(ValueInit::Text(Some(text)))))
            }
            _ => {
                let stops = |c: char| c.is_whitespace() || "()'\";".contains(c);
                let end = self.rest.find(stops).unwrap_or(self.rest.len());
                let (atom, rest) = self.rest.split_at(end);
                self.rest = rest;
                Ok(Some(mu.alloc(match (atom.parse(), atom) {
                    (Ok(number), _) => ValueInit::Int(number),
                    (_, "#t") => ValueInit::True,
                    (_, "#f") => ValueInit::False,
                    _ => ValueInit::Symbol(symbols.intern(atom)),
                })))
            }
        }
    }

    /// Behind the opening parenthesis.
    fn list<'mu>(
        &mut self,
        mu: &'mu Mutator,
        symbols: &mut Symbols,
        depth: usize,
    ) -> Result<Val<'mu>, String> {
        let mut items = Vec::new();
        loop {
            self.skip();
            if let Some(rest) = self.rest.strip_prefix(')') {
                self.rest = rest;
                return Ok(list(mu, &items));
            }
            if let Some(rest) = self.rest.strip_prefix(". ") {
                self.rest = rest;
                let tail = self.form(mu, symbols, depth + 1)?;
                self.skip();
                self.rest = self.rest.strip_prefix(')').ok_or("one form and a ) after the dot")?;
                let all = items.iter().rev();
                return Ok(all.fold(tail, |tail, &head| Some(cons(mu, head, tail))));
            }
            items.push(self.form(mu, symbols, depth + 1)?);
        }
    }
}
