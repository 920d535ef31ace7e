//! A project in a temporary folder, `shopfloor` run in it, and small shell scripts that stand in for workers.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

/// The workers of the pipeline.
pub(super) const WORKERS: [&str; 5] =
    ["spec-worker", "test-worker", "implement-worker", "playtest-worker", "commit-worker"];

/// A worker that does nothing until it is told to end or its launcher is gone. It writes its id into `patient` once it
/// hears what it is told.
pub(super) const PATIENT: &str = "trap 'exit 0' TERM\n\
                                  echo $$ >> \"$SCENE/patient\"\n\
                                  while read -r line; do :; done\nexit 0";

/// The longest a test waits for anything.
const LIMIT: Duration = Duration::from_secs(60);

/// A temporary folder with a project in it.
pub(super) struct Scene {
    folder: tempfile::TempDir,
}

/// What one command said.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Told {
    /// Fails with the whole scene unless the exit code is `code`.
    #[track_caller]
    pub(super) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Fails unless stderr has each of these.
    #[track_caller]
    pub(super) fn remarks(self, wanted: &[&str]) -> Self {
        for text in wanted {
            assert!(self.err.contains(text), "{text:?} is not on stderr:\n{}", self.err);
        }
        self
    }

    /// Fails unless stdout has each of these.
    #[track_caller]
    pub(super) fn says(self, wanted: &[&str]) -> Self {
        for text in wanted {
            assert!(self.out.contains(text), "{text:?} is not on stdout:\n{}", self.out);
        }
        self
    }

    /// Its stdout as JSON.
    #[track_caller]
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}:\n{}", self.out))
    }
}

impl Scene {
    /// An empty folder called `project`.
    pub(super) fn empty() -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(scene.project()).unwrap();
        scene
    }

    /// A git repository with one commit.
    pub(super) fn repository() -> Self {
        let scene = Self::empty();
        scene.git(&["init", "-q", "-b", "main"]);
        scene.write("README", "x\n");
        scene.git(&["add", "-A"]);
        scene.git(&["commit", "-q", "-m", "first"]);
        scene
    }

    /// A repository that is set up: tests that pass, an agent that does nothing, an empty queue, five patient workers.
    pub(super) fn ready() -> Self {
        let scene = Self::repository();
        scene.write(
            "shopfloor.toml",
            "[project.test]\ncommand = \"true\"\n[agent.none]\ndriver = \"command\"\nprogram = \"true\"\n",
        );
        scene.git(&["add", "-A"]);
        scene.git(&["commit", "-q", "-m", "set up"]);
        scene.run(&["init"]).ended(0);
        WORKERS.iter().for_each(|worker| scene.worker(worker, PATIENT));
        scene
    }

    /// The project's folder.
    pub(super) fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// A path beside the project.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path in the queue.
    pub(super) fn queue(&self, name: &str) -> PathBuf {
        self.project().join("work-orders").join(name)
    }

    /// Writes a file of the project.
    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.project().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs git in the project; it must go well.
    pub(super) fn git(&self, args: &[&str]) -> String {
        let mut command = self.clean(Command::new("git"));
        command.args(["-c", "user.name=t", "-c", "user.email=t@localhost"]).args(args);
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }

    fn clean(&self, mut command: Command) -> Command {
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("HOME", self.folder.path());
        command.env("XDG_STATE_HOME", self.beside("state")).env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("SCENE", self.folder.path()).current_dir(self.project());
        command
    }

    /// `shopfloor` with these arguments, in the project, in a clean environment.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.clean(Command::new(env!("CARGO_BIN_EXE_shopfloor")));
        command.args(args).stdin(Stdio::null());
        command
    }

    /// Runs `shopfloor` to its end.
    pub(super) fn run(&self, args: &[&str]) -> Told {
        told(self.command(args))
    }

    /// Adds an order.
    pub(super) fn add(&self, id: &str) {
        self.run(&["add", id, "--id", id]).ended(0);
    }

    /// A script that stands in for a worker. `$SCENE` is the folder around the project.
    pub(super) fn worker(&self, name: &str, script: &str) {
        let folder = self.beside("workers");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        // Made aside and renamed: a script that is being written can't be started.
        let aside = folder.join(format!("{name}.new"));
        fs::write(&aside, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&aside, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(aside, path).unwrap();
    }

    /// Starts the launcher with the stand-ins and waits until it has launched them.
    pub(super) fn start(&self, args: &[&str]) -> Launcher<'_> {
        let launcher = self.start_unheard(args);
        launcher.wait_for("the workers", || launcher.out().contains("Monitor logs"));
        launcher
    }

    /// Starts the launcher and waits for nothing.
    pub(super) fn start_unheard(&self, args: &[&str]) -> Launcher<'_> {
        let workers = self.beside("workers");
        let mut command = self.command(&["start", "--workers-dir", workers.to_str().unwrap()]);
        command.args(args);
        command.stdout(File::create(self.beside("out")).unwrap());
        command.stderr(File::create(self.beside("err")).unwrap());
        Launcher { scene: self, child: command.spawn().unwrap() }
    }
}

