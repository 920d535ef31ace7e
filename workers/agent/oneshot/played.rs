//! A recorded session, played through a driver's reader.

use super::super::Usage;
use super::super::event::AgentEvent;
use super::super::one_line;
use super::super::pipes::End;
use super::{Reader, Rest};
use crate::failure::{Class, Failure, TurnEnd};
use crate::process::Ended;

/// Plays what a program printed on its error stream and on its output, and its end.
pub(in super::super) fn play(
    reader: &mut dyn Reader,
    errors: &str,
    stream: &str,
    ended: Ended,
) -> (Vec<AgentEvent>, Rest) {
    let mut events = Vec::new();
    for line in errors.lines() {
        events.extend(reader.complaint(&one_line(line, 400)));
    }
    for line in stream.lines() {
        events.extend(reader.line(line.as_bytes()));
    }
    let complaint = errors.lines().last().unwrap_or_default().to_owned();
    let rest = reader.rest(&End { how: ended.to_string(), ended, complaint }, false);
    (events, rest)
}

/// What is charged to the order at work, after making sure that no other order is charged anything.
#[track_caller]
pub(in super::super) fn charged(rest: &Rest) -> &Failure {
    let (TurnEnd::Failed(first), TurnEnd::Failed(behind)) = (&rest.first, &rest.behind) else {
        panic!("no failure: {rest:?}")
    };
    assert!(matches!(behind.class, Class::Env | Class::Lost), "{behind:?}");
    assert!(first.session_over && behind.session_over, "{rest:?}");
    first
}

/// The names of what was not known.
pub(in super::super) fn unknown(events: &[AgentEvent]) -> Vec<&str> {
    let mut names = Vec::new();
    for event in events {
        if let AgentEvent::Unknown(name) = event {
            names.push(name.as_str());
        }
    }
    names
}

/// Two requests, after which it said hello and left no result: nothing was unknown, and the totals are told.
#[track_caller]
pub(in super::super) fn hello(reader: &dyn Reader, events: &[AgentEvent], rest: &Rest) {
    assert_eq!(unknown(events), [""; 0]);
    let usage = Usage { input_tokens: Some(220), output_tokens: Some(100), cost_usd: None };
    assert_eq!(reader.told().usage, usage);
    let silent = "the session ended and left no result, and said: hello".to_owned();
    assert_eq!(*rest, Rest::all(TurnEnd::Silent(silent)));
}

/// Plays it through a reader that begins with nothing.
pub(in super::super) fn played<R: Reader + Default>(
    errors: &str,
    stream: &str,
    ended: Ended,
) -> (R, Vec<AgentEvent>, Rest) {
    let mut reader = R::default();
    let (events, rest) = play(&mut reader, errors, stream, ended);
    (reader, events, rest)
}
