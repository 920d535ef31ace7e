//! The real programs behind our walls: they work there, and what they run reaches no further than the walls say.

use super::*;
use shopfloor::sandbox::{Doors, Means};

const TRIES: &str = "echo 1 > \"$SCENE/worktree/ok\"; echo 1 > \"$SCENE/desks/a/ok\"; echo 1 > \"$TMPDIR/ok\"; \
    echo 1 > \"$SCENE/escape\"; echo 1 > \"$SCENE/session/escape\"; echo 1 > \"$SCENE/session/stream.jsonl\"; \
    echo 1 > \"$SCENE/desks/b/escape\"; kill -9 $STRANGER; \
    bash -c \"echo > /dev/tcp/127.0.0.1/$PORT\" && echo 1 > \"$SCENE/worktree/network\"; true";

/// A scene whose program tries to get out of walls of this kind.
struct Tried {
    scene: Scene,
    name: &'static str,
    stranger: std::process::Child,
}

impl Tried {
    fn begin(mut scene: Scene, model: &Model, means: Means) -> Self {
        std::fs::create_dir_all(scene.path("desks/a")).unwrap();
        std::fs::create_dir_all(scene.path("desks/b")).unwrap();
        let stranger =
            std::process::Command::new("sleep").arg("300").spawn().expect("something to kill");
        let env = [
            ("SCENE", scene.folder.path().display().to_string()),
            ("PORT", model.url().rsplit(':').next().unwrap().to_owned()),
            ("STRANGER", stranger.id().to_string()),
        ];
        scene.config.env.extend(env.map(|(name, value)| (name.to_owned(), value)));
        let doors = Doors {
            write: vec![scene.path("worktree"), scene.path("desks/a")],
            read: vec![scene.path("desks/b"), scene.path("session")],
        };
        scene.walls = Some(Walls { means, doors });
        Self { scene, name: means.as_str(), stranger }
    }

    /// What came of it.
    fn end(mut self) {
        let (scene, name) = (&self.scene, self.name);
        for there in ["worktree/ok", "desks/a/ok", "session/tmp/ok", "worktree/network"] {
            assert!(scene.path(there).exists(), "{name}: {there} could not be written");
        }
        for outside in ["escape", "session/escape", "desks/b/escape"] {
            assert!(!scene.path(outside).exists(), "{name}: {outside} was written");
        }
        assert!(scene.read("session/stream.jsonl").starts_with('{'), "{name}");
        assert!(self.stranger.try_wait().unwrap().is_none(), "{name}: a stranger was killed");
        self.stranger.kill().unwrap();
        self.stranger.wait().unwrap();
    }
}

/// Lets a program that takes turns try.
async fn walled(scene: Scene, model: &Model, means: Means) {
    let tried = Tried::begin(scene, model, means);
    let mut session = tried.scene.open("implement").await;
    let (turn, _) = turn_of(&tried.scene, &mut *session, "a").await;
    testified(&turn);
    end(&tried.scene, session, GRACE).await;
    tried.end();
}

/// The means that can be had here.
async fn there(tests: usize) -> Vec<Means> {
    let mut there = Vec::new();
    for means in Means::ALL {
        match means.tried().await {
            Ok(()) => there.push(means),
            Err(why) => println!("SKIPPED|sandbox {}|{tests}|{why}", means.as_str()),
        }
    }
    there
}

#[tokio::test]
async fn claude_works_behind_every_wall_and_reaches_nothing_outside() {
    let reply = |nth: usize| if nth == 0 { Reply::Bash(TRIES) } else { Reply::Result };
    shopfloor::process::shim::stands_at(Path::new(env!("CARGO_BIN_EXE_shopfloor")));
    for means in there(1).await {
        let model = Model::start(move |nth, _| reply(nth)).await;
        let Some(scene) = claude::real(&model) else { return };
        walled(scene, &model, means).await;
    }
}

#[tokio::test]
async fn codex_works_behind_every_wall_without_its_own_and_reaches_nothing_outside() {
    let reply = |nth: usize| if nth == 0 { Reply::Bash(TRIES) } else { Reply::Result };
    shopfloor::process::shim::stands_at(Path::new(env!("CARGO_BIN_EXE_shopfloor")));
    for means in there(2).await {
        for driver in [DriverName::Codex, DriverName::CodexExec] {
            let model = Model::start(move |nth, _| reply(nth)).await;
            let Some(scene) = codex::real(driver, &model, 1) else { return };
            walled(scene, &model, means).await;
        }
    }
}

#[tokio::test]
async fn programs_of_one_prompt_work_behind_every_wall_and_reach_nothing_outside() {
    let reply = |nth: usize| match nth {
        0 => Reply::Bash(TRIES),
        1 => Reply::Leave("a"),
        _ => Reply::Text("Done."),
    };
    shopfloor::process::shim::stands_at(Path::new(env!("CARGO_BIN_EXE_shopfloor")));
    for kind in [opencode::KIND, gemini::KIND, qwen::KIND] {
        for means in there(1).await {
            let model = Model::start(move |nth, _| reply(nth)).await;
            let Some(scene) = kind.real(&model, 1) else { continue };
            let tried = Tried::begin(scene, &model, means);
            let (said, _) = oneshot::run(&tried.scene, &["a"]).await;
            testified(ends(&said)[0].1);
            tried.end();
        }
    }
}
