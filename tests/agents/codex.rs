//! The codex driver against small scripts that play what Codex prints.

use super::*;
use shopfloor::error::Kind;
use shopfloor::failure::Class;

const GRACE: Duration = Duration::from_secs(10);

/// What `codex exec` prints for a turn of order `a`.
const TURN: &str = r#"{"type":"thread.started","thread_id":"t1"}
{"type":"turn.started"}
{"type":"item.completed","item":{"type":"agent_message","text":"{\"order\":\"a\",\"gen\":3,\"nonce\":\"n0nce\",\"verdict\":\"done\",\"why\":\"w\",\"artifacts\":[]}"}}
{"type":"turn.completed","usage":{"input_tokens":9,"output_tokens":2}}
"#;

/// A Codex that has no app-server, and plays `TURN` in a turn; then `afterwards`.
fn old_codex(afterwards: &str) -> Scene {
    let scene = Scene::script(
        DriverName::Codex,
        &format!(
            "case $1 in app-server) echo \"error: unrecognized subcommand '$1'\" >&2; exit 2;; esac\n\
             here=$(dirname \"$0\")\n\
             for word; do echo \"$word\"; done > \"$here/args\"\nenv > \"$here/env\"\n\
             cat > \"$here/prompt\"\ncat \"$here/lines\"\n{afterwards}\n"
        ),
    );
    std::fs::write(scene.path("lines"), TURN).unwrap();
    scene
}

#[tokio::test]
async fn a_codex_without_an_app_server_is_spoken_to_by_exec_and_that_is_told() {
    let mut scene = old_codex("");
    scene.config.args = vec!["-c".to_owned(), "extra=1".to_owned()];
    scene.config.model = Some("some-model".to_owned());
    scene.config.env.insert("CODEX_API_KEY".to_owned(), "made-up".to_owned());
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    let (turn, usage, said) = turn_end(&mut *session).await;
    testified(&turn);
    assert_eq!((usage.input_tokens, usage.cost_usd), (Some(9), None));
    let told = |said: &Said| matches!(said, Said::Heard(Some(l)) if l.contains("no app-server"));
    assert!(said.iter().any(told), "{said:#?}");
    // A further turn of the same thread: the totals run on.
    std::fs::write(scene.path("lines"), TURN.replace("\":9", "\":19")).unwrap();
    session.give(&scene.fix("spec", "a")).await.unwrap();
    let (turn, usage, _) = turn_end(&mut *session).await;
    testified(&turn);
    assert_eq!(usage.input_tokens, Some(10));
    end(&scene, session, GRACE).await;
    let args = scene.read("args");
    let args: Vec<&str> = args.lines().collect();
    assert_eq!(args[..3], ["exec", "--json", "--skip-git-repo-check"]);
    assert_eq!(args[args.len() - 5..], ["-c", "extra=1", "resume", "t1", "-"]);
    for pair in [["-m", "some-model"], ["-c", "sandbox_mode=\"workspace-write\""]] {
        assert!(args.windows(2).any(|two| two == pair), "{pair:?} in {args:?}");
    }
    assert!(!args.iter().any(|arg| arg.contains(NONCE) || arg.contains("title")), "{args:?}");
    assert!(scene.read("prompt").contains("it is red"));
    assert!(scene.read("env").lines().any(|line| line == "CODEX_API_KEY=made-up"));
}

