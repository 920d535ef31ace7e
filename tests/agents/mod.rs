//! The drivers against the simulator, against small scripts, and (when it is there) against the real program.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on panics; a test that is skipped says so"
)]

mod claude;
mod codex;
mod command;
#[path = "../agents-real/mod.rs"]
mod real;
mod simulator;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use shopfloor::agent::{self, Agent, Caps, Said, Session, SessionEnd, SessionPlan, Turn, Usage};
use shopfloor::brief::{self, Facts, Prompts, Setting};
use shopfloor::config::{AgentConfig, DriverName};
use shopfloor::failure::{Failure, TurnEnd};
use shopfloor::holder::SessionId;
use shopfloor::order::{OrderId, Request};
use shopfloor::sandbox::Walls;
use shopfloor::stages::STAGES;
use shopfloor::verdict::Testimony;

const NONCE: &str = "n0nce";
/// Leaves a process behind that holds the streams, in a session of its own by the time that the script goes on: who is in its
/// program's group dies with that, and is not counted as left over.
const GRANDCHILD: &str =
    "setsid sh -c 'echo > away; exec sleep 300' &\nwhile [ ! -e away ]; do sleep 0.01; done\n";
/// Nothing here takes this long unless something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a session's folder, desks and worktrees in it.
struct Scene {
    folder: tempfile::TempDir,
    session: SessionId,
    config: AgentConfig,
    caps: Caps,
    walls: Option<Walls>,
}

