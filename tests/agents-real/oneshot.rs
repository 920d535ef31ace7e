//! What the tests of all one-shot drivers have in common: a scene with the real program, a whole session of it, and the
//! table's rows.

use super::*;
use table::{Row, env, work};

/// Nothing takes this long: they retry for a minute and a half, and start slowly on a busy machine.
const LONG: Duration = Duration::from_secs(400);

/// What is asked of every one of them.
macro_rules! common_tests {
    ($kind:expr) => {
        #[tokio::test]
        async fn three_orders_in_one_process_are_three_results_by_file() {
            super::oneshot::three_orders($kind).await;
        }

        #[tokio::test]
        async fn words_without_a_result_are_silence() {
            super::oneshot::words_only($kind).await;
        }

        #[tokio::test]
        async fn a_result_for_a_stranger_is_refused() {
            super::oneshot::wrong_order($kind).await;
        }

        #[tokio::test]
        async fn a_flag_it_does_not_know_is_the_environments() {
            super::oneshot::unknown_flag($kind).await;
        }
    };
}
pub(super) use common_tests;

/// One driver and its program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) driver: DriverName,
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    /// What it is set up with, given the model's address.
    pub(super) set_up: fn(&mut Scene, &str),
}

impl Kind {
    /// A scene with the real program, or `None` (and a word about it). `tests` is how many are skipped then.
    pub(super) fn real(&self, model: &Model, tests: usize) -> Option<Scene> {
        let program = found::program(self.name, self.version, tests)?;
        let mut scene = Scene::new(self.driver, &program.to_string_lossy());
        let url = model.url();
        let env = [
            // Whoever wants to reach another host than this one is seen, and gets nowhere.
            ("HTTPS_PROXY", url.clone()),
            ("HTTP_PROXY", url.clone()),
            ("NO_PROXY", "127.0.0.1".to_owned()),
        ];
        scene.config.env = env.map(|(name, value)| (name.to_owned(), value)).into();
        (self.set_up)(&mut scene, &url);
        Some(scene)
    }

    /// Keeps what the program printed, where `SHOPFLOOR_RECORD` names a folder: so the fixtures were made.
    pub(super) fn record(&self, scene: &Scene, model: &Model, name: &str) {
        let folder = format!("{}/{}", self.name, self.version);
        let Some(folder) = record(scene, model, &folder, name) else { return };
        // The error stream without where in the program it came from.
        let errors = plain(scene, model, &scene.read("session/stderr.txt"));
        let told = errors.lines().filter(|line| line.starts_with("Attempt ")).fold(
            String::new(),
            |mut all, line| {
                all.push_str(line);
                all.push('\n');
                all
            },
        );
        if !told.is_empty() {
            std::fs::write(folder.join(format!("{name}.stderr.txt")), told).unwrap();
        }
    }
}

/// Opens a session with these orders, which is told them as a worker tells them.
pub(super) async fn open(scene: &Scene, orders: &[&str]) -> Box<dyn Session> {
    let mut plan = scene.plan("implement", orders);
    let setting = Setting {
        prompts: &Prompts::built_in(),
        project: scene.folder.path(),
        test_command: "x",
        nonce: NONCE,
        instructions: None,
    };
    let prompts: Vec<String> = plan.orders.iter().map(|turn| turn.prompt.clone()).collect();
    plan.brief = brief::one_shot("The brief.", &setting, &prompts).unwrap();
    scene.agent().open(plan).await.unwrap()
}

/// Everything said up to the session's end.
pub(super) async fn heard(session: &mut dyn Session) -> Vec<Said> {
    let mut all = Vec::new();
    let listen = async {
        loop {
            let said = session.next().await;
            let over = matches!(said, Said::Over { .. });
            all.push(said);
            if over {
                return;
            }
        }
    };
    let listened = tokio::time::timeout(LONG, listen).await;
    assert!(listened.is_ok(), "still waiting after {all:#?}");
    println!("{all:#?}");
    all
}

/// A whole session.
pub(super) async fn run(scene: &Scene, orders: &[&str]) -> (Vec<Said>, SessionEnd) {
    let mut session = open(scene, orders).await;
    let said = heard(&mut *session).await;
    let ended = end(scene, session, GRACE).await;
    println!("{ended:?}");
    (said, ended)
}

