//! The claude driver: against the simulator, and against scripts that play recorded lines.

use super::*;
use shopfloor::error::Kind;
use shopfloor::failure::Class;
use shopfloor::verdict::Verdict;

const GRACE: Duration = Duration::from_secs(10);

fn sim(scenario: &str) -> Scene {
    Scene::simulated(DriverName::Claude, scenario)
}

/// A script that waits for a message and then prints these lines.
fn replay(lines: &str) -> Scene {
    let scene = Scene::script(
        DriverName::Claude,
        "read line\ncat \"$(dirname \"$0\")/lines\"\nread line || exit 0\n",
    );
    std::fs::write(scene.path("lines"), lines).unwrap();
    scene
}

#[tokio::test]
async fn one_process_takes_order_after_order_and_each_is_testified() {
    let mut scene = sim("");
    scene
        .config
        .env
        .insert("SIM_AGENT_CALLS".to_owned(), scene.path("calls").display().to_string());
    let mut session = scene.open("implement").await;
    for order in ["a", "b", "c"] {
        session.give(&scene.turn("implement", order)).await.unwrap();
        let (turn, usage, _) = turn_end(&mut *session).await;
        assert_eq!(testified(&turn).verdict, Verdict::Done);
        assert!(testified(&turn).why.starts_with("SIMULATED"));
        assert!(scene.read(&format!("worktree/done/{order}.txt")).contains("SIMULATED"));
        // The total runs on; what a turn cost does not.
        assert!(usage.cost_usd.unwrap() < 0.05 && usage.input_tokens.unwrap() > 5_000, "{usage:?}");
    }
    let ended = end(&scene, session, GRACE).await;
    assert_eq!((ended.how.as_str(), ended.left_over), ("exit 0", 0));
    assert!(ended.unknown.is_empty(), "{ended:?}");
    let calls = scene.read("calls");
    let calls: Vec<&str> = calls.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(calls, ["implement a", "implement b", "implement c"]);
    let stream = scene.read("session/stream.jsonl");
    assert_eq!(stream.lines().filter(|line| line.contains(r#""subtype":"init""#)).count(), 3);
}

#[tokio::test]
async fn no_prompt_no_secret_and_no_result_stand_on_the_command_line() {
    let mut scene = Scene::script(
        DriverName::Claude,
        "for word; do echo \"$word\"; done > args\nenv > env\nhead -n 1 > message\n",
    );
    scene.config.model = Some("some-model".to_owned());
    scene.config.args = vec!["--extra".to_owned()];
    scene.config.env.insert("MY_KEY".to_owned(), "${PATH}".to_owned());
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    to_the_end(&mut *session).await;
    end(&scene, session, GRACE).await;
    let args = scene.read("session/args");
    let args: Vec<&str> = args.lines().collect();
    for pair in [
        ["--model", "some-model"],
        ["--session-id", scene.session.as_str()],
        ["--input-format", "stream-json"],
        ["--permission-mode", "dontAsk"],
        ["--setting-sources", ""],
    ] {
        assert!(args.windows(2).any(|two| two == pair), "{pair:?} in {args:?}");
    }
    assert_eq!(args.last(), Some(&"--extra"));
    assert!(!args.iter().any(|arg| arg.contains(NONCE) || arg.contains("The title")), "{args:?}");
    let env = scene.read("session/env");
    for name in
        ["DISABLE_TELEMETRY=1", "CLAUDE_CODE_MAX_RETRIES=4", "MY_KEY=/", "SHOPFLOOR_COOKIE=test/"]
    {
        assert!(env.lines().any(|line| line.starts_with(name)), "{name} in {env}");
    }
    let tmp = format!("TMPDIR={}", scene.path("session/tmp").display());
    assert!(env.lines().any(|line| line == tmp), "{env}");
    assert!(!env.contains("CARGO_MANIFEST_DIR"), "{env}");
    let message: serde_json::Value = serde_json::from_str(&scene.read("session/message")).unwrap();
    let content = message["message"]["content"].as_str().unwrap();
    assert!(content.starts_with("The brief.\n\n# Work order a"), "{content}");
}

#[tokio::test]
async fn a_fix_turn_is_given_in_the_same_session() {
    let scene = sim(
        "[[act]]\nfix = true\nfiles = { \"x\" = \"honest\" }\n[[act]]\nmisbehave = \"lie\"\nwhy = \"trust me\"\n",
    );
    let mut session = scene.open("implement").await;
    session.give(&scene.turn("implement", "a")).await.unwrap();
    let (lie, ..) = turn_end(&mut *session).await;
    assert_eq!(testified(&lie).verdict, Verdict::Done);
    assert!(!scene.path("worktree/x").exists());
    session.give(&scene.fix("implement", "a")).await.unwrap();
    testified(&turn_end(&mut *session).await.0);
    assert_eq!(scene.read("worktree/x"), "honest");
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_second_turn_before_the_end_of_the_first_is_refused() {
    let scene = sim("");
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    assert_eq!(session.give(&scene.turn("spec", "b")).await.unwrap_err().kind(), Kind::Usage);
    testified(&turn_end(&mut *session).await.0);
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_crash_and_a_silent_exit_fail_the_turn_and_end_the_session() {
    for mischief in ["crash", "silent-exit"] {
        let scene = sim(&format!("[[act]]\nmisbehave = \"{mischief}\"\n"));
        let mut session = scene.open("spec").await;
        session.give(&scene.turn("spec", "a")).await.unwrap();
        let said = to_the_end(&mut *session).await;
        let ends = ends(&said);
        let failure = failed(ends[0].1);
        assert_eq!((failure.class, failure.session_over), (Class::Crash, true), "{mischief}");
        assert_eq!(ends.len(), 1);
        // After the end there is nothing but the end.
        assert!(matches!(session.next().await, Said::Over { .. }));
        session.give(&scene.turn("spec", "b")).await.unwrap();
        end(&scene, session, GRACE).await;
    }
}

#[tokio::test]
async fn garbage_and_floods_pass_and_the_result_counts() {
    for scenario in [
        "misbehave = \"garbage\"",
        "misbehave = \"flood\"\nmib = 40",
        "misbehave = \"flood\"\nmib = 40\nline_mib = 40",
    ] {
        let scene = sim(&format!("[[act]]\n{scenario}\n"));
        let mut session = scene.open("spec").await;
        session.give(&scene.turn("spec", "a")).await.unwrap();
        let (turn, _, said) = turn_end(&mut *session).await;
        testified(&turn);
        assert!(said.len() < 1000, "{}", said.len());
        let ended = end(&scene, session, GRACE).await;
        let odd = ["not JSON", "line over the limit", "no type"];
        assert!(ended.unknown.keys().any(|name| odd.contains(&name.as_str())), "{ended:?}");
        let kept = scene.path("session/stream.jsonl").metadata().unwrap().len();
        assert!(kept < 65 * 1024 * 1024, "{kept}");
    }
}

#[tokio::test]
async fn an_answer_for_another_order_is_refused_and_the_turn_is_silent() {
    let scene = sim("[[act]]\norder = \"a\"\nmisbehave = \"wrong-order\"\n");
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    let (turn, _, said) = turn_end(&mut *session).await;
    assert!(matches!(turn, TurnEnd::Silent(_)), "{turn:?}");
    assert!(refusals(&said)[0].contains("not-a"), "{said:?}");
    session.give(&scene.turn("spec", "b")).await.unwrap();
    testified(&turn_end(&mut *session).await.0);
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_result_without_an_answer_is_silence() {
    let scene = sim("[[act]]\nmisbehave = \"no-result\"\n");
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    let (turn, ..) = turn_end(&mut *session).await;
    assert!(matches!(&turn, TurnEnd::Silent(why) if why.contains("all done")), "{turn:?}");
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_usage_limit_is_the_environments_fault_and_has_a_time() {
    let scene = sim("[[act]]\nmisbehave = \"usage-limit\"\nreset_in_s = 300\n");
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    let (turn, ..) = turn_end(&mut *session).await;
    let failure = failed(&turn);
    assert_eq!((failure.class, failure.session_over), (Class::Env, true));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let until = failure.until.unwrap();
    assert!((now + 240..=now + 300).contains(&until), "{until} at {now}");
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn tampered_tests_and_the_scenario_counts_hold_over_sessions() {
    let scene = sim("[[act]]\ntimes = 1\nmisbehave = \"tamper-tests\"\n");
    std::fs::create_dir(scene.path("worktree/tests")).unwrap();
    std::fs::write(scene.path("worktree/tests/a.sh"), "false\n").unwrap();
    for expected in ["exit 0\nfalse\n", "exit 0\nfalse\n"] {
        let mut session = scene.open("implement").await;
        session.give(&scene.turn("implement", "a")).await.unwrap();
        testified(&turn_end(&mut *session).await.0);
        assert_eq!(scene.read("worktree/tests/a.sh"), expected);
        end(&scene, session, GRACE).await;
    }
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipes_is_ended_with_the_session() {
    let scene = sim("[[act]]\nmisbehave = \"grandchild\"\n");
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    testified(&turn_end(&mut *session).await.0);
    let ended = end(&scene, session, GRACE).await;
    assert_eq!((ended.how.as_str(), ended.left_over), ("exit 0", 1));
}

#[tokio::test]
async fn a_grandchild_does_not_hide_a_crash() {
    let script = format!("read line\n{GRANDCHILD}kill -9 $$\n");
    let scene = Scene::script(DriverName::Claude, &script);
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    let said = to_the_end(&mut *session).await;
    assert!(failed(ends(&said)[0].1).evidence.contains("signal 9"), "{said:?}");
    assert_eq!(end(&scene, session, GRACE).await.left_over, 1);
}

#[tokio::test]
async fn a_hang_is_ended_firmly_by_end_and_by_drop() {
    let scene = sim("[[act]]\nmisbehave = \"hang\"\n");
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    heard_until(
        &mut *session,
        |said| matches!(said, Said::Heard(Some(t)) if t.contains("spec of a")),
    )
    .await;
    let ended = end(&scene, session, Duration::from_millis(100)).await;
    assert_eq!(ended.how, "stopped by us");
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    heard_until(&mut *session, |said| matches!(said, Said::Heard(Some(_)))).await;
    drop(session);
    assert_eq!(shopfloor::process::carrying(&scene.cookie()), [0_u32; 0]);
}

#[tokio::test]
async fn an_interrupted_turn_is_lost_and_the_next_one_goes_well() {
    let scene = sim("[[act]]\norder = \"slow\"\nms = 3600000\n");
    let mut session = scene.open("spec").await;
    assert!(!session.interrupt().await);
    session.give(&scene.turn("spec", "slow")).await.unwrap();
    heard_until(&mut *session, |said| matches!(said, Said::Heard(Some(_)))).await;
    assert!(session.interrupt().await);
    let (turn, ..) = turn_end(&mut *session).await;
    let failure = failed(&turn);
    assert_eq!((failure.class, failure.session_over), (Class::Lost, false));
    session.give(&scene.turn("spec", "quick")).await.unwrap();
    testified(&turn_end(&mut *session).await.0);
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_wait_that_is_dropped_again_and_again_loses_nothing() {
    let scene = sim("[[act]]\nms = 300\n");
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    let mut turns = 0;
    while turns == 0 {
        tokio::select! {
            biased;
            said = session.next() => turns += usize::from(matches!(said, Said::TurnEnded { .. })),
            () = tokio::task::yield_now() => {}
        }
    }
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_refused_login_ends_the_session_at_its_first_retry() {
    let scene = replay(concat!(
        r#"{"type":"system","subtype":"init","model":"m"}"#,
        "\n",
        r#"{"type":"system","subtype":"api_retry","attempt":1,"max_retries":4,"retry_delay_ms":600,"error_status":401,"error":"authentication_failed"}"#,
        "\n",
    ));
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    let said = to_the_end(&mut *session).await;
    let ends = ends(&said);
    let failure = failed(ends[0].1);
    assert_eq!((failure.class, failure.session_over, ends.len()), (Class::Env, true, 1));
    assert_eq!(
        said.last(),
        Some(&Said::Over { how: "ended by us: the login is refused".to_owned() })
    );
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_program_that_refuses_its_flags_is_the_environments_fault_and_says_why() {
    let scene = Scene::script(DriverName::Claude, "echo 'error: unknown option' >&2\nexit 1\n");
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    let said = to_the_end(&mut *session).await;
    let failure = failed(ends(&said)[0].1);
    assert_eq!(failure.class, Class::Env);
    assert!(failure.evidence.contains("unknown option"), "{failure:?}");
    assert!(scene.read("session/stderr.txt").contains("unknown option"));
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_missing_program_and_a_missing_variable_are_told_when_a_session_opens() {
    let scene = Scene::new(DriverName::Claude, "./no/such/agent");
    let error = scene.agent().open(scene.plan("spec", &[])).await.err().unwrap();
    assert_eq!(error.kind(), Kind::Environment);
    let path = scene.path("no/such/agent").display().to_string();
    assert!(error.to_string().contains(&path), "{error}");
    assert!(error.next_step().is_some());
    let mut scene = Scene::new(DriverName::Claude, "sh");
    scene.config.env.insert("KEY".to_owned(), "${NO_SUCH_VARIABLE_HERE}".to_owned());
    let error = scene.agent().open(scene.plan("spec", &[])).await.err().unwrap();
    assert_eq!(error.kind(), Kind::Environment);
    assert!(error.to_string().contains("NO_SUCH_VARIABLE_HERE"), "{error}");
}

#[tokio::test]
async fn a_prompt_that_is_larger_than_a_pipe_does_not_block_us() {
    let scene = Scene::script(DriverName::Claude, "exec sleep 300\n");
    let mut session = scene.open("spec").await;
    let mut turn = scene.turn("spec", "a");
    turn.prompt = "x".repeat(4 * 1024 * 1024);
    tokio::time::timeout(PATIENCE, session.give(&turn)).await.unwrap().unwrap();
    end(&scene, session, Duration::ZERO).await;
}

#[tokio::test]
async fn a_session_that_is_dropped_takes_its_whole_tree_with_it() {
    // It says so once it stands in a session of its own.
    let script = "setsid sh -c 'echo started >&2; exec sleep 300' &\nread line\n";
    let scene = Scene::script(DriverName::Claude, script);
    let mut session = scene.open("spec").await;
    let started = |said: &Said| matches!(said, Said::Heard(Some(text)) if text == "started");
    heard_until(&mut *session, started).await;
    drop(session);
    assert_eq!(shopfloor::process::carrying(&scene.cookie()), [0_u32; 0]);
}