impl Scene {
    /// An agent that is `program`, spoken to by `driver`.
    fn new(driver: DriverName, program: &str) -> Self {
        // As in a worker: what is started is kept.
        shopfloor::process::shim::stands_at(Path::new(env!("CARGO_BIN_EXE_shopfloor")));
        let folder = tempfile::tempdir().unwrap();
        for name in ["session", "worktree", "desks"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let config = AgentConfig { simulated: true, ..AgentConfig::new(driver, program) };
        let caps = Caps::default();
        Self { folder, session: SessionId::fresh(), config, caps, walls: None }
    }

    /// The simulator with this scenario, without its start-up cost.
    fn simulated(driver: DriverName, scenario: &str) -> Self {
        let mut scene = Self::new(driver, env!("CARGO_BIN_EXE_sim-agent"));
        let path = scene.path("scenario.toml");
        let times = "startup_ms = 0\nturn_ms = 20\n";
        std::fs::write(&path, format!("{times}{scenario}")).unwrap();
        scene.config.args = vec!["--scenario".to_owned(), path.display().to_string()];
        if driver == DriverName::Command {
            scene.config.args.push("--oneshot".to_owned());
        }
        scene
    }

    /// `sh` with this script.
    fn script(driver: DriverName, script: &str) -> Self {
        let mut scene = Self::new(driver, "sh");
        let path = scene.path("agent.sh");
        std::fs::write(&path, script).unwrap();
        scene.config.args = vec![path.display().to_string()];
        // A driver's own arguments come first: `sh -p ...` would take them for its own.
        if driver != DriverName::Command {
            scene.config.args.clear();
            scene.config.program = scene.path("agent").display().to_string();
            let text = format!("#!/bin/sh\n{script}");
            std::fs::write(scene.path("agent"), text).unwrap();
            make_executable(&scene.path("agent"));
        }
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn agent(&self) -> Arc<dyn Agent> {
        agent::from_config("x", &self.config, self.folder.path()).unwrap()
    }

    /// What marks everything this scene starts.
    fn cookie(&self) -> String {
        format!("test/{}", self.session)
    }

    fn turn(&self, stage: &str, order: &str) -> Turn {
        self.told(stage, order, None)
    }

    /// The same order again, with a red gate's findings.
    fn fix(&self, stage: &str, order: &str) -> Turn {
        self.told(stage, order, Some("it is red"))
    }

    fn told(&self, stage: &str, order: &str, findings: Option<&str>) -> Turn {
        let id = OrderId::parse(order).unwrap();
        let (desk, worktree) = (self.path("desks").join(order), self.path("worktree"));
        std::fs::create_dir_all(&desk).unwrap();
        let request = Request::titled(format!("The title of {order}"));
        let stages = STAGES;
        let stage = stages.iter().find(|known| known.name == stage).unwrap();
        let setting = Setting {
            prompts: &Prompts::built_in(),
            project: self.folder.path(),
            test_command: "x",
            nonce: NONCE,
            instructions: None,
        };
        let facts = Facts {
            id: &id,
            generation: 3,
            request: &request,
            desk: &desk,
            worktree: Some(&worktree),
            base: None,
            papers: &[],
        };
        let prompt = match findings {
            None => brief::turn(stage, &setting, &facts).unwrap(),
            Some(findings) => brief::fix(stage, &setting, &facts, "green", findings).unwrap(),
        };
        Turn {
            order: id,
            generation: 3,
            title: request.title,
            desk,
            worktree: Some(worktree),
            prompt,
        }
    }

    fn plan(&self, stage: &str, orders: &[&str]) -> SessionPlan {
        SessionPlan {
            session: self.session.clone(),
            stage: stage.to_owned(),
            nonce: NONCE.to_owned(),
            dir: self.path("session"),
            cookie: self.cookie(),
            brief: "The brief.".to_owned(),
            orders: orders.iter().map(|order| self.turn(stage, order)).collect(),
            folders: vec![self.path("worktree"), self.path("desks")],
            home: self.path("agent-home"),
            caps: self.caps,
            walls: self.walls.clone(),
        }
    }

    /// Opens a session that takes turns.
    async fn open(&self, stage: &str) -> Box<dyn Session> {
        self.agent().open(self.plan(stage, &[])).await.unwrap()
    }

    /// Opens a one-shot session with these orders.
    async fn open_with(&self, stage: &str, orders: &[&str]) -> Box<dyn Session> {
        self.agent().open(self.plan(stage, orders)).await.unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Everything said up to (and with) the first thing that `stop` likes.
async fn heard_until(session: &mut dyn Session, stop: impl Fn(&Said) -> bool) -> Vec<Said> {
    let mut all = Vec::new();
    let listen = async {
        loop {
            let said = session.next().await;
            let last = stop(&said);
            all.push(said);
            if last {
                return;
            }
        }
    };
    let heard = tokio::time::timeout(PATIENCE, listen).await;
    assert!(heard.is_ok(), "still waiting after {all:#?}");
    all
}

/// The end of the turn under way, and everything said before.
async fn turn_end(session: &mut dyn Session) -> (TurnEnd, Usage, Vec<Said>) {
    let mut said = heard_until(session, |said| matches!(said, Said::TurnEnded { .. })).await;
    match said.pop() {
        Some(Said::TurnEnded { end, usage, .. }) => (end, usage, said),
        other => panic!("{other:?}"),
    }
}

/// Everything up to the session's end.
async fn to_the_end(session: &mut dyn Session) -> Vec<Said> {
    heard_until(session, |said| matches!(said, Said::Over { .. })).await
}

/// How each order ended, in the order it was told.
fn ends(said: &[Said]) -> Vec<(&str, &TurnEnd)> {
    said.iter()
        .filter_map(|said| match said {
            Said::TurnEnded { order, end, .. } => Some((order.as_str(), end)),
            _ => None,
        })
        .collect()
}

fn refusals(said: &[Said]) -> Vec<&str> {
    said.iter()
        .filter_map(|said| match said {
            Said::Refused { why, .. } => Some(why.as_str()),
            _ => None,
        })
        .collect()
}

#[track_caller]
fn testified(end: &TurnEnd) -> &Testimony {
    match end {
        TurnEnd::Testified(testimony) => testimony,
        other => panic!("no testimony: {other:?}"),
    }
}

#[track_caller]
fn failed(end: &TurnEnd) -> &Failure {
    match end {
        TurnEnd::Failed(failure) => failure,
        other => panic!("no failure: {other:?}"),
    }
}

/// Ends a session and makes sure that nothing is left of it.
async fn end(scene: &Scene, session: Box<dyn Session>, grace: Duration) -> SessionEnd {
    let ended = tokio::time::timeout(PATIENCE, session.end(grace)).await.expect("an end");
    assert_eq!(
        shopfloor::process::carrying(&scene.cookie()),
        [0_u32; 0],
        "left over after {ended:?}"
    );
    ended
}
