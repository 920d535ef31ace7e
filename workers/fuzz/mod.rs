//! What the fuzzer looks at: every parser that reads what others wrote, as a function of bytes that panics when something
//! is not as it should be. Built for tests and for `tests/fuzz` only.
//!
//! Parsers that nobody else should see have their function beside them (`fuzzed.rs` in their rooms).

mod imports;
mod reports;
mod seeds;
mod words;

#[cfg(test)]
mod tests;

use std::path::Path;

use crate::agent::{claude, codex};
use crate::queue::files;

/// One group of parsers that are fuzzed together.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name on the command line and in figures.
    pub name: &'static str,
    /// Reads one input, and panics when a promise about it does not hold.
    pub read: fn(&[u8]),
    /// Inputs to begin with: from the tests' fixtures under that folder, from a folder of data, and some that stand here.
    pub seeds: fn(&Path, Option<&Path>) -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 13] = [
    Target { name: "names", read: words::names, seeds: seeds::names },
    Target { name: "state", read: files::fuzzed::state, seeds: seeds::states },
    Target { name: "queue-json", read: files::fuzzed::identity, seeds: seeds::identities },
    Target { name: "journal", read: files::fuzzed::journal, seeds: seeds::journals },
    Target { name: "order-json", read: words::request, seeds: seeds::requests },
    Target { name: "config", read: words::config, seeds: seeds::configs },
    Target { name: "result", read: words::result, seeds: seeds::results },
    Target { name: "claude", read: claude::fuzzed::stream, seeds: seeds::claude },
    Target { name: "codex-server", read: codex::fuzzed::app_server, seeds: seeds::app_server },
    Target { name: "codex-exec", read: codex::fuzzed::exec, seeds: seeds::exec },
    Target { name: "reports", read: reports::read, seeds: seeds::reports },
    Target { name: "plans", read: imports::plan, seeds: seeds::plans },
    Target { name: "backlogs", read: imports::backlog, seeds: seeds::backlogs },
];

/// Makes ready what is made once and kept: the rules for secrets. What that takes is no single input's.
pub fn make_ready() {
    crate::secrets::make_all_ready();
}

/// The most bytes that reading `length` bytes may take at once, beside what was taken before: some hundred for each byte
/// (a byte of JSON can be a whole value, a byte of a name a node in a map, and each is read more than once), and what
/// regular expressions keep beside them the first times they look.
pub const fn memory_bound(length: usize) -> usize {
    16 * 1024 * 1024 + 1024 * length
}
