//! All tests that need more than one room.

mod contract;
mod queue_files;
