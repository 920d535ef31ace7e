//! Conversations with the app-server of Codex 0.169.0, as they were recorded, and what the driver makes of them.

use std::collections::BTreeMap;

use super::super::super::setup::Setup;
use super::super::super::{Caps, Said, Usage};
use super::*;
use crate::config::{AgentConfig, DriverName};
use crate::failure::{Class, TurnEnd};
use crate::holder::SessionId;
use crate::order::OrderId;
use crate::process::Ended;

/// A recorded stream.
macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!(
            "../../../../tests/fixtures/agents/codex/0.169.0/app-server-",
            $name,
            ".jsonl"
        ))
    };
}

fn turn(order: &str) -> Turn {
    Turn {
        order: OrderId::parse(order).unwrap(),
        generation: 3,
        title: "t".to_owned(),
        desk: "/scene/desks/a".into(),
        worktree: Some("/scene/worktree".into()),
        prompt: "p".to_owned(),
    }
}

struct Scene {
    server: AppServer,
    said: Vec<Said>,
    sent: Vec<Value>,
    // Its folder goes with it.
    _folder: tempfile::TempDir,
}

impl Scene {
    fn new(key: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = key.map(|key| ("CODEX_API_KEY".to_owned(), key.to_owned()));
        let config = AgentConfig {
            model: Some("m".to_owned()),
            version: None,
            env: BTreeMap::from_iter(key),
            ..AgentConfig::new(DriverName::Codex, "codex")
        };
        let setup = Setup::new("x", &config, folder.path()).unwrap();
        let plan = SessionPlan {
            session: SessionId::fresh(),
            stage: "implement".to_owned(),
            nonce: "n0nce".to_owned(),
            dir: folder.path().to_owned(),
            cookie: "test".to_owned(),
            brief: "the brief".to_owned(),
            orders: Vec::new(),
            folders: Vec::new(),
            home: folder.path().join("home"),
            caps: Caps::default(),
            walls: None,
        };
        let prepared = Prepared::new(&setup, &plan).unwrap();
        let server = AppServer::new(prepared, config.model, &plan);
        Self { server, said: Vec::new(), sent: Vec::new(), _folder: folder }
    }

    fn hear(&mut self, line: &str) -> Then {
        let then = self.server.listen(line.as_bytes());
        self.pump();
        then
    }

    /// Takes what it wants to be sent, and what it says.
    fn pump(&mut self) {
        while let Some(text) = self.server.to_send() {
            self.sent.push(serde_json::from_str(&text).unwrap());
        }
        self.said.extend(std::iter::from_fn(|| self.server.talk.say()));
    }

    fn give(&mut self, order: &str) {
        assert!(self.server.talk.begin(&turn(order)));
        self.server.tell(&turn(order));
        self.pump();
    }

    /// Plays a stream; each order is given as soon as the one before has ended.
    fn play(stream: &str, orders: &[&str]) -> Self {
        let mut scene = Self::new(None);
        let mut orders = orders.iter();
        for line in stream.lines() {
            let then = scene.hear(line);
            let opened = matches!(scene.server.opened(), Some(Ok(())));
            match then {
                // The rest was not heard.
                Then::Kill(_) => return scene,
                Then::GoOn if opened && !scene.server.talk.in_turn() => {
                    if let Some(order) = orders.next() {
                        scene.give(order);
                    }
                }
                Then::GoOn => {}
            }
        }
        scene
    }

    /// How each turn ended.
    fn ends(&self) -> Vec<(&TurnEnd, Usage)> {
        let end = |said: &'_ Said| matches!(said, Said::TurnEnded { .. });
        self.said
            .iter()
            .filter(|said| end(said))
            .map(|said| match said {
                Said::TurnEnded { end, usage, .. } => (end, *usage),
                _ => unreachable!(),
            })
            .collect()
    }

    fn requests(&self) -> Vec<&str> {
        self.sent.iter().filter_map(|sent| sent["method"].as_str()).collect()
    }
}

