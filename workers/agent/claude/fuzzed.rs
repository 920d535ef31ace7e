//! What the fuzzer looks at in this room: the lines that Claude Code prints.

use super::conversation::Conversation;
use crate::agent::fuzzed::{self, NONCE};
use crate::agent::speaker::Speaker as _;
use crate::agent::talk::Then;

/// One session; orders are given one after the other.
pub(crate) fn stream(data: &[u8]) {
    let mut talk = Conversation::new(&fuzzed::plan());
    let mut turns = fuzzed::Turns::default();
    for line in data.split(|byte| *byte == b'\n') {
        if !talk.talk().in_turn() {
            let turn = turns.next();
            assert!(talk.talk().begin(&turn));
            talk.tell(&turn);
        }
        let then = talk.hear(line);
        while let Some(sent) = talk.to_send() {
            assert!(sent.ends_with('\n'));
        }
        turns.heard(talk.talk(), NONCE);
        if then != Then::GoOn {
            return;
        }
    }
}
