//! What Gemini CLI 0.61.0 printed, as it was recorded, and what the driver makes of it.

use super::super::super::oneshot::{Rest, played};
use super::*;
use crate::failure::{Class, TurnEnd};
use played::{charged, hello, unknown};

/// A recorded stream.
macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/fixtures/agents/gemini/0.61.0/", $name))
    };
}

fn played(errors: &str, stream: &str, ended: Ended) -> (Gemini, Vec<AgentEvent>, Rest) {
    played::played(errors, stream, ended)
}

#[test]
fn tools_and_words_are_told_and_the_session_has_its_totals() {
    let (reader, events, rest) = played("", recorded!("tools.jsonl"), Ended::Exit(0));
    assert!(events.contains(&AgentEvent::Started("gemini, gemini-2.5-pro".to_owned())));
    let call = "run_shell_command: echo hi > f; ls".to_owned();
    assert!(events.contains(&AgentEvent::ToolCall(call)));
    // Its tool ran between the two.
    let at = |event: AgentEvent| events.iter().position(|told| *told == event).unwrap();
    let id = || "run_shell_command__run_shell_command_1795180622763_0".to_owned();
    assert!(at(AgentEvent::ToolBegan(id())) < at(AgentEvent::ToolEnded(id())));
    hello(&reader, &events, &rest);
}

#[test]
fn every_recorded_failure_is_told_as_what_it_is() {
    let (env, work) = (Class::Env, Class::Work);
    let missing = recorded!("unknown-model.stderr.txt");
    let rows = [
        ("", recorded!("login-refused.jsonl"), 145, "login: result.error.message", env),
        ("", recorded!("forbidden.jsonl"), 147, "login: result.error.message", env),
        ("", recorded!("bad-key.jsonl"), 144, "login: result.error.message", env),
        (missing, recorded!("unknown-model.jsonl"), 1, "no such model: stderr: ", env),
        ("", recorded!("bad-request.jsonl"), 144, "bad request: result.error.message", env),
        ("", recorded!("reset-stream.jsonl"), 1, "network: result.error.message", env),
        ("", recorded!("refused.jsonl"), 0, "refusal: error.message", work),
        ("", recorded!("usage-limit.jsonl"), 173, "usage limit: result.error.message", env),
    ];
    for (errors, stream, code, evidence, class) in rows {
        let (_, events, rest) = played(errors, stream, Ended::Exit(code));
        let failure = charged(&rest);
        assert!(failure.evidence.starts_with(evidence), "{failure:?}");
        assert_eq!(failure.class, class, "{failure:?}");
        assert_eq!(unknown(&events), [""; 0]);
    }
}

#[test]
fn retries_on_the_error_stream_name_their_fault() {
    for (errors, fault) in [
        (recorded!("rate-limit.stderr.txt"), Fault::RateLimit),
        (recorded!("overloaded.stderr.txt"), Fault::Overloaded),
    ] {
        let (_, events, _) = played(errors, "", Ended::Signal(9));
        let retries = events.iter().filter(|event| {
            matches!(event, AgentEvent::Retrying(Retry { found, delay_ms: None }) if found.fault == fault)
        });
        assert!(retries.count() >= 2, "{events:?}");
    }
}

#[test]
fn without_a_result_it_has_not_finished_whatever_its_exit_code() {
    let whole = recorded!("tools.jsonl");
    let part: String = whole.lines().take(4).map(|line| format!("{line}\n")).collect();
    for ended in [Ended::Exit(0), Ended::Exit(1), Ended::Signal(9)] {
        let (_, _, rest) = played("", &part, ended);
        assert_eq!(charged(&rest).class, Class::Crash, "{ended}");
    }
    let code = |errors: &str, code| {
        let (_, _, rest) = played(errors, "", Ended::Exit(code));
        let failure = charged(&rest);
        assert_eq!(failure.class, if code == 53 { Class::Work } else { Class::Env });
        failure.evidence.split(':').next().unwrap().to_owned()
    };
    assert_eq!(code("Please set an Auth method in your settings", 41), "login");
    assert_eq!(code("", 41), "login");
    assert_eq!(code("Unknown argument: no-such-flag", 42), "set-up");
    assert_eq!(code("Unknown argument: no-such-flag", 1), "set-up");
    assert_eq!(code("", 53), "too many rounds");
    assert_eq!(code("", 173), "rate limit");
}

#[test]
fn a_success_that_is_none_is_seen() {
    let result =
        r#"{"type":"result","status":"success","stats":{"input_tokens":TOKENS,"output_tokens":0}}"#;
    let looped =
        r#"{"type":"error","severity":"warning","message":"Loop detected, stopping execution"}"#;
    let circle = format!("{looped}\n{}", result.replace("TOKENS", "50"));
    let (_, _, rest) = played("", &circle, Ended::Exit(0));
    assert!(charged(&rest).evidence.starts_with("too many rounds: "), "{rest:?}");
    let (_, _, rest) = played("", &result.replace("TOKENS", "0"), Ended::Exit(0));
    assert!(charged(&rest).evidence.contains("no model was asked"), "{rest:?}");
    let (_, _, rest) = played("", &result.replace("TOKENS", "50"), Ended::Exit(0));
    assert!(matches!(rest.first, TurnEnd::Silent(_)), "{rest:?}");
    // An answer that was too long it tells as a good end, with half of the words.
    let (_, _, rest) = played("", recorded!("truncated.jsonl"), Ended::Exit(0));
    assert!(matches!(&rest.first, TurnEnd::Silent(why) if why.ends_with("half")), "{rest:?}");
}

#[test]
fn what_it_does_not_know_is_counted_and_fails_nothing() {
    let stream =
        format!("{{\"type\":\"of_tomorrow\"}}\n{{}}\n{{half\n{}", recorded!("tools.jsonl"));
    let (_, events, rest) = played("", &stream, Ended::Exit(0));
    assert_eq!(unknown(&events), ["of_tomorrow", "no type", "not JSON"]);
    assert!(matches!(rest.first, TurnEnd::Silent(_)));
}
