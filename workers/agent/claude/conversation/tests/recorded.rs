//! What Claude Code 2.1.328 printed, as it was recorded, and what the driver makes of it.

use super::*;
use crate::agent::Usage;
use crate::failure::{Action, Failure};

/// A recorded stream.
macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!(
            "../../../../../tests/fixtures/agents/claude/2.1.328/",
            $name,
            ".jsonl"
        ))
    };
}

/// What was said of a stream.
struct Played {
    talk: Conversation,
    said: Vec<Said>,
    /// Why the rest was not heard.
    killed: Option<&'static str>,
}

impl Played {
    /// Plays a stream. Each order is given when the one before has ended; one that begins with `!` is interrupted at once.
    fn new(stream: &str, orders: &[&str]) -> Self {
        let mut talk = Conversation::new(&SessionPlan { nonce: "n0nce".to_owned(), ..plan() });
        let (mut said, mut orders) = (Vec::new(), orders.iter());
        for line in stream.lines() {
            if !talk.talk.in_turn()
                && let Some(order) = orders.next()
            {
                let (dropped, order) =
                    order.strip_prefix('!').map_or((false, *order), |order| (true, order));
                assert!(talk.begin(&turn(order, 3)));
                assert!(!dropped || talk.talk.interrupt());
            }
            let then = talk.hear(line.as_bytes());
            said.extend(std::iter::from_fn(|| talk.talk.say()));
            if let Then::Kill(why) = then {
                return Self { talk, said, killed: Some(why) };
            }
        }
        Self { talk, said, killed: None }
    }

    fn ends(&self) -> Vec<(&TurnEnd, Usage)> {
        let end = |said| match said {
            &Said::TurnEnded { ref end, usage, .. } => Some((end, usage)),
            _ => None,
        };
        self.said.iter().filter_map(end).collect()
    }

    /// How its only turn failed.
    #[track_caller]
    fn failure(&self) -> &Failure {
        match self.ends()[..] {
            [(TurnEnd::Failed(failure), _)] => failure,
            _ => panic!("{:#?}", self.said),
        }
    }
}

#[test]
fn two_orders_and_a_fix_turn_are_three_testimonies_and_each_uses_what_it_used() {
    let played = Played::new(recorded!("two-orders"), &["a", "b", "b"]);
    let ends = played.ends();
    assert_eq!(ends.len(), 3, "{:#?}", played.said);
    for (end, usage) in ends {
        assert!(
            matches!(end, TurnEnd::Testified(said) if said.verdict == Verdict::Done),
            "{end:?}"
        );
        assert_eq!((usage.input_tokens, usage.output_tokens), (Some(110), Some(50)));
        let usd = usage.cost_usd.unwrap();
        assert!((0.0005..0.002).contains(&usd), "{usd}");
    }
    assert!(played.talk.talk.unknown().is_empty(), "{:?}", played.talk.talk.unknown());
}

#[test]
fn a_tool_is_told_and_an_interrupted_turn_is_lost_and_the_next_one_counts() {
    let played = Played::new(recorded!("tools"), &["a"]);
    let shown = |said: &Said| matches!(said, Said::Heard(Some(line)) if line.contains("setsid"));
    assert!(played.said.iter().any(shown), "{:#?}", played.said);
    assert!(matches!(played.ends()[..], [(TurnEnd::Testified(_), _)]));
    let played = Played::new(recorded!("interrupt"), &["!a", "b"]);
    let [(TurnEnd::Failed(lost), _), (TurnEnd::Testified(next), _)] = played.ends()[..] else {
        panic!("{:#?}", played.said)
    };
    assert_eq!((lost.class, lost.session_over), (Class::Lost, false));
    assert_eq!(next.order.as_str(), "b");
}

#[test]
fn words_are_silence_and_a_result_for_a_stranger_is_refused() {
    for (stream, why) in
        [(recorded!("words-only"), "All tests pass!"), (recorded!("wrong-order"), "stranger")]
    {
        let played = Played::new(stream, &["a"]);
        let [(TurnEnd::Silent(told), _)] = played.ends()[..] else { panic!("{:#?}", played.said) };
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn every_recorded_failure_is_told_as_what_it_is_with_what_is_done_about_it() {
    let (env, work) = (Class::Env, Class::Work);
    let rows = [
        (recorded!("usage-limit"), "usage limit: ", env, Action::WaitUntil),
        (recorded!("rate-limit"), "rate limit: ", env, Action::WaitUntil),
        (recorded!("login-refused"), "login: ", env, Action::AskPerson),
        (recorded!("forbidden"), "login: ", env, Action::AskPerson),
        (recorded!("no-key"), "login: ", env, Action::AskPerson),
        (recorded!("no-money"), "billing: ", env, Action::AskPerson),
        (recorded!("server-error"), "overloaded: ", env, Action::Retry),
        (recorded!("overloaded"), "overloaded: ", env, Action::Retry),
        (recorded!("cut-stream"), "network: ", env, Action::Retry),
        (recorded!("silent-stream"), "network: ", env, Action::Retry),
        (recorded!("unknown-model"), "no such model: ", env, Action::StopStage),
        (recorded!("bad-request"), "bad request: ", env, Action::StopStage),
        (recorded!("context-full"), "context full: ", work, Action::SplitBatch),
        (recorded!("truncated"), "truncated: ", work, Action::RepairOnce),
        (recorded!("refused"), "refusal: ", work, Action::ChargeOrder),
        (
            recorded!("a-result-that-its-schema-forbids"),
            "no valid result: ",
            work,
            Action::RepairOnce,
        ),
        (recorded!("too-many-rounds"), "too many rounds: ", work, Action::ChargeOrder),
        (recorded!("budget-used-up"), "budget used up: ", work, Action::FreshSession),
        (recorded!("denied"), "denied without a word: ", work, Action::RepairOnce),
    ];
    for (stream, evidence, class, action) in rows {
        let played = Played::new(stream, &["a"]);
        let failure = played.failure();
        assert!(failure.evidence.starts_with(evidence), "{failure:?}");
        assert_eq!((failure.class, failure.action), (class, action), "{failure:?}");
        // Only what nobody would answer is killed before its own end.
        assert_eq!(
            played.killed.is_some(),
            evidence == "login: " && failure.evidence.contains("try 1"),
            "{failure:?}"
        );
    }
    let limit = Played::new(recorded!("usage-limit"), &["a"]);
    assert_eq!(limit.failure().until, Some(4_000_000_000));
}
