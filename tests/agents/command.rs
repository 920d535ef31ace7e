//! The command driver: against the simulator as a one-shot command, and against small scripts.

use super::*;
use shopfloor::error::Kind;
use shopfloor::failure::Class;
use shopfloor::verdict::Verdict;

const GRACE: Duration = Duration::from_secs(10);

/// A result for order `$1`, left as the contract says.
const LEAVE: &str = r#"leave() { printf '{"order":"%s","gen":3,"nonce":"%s","verdict":"done","why":"%s"}' "$1" "$SHOPFLOOR_NONCE" "$2" > results/tmp; mv results/tmp "results/$1.json"; }
"#;

fn script(script: &str) -> Scene {
    Scene::script(DriverName::Command, &format!("{LEAVE}{script}"))
}

fn sim(scenario: &str) -> Scene {
    Scene::simulated(DriverName::Command, scenario)
}

/// Runs a one-shot session to its end.
async fn run(scene: &Scene, orders: &[&str]) -> (Vec<Said>, SessionEnd) {
    let mut session = scene.open_with("implement", orders).await;
    let said = to_the_end(&mut *session).await;
    let ended = end(scene, session, GRACE).await;
    (said, ended)
}

#[tokio::test]
async fn the_contract_is_kept_to_the_letter() {
    let scene =
        script("cat > prompt; cp batch.json seen.json; env > env; pwd > where; leave a yes");
    let (said, ended) = run(&scene, &["a", "b"]).await;
    assert_eq!(ended.how, "exit 0");
    assert_eq!(scene.read("session/prompt"), "The brief.");
    let batch: serde_json::Value = serde_json::from_str(&scene.read("session/seen.json")).unwrap();
    let order = |id: &str| {
        serde_json::json!({
            "id": id, "gen": 3, "title": format!("The title of {id}"),
            "desk": scene.path("desks").join(id), "worktree": scene.path("worktree"),
        })
    };
    assert_eq!(
        batch,
        serde_json::json!({
            "stage": "implement", "session": scene.session.as_str(), "nonce": NONCE,
            "orders": [order("a"), order("b")],
        })
    );
    let env = scene.read("session/env");
    let dir = scene.path("session").display().to_string();
    for line in [
        format!("SHOPFLOOR_SESSION_DIR={dir}"),
        "SHOPFLOOR_STAGE=implement".to_owned(),
        format!("SHOPFLOOR_NONCE={NONCE}"),
    ] {
        assert!(env.lines().any(|has| has == line), "{line} in {env}");
    }
    assert_eq!(scene.read("session/where").trim(), dir);
    let ends = ends(&said);
    assert_eq!(ends.len(), 2);
    assert_eq!((testified(ends[0].1).why.as_str(), ends[0].0), ("yes", "a"));
    assert_eq!(ends[1], ("b", &TurnEnd::Silent("exited 0 and left no result".to_owned())));
}

#[tokio::test]
async fn a_result_is_taken_while_the_command_still_runs() {
    let scene = script("leave a one; exec sleep 300");
    let mut session = scene.open_with("implement", &["a", "b"]).await;
    testified(&turn_end(&mut *session).await.0);
    assert!(!session.interrupt().await);
    let more = session.give(&scene.turn("implement", "c")).await;
    assert_eq!(more.unwrap_err().kind(), Kind::Usage);
    let ended = end(&scene, session, Duration::from_millis(100)).await;
    assert_eq!(ended.how, "stopped by us");
}

#[tokio::test]
async fn the_simulator_as_a_command_does_order_after_order() {
    let scene = sim("");
    let (said, ended) = run(&scene, &["a", "b", "c"]).await;
    let ends = ends(&said);
    assert_eq!(ends.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ["a", "b", "c"]);
    for (id, end) in ends {
        assert_eq!(testified(end).verdict, Verdict::Done);
        assert!(scene.read(&format!("worktree/done/{id}.txt")).contains("SIMULATED"));
    }
    assert_eq!((ended.how.as_str(), ended.left_over), ("exit 0", 0));
}

#[tokio::test]
async fn a_command_that_is_missing_or_cannot_run_is_the_environments_fault() {
    for code in [126, 127] {
        let (said, _) = run(&script(&format!("exit {code}")), &["a", "b"]).await;
        let ends = ends(&said);
        assert_eq!(ends.len(), 2);
        assert_eq!(failed(ends[0].1).class, Class::Env);
    }
    let scene = Scene::new(DriverName::Command, "no-such-program-here");
    let error = scene.agent().open(scene.plan("spec", &["a"])).await.err().unwrap();
    assert_eq!(error.kind(), Kind::Environment);
    assert!(error.next_step().unwrap().contains("no-such-program-here"));
}

#[tokio::test]
async fn a_killed_command_is_a_crash_for_what_it_had_not_finished() {
    let (said, ended) = run(&script("leave b ok; kill -9 $$"), &["a", "b"]).await;
    let ends = ends(&said);
    let of = |id: &str| ends.iter().find(|(order, _)| *order == id).unwrap().1;
    testified(of("b"));
    let failure = failed(of("a"));
    assert_eq!((failure.class, failure.session_over), (Class::Crash, true));
    assert_eq!(ended.how, "signal 9");
}

#[tokio::test]
async fn a_command_that_fails_leaves_its_orders_silent() {
    let (said, _) = run(&script("exit 3"), &["a"]).await;
    assert_eq!(ends(&said)[0].1, &TurnEnd::Silent("exited 3 and left no result".to_owned()));
}

