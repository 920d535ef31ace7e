//! The drivers against the real programs, with a scripted model on the loopback.
//!
//! The programs are those that `.ci/agents` installs; where one is not there, its tests are skipped, and say why. Each
//! gets a fresh HOME and a made-up key, and every request goes to 127.0.0.1.

use super::*;
use shopfloor::failure::{Class, Fault};

mod anthropic;
mod chat;
mod claude;
mod codex;
mod cost;
mod found;
mod gemini;
mod gemini_api;
mod limit;
mod model;
mod oneshot;
mod opencode;
mod play;
mod qwen;
mod responses;
mod stages;
mod table;
mod walled;

use model::{Model, Reply};

const GRACE: Duration = Duration::from_secs(10);

/// Gives an order and waits for its end; what was said is printed, for when the test fails.
async fn turn_of(scene: &Scene, session: &mut dyn Session, order: &str) -> (TurnEnd, Usage) {
    session.give(&scene.turn("implement", order)).await.unwrap();
    let (turn, usage, said) = turn_end(session).await;
    println!("{order}: {turn:?} {usage:?} after {said:#?}");
    (turn, usage)
}
