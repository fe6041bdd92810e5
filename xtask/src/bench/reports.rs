//! What comes of the runs: figures, and the forms in which people read them.
//!
//! [`record`] and [`spread`] make figures of runs; [`table`], [`page`] and [`readme`] show them; [`compare`] and [`targets`]
//! judge them.

pub(crate) mod compare;
pub(crate) mod date;
pub(crate) mod page;
pub(crate) mod readme;
pub(crate) mod record;
pub(crate) mod spread;
pub(crate) mod standing;
pub(crate) mod table;
pub(crate) mod targets;
