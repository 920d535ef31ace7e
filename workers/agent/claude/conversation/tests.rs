//! Conversations as they were recorded, and what the driver makes of them.

use super::super::super::Said;
use super::*;
use crate::failure::{Class, Fault, TurnEnd};
use crate::holder::SessionId;
use crate::order::OrderId;
use crate::process::Ended;
use crate::verdict::Verdict;

fn turn(order: &str, generation: u64) -> Turn {
    Turn {
        order: OrderId::parse(order).unwrap(),
        generation,
        title: "t".to_owned(),
        desk: "/desk".into(),
        worktree: None,
        prompt: "p".to_owned(),
    }
}

fn plan() -> SessionPlan {
    SessionPlan {
        session: SessionId::fresh(),
        stage: "implement".to_owned(),
        nonce: "nonce".to_owned(),
        dir: "/session".into(),
        cookie: "test".to_owned(),
        brief: "b".to_owned(),
        orders: Vec::new(),
        folders: Vec::new(),
        home: "/session/home".into(),
        caps: crate::agent::Caps::default(),
        walls: None,
    }
}

impl Conversation {
    /// Gives a turn, as a session does.
    fn begin(&mut self, turn: &Turn) -> bool {
        let begun = self.talk.begin(turn);
        if begun {
            self.tell(turn);
        }
        begun
    }
}

fn begun(order: &str, generation: u64) -> Conversation {
    let mut conversation = Conversation::new(&plan());
    assert!(conversation.begin(&turn(order, generation)));
    conversation
}