/// What a server of chat completions refuses at once, or cuts.
pub(super) fn common_rows() -> Vec<Row> {
    let error = Reply::error;
    vec![
        env("login-refused", error(401, "invalid_api_key"), "login", true),
        env("forbidden", error(403, "forbidden"), "login", true),
        env("unknown-model", error(404, "model_not_found"), "no such model", true),
        env("bad-request", error(400, "invalid_request_error"), "bad request", true),
        work("context-full", error(400, "context_length_exceeded"), "context full", true),
        env("cut-stream", Reply::Cut, "network", true),
    ]
}

/// Brings about every failure of `rows` with an order that is worked on and one behind it. All must be right.
pub(super) async fn rows(kind: Kind, rows: Vec<Row>) {
    let mut wrong = Vec::new();
    let count = rows.len();
    for row in rows {
        let reply = row.reply.clone();
        let model = Model::start(move |_, _| reply.clone()).await;
        let Some(scene) = kind.real(&model, count) else { return };
        let (said, ended) = run(&scene, &["a", "b"]).await;
        kind.record(&scene, &model, row.name);
        if !ended.unknown.is_empty() {
            wrong.push(format!("{} {}: unknown: {:?}", kind.name, row.name, ended.unknown));
        }
        // One asks npm's registry for a package of its own, and does without.
        if !model.strange().iter().all(|asked| asked.contains("registry.")) {
            wrong.push(format!("{} {}: it asked others", kind.name, row.name));
        }
        let ends = ends(&said);
        let [("a", first), ("b", behind)] = ends[..] else {
            wrong.push(format!("{} {}: {ends:?}", kind.name, row.name));
            continue;
        };
        wrong.extend(table::check(kind.name, &row, first, model.requests()).err());
        // What is charged, is charged to one order.
        let uncharged = match behind {
            TurnEnd::Failed(failure) => matches!(failure.class, Class::Env | Class::Lost),
            _ => false,
        };
        if !uncharged {
            wrong.push(format!("{} {}: the order behind: {behind:?}", kind.name, row.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Three orders in one process: each result is taken as it appears, and what the session used is told as a whole.
pub(super) async fn three_orders(kind: Kind) {
    let model = Model::start(|nth, _| match nth {
        0 => Reply::Leave("a"),
        1 => Reply::Leave("b"),
        2 => Reply::Leave("c"),
        _ => Reply::Text("All three are done."),
    })
    .await;
    let Some(scene) = kind.real(&model, 1) else { return };
    let (said, ended) = run(&scene, &["a", "b", "c"]).await;
    kind.record(&scene, &model, "three-orders");
    let ends = ends(&said);
    assert_eq!(ends.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ["a", "b", "c"]);
    for (id, end) in ends {
        assert_eq!(testified(end).order, id);
    }
    // Of one order it is unknown, and shown so.
    for one in &said {
        if let Said::TurnEnded { usage, .. } = one {
            assert_eq!(*usage, Usage::default());
        }
    }
    assert_eq!(model.requests(), 4);
    assert_eq!((ended.usage.input_tokens, ended.usage.output_tokens), (Some(440), Some(200)));
    assert_eq!(ended.usage.cost_usd, None);
    assert_eq!((ended.how.as_str(), ended.left_over), ("exit 0", 0));
    assert!(ended.unknown.is_empty(), "{ended:?}");
    let first = model.body(0);
    for words in ["The brief.", "Work order a", "Work order c"] {
        assert!(first.contains(words), "no {words:?}");
    }
    // The worker's HOME stays, and so what is warm in it.
    assert!(scene.path("agent-home").is_dir());
}

/// After the first order the model only says that all is done: the second one is silent.
pub(super) async fn words_only(kind: Kind) {
    let model = Model::start(|nth, _| match nth {
        0 => Reply::Leave("a"),
        _ => Reply::Text("All tests pass!"),
    })
    .await;
    let Some(scene) = kind.real(&model, 1) else { return };
    let (said, _) = run(&scene, &["a", "b"]).await;
    kind.record(&scene, &model, "words-only");
    let ends = ends(&said);
    testified(ends[0].1);
    let ("b", TurnEnd::Silent(why)) = ends[1] else { panic!("{ends:?}") };
    assert!(why.contains("All tests pass!"), "{why}");
}

/// A result for a stranger is refused, and what the model says of it counts for nothing.
pub(super) async fn wrong_order(kind: Kind) {
    let model = Model::start(|nth, _| match nth {
        0 => Reply::Leave("stranger"),
        _ => Reply::Text("Done."),
    })
    .await;
    let Some(scene) = kind.real(&model, 1) else { return };
    let (said, _) = run(&scene, &["a"]).await;
    assert!(refusals(&said)[0].contains("no order of this batch"), "{said:?}");
    assert!(matches!(ends(&said)[0].1, TurnEnd::Silent(_)), "{said:?}");
}

/// The program itself, between its keeper and what it has started.
fn program_of(scene: &Scene) -> rustix::process::Pid {
    let parent = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let (_, rest) = stat.rsplit_once(") ")?;
        rest.split(' ').nth(1)?.parse::<u32>().ok()
    };
    let is_keeper = |pid: u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.starts_with(b"shopfloor-keeper\0")
    };
    let all = shopfloor::process::carrying(&scene.cookie());
    let kept = all.into_iter().filter(|&pid| parent(pid).is_some_and(is_keeper));
    // Whoever lost its parents is the keeper's child too; the program was there first.
    let program = kept.min_by_key(|&pid| shopfloor::process::start_time(pid).unwrap_or(u64::MAX));
    let program = program.expect("a program");
    rustix::process::Pid::from_raw(program as i32).unwrap()
}

/// A session that dies in the middle of a command is a crash for the order at work, whatever its exit code; the order
/// that was finished before stays finished, the one behind is nobody's fault, and nothing lives on.
pub(super) async fn killed(kind: Kind, signal: rustix::process::Signal) {
    let model = Model::start(|nth, _| match nth {
        0 => Reply::Leave("a"),
        _ => Reply::Bash("(setsid sleep 300 &); echo > begun; sleep 300"),
    })
    .await;
    let Some(scene) = kind.real(&model, 1) else { return };
    let mut session = open(&scene, &["a", "b", "c"]).await;
    let mut said = Vec::new();
    let begun = async {
        while !scene.path("session/begun").exists() {
            let next = tokio::time::timeout(Duration::from_millis(50), session.next()).await;
            said.extend(next.ok());
        }
    };
    tokio::time::timeout(LONG, begun).await.expect("a command");
    let program = program_of(&scene);
    rustix::process::kill_process_group(program, signal).unwrap();
    said.extend(heard(&mut *session).await);
    let ends = ends(&said);
    let of = |id: &str| ends.iter().find(|(order, _)| *order == id).unwrap().1;
    testified(of("a"));
    let crash = failed(of("b"));
    assert_eq!((crash.class, crash.session_over), (Class::Crash, true), "{crash:?}");
    assert_eq!(failed(of("c")).class, Class::Lost);
    let ended = end(&scene, session, GRACE).await;
    assert!(ended.left_over >= 1, "{ended:?}");
}

/// It does not begin.
pub(super) async fn unknown_flag(kind: Kind) {
    let model = Model::start(|_, _| Reply::Text("x")).await;
    let Some(mut scene) = kind.real(&model, 1) else { return };
    scene.config.args = vec!["--no-such-flag".to_owned()];
    let (said, _) = run(&scene, &["a"]).await;
    assert_eq!(failed(ends(&said)[0].1).class, Class::Env);
    assert_eq!(model.requests(), 0);
}

/// What the repository has for an agent (instructions, settings, hooks, servers, variables), or an earlier session has left in
/// the worker's HOME, is not read.
pub(super) async fn repository(kind: Kind, plant: fn(&Path, &str)) {
    let model = Model::start(|nth, _| match nth {
        0 => Reply::Bash("env > env"),
        1 => Reply::Leave("a"),
        _ => Reply::Text("Done."),
    })
    .await;
    let Some(scene) = kind.real(&model, 1) else { return };
    // The session's folder lies inside the repository, as it does on a floor.
    let run_it = format!("touch {}", scene.path("ran").display());
    std::fs::create_dir(scene.path("agent-home")).unwrap();
    for folder in ["", "worktree", "agent-home"].map(|name| scene.path(name)) {
        plant(&folder, &run_it);
        std::fs::write(folder.join(".env"), "PLANTED=variable\n").unwrap();
        std::fs::create_dir_all(folder.join(".git")).unwrap();
        std::fs::write(folder.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
    }
    let (said, _) = run(&scene, &["a"]).await;
    testified(ends(&said)[0].1);
    assert!(!scene.path("ran").exists(), "a planted command has run");
    let asked = model.body(0);
    assert!(!asked.contains("Planted instructions"), "{asked}");
    let env = scene.read("session/env");
    assert!(!env.contains("PLANTED="), "{env}");
    // Its HOME is the worker's, and the tool chains' are where they were.
    let home = format!("HOME={}", scene.path("agent-home").display());
    assert!(env.lines().any(|line| line == home), "{env}");
}