#[test]
fn three_orders_and_a_fix_turn_are_four_testimonies_and_each_uses_what_it_used() {
    let scene = Scene::play(recorded!("three-orders"), &["a", "b", "c", "c"]);
    let ends = scene.ends();
    assert_eq!(ends.len(), 4, "{:#?}", scene.said);
    for (end, usage) in ends {
        assert!(matches!(end, TurnEnd::Testified(_)), "{end:?}");
        assert_eq!((usage.input_tokens, usage.output_tokens), (Some(110), Some(50)));
    }
    assert!(scene.server.talk.unknown().is_empty(), "{:?}", scene.server.talk.unknown());
    let turn = ["turn/start", "thread/backgroundTerminals/clean"];
    let mut expected = vec!["initialize", "initialized", "thread/start"];
    expected.extend(turn.repeat(4));
    assert_eq!(scene.requests(), expected);
}

#[test]
fn every_recorded_failure_is_told_as_what_it_is() {
    let (env, work) = (Class::Env, Class::Work);
    let rows = [
        (recorded!("usage-limit"), "usage limit: codexErrorInfo usageLimitExceeded: ", env, true),
        (recorded!("usage-limit-in-words"), "usage limit: ", env, true),
        (recorded!("no-money"), "billing: codexErrorInfo usageLimitExceeded: Quota", env, true),
        (recorded!("login-refused"), "login: the login is refused: codexErrorInfo ", env, true),
        (recorded!("no-key"), "login: codexErrorInfo other: Missing environment", env, true),
        (recorded!("rate-limit"), "rate limit: ", env, true),
        (recorded!("server-error"), "overloaded: codexErrorInfo internalServer", env, false),
        (recorded!("overloaded"), "overloaded: codexErrorInfo serverOverloaded", env, false),
        (recorded!("overloaded-midway"), "overloaded: ", env, false),
        (recorded!("cut-stream"), "network: codexErrorInfo other: stream disc", env, false),
        (recorded!("silent-stream"), "network: ", env, false),
        (recorded!("unknown-model"), "no such model: codexErrorInfo modelNot", env, true),
        (recorded!("bad-request"), "bad request: codexErrorInfo other: {", env, true),
        (recorded!("context-full"), "context full: codexErrorInfo context", work, true),
        (recorded!("truncated"), "truncated: codexErrorInfo other: Inc", work, false),
    ];
    for (stream, evidence, class, over) in rows {
        let scene = Scene::play(stream, &["a"]);
        let [(TurnEnd::Failed(failure), _)] = scene.ends()[..] else {
            panic!("{evidence}: {:#?}", scene.said)
        };
        assert!(failure.evidence.starts_with(evidence), "{evidence}: {failure:?}");
        assert_eq!((failure.class, failure.session_over), (class, over), "{evidence}");
        assert_eq!(failure.until.is_some(), evidence.starts_with("usage limit"), "{evidence}");
    }
}

#[test]
fn the_end_of_a_limit_is_taken_from_the_structured_news() {
    let scene = Scene::play(recorded!("usage-limit"), &["a"]);
    let [(TurnEnd::Failed(failure), _)] = scene.ends()[..] else { panic!("{:?}", scene.said) };
    assert_eq!(failure.until, Some(4_000_000_020));
}

#[test]
fn words_and_a_result_for_another_order_are_no_success() {
    let scene = Scene::play(recorded!("words-only"), &["a"]);
    let [(TurnEnd::Silent(why), _)] = scene.ends()[..] else { panic!("{:?}", scene.said) };
    assert!(why.contains("All tests pass!"), "{why}");
    let scene = Scene::play(recorded!("wrong-order"), &["a"]);
    assert!(matches!(scene.ends()[..], [(TurnEnd::Silent(_), _)]), "{:?}", scene.said);
    let refused = |said: &Said| matches!(said, Said::Refused { order, .. } if order == "stranger");
    assert!(scene.said.iter().any(refused), "{:?}", scene.said);
}