/// Runs a command to its end.
pub(super) fn told(mut command: Command) -> Told {
    let ran = command.output().unwrap();
    Told {
        code: ran.status.code(),
        out: String::from_utf8(ran.stdout).unwrap(),
        err: String::from_utf8(ran.stderr).unwrap(),
    }
}

/// A launcher that runs. It and its workers are gone when this is.
pub(super) struct Launcher<'a> {
    scene: &'a Scene,
    child: Child,
}

impl Launcher<'_> {
    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed.
    pub(super) fn out(&self) -> String {
        fs::read_to_string(self.scene.beside("out")).unwrap_or_default()
    }

    /// What it has remarked.
    pub(super) fn err(&self) -> String {
        fs::read_to_string(self.scene.beside("err")).unwrap_or_default()
    }

    /// The process ids in its table, in the order of the table.
    pub(super) fn workers(&self) -> Vec<u32> {
        pids_in_table(&self.out())
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    /// Sends one more, as late as a person would: signals of the same instant count as one.
    pub(super) fn signal_again(&self, signal: Signal) {
        std::thread::sleep(shopfloor::stop::ECHO * 2);
        self.signal(signal);
    }

    /// Waits until something is true.
    #[track_caller]
    pub(super) fn wait_for(&self, what: &str, is_true: impl FnMut() -> bool) {
        if !comes_true(is_true) {
            panic!("{what} never came\nstdout:\n{}\nstderr:\n{}", self.out(), self.err());
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub(super) fn end(mut self) -> Told {
        let mut ended: Option<ExitStatus> = None;
        let came = comes_true(|| {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        assert!(came, "it does not end\nstdout:\n{}\nstderr:\n{}", self.out(), self.err());
        Told { code: ended.and_then(|status| status.code()), out: self.out(), err: self.err() }
    }
}

impl Drop for Launcher<'_> {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        for pid in self.workers() {
            send(pid, Signal::KILL);
        }
    }
}

/// The process ids in a table of workers.
pub(super) fn pids_in_table(table: &str) -> Vec<u32> {
    let after = table.lines().filter_map(|line| line.split_once(" PID "));
    after.filter_map(|(_, rest)| rest.split_whitespace().next()?.parse().ok()).collect()
}

/// Sends a process a signal; it may be gone.
pub(super) fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, signal).ok();
}

/// True while a process lives (a zombie does not).
pub(super) fn lives(pid: u32) -> bool {
    shopfloor::process::start_time(pid).is_some()
}

/// Waits until something is true; false when it does not come true in time.
pub(super) fn comes_true(mut is_true: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !is_true() {
        if begun.elapsed() > LIMIT {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// The lines of a file; none when it is not there.
pub(super) fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}
