//! Planning: what is taken and what waits, in simulations and on the real programs.

mod commands;
mod simulation;
mod starving;
mod side_by_side;
pub(crate) mod patterns;
pub(crate) mod permits;