#[test]
fn a_good_result_for_another_claim_or_session_is_refused() {
    for (order, from, to) in
        [("b", "", ""), ("a", "n0nce", "n1nce"), ("a", "gen\\\":3", "gen\\\":2")]
    {
        let stream = recorded!("words-only").replace("All tests pass!", GOOD);
        let scene = Scene::play(&stream.replace(from, to), &[order]);
        assert!(matches!(scene.ends()[..], [(TurnEnd::Silent(_), _)]), "{order} {to}");
    }
    let stream = recorded!("words-only").replace("All tests pass!", GOOD);
    let scene = Scene::play(&stream, &["a"]);
    assert!(matches!(scene.ends()[..], [(TurnEnd::Testified(_), _)]), "{:?}", scene.said);
}

/// A result, as it stands in a JSON string.
const GOOD: &str = "{\\\"order\\\":\\\"a\\\",\\\"gen\\\":3,\\\"nonce\\\":\\\"n0nce\\\",\
    \\\"verdict\\\":\\\"done\\\",\\\"why\\\":\\\"w\\\",\\\"artifacts\\\":[]}";

#[test]
fn an_interrupted_turn_is_lost_whatever_it_says_and_the_next_one_counts() {
    let mut scene = Scene::new(None);
    let mut dropped = false;
    for line in recorded!("interrupt").lines() {
        let _go_on = scene.hear(line);
        let opened = matches!(scene.server.opened(), Some(Ok(())));
        if opened && !scene.server.talk.in_turn() {
            if scene.ends().len() < 2 {
                let order = ["a", "b"][scene.ends().len()];
                scene.give(order);
            }
            // Before its id is known: the request waits for it.
            if !dropped {
                dropped = scene.server.talk.interrupt();
                scene.server.tell_interruption();
                assert!(!scene.requests().contains(&"turn/interrupt"));
            }
        }
    }
    let ends = scene.ends();
    let [(TurnEnd::Failed(lost), _), (TurnEnd::Testified(_), _)] = ends[..] else {
        panic!("{ends:?}")
    };
    assert_eq!((lost.class, lost.session_over), (Class::Lost, false));
    assert!(scene.requests().contains(&"turn/interrupt"));
}

#[test]
fn commands_may_write_to_the_orders_own_folders_only() {
    let scene = Scene::play(recorded!("tools"), &["a"]);
    let start = scene.sent.iter().find(|sent| sent["method"] == "turn/start").unwrap();
    let params = &start["params"];
    let wall = &params["sandboxPolicy"];
    assert_eq!(params["cwd"], "/scene/worktree");
    assert_eq!(wall["type"], "workspaceWrite");
    let tmp = scene.server.prepared.tmp.display().to_string();
    assert_eq!(wall["writableRoots"], json!(["/scene/worktree", "/scene/desks/a", tmp]));
    assert_eq!((&wall["networkAccess"], &wall["excludeSlashTmp"]), (&json!(false), &json!(true)));
    assert_eq!(params["outputSchema"]["required"].as_array().unwrap().len(), 7);
    let heard = |words: &str| {
        let line = |said: &Said| matches!(said, Said::Heard(Some(line)) if line.contains(words));
        scene.said.iter().any(line)
    };
    assert!(heard("command: ") && heard("exit 3") && heard("patch: "), "{:#?}", scene.said);
}

#[test]
fn another_kind_of_wall_that_the_operator_chose_is_left_to_the_configuration() {
    let stream = recorded!("three-orders").replace("workspaceWrite", "dangerFullAccess");
    let scene = Scene::play(&stream, &["a"]);
    let start = scene.sent.iter().find(|sent| sent["method"] == "turn/start").unwrap();
    assert_eq!(start["params"].get("sandboxPolicy"), None);
}

