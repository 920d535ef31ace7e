//! The codex driver against the real Codex 0.169.0, by its app-server and by `codex exec`.

use super::*;
use shopfloor::verdict::Verdict;

mod faults;
mod walls;

const BOTH: [DriverName; 2] = [DriverName::Codex, DriverName::CodexExec];

/// A scene with the real program, or `None` (and a word about it). `tests` is how many are skipped then.
pub(super) fn real(driver: DriverName, model: &Model, tests: usize) -> Option<Scene> {
    let program = found::program("codex", "0.169.0", tests)?;
    let mut scene = Scene::new(driver, &program.to_string_lossy());
    let home = scene.path("home");
    std::fs::create_dir(&home).unwrap();
    let url = model.url();
    scene.config.args = settings(&url);
    scene.config.model = Some("gpt-5.5".to_owned());
    let own = [("HOME", home.display().to_string())];
    let env = own.into_iter().chain(environment(&url));
    scene.config.env = env.map(|(name, value)| (name.to_owned(), value)).collect();
    Some(scene)
}

/// The arguments that make the scripted model its model.
pub(super) fn settings(url: &str) -> Vec<String> {
    let provider = format!(
        "model_providers.scripted={{name=\"scripted\",base_url=\"{url}/v1\",env_key=\"KEY\",\
         wire_api=\"responses\",request_max_retries=1,stream_max_retries=1,stream_idle_timeout_ms=20000}}"
    );
    ["-c", "model_provider=\"scripted\"", "-c", &provider].map(str::to_owned).to_vec()
}

/// Its variables, but for its HOME.
pub(super) fn environment(url: &str) -> [(&'static str, String); 4] {
    [
        ("KEY", "not-a-key".to_owned()),
        // Whoever wants to reach another host than this one is seen, and gets nowhere.
        ("HTTPS_PROXY", url.to_owned()),
        ("HTTP_PROXY", url.to_owned()),
        ("NO_PROXY", "127.0.0.1".to_owned()),
    ]
}

/// Keeps what the program printed.
fn record(scene: &Scene, model: &Model, driver: DriverName, name: &str) {
    super::record(scene, model, "codex/0.169.0", &format!("{}-{name}", shown(driver)));
}

/// Commands of the session that sleep.
fn sleepers(scene: &Scene) -> usize {
    let line = |pid| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok();
    let carriers = shopfloor::process::carrying(&scene.cookie());
    carriers.into_iter().filter_map(line).filter(|line| line.contains("sleep")).count()
}

fn shown(driver: DriverName) -> &'static str {
    match driver {
        DriverName::Codex => "app-server",
        _ => "exec",
    }
}

#[tokio::test]
async fn three_orders_and_a_fix_turn_in_one_session_are_four_checked_results() {
    for driver in BOTH {
        let model = Model::start(|_, _| Reply::Result).await;
        let Some(scene) = real(driver, &model, 1) else { return };
        let mut session = scene.open("implement").await;
        for order in ["a", "b", "c"] {
            let (turn, usage) = turn_of(&scene, &mut *session, order).await;
            assert_eq!(
                (testified(&turn).order.as_str(), testified(&turn).verdict),
                (order, Verdict::Done)
            );
            // Cached tokens are counted, and the thread's totals are not counted twice. Money is unknown.
            assert_eq!((usage.input_tokens, usage.output_tokens), (Some(110), Some(50)));
            assert_eq!(usage.cost_usd, None);
        }
        session.give(&scene.fix("implement", "c")).await.unwrap();
        testified(&turn_end(&mut *session).await.0);
        assert_eq!(model.requests(), 4);
        let ended = end(&scene, session, GRACE).await;
        assert_eq!((ended.how.as_str(), ended.left_over), ("exit 0", 0));
        assert!(ended.unknown.is_empty(), "{ended:?}");
        // One thread: the last request holds what was said before, and the brief.
        let last = model.body(3);
        for words in ["The brief.", "Work order a", "Work order b", "it is red"] {
            assert!(last.contains(words), "{}: no {words:?}", shown(driver));
        }
        assert_eq!(model.strange(), [""; 0], "{}", shown(driver));
        // Its state goes with the session.
        assert!(!scene.path("session/codex-home").exists());
        record(&scene, &model, driver, "three-orders");
    }
}

