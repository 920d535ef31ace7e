//! Build slots: how many commands of gates run at once, over all workers of a person on this machine, whatever their queue
//! (`[limits] gate_slots`).

use std::time::Duration;

use super::lock::{self, Guard};
use super::scene::Tools;
use crate::error::Result;
use crate::stop::Stop;

/// Nobody waits longer than this many runs of those before.
const MOST_RUNS: u32 = 100;

/// Waits for a free slot. It is taken last, around one run only, and nothing else is waited for while it is held: so
/// those who wait for one another's locks never wait in a circle.
pub(super) async fn take(tools: &Tools, stop: &Stop) -> Result<Guard> {
    let names: Vec<String> =
        (1..=tools.config.limits.gate_slots.max(1)).map(|nth| format!("slot-{nth}.lock")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let longest = tools.config.gate.values().map(|gate| gate.timeout).max().unwrap_or_default();
    let longest = longest.max(tools.config.project.test.timeout).max(Duration::from_secs(60));
    lock::take_one(&tools.slots, &names, longest.saturating_mul(MOST_RUNS), stop).await
}
