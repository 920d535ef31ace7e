//! What `codex exec` 0.169.0 printed, as it was recorded, and what the driver makes of it.

use super::super::super::super::talk::{Talk, Then};
use super::super::super::super::{Said, Turn, Usage};
use super::*;
use crate::failure::{Class, TurnEnd};
use crate::order::OrderId;

/// A recorded stream.
macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!(
            "../../../../../tests/fixtures/agents/codex/0.169.0/exec-",
            $name,
            ".jsonl"
        ))
    };
}

/// Plays a stream; each order is given as soon as the one before has ended.
fn play(stream: &str, orders: &[&str]) -> (Vec<(TurnEnd, Usage)>, Reader, Talk) {
    let (mut reader, mut talk) = (Reader::default(), Talk::new("n0nce"));
    let mut orders = orders.iter();
    let mut ends = Vec::new();
    for line in stream.lines() {
        if !talk.in_turn()
            && let Some(order) = orders.next()
        {
            reader.begin();
            assert!(talk.begin(&Turn {
                order: OrderId::parse(order).unwrap(),
                generation: 3,
                title: "t".to_owned(),
                desk: "/desk".into(),
                worktree: None,
                prompt: "p".to_owned(),
            }));
        }
        for event in reader.read(line.as_bytes()) {
            let (Then::GoOn | Then::Kill(_)) = talk.take(event);
        }
        while let Some(said) = talk.say() {
            if let Said::TurnEnded { end, usage, .. } = said {
                ends.push((end, usage));
            }
        }
    }
    (ends, reader, talk)
}

#[test]
fn the_processes_of_one_thread_are_turns_and_each_uses_what_it_used() {
    let (ends, reader, talk) = play(recorded!("three-orders"), &["a", "b", "c", "c"]);
    assert_eq!(ends.len(), 4);
    for (end, usage) in ends {
        assert!(matches!(end, TurnEnd::Testified(_)), "{end:?}");
        assert_eq!((usage.input_tokens, usage.output_tokens), (Some(110), Some(50)));
    }
    assert!(reader.thread().is_some_and(|thread| thread.len() == 36));
    assert!(talk.unknown().is_empty(), "{:?}", talk.unknown());
}

#[test]
fn every_recorded_failure_is_told_as_what_it_is() {
    let (env, work) = (Class::Env, Class::Work);
    let rows = [
        (recorded!("usage-limit"), "usage limit: turn.failed.error.message: ", env, true),
        (recorded!("no-money"), "billing: turn.failed.error.message: Quota", env, true),
        (recorded!("login-refused"), "login: the login is refused: error.message: Rec", env, true),
        (recorded!("no-key"), "login: turn.failed.error.message: Missing", env, true),
        (recorded!("rate-limit"), "rate limit: turn.failed", env, true),
        (recorded!("server-error"), "overloaded: turn.failed", env, false),
        (recorded!("overloaded"), "overloaded: turn.failed", env, false),
        (recorded!("cut-stream"), "network: turn.failed", env, false),
        (recorded!("silent-stream"), "network: turn.failed", env, false),
        (recorded!("unknown-model"), "no such model: turn.failed", env, true),
        (recorded!("bad-request"), "bad request: turn.failed", env, true),
        (recorded!("context-full"), "context full: turn.failed", work, true),
        (recorded!("truncated"), "truncated: turn.failed", work, false),
    ];
    for (stream, evidence, class, over) in rows {
        let (ends, ..) = play(stream, &["a"]);
        let [(TurnEnd::Failed(failure), _)] = &ends[..] else { panic!("{evidence}: {ends:?}") };
        assert!(failure.evidence.starts_with(evidence), "{evidence}: {failure:?}");
        assert_eq!((failure.class, failure.session_over), (class, over), "{evidence}");
        assert_eq!(failure.until.is_some(), evidence.starts_with("usage limit"), "{evidence}");
    }
}

#[test]
fn words_and_a_result_for_another_order_are_no_success() {
    for stream in [recorded!("words-only"), recorded!("wrong-order")] {
        let (ends, ..) = play(stream, &["a"]);
        assert!(matches!(ends[..], [(TurnEnd::Silent(_), _)]), "{ends:?}");
    }
    let (ends, ..) = play(recorded!("tools"), &["a"]);
    assert!(matches!(ends[..], [(TurnEnd::Testified(_), _)]), "{ends:?}");
}

#[test]
fn junk_and_what_is_new_are_counted_and_never_fail() {
    let junk = "{half\n{\"type\":\"brand.new\"}\n{}\n";
    let stream = format!("{junk}{}", recorded!("tools"));
    let (ends, _, talk) = play(&stream, &["a"]);
    assert!(matches!(ends[..], [(TurnEnd::Testified(_), _)]), "{ends:?}");
    let names: Vec<&str> = talk.unknown().keys().map(String::as_str).collect();
    assert_eq!(names, ["brand.new", "no type", "not JSON"]);
}
