//! The promises by their numbers.

/// What is promised, in the order of the list in `docs/queue-sim.md`.
const PROMISES: [&str; 19] = [
    "an acknowledged order is in exactly one place for ever",
    "one state, legal moves only",
    "at most one live worker per order",
    "an effect is accepted only with the current generation",
    "generations and numbers only grow, over power loss too",
    "one move per generation",
    "what was reported done survives power loss",
    "a dead worker's orders are ready again",
    "attempts, bounces and crashes are counted right, so that they are bounded",
    "a marker never grants anything",
    "readers see old or new, never torn",
    "recovery never undoes a person's edit or hold",
    "nothing outside the queue is written, no symbolic link is followed",
    "a dead worker's process tree is ended before its order is handed on",
    "a full disk or a failing one never corrupts",
    "quarantine, never destroy",
    "only what was asked for is done",
    "every change of state has an event",
    "no secret in journal, record, log or argv",
];

/// The words of a promise.
pub(crate) fn words(number: u8) -> &'static str {
    PROMISES.get(usize::from(number).wrapping_sub(1)).copied().unwrap_or("no promise")
}
