//! What Qwen Code 0.24.4 printed, as it was recorded, and what the driver makes of it.

use super::super::super::oneshot::{Rest, played};
use super::*;
use crate::failure::{Class, TurnEnd};
use played::{charged, hello, unknown};

/// A recorded stream.
macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/fixtures/agents/qwen/0.24.4/", $name))
    };
}

fn played(errors: &str, stream: &str, ended: Ended) -> (Qwen, Vec<AgentEvent>, Rest) {
    played::played(errors, stream, ended)
}

#[test]
fn tools_and_words_are_told_and_the_session_has_its_totals() {
    let (reader, events, rest) = played("", recorded!("tools.jsonl"), Ended::Exit(0));
    assert!(events.contains(&AgentEvent::Started("qwen 0.24.4, m".to_owned())));
    let call = "run_shell_command: echo hi > f; ls".to_owned();
    assert!(events.contains(&AgentEvent::ToolCall(call)));
    // Its tool ran between the two.
    let at = |event: AgentEvent| events.iter().position(|told| *told == event).unwrap();
    let id = || "call_0".to_owned();
    assert!(at(AgentEvent::ToolBegan(id())) < at(AgentEvent::ToolEnded(id())));
    hello(&reader, &events, &rest);
}

#[test]
fn every_recorded_failure_is_told_as_what_it_is() {
    let (env, work) = (Class::Env, Class::Work);
    let rows = [
        (recorded!("login-refused.jsonl"), "login: ", env),
        (recorded!("forbidden.jsonl"), "login: ", env),
        (recorded!("unknown-model.jsonl"), "no such model: ", env),
        (recorded!("bad-request.jsonl"), "bad request: ", env),
        (recorded!("context-full.jsonl"), "context full: ", work),
        (recorded!("reset-stream.jsonl"), "network: ", env),
    ];
    for (stream, fault, class) in rows {
        let (_, events, rest) = played("", stream, Ended::Exit(1));
        let failure = charged(&rest);
        let begins = format!("{fault}result.subtype error_during_execution, error.message: ");
        assert!(failure.evidence.starts_with(&begins), "{failure:?}");
        assert_eq!(failure.class, class, "{failure:?}");
        assert_eq!(unknown(&events), [""; 0]);
    }
}

#[test]
fn a_retry_is_told_with_its_wait_and_the_servers_words() {
    let errors = recorded!("rate-limit.stderr.txt");
    let (_, events, _) = played(errors, recorded!("rate-limit.jsonl"), Ended::Signal(9));
    let waits: Vec<Option<f64>> = events
        .iter()
        .filter_map(|event| match event {
            AgentEvent::Retrying(Retry { found, delay_ms }) => {
                assert_eq!(found.fault, Fault::RateLimit, "{found:?}");
                Some(*delay_ms)
            }
            _ => None,
        })
        .collect();
    assert_eq!(waits, [Some(60_000.0), Some(60_000.0)]);
}

#[test]
fn without_a_result_it_has_not_finished_whatever_its_exit_code() {
    let whole = recorded!("tools.jsonl");
    let part: String = whole.lines().take(4).map(|line| format!("{line}\n")).collect();
    for ended in [Ended::Exit(0), Ended::Exit(1), Ended::Signal(9)] {
        let (_, _, rest) = played("", &part, ended);
        assert_eq!(charged(&rest).class, Class::Crash, "{ended}");
    }
    let (_, _, rest) = played("Unknown argument: no-such-flag", "", Ended::Exit(1));
    assert!(charged(&rest).evidence.starts_with("set-up: exit 1, without a result: Unknown"));
    let (_, _, rest) = played("", &part, Ended::Exit(53));
    assert!(charged(&rest).evidence.starts_with("too many rounds: "), "{rest:?}");
}

#[test]
fn denials_are_counted_and_told_with_the_silence() {
    let denied = recorded!("tools.jsonl").replace(
        r#""permission_denials":[]"#,
        r#""permission_denials":[{"tool_name":"run_shell_command"}]"#,
    );
    let (reader, _, rest) = played("", &denied, Ended::Exit(0));
    assert_eq!(reader.told().denied, 1);
    assert!(
        matches!(&rest.first, TurnEnd::Silent(why) if why.contains("1 tool calls were denied"))
    );
}

#[test]
fn what_it_does_not_know_is_counted_and_fails_nothing() {
    let odd = "{\"type\":\"of_tomorrow\"}\n{\"type\":\"system\",\"subtype\":\"new\"}\n{}\n{half\n";
    let (_, events, rest) =
        played("", &format!("{odd}{}", recorded!("tools.jsonl")), Ended::Exit(0));
    assert_eq!(unknown(&events), ["of_tomorrow", "system/new", "no type", "not JSON"]);
    assert!(matches!(rest.first, TurnEnd::Silent(_)));
}
