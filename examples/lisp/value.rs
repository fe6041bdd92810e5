//! Values, frames, code: all that lives in the heap.

use gort::gc::{AllocError, Field, Gc, GcSlice, GcStr, Leaf, Mutator, Trace};

/// The number of a name in the machine's table.
#[derive(Clone, Copy, Debug, Leaf, PartialEq, Eq, Hash)]
pub(crate) struct Symbol(pub u32);

/// What a variable can hold, except for the empty list: that is no object.
///
/// No member needs `Drop`, so a dead value costs its collector nothing: a text is a `GcStr` and not a `String`.
#[derive(Trace)]
pub(crate) enum Value {
    False,
    True,
    Int(i64),
    Symbol(Symbol),
    Text(Field<GcStr>),
    Pair {
        head: Field<Value>,
        tail: Field<Value>,
    },
    Vector(Field<GcSlice<Value>>),
    Closure {
        code: Field<Code>,
        env: Field<Frame>,
    },
    Builtin(usize),
    /// On the stack only: where a call goes back to. Without code: to whoever started the machine.
    Return {
        code: Field<Code>,
        env: Field<Frame>,
        pc: u32,
    },
}

/// A value, or the empty list.
pub(crate) type Val<'mu> = Option<Gc<'mu, Value>>;

/// What a value is, for messages.
pub(crate) fn kind(value: Val<'_>) -> &'static str {
    match value.map(Gc::get) {
        None => "the empty list",
        Some(Value::False | Value::True) => "a truth value",
        Some(Value::Int(_)) => "a number",
        Some(Value::Symbol(_)) => "a symbol",
        Some(Value::Text(_)) => "a text",
        Some(Value::Pair { .. }) => "a pair",
        Some(Value::Vector(_)) => "a vector",
        Some(Value::Closure { .. } | Value::Builtin(_) | Value::Return { .. }) => "a function",
    }
}

/// Variables inside of a frame; what is beyond them is in a slice.
const INSIDE: usize = 3;

/// The variables of one call, and the frame of the function around it.
#[derive(Trace)]
pub(crate) struct Frame {
    pub(crate) up: Field<Frame>,
    vars: [Field<Value>; INSIDE],
    more: Field<GcSlice<Value>>,
}

impl Frame {
    pub(crate) fn new<'mu>(
        mu: &'mu Mutator,
        up: Option<Gc<'_, Frame>>,
        slots: usize,
        args: &[Val<'_>],
    ) -> Result<Gc<'mu, Frame>, AllocError> {
        let more = if slots > INSIDE { Some(mu.alloc_slice(slots - INSIDE)?) } else { None };
        let vars = core::array::from_fn(|i| args.get(i).copied().flatten());
        let frame = mu.try_alloc(FrameInit { up, vars, more })?;
        for (i, &arg) in args.iter().enumerate().skip(INSIDE) {
            frame.get().var(i).store(mu, arg);
        }
        Ok(frame)
    }

    pub(crate) fn var(&self, i: usize) -> &Field<Value> {
        match self.vars.get(i) {
            Some(var) => var,
            None => &self.more.load().expect("as many as the code has slots").slice()[i - INSIDE],
        }
    }
}

/// An operation of the machine. Places are: how many frames up, and which variable.
#[derive(Clone, Copy, Debug, Leaf)]
pub(crate) enum Op {
    Constant(u32),
    Nil,
    Local(u16, u16),
    SetLocal(u16, u16),
    Global(Symbol),
    SetGlobal(Symbol),
    Define(Symbol),
    Closure(u32),
    Pop,
    Jump(u32),
    JumpIfFalse(u32),
    Call(u16),
    TailCall(u16),
    Return,
}

/// A compiled function.
#[derive(Trace)]
pub(crate) struct Code {
    pub(crate) ops: Vec<Op>,
    pub(crate) constants: Field<GcSlice<Value>>,
    pub(crate) inner: Field<GcSlice<Code>>,
    pub(crate) params: usize,
    /// Whether one more parameter takes all further arguments as a list.
    pub(crate) rest: bool,
    /// Variables of a frame: parameters and inner definitions.
    pub(crate) slots: usize,
}

/// A pair.
pub(crate) fn cons<'mu>(mu: &'mu Mutator, head: Val<'_>, tail: Val<'_>) -> Gc<'mu, Value> {
    mu.alloc(ValueInit::Pair { head, tail })
}

/// A list.
pub(crate) fn list<'mu>(mu: &'mu Mutator, items: &[Val<'mu>]) -> Val<'mu> {
    items.iter().rev().fold(None, |tail, &head| Some(cons(mu, head, tail)))
}

/// The parts of a pair.
pub(crate) fn parts<'mu>(value: Val<'mu>) -> Option<(Val<'mu>, Val<'mu>)> {
    match value?.get() {
        Value::Pair { head, tail } => Some((head.load(), tail.load())),
        _ => None,
    }
}

/// The items of a proper list.
pub(crate) fn items<'mu>(mut value: Val<'mu>) -> Result<Vec<Val<'mu>>, String> {
    let mut out = Vec::new();
    while value.is_some() {
        let (head, tail) = parts(value).ok_or("a list was expected")?;
        out.push(head);
        value = tail;
    }
    Ok(out)
}