#[test]
fn a_key_goes_in_a_message_and_not_into_the_environment() {
    let mut scene = Scene::new(Some("made-up"));
    let _go_on = scene.hear(r#"{"id":1,"result":{}}"#);
    let login = scene.sent.iter().find(|sent| sent["method"] == "account/login/start").unwrap();
    assert_eq!(login["params"], json!({"type": "apiKey", "apiKey": "made-up"}));
    let _go_on = scene.hear(r#"{"id":2,"error":{"code":-32600,"message":"no such key"}}"#);
    assert_eq!(scene.server.opened(), Some(Err("error -32600: no such key".to_owned())));
}

#[test]
fn a_request_of_its_own_is_refused_and_news_of_another_thread_are_not_ours() {
    let stream = recorded!("three-orders");
    let upto = stream.lines().position(|line| line.contains("turn/started")).unwrap();
    let mut scene = Scene::new(None);
    for line in stream.lines().take(upto + 1) {
        let _go_on = scene.hear(line);
        if matches!(scene.server.opened(), Some(Ok(()))) && !scene.server.talk.in_turn() {
            scene.give("a");
        }
    }
    let _go_on = scene.hear(r#"{"id":"q","method":"item/commandExecution/requestApproval"}"#);
    let answer = scene.sent.last().unwrap();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("q"), &json!(-32601)));
    let other = json!({"method": "turn/completed",
        "params": {"threadId": "another", "turn": {"id": "x", "status": "completed"}}});
    let late = json!({"method": "turn/completed",
        "params": {"turn": {"id": "x", "status": "completed"}}});
    for line in [other, late, json!({"method": "brand/new", "params": {}})] {
        assert_eq!(scene.hear(&line.to_string()), Then::GoOn);
    }
    assert!(scene.server.talk.in_turn() && scene.server.sweep.is_none());
    let unknown = scene.server.talk.unknown();
    assert_eq!((unknown["brand/new"], unknown["result of an earlier turn"]), (1, 1));
}

#[test]
fn a_turn_whose_end_was_told_counts_although_the_process_dies_while_it_is_cleared_up() {
    let stream = recorded!("three-orders");
    let clean = stream.lines().position(|line| line.contains("turn/completed")).unwrap();
    let stream: Vec<&str> = stream.lines().take(clean + 1).collect();
    let mut scene = Scene::play(&stream.join("\n"), &["a"]);
    assert!(scene.ends().is_empty() && scene.server.deadline().is_some());
    let how = "signal 9".to_owned();
    scene.server.ended(&End { how, ended: Ended::Signal(9), complaint: String::new() });
    scene.pump();
    assert!(matches!(scene.ends()[..], [(TurnEnd::Testified(_), _)]), "{:?}", scene.said);
    assert!(matches!(scene.said.last(), Some(Said::Over { .. })));
}

#[test]
fn a_drifted_version_is_told() {
    let told = |stream: &str| {
        let scene = Scene::play(stream, &[]);
        let line =
            |said: &Said| matches!(said, Said::Heard(Some(l)) if l.contains("written against"));
        scene.said.iter().any(line)
    };
    assert!(!told(recorded!("words-only")));
    assert!(told(
        &recorded!("words-only")
            .replace("\"cliVersion\":\"0.169.0\"", "\"cliVersion\":\"0.180.0\"")
    ));
}

#[test]
fn a_retry_without_end_is_given_up_and_progress_ends_the_count() {
    let stream = recorded!("server-error");
    let upto = stream.lines().position(|line| line.contains("willRetry\":true")).unwrap();
    let lines: Vec<&str> = stream.lines().take(upto + 1).collect();
    let mut scene = Scene::play(&lines.join("\n"), &["a"]);
    let first = scene.server.deadline().unwrap();
    let _go_on = scene.hear(lines[upto]);
    assert_eq!(scene.server.deadline(), Some(first));
    let delta = r#"{"method":"item/agentMessage/delta","params":{"delta":"x"}}"#;
    let _go_on = scene.hear(delta);
    assert_eq!(scene.server.deadline(), None);
    let _go_on = scene.hear(lines[upto]);
    assert!(matches!(scene.server.at_deadline(), Then::Kill(_)));
    scene.pump();
    let [(TurnEnd::Failed(failure), _)] = scene.ends()[..] else { panic!("{:?}", scene.said) };
    assert_eq!((failure.class, failure.session_over), (Class::Env, true));
}
