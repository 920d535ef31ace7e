//! What the fuzzer looks at in this room: the lines of `codex exec --json`.

use super::event::Reader;
use crate::agent::fuzzed::{NONCE, Turns};
use crate::agent::talk::{Talk, Then};

/// The turns of one thread.
pub(crate) fn stream(data: &[u8]) {
    let (mut talk, mut reader) = (Talk::new(NONCE), Reader::default());
    let mut turns = Turns::default();
    for line in data.split(|byte| *byte == b'\n') {
        if !talk.in_turn() {
            assert!(talk.begin(&turns.next()));
            reader.begin();
        }
        for event in reader.read(line) {
            let then = talk.take(event);
            turns.heard(&mut talk, NONCE);
            if then != Then::GoOn {
                return;
            }
        }
    }
}