#[tokio::test]
async fn commands_and_patches_work_in_the_worktree_and_are_told() {
    let patch = "*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch\n";
    for driver in BOTH {
        let model = Model::start(move |nth, _| match nth {
            0 => Reply::Bash("pwd; echo hi > by-command; exit 3"),
            1 => Reply::Patch(patch),
            _ => Reply::Result,
        })
        .await;
        let Some(scene) = real(driver, &model, 1) else { return };
        let mut session = scene.open("implement").await;
        session.give(&scene.turn("implement", "a")).await.unwrap();
        let (turn, usage, said) = turn_end(&mut *session).await;
        testified(&turn);
        assert_eq!((usage.input_tokens, usage.output_tokens), (Some(330), Some(150)));
        assert_eq!(
            (scene.read("worktree/by-command"), scene.read("worktree/new.txt")),
            ("hi\n".to_owned(), "hello\n".to_owned())
        );
        let heard = |words: &str| {
            said.iter().any(|said| matches!(said, Said::Heard(Some(line)) if line.contains(words)))
        };
        for words in ["command: ", "exit 3", "patch: "] {
            assert!(heard(words), "{}: no {words:?} in {said:#?}", shown(driver));
        }
        end(&scene, session, GRACE).await;
        record(&scene, &model, driver, "tools");
    }
}

#[tokio::test]
async fn an_interrupted_turn_is_lost_and_the_session_lives_on() {
    for driver in BOTH {
        let model =
            Model::start(|nth, _| if nth == 0 { Reply::Stall } else { Reply::Result }).await;
        let Some(scene) = real(driver, &model, 1) else { return };
        println!("{}", shown(driver));
        interrupted(&scene, &model).await;
        record(&scene, &model, driver, "interrupt");
    }
}

#[tokio::test]
async fn an_interrupted_command_is_dead_before_the_next_turn() {
    for driver in BOTH {
        let model = Model::start(|nth, _| match nth {
            0 => Reply::Bash("(setsid sleep 300 &); echo > begun; sleep 300; echo late > late"),
            _ => Reply::Result,
        })
        .await;
        let Some(scene) = real(driver, &model, 1) else { return };
        let mut session = scene.open("implement").await;
        session.give(&scene.turn("implement", "a")).await.unwrap();
        command_began(&scene, &mut *session).await;
        assert!(session.interrupt().await);
        let (turn, ..) = turn_end(&mut *session).await;
        assert_eq!(failed(&turn).class, Class::Lost);
        // It is killed by now; it is gone as soon as the kernel has come to it.
        let gone = async {
            while sleepers(&scene) > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let gone = tokio::time::timeout(Duration::from_secs(5), gone).await;
        assert!(gone.is_ok(), "{}: it still sleeps", shown(driver));
        let (turn, _) = turn_of(&scene, &mut *session, "b").await;
        testified(&turn);
        assert!(!scene.path("worktree/late").exists());
        end(&scene, session, GRACE).await;
    }
}

#[tokio::test]
async fn a_key_is_handed_over_and_neither_written_down_nor_inherited() {
    let model = Model::start(|nth, _| match nth {
        0 => Reply::Bash("env > env; grep -rl made-up-[s]ecret ../session > found"),
        _ => Reply::Result,
    })
    .await;
    let Some(mut scene) = real(DriverName::Codex, &model, 1) else { return };
    // A provider that takes the login's key.
    let url = model.url();
    scene.config.args[3] = format!(
        "model_providers.scripted={{name=\"scripted\",base_url=\"{url}/v1\",\
         requires_openai_auth=true,wire_api=\"responses\"}}"
    );
    scene.config.env.insert("CODEX_API_KEY".to_owned(), "made-up-secret".to_owned());
    let mut session = scene.open("implement").await;
    let (turn, _) = turn_of(&scene, &mut *session, "a").await;
    testified(&turn);
    let keys = model.keys();
    assert!(keys.len() == 2 && keys.iter().all(|key| key.ends_with("made-up-secret")), "{keys:?}");
    let env = scene.read("worktree/env");
    assert!(!env.contains("made-up-secret") && !env.contains("KEY="), "{env}");
    assert_eq!(scene.read("worktree/found"), "");
    end(&scene, session, GRACE).await;
}
