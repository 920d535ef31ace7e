//! Planning: what is ready, what belongs together, what comes next. Pure: no file, no clock; whoever asks brings the
//! time and answers questions about other orders ([`Sight`]). The queue, the workers and the commands share it.
//!
//! The way of one decision: orders of a state by [`rank`]; each is asked what it waits for ([`hindrance`]); of those
//! that wait for nothing a batch is chosen ([`select`]), which also keeps orders that touch the same files from being
//! worked on side by side. `docs/planning.md` tells the rules for people.

mod rank;
mod needs;
mod circles;
mod conflicts;
mod paths;
mod mentions;
mod footprint;
mod roll;
mod hindrance;
mod line;
mod select;
mod tiers;

pub use circles::circles;
pub use conflicts::conflicts;
pub use footprint::{Footprint, Overlap};
pub use hindrance::{Hindrance, Rules, Sight, before_in_group, hindrance};
pub use line::{InTheWay, Line, Place};
pub use mentions::mentioned;
pub use needs::{Known, Wait, Why, waits_for};
pub use paths::{clean, overlap};
pub use rank::{Rank, rank};
pub use roll::{Roll, RollKey, Tally, earlier_phases};
pub use select::{Asking, Candidate, Clash, Reason, Selection, select, share};
pub use tiers::{Gate, Node, Tiers, tiers};