#[tokio::test]
async fn a_result_counts_whatever_its_commands_exit_code_is() {
    let (said, ended) = run(&script("leave a yes; exit 1"), &["a", "b"]).await;
    let ends = ends(&said);
    let of = |id: &str| ends.iter().find(|(order, _)| *order == id).unwrap().1;
    assert_eq!(testified(of("a")).why, "yes");
    assert_eq!(of("b"), &TurnEnd::Silent("exited 1 and left no result".to_owned()));
    assert_eq!(ended.how, "exit 1");
}

#[tokio::test]
async fn a_command_that_closes_its_output_early_is_waited_for() {
    let (said, ended) = run(&script("exec >&- 2>&-; sleep 0.5; leave a late"), &["a"]).await;
    assert_eq!(testified(ends(&said)[0].1).why, "late");
    assert_eq!(ended.how, "exit 0");
}

#[tokio::test]
async fn what_does_not_count_is_refused_once_and_what_counts_is_taken_once() {
    let scene = script(
        "leave stranger x\n\
         ln -s /etc/hostname results/b.json\n\
         mkfifo results/c.json\n\
         leave a one; leave a one; leave a two\n\
         sleep 1\n",
    );
    let (said, _) = run(&scene, &["a", "b", "c"]).await;
    let ends = ends(&said);
    assert_eq!(ends.iter().filter(|(id, _)| *id == "a").count(), 1);
    testified(ends.iter().find(|(id, _)| *id == "a").unwrap().1);
    let mut refused = refusals(&said);
    refused.sort_unstable();
    // "two" may have come before we looked at all; then it is the one that was taken.
    let contradictions = refused.iter().filter(|why| why.contains("contradicts")).count();
    assert!(contradictions <= 1, "{refused:?}");
    assert_eq!(refused.len() - contradictions, 3, "{refused:?}");
}

#[tokio::test]
async fn a_contradiction_after_the_result_was_taken_is_refused() {
    let scene = script("leave a one; while [ ! -e ../go ]; do sleep 0.05; done; leave a two");
    let mut session = scene.open_with("implement", &["a"]).await;
    let (turn, ..) = turn_end(&mut *session).await;
    assert_eq!(testified(&turn).why, "one");
    std::fs::write(scene.path("go"), "").unwrap();
    let said = to_the_end(&mut *session).await;
    assert!(refusals(&said)[0].contains("contradicts"), "{said:?}");
    assert!(ends(&said).is_empty());
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_result_for_another_order_is_refused() {
    let scene = sim("[[act]]\norder = \"a\"\nmisbehave = \"wrong-order\"\n");
    let (said, _) = run(&scene, &["a", "b"]).await;
    assert!(refusals(&said)[0].contains("not-a"), "{said:?}");
    let ends = ends(&said);
    testified(ends.iter().find(|(id, _)| *id == "b").unwrap().1);
    assert!(matches!(ends.iter().find(|(id, _)| *id == "a").unwrap().1, TurnEnd::Silent(_)));
}

#[tokio::test]
async fn the_simulators_crash_silence_and_floods_are_told_apart() {
    let mischief =
        |word: &str| sim(&format!("[[act]]\norder = \"b\"\nmisbehave = \"{word}\"\nmib = 40\n"));
    for (word, crash) in [("crash", true), ("silent-exit", false), ("no-result", false)] {
        let (said, _) = run(&mischief(word), &["a", "b"]).await;
        let ends = ends(&said);
        testified(ends[0].1);
        match ends[1].1 {
            TurnEnd::Failed(failure) => assert!(crash && failure.class == Class::Crash, "{word}"),
            TurnEnd::Silent(_) => assert!(!crash, "{word}"),
            TurnEnd::Testified(_) => panic!("{word}"),
        }
    }
    for word in ["flood", "garbage"] {
        let (said, _) = run(&mischief(word), &["a", "b"]).await;
        assert!(said.len() < 500, "{word}: {}", said.len());
        assert!(ends(&said).iter().all(|(_, end)| matches!(end, TurnEnd::Testified(_))), "{word}");
    }
}

#[tokio::test]
async fn a_grandchild_that_holds_the_output_does_not_hold_us() {
    let left = format!("leave a x\n{GRANDCHILD}exit 0\n");
    let (said, ended) = run(&script(&left), &["a"]).await;
    testified(ends(&said)[0].1);
    assert_eq!((ended.how.as_str(), ended.left_over), ("exit 0", 1));
}

#[tokio::test]
async fn a_command_that_reads_no_prompt_does_not_block_us() {
    let scene = script("leave a x");
    let mut plan = scene.plan("implement", &["a"]);
    plan.brief = "x".repeat(4 * 1024 * 1024);
    let mut session = scene.agent().open(plan).await.unwrap();
    testified(ends(&to_the_end(&mut *session).await)[0].1);
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn what_it_prints_is_kept_and_shown_as_plain_lines() {
    let scene = script("printf '\\033[31mred\\033[0m\\n'; echo complaint >&2; leave a x");
    let (said, _) = run(&scene, &["a"]).await;
    let shown: Vec<&str> = said
        .iter()
        .filter_map(|said| match said {
            Said::Heard(Some(text)) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert!(shown.iter().any(|line| line.contains("red") && !line.contains('\u{1b}')), "{shown:?}");
    assert!(shown.contains(&"complaint"), "{shown:?}");
    assert!(scene.read("session/stream.txt").contains("complaint"));
}
