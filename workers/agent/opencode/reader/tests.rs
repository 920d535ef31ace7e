//! What opencode 1.18.33 printed, as it was recorded, and what the driver makes of it.

use super::super::super::oneshot::Rest;
use super::super::super::oneshot::played::{charged, hello, play, unknown};
use super::*;
use crate::failure::{Class, TurnEnd};

/// A recorded stream.
macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!(
            "../../../../tests/fixtures/agents/opencode/1.18.33/",
            $name,
            ".jsonl"
        ))
    };
}

fn played(stream: &str, ended: Ended) -> (Opencode, Vec<AgentEvent>, Rest) {
    let mut reader = Opencode::new(2);
    let (events, rest) = play(&mut reader, "", stream, ended);
    (reader, events, rest)
}

fn rest(stream: &str, ended: Ended) -> Rest {
    played(stream, ended).2
}

#[test]
fn tools_are_told_and_tokens_are_added_up_and_a_price_of_nothing_is_unknown() {
    let (reader, events, rest) = played(recorded!("tools"), Ended::Exit(0));
    assert!(events.contains(&AgentEvent::ToolCall("bash: echo hi > f; ls".to_owned())));
    assert!(events.contains(&AgentEvent::Text("hello".to_owned())));
    assert!(reader.told().finished);
    hello(&reader, &events, &rest);
}

#[test]
fn every_recorded_failure_is_told_as_what_it_is() {
    let (env, work) = (Class::Env, Class::Work);
    let rows = [
        (recorded!("login-refused"), 1, "login: error.name APIError 401", env),
        (recorded!("forbidden"), 1, "login: error.name APIError 403", env),
        (recorded!("unknown-model"), 1, "no such model: error.name APIError 404", env),
        (recorded!("bad-request"), 1, "bad request: error.name APIError 400", env),
        (recorded!("context-full"), 1, "context full: error.name ContextOverflowError", work),
        (recorded!("reset-stream"), 1, "network: error.name APIError: Connection reset", env),
        (recorded!("truncated"), 0, "truncated: step_finish.reason length", work),
        (recorded!("refused"), 1, "refusal: error.name ContentFilterError", work),
        (recorded!("rate-limit"), 1, "rate limit: error.name APIError 429", env),
        (recorded!("no-money"), 1, "billing: error.name APIError 429", env),
        (recorded!("overloaded"), 1, "overloaded: error.name APIError 5", env),
    ];
    for (stream, code, evidence, class) in rows {
        let (_, events, rest) = played(stream, Ended::Exit(code));
        let failure = charged(&rest);
        assert!(failure.evidence.starts_with(evidence), "{failure:?}");
        assert_eq!(failure.class, class, "{failure:?}");
        assert_eq!(unknown(&events), [""; 0]);
    }
}

#[test]
fn a_step_without_tokens_was_cut_unless_its_provider_never_counts() {
    let step = |reason: &str, tokens: u64| {
        format!(
            r#"{{"type":"step_start","part":{{}}}}
{{"type":"step_finish","part":{{"reason":"{reason}","tokens":{{"input":{tokens},"output":{tokens},"reasoning":0,"cache":{{"read":0,"write":0}}}},"cost":0}}}}
"#
        )
    };
    let told = |steps: &[(&str, u64)]| {
        let stream: String = steps.iter().map(|(reason, tokens)| step(reason, *tokens)).collect();
        rest(&stream, Ended::Exit(0)).first
    };
    let network = |end: TurnEnd| matches!(&end, TurnEnd::Failed(failure) if failure.evidence.starts_with("network: "));
    assert!(network(told(&[("stop", 0)])));
    assert!(network(told(&[("tool-calls", 9), ("stop", 0)])));
    assert!(matches!(told(&[("tool-calls", 0), ("stop", 0)]), TurnEnd::Silent(_)));
    assert!(matches!(told(&[("stop", 9)]), TurnEnd::Silent(_)));
}

