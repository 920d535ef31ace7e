//! What the shim keeps: a program's own end, told as it was, and the end of everything that the program started.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use shopfloor::process::{Ended, Program, Running, carrying, shim, start_time};
use shopfloor::stop::Stop;
use tempfile::TempDir;

/// Nothing here takes this long unless something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A script that is kept, and the folder in which its processes leave their names.
struct Scene {
    folder: TempDir,
    program: Program,
}

impl Scene {
    fn new(script: &str) -> Self {
        shim::stands_at(Path::new(env!("CARGO_BIN_EXE_shopfloor")));
        let folder = tempfile::tempdir().unwrap();
        let cookie = format!("kept/{}", folder.path().display());
        let argv = ["sh", "-c", script].map(str::to_owned);
        let program = Program::new(&argv, folder.path(), &cookie).unwrap().kept();
        Self { folder, program }
    }

    /// A script that starts what is hardest to find: it has no cookie, no parent, no session and no stream of its own.
    fn with_daemon(then: &str) -> Self {
        let daemon = "env -i PATH=\"$PATH\" setsid sh -c 'sh -c \"echo \\$\\$ > daemon.new; mv daemon.new daemon; \
             exec sleep 300\" & exit 0' < /dev/null > /dev/null 2>&1";
        Self::new(&format!("{daemon}; {then}"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn run(&self, limit: Duration) -> (Ended, String) {
        let ran = self.program.run(b"", limit, 10_000, &Stop::new()).await.unwrap();
        (ran.ended, ran.text())
    }

    /// The pid in a file, once it is there.
    fn pid(&self, name: &str) -> u32 {
        let begun = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
            if let Ok(pid) = text.trim().parse() {
                return pid;
            }
            assert!(begun.elapsed() < PATIENCE, "{name} was never written");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The stages of the shim that keep it: guard, keeper.
    fn stages(&self) -> Vec<u32> {
        let named = |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.starts_with(b"shopfloor-")
        };
        let mut stages: Vec<u32> =
            carrying(&self.program.cookie).into_iter().filter(named).collect();
        stages.sort_by_key(|pid| start_time(*pid));
        stages
    }

    /// Starts it and waits until its daemon runs, which by then has nothing that it could be found by.
    fn start(&self) -> (Running, u32) {
        let running = self.program.converse().unwrap();
        let daemon = self.pid("daemon");
        let environment = std::fs::read(format!("/proc/{daemon}/environ")).unwrap();
        assert!(!String::from_utf8_lossy(&environment).contains("COOKIE"));
        (running, daemon)
    }

    fn nothing_is_left(&self, daemon: u32) {
        assert_eq!(start_time(daemon), None, "the daemon lives on");
        assert_eq!(carrying(&self.program.cookie), [0_u32; 0]);
    }
}

fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

#[tokio::test]
async fn a_program_that_is_kept_ends_as_it_would_have_ended_alone() {
    assert_eq!(Scene::new("echo a; exit 3").run(PATIENCE).await, (Ended::Exit(3), "a\n".into()));
    for signal in [6, 9, 15] {
        let scene = Scene::new(&format!("kill -{signal} $$"));
        assert_eq!(scene.run(PATIENCE).await.0, Ended::Signal(signal));
    }
    let scene = Scene::new("sleep 300");
    assert_eq!(scene.run(Duration::from_millis(300)).await.0, Ended::TimedOut);
    scene.nothing_is_left(u32::MAX);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told_before_anything_is_started() {
    let mut scene = Scene::new("true");
    scene.program.program = "no-such-program-here".into();
    let error = scene.program.converse().unwrap_err();
    assert!(error.next_step().unwrap().contains("install no-such-program-here"), "{error}");
    scene.program.program = "./daemon".into();
    std::fs::write(scene.path("daemon"), "#!/bin/sh\n").unwrap();
    assert!(scene.program.converse().unwrap_err().to_string().contains("ermission"));
}

#[tokio::test]
async fn its_streams_are_its_own_and_nobody_elses() {
    let scene = Scene::new("exec > /dev/null; read line; exit 7");
    let mut running = scene.program.converse().unwrap();
    let mut out = running.child.stdout.take().unwrap();
    let mut text = String::new();
    // It closed its output and lives: that can be seen.
    tokio::io::AsyncReadExt::read_to_string(&mut out, &mut text).await.unwrap();
    assert_eq!(running.end(PATIENCE).await, (Ended::Exit(7), 0));
}

#[tokio::test]
async fn a_daemon_without_a_cookie_does_not_outlive_its_program() {
    let scene = Scene::with_daemon("read line; exit 0");
    let (running, daemon) = scene.start();
    assert_eq!(running.end(PATIENCE).await, (Ended::Exit(0), 1));
    scene.nothing_is_left(daemon);
    // However it ends.
    let scene = Scene::with_daemon("trap '' TERM; while :; do sleep 1; done");
    let (running, daemon) = scene.start();
    assert_eq!(running.end(Duration::ZERO).await.0, Ended::Stopped);
    scene.nothing_is_left(daemon);
    let scene = Scene::with_daemon("sleep 300");
    let (running, daemon) = scene.start();
    drop(running);
    scene.nothing_is_left(daemon);
}

#[tokio::test]
async fn killing_a_stage_of_the_shim_saves_nobody() {
    for victim in [0, 1] {
        let scene = Scene::with_daemon("sleep 300");
        let (running, daemon) = scene.start();
        let stages = scene.stages();
        assert_eq!(stages.len(), 2, "a guard and a keeper");
        kill(stages[victim], rustix::process::Signal::KILL);
        let (ended, _left) = running.end(PATIENCE).await;
        assert_eq!(ended, Ended::Signal(9));
        scene.nothing_is_left(daemon);
    }
}

#[tokio::test]
async fn stopping_the_shim_saves_nobody() {
    let scene = Scene::with_daemon("sleep 300");
    let (running, daemon) = scene.start();
    for stage in scene.stages() {
        kill(stage, rustix::process::Signal::STOP);
    }
    let _ended = running.kill().await;
    // Both stages were stopped at once: who has a cookie dies, and the daemon may be the price.
    assert_eq!(carrying(&scene.program.cookie), [0_u32; 0]);
    if start_time(daemon).is_some() {
        kill(daemon, rustix::process::Signal::KILL);
    }
}

#[tokio::test]
async fn a_program_is_asked_before_it_is_killed() {
    let scene = Scene::new(
        "trap 'echo asked > asked; exit 0' TERM; echo $$ > ready; while :; do sleep 0.01; done",
    );
    let running = scene.program.converse().unwrap();
    scene.pid("ready");
    let _ended = running.end(Duration::ZERO).await;
    assert!(scene.path("asked").exists());
}