#[tokio::test]
async fn a_process_that_outlives_its_turn_is_ended_and_the_turn_counts() {
    let scene = old_codex("exec sleep 300");
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    testified(&turn_end(&mut *session).await.0);
    assert_eq!(shopfloor::process::carrying(&scene.cookie()), [0_u32; 0]);
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn what_a_turn_leaves_running_is_ended_before_its_end_is_told() {
    let scene = old_codex(&format!("exec >/dev/null 2>&1\n{GRANDCHILD}"));
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    testified(&turn_end(&mut *session).await.0);
    assert_eq!(shopfloor::process::carrying(&scene.cookie()), [0_u32; 0]);
    assert!(end(&scene, session, GRACE).await.left_over >= 1);
}

#[tokio::test]
async fn a_process_that_ends_without_the_end_of_its_turn_is_a_crash_whatever_its_exit_code() {
    for afterwards in ["exit 0", "exit 1", "kill -9 $$"] {
        let scene = old_codex(afterwards);
        let lines: Vec<&str> = TURN.lines().take(3).collect();
        std::fs::write(scene.path("lines"), lines.join("\n")).unwrap();
        let mut session = scene.open("spec").await;
        session.give(&scene.turn("spec", "a")).await.unwrap();
        let said = to_the_end(&mut *session).await;
        let failure = failed(ends(&said)[0].1);
        assert_eq!((failure.class, failure.session_over), (Class::Crash, true), "{afterwards}");
        end(&scene, session, GRACE).await;
    }
}

#[tokio::test]
async fn a_codex_that_gives_up_before_its_first_word_is_the_environments_fault() {
    let scene = old_codex("");
    std::fs::write(scene.path("agent"), "#!/bin/sh\necho 'no such setting' >&2\nexit 1\n").unwrap();
    let error = scene.agent().open(scene.plan("spec", &[])).await.err().unwrap();
    assert_eq!(error.kind(), Kind::Environment);
    assert!(error.to_string().contains("no such setting"), "{error}");
    let mut scene = scene;
    scene.config.driver = DriverName::CodexExec;
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    let (turn, ..) = turn_end(&mut *session).await;
    let failure = failed(&turn);
    assert_eq!((failure.class, failure.session_over), (Class::Env, true));
    assert!(failure.evidence.contains("no such setting"), "{failure:?}");
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_missing_program_is_the_environments_fault_in_both_ways() {
    let scene = Scene::new(DriverName::Codex, "./no/such/codex");
    let error = scene.agent().open(scene.plan("spec", &[])).await.err().unwrap();
    assert_eq!(error.kind(), Kind::Environment);
    let scene = Scene::new(DriverName::CodexExec, "./no/such/codex");
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    let (turn, ..) = turn_end(&mut *session).await;
    let failure = failed(&turn);
    assert_eq!((failure.class, failure.session_over), (Class::Env, true));
    assert!(failure.evidence.starts_with("set-up: failed to start"), "{failure:?}");
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn an_app_server_is_told_its_settings_and_no_secret_on_its_command_line() {
    let mut scene = Scene::script(
        DriverName::Codex,
        "here=$(dirname \"$0\")\nfor word; do echo \"$word\"; done > \"$here/args\"\n\
         env > \"$here/env\"\nread hello\necho \"$hello\" > \"$here/hello\"\nexit 3\n",
    );
    scene.config.env.insert("CODEX_API_KEY".to_owned(), "made-up".to_owned());
    scene.config.args = vec!["-c".to_owned(), "extra=1".to_owned()];
    let error = scene.agent().open(scene.plan("spec", &[])).await.err().unwrap();
    assert!(error.to_string().contains("exit 3"), "{error}");
    let args = scene.read("args");
    assert!(args.starts_with("app-server\n") && args.ends_with("-c\nextra=1\n"), "{args}");
    for setting in
        ["features.plugins=false", "project_doc_max_bytes=0", "approval_policy=\"never\""]
    {
        assert!(args.lines().any(|line| line == setting), "{setting} in {args}");
    }
    let env = scene.read("env");
    assert!(!args.contains("made-up") && !env.contains("made-up") && !args.contains(NONCE));
    let home = format!("CODEX_HOME={}", scene.path("session/codex-home").display());
    assert!(env.lines().any(|line| line == home), "{env}");
    assert!(!env.contains("CARGO_MANIFEST_DIR"), "{env}");
    assert!(scene.read("hello").contains("\"method\":\"initialize\""));
}