#[test]
fn a_session_that_stops_in_the_middle_has_died_whatever_its_exit_code() {
    let whole = recorded!("tools");
    for lines in 1..5 {
        let part: String = whole.lines().take(lines).map(|line| format!("{line}\n")).collect();
        for ended in [Ended::Exit(0), Ended::Exit(1), Ended::Signal(15)] {
            let rest = rest(&part, ended);
            assert_eq!(charged(&rest).class, Class::Crash, "{lines} {ended}");
        }
    }
    // Before its first word it is its set-up.
    assert_eq!(charged(&rest("", Ended::Exit(1))).class, Class::Env);
    assert_eq!(charged(&rest("", Ended::Signal(9))).class, Class::Crash);
}

#[test]
fn a_denied_tool_ends_the_run_and_is_told() {
    let denied = recorded!("tools").replace(
        r#""state":{"status":"completed","#,
        r#""state":{"status":"error","error":"The user rejected permission to use this specific tool call.","#,
    );
    let run: String = denied.lines().take(3).map(|line| format!("{line}\n")).collect();
    let (reader, events, rest) = played(&run, Ended::Exit(0));
    assert_eq!(reader.told().denied, 1);
    assert!(
        events.iter().any(
            |event| matches!(event, AgentEvent::ToolResult(told) if told.contains("was denied"))
        )
    );
    assert!(
        matches!(&rest.first, TurnEnd::Silent(why) if why.contains("1 tool calls were denied")),
        "{rest:?}"
    );
}

#[test]
fn an_overflow_that_comes_back_and_a_circle_are_hopeless() {
    let mut reader = Opencode::new(1);
    // An overflow, a summary that comes off, the next overflow, and so on.
    for line in recorded!("overflow-again-and-again").lines().take(5) {
        reader.line(line.as_bytes());
        assert_eq!(reader.told().hopeless, None, "{line}");
    }
    let second = recorded!("overflow-again-and-again").lines().nth(5).unwrap();
    reader.line(second.as_bytes());
    let given_up = reader.told().hopeless.clone().unwrap();
    assert_eq!(given_up.found.fault, Fault::ContextFull);
    let mut reader = Opencode::new(1);
    let call = recorded!("tools").lines().nth(1).unwrap();
    for _ in 0..31 {
        assert_eq!(reader.told().hopeless, None);
        reader.line(call.as_bytes());
    }
    assert_eq!(reader.told().hopeless.clone().unwrap().found.fault, Fault::Rounds);
}

#[test]
fn answers_that_are_cut_again_and_again_are_hopeless_and_one_that_was_is_the_networks() {
    let cut = recorded!("cut-again-and-again");
    let one: String = cut.lines().take(3).map(|line| format!("{line}\n")).collect();
    let (_, _, rest) = played(&one, Ended::Exit(0));
    let failure = charged(&rest);
    assert!(failure.evidence.starts_with("network: step_finish.reason unknown"), "{failure:?}");
    assert_eq!(failure.class, Class::Env);
    let mut reader = Opencode::new(1);
    for line in cut.lines().take(8) {
        reader.line(line.as_bytes());
        assert_eq!(reader.told().hopeless, None, "{line}");
    }
    reader.line(cut.lines().nth(8).unwrap().as_bytes());
    assert_eq!(reader.told().hopeless.clone().unwrap().found.fault, Fault::Network);
    // One that is whole in between begins them anew.
    let mut reader = Opencode::new(1);
    for line in one.repeat(2).lines().chain(recorded!("tools").lines()).chain(one.repeat(2).lines())
    {
        reader.line(line.as_bytes());
        assert_eq!(reader.told().hopeless, None, "{line}");
    }
}

#[test]
fn what_it_does_not_know_is_counted_and_fails_nothing() {
    let stream = format!("{{\"type\":\"of_tomorrow\"}}\n{{}}\n{{half\n{}", recorded!("tools"));
    let (_, events, rest) = played(&stream, Ended::Exit(0));
    assert_eq!(unknown(&events), ["of_tomorrow", "no type", "not JSON"]);
    assert!(matches!(rest.first, TurnEnd::Silent(_)));
}