fn line(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn init() -> Value {
    json!({"type": "system", "subtype": "init", "model": "m", "claude_code_version": "2.1.328"})
}

fn output(order: &str, generation: u64, nonce: &str) -> Value {
    json!({"order": order, "gen": generation, "nonce": nonce, "verdict": "done", "why": "w", "artifacts": []})
}

fn good(output: &Value) -> Value {
    json!({"type": "result", "subtype": "success", "is_error": false, "stop_reason": "tool_use",
        "terminal_reason": "completed", "permission_denials": [], "total_cost_usd": 0.5,
        "usage": {"input_tokens": 10, "output_tokens": 2}, "structured_output": output})
}

/// Everything said after these events.
fn said(talk: &mut Conversation, events: &[Value]) -> Vec<Said> {
    for event in events {
        assert_eq!(talk.hear(&line(event)), Then::GoOn);
    }
    std::iter::from_fn(|| talk.talk.say()).filter(|said| !matches!(said, Said::Heard(_))).collect()
}

fn end(said: &[Said]) -> &TurnEnd {
    match said.iter().rev().find(|said| matches!(said, Said::TurnEnded { .. })) {
        Some(Said::TurnEnded { end, .. }) => end,
        _ => panic!("no turn ended: {said:?}"),
    }
}

#[test]
fn a_checked_structured_output_is_testimony_and_is_counted_once() {
    let mut talk = begun("a", 1);
    let said =
        said(&mut talk, &[init(), good(&output("a", 1, "nonce")), good(&output("a", 1, "nonce"))]);
    assert_eq!(said.len(), 1, "{said:?}");
    let Said::TurnEnded { order, end: TurnEnd::Testified(testimony), usage } = &said[0] else {
        panic!("{said:?}")
    };
    assert_eq!((order.as_str(), testimony.verdict), ("a", Verdict::Done));
    assert_eq!((usage.input_tokens, usage.cost_usd), (Some(10), Some(0.5)));
    assert_eq!(talk.talk.unknown()["result without a turn"], 1);
}

#[test]
fn a_result_for_another_order_generation_or_session_is_refused_and_the_turn_is_silent() {
    for wrong in
        [output("b", 1, "nonce"), output("a", 2, "nonce"), output("a", 1, "x"), json!("done")]
    {
        let mut talk = begun("a", 1);
        let said = said(&mut talk, &[init(), good(&wrong)]);
        assert!(matches!(said[0], Said::Refused { .. }), "{wrong}: {said:?}");
        assert!(matches!(end(&said), TurnEnd::Silent(_)), "{wrong}: {said:?}");
    }
}

#[test]
fn success_without_a_structured_output_is_silence() {
    let mut result = good(&Value::Null);
    result["result"] = json!("All tests pass!\n");
    let mut without = result.clone();
    without.as_object_mut().unwrap().remove("structured_output");
    for result in [result, without] {
        let said = said(&mut begun("a", 1), &[init(), result]);
        let TurnEnd::Silent(why) = end(&said) else { panic!("{said:?}") };
        assert!(why.contains("All tests pass!"), "{why}");
    }
}

#[test]
fn an_error_beats_a_structured_output() {
    let mut result = good(&output("a", 1, "nonce"));
    result["is_error"] = json!(true);
    assert!(matches!(end(&said(&mut begun("a", 1), &[init(), result])), TurnEnd::Failed(_)));
}

#[test]
fn a_fix_turn_counts_only_with_its_own_generation() {
    let mut talk = begun("a", 1);
    said(&mut talk, &[init(), good(&output("a", 1, "nonce"))]);
    assert!(talk.begin(&turn("a", 2)));
    let late = said(&mut talk, &[init(), good(&output("a", 1, "nonce"))]);
    assert!(matches!(late[0], Said::Refused { .. }), "{late:?}");
    assert!(talk.begin(&turn("a", 3)));
    let fixed = said(&mut talk, &[init(), good(&output("a", 3, "nonce"))]);
    assert!(matches!(end(&fixed), TurnEnd::Testified(_)));
}

#[test]
fn a_late_result_of_the_turn_before_does_not_end_the_next_one() {
    let mut talk = begun("a", 1);
    said(&mut talk, &[init(), good(&output("a", 1, "nonce"))]);
    assert!(talk.begin(&turn("b", 1)));
    let late = said(&mut talk, &[good(&output("a", 1, "nonce"))]);
    assert_eq!(late, []);
    assert_eq!(talk.talk.unknown()["result of an earlier turn"], 1);
    let own = said(&mut talk, &[init(), good(&output("b", 1, "nonce"))]);
    assert!(matches!(end(&own), TurnEnd::Testified(_)));
}

#[test]
fn a_second_turn_waits_for_the_end_of_the_first() {
    assert!(!begun("a", 1).begin(&turn("b", 1)));
}

#[test]
fn a_usage_limit_is_the_environments_and_says_until_when() {
    let limit = json!({"type": "rate_limit_event", "rate_limit_info":
        {"status": "rejected", "resetsAt": 1_800_000_000, "rateLimitType": "five_hour"}});
    let synthetic = json!({"type": "assistant", "error": "rate_limit",
        "message": {"model": "<synthetic>", "content": [{"type": "text", "text": "limit"}]}});
    let result = json!({"type": "result", "subtype": "success", "is_error": true,
        "api_error_status": 429, "api_error": "usage_limit_reached", "result": "You've hit your limit"});
    let said = said(&mut begun("a", 1), &[init(), limit, synthetic, result]);
    let TurnEnd::Failed(failure) = end(&said) else { panic!("{said:?}") };
    assert_eq!((failure.class, failure.until), (Class::Env, Some(1_800_000_000)));
    assert!(failure.session_over);
}

#[test]
fn a_limit_that_the_model_worked_on_after_is_not_what_ends_the_turn() {
    let limit = json!({"type": "rate_limit_event", "rate_limit_info":
        {"status": "rejected", "resetsAt": 1_800_000_000, "rateLimitType": "five_hour"}});
    let tool = json!({"type": "assistant", "message": {"id": "m", "content":
        [{"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "true"}}]}});
    let result = json!({"type": "result", "subtype": "error_max_turns", "is_error": true});
    let said = said(&mut begun("a", 1), &[init(), limit, tool, result]);
    let Some(Said::TurnEnded { end: TurnEnd::Failed(failure), .. }) = said.last() else {
        panic!("{said:?}")
    };
    assert_eq!((failure.fault, failure.until), (Fault::Rounds, None));
}

#[test]
fn a_warning_about_the_limit_is_only_heard() {
    let warning = json!({"type": "rate_limit_event", "rate_limit_info":
        {"status": "allowed_warning", "resetsAt": 1, "utilization": 0.93}});
    let mut talk = begun("a", 1);
    let said = said(&mut talk, &[init(), warning, good(&output("a", 1, "nonce"))]);
    assert!(matches!(end(&said), TurnEnd::Testified(_)));
}

#[test]
fn the_first_retry_of_a_refused_login_ends_the_session() {
    for (status, delay, killed) in
        [(401, 500, true), (403, 500, true), (529, 500, false), (529, 3_600_000, true)]
    {
        let mut talk = begun("a", 1);
        let retry = json!({"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 4,
            "retry_delay_ms": delay, "error_status": status, "error": "e"});
        let then = talk.hear(&line(&retry));
        assert_eq!(matches!(then, Then::Kill(_)), killed, "{status}");
        if killed {
            let said: Vec<Said> = std::iter::from_fn(|| talk.talk.say()).collect();
            let TurnEnd::Failed(failure) = end(&said) else { panic!("{said:?}") };
            assert_eq!((failure.class, failure.session_over), (Class::Env, true));
        }
    }
}

#[test]
fn an_interrupted_turn_is_never_a_success() {
    let mut talk = begun("a", 1);
    assert!(talk.talk.interrupt());
    let said = said(&mut talk, &[init(), good(&output("a", 1, "nonce"))]);
    let TurnEnd::Failed(failure) = end(&said) else { panic!("{said:?}") };
    assert_eq!((failure.class, failure.session_over), (Class::Lost, false));
    assert!(!talk.talk.interrupt());
}

#[test]
fn an_end_without_a_result_is_a_crash_whatever_the_exit_code() {
    for ended in [Ended::Exit(0), Ended::Exit(143), Ended::Signal(9)] {
        let mut talk = begun("a", 1);
        said(&mut talk, &[init()]);
        talk.talk.ended(&ended, ended, "");
        let said: Vec<Said> = std::iter::from_fn(|| talk.talk.say()).collect();
        let TurnEnd::Failed(failure) = end(&said) else { panic!("{said:?}") };
        assert_eq!((failure.class, failure.session_over), (Class::Crash, true));
        assert!(matches!(said.last(), Some(Said::Over { .. })));
    }
}

#[test]
fn a_program_that_gives_up_before_its_first_word_is_the_environments_fault() {
    let mut talk = begun("a", 1);
    talk.talk.ended(&Ended::Exit(1), Ended::Exit(1), "error: unknown option");
    let said: Vec<Said> = std::iter::from_fn(|| talk.talk.say()).collect();
    let TurnEnd::Failed(failure) = end(&said) else { panic!("{said:?}") };
    assert_eq!(failure.class, Class::Env);
    assert!(failure.evidence.contains("unknown option"), "{}", failure.evidence);
}

#[test]
fn denied_tool_calls_are_told_and_the_result_counts_only_when_it_says_what_became_of_them() {
    let told = |output: &Value| {
        let mut result = good(output);
        result["permission_denials"] = json!([{"tool_name": "Bash"}, {"tool_name": "Write"}]);
        let mut talk = begun("a", 1);
        let _go_on = talk.hear(&line(&result));
        let told: Vec<Said> = std::iter::from_fn(|| talk.talk.say()).collect();
        let remark = Said::Heard(Some("2 tool calls were denied".to_owned()));
        assert!(told.contains(&remark), "{told:?}");
        told
    };
    let mut output = output("a", 1, "nonce");
    for silent in [Value::Null, json!(""), json!("  ")] {
        if !silent.is_null() {
            output["denied"] = silent;
        }
        let told = told(&output);
        let TurnEnd::Failed(failure) = end(&told) else { panic!("{told:?}") };
        assert_eq!((failure.fault, failure.session_over), (Fault::Denied, false));
    }
    output["denied"] = json!("the network was not needed");
    assert!(matches!(end(&told(&output)), TurnEnd::Testified(_)));
    output["denied"] = json!("");
    output["verdict"] = json!("blocked");
    assert!(matches!(end(&told(&output)), TurnEnd::Testified(_)));
}

#[test]
fn a_tool_that_runs_and_what_is_used_meanwhile_are_known() {
    let mut talk = begun("a", 1);
    let call = json!({"type": "assistant", "message": {"id": "m1", "usage": {"input_tokens": 90,
        "cache_read_input_tokens": 10, "output_tokens": 1},
        "content": [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "make"}}]}});
    assert_eq!(talk.hear(&line(&call)), Then::GoOn);
    assert!(talk.talk.in_tool());
    let delta = json!({"type": "stream_event", "event": {"type": "message_delta", "usage": {"output_tokens": 40}}});
    assert_eq!(talk.hear(&line(&delta)), Then::GoOn);
    let back = json!({"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]}});
    assert_eq!(talk.hear(&line(&back)), Then::GoOn);
    assert!(!talk.talk.in_tool());
    let used: Vec<u64> = std::iter::from_fn(|| talk.talk.say())
        .filter_map(|said| match said {
            Said::Used(usage) => Some(usage.known_tokens()),
            _ => None,
        })
        .collect();
    assert_eq!(used, [100, 140]);
    assert!(talk.talk.unknown().is_empty(), "{:?}", talk.talk.unknown());
}

#[test]
fn unknown_events_and_junk_are_counted_and_never_fail() {
    let mut talk = begun("a", 1);
    for junk in [&b"\x00\xff\xfe"[..], b"hello", b"{\"type\":", b"{\"type\":\"brand_new\"}"] {
        assert_eq!(talk.hear(junk), Then::GoOn);
    }
    assert_eq!((talk.talk.unknown()["not JSON"], talk.talk.unknown()["brand_new"]), (3, 1));
    for n in 0..1000 {
        assert_eq!(talk.hear(&line(&json!({"type": format!("t{n}")}))), Then::GoOn);
    }
    assert!(talk.talk.unknown().len() <= 101);
    let said = said(&mut talk, &[good(&output("a", 1, "nonce"))]);
    assert!(matches!(end(&said), TurnEnd::Testified(_)));
}

#[test]
fn an_agent_that_ended_between_two_turns_is_not_the_second_orders_fault() {
    let mut talk = begun("a", 1);
    said(&mut talk, &[init(), good(&output("a", 1, "nonce"))]);
    assert!(talk.begin(&turn("b", 1)));
    talk.talk.ended(&"exit 0", Ended::Exit(0), "");
    let told: Vec<Said> = std::iter::from_fn(|| talk.talk.say()).collect();
    let TurnEnd::Failed(failure) = end(&told) else { panic!("{told:?}") };
    assert_eq!((failure.class, failure.session_over), (Class::Lost, true));
    // One that had begun with it is charged.
    let mut talk = begun("a", 1);
    said(&mut talk, &[init(), good(&output("a", 1, "nonce"))]);
    assert!(talk.begin(&turn("b", 1)));
    said(&mut talk, &[init()]);
    talk.talk.ended(&"exit 1", Ended::Exit(1), "");
    let told: Vec<Said> = std::iter::from_fn(|| talk.talk.say()).collect();
    let TurnEnd::Failed(failure) = end(&told) else { panic!("{told:?}") };
    assert_eq!(failure.class, Class::Crash);
}

mod recorded;
