//! A small house for stories: a real repository, a queue, the real workers, a simulated agent.
//!
//! The harness owns the mechanics; a story speaks in orders, states and workers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// No run of a worker to its end takes this long, also where everything else runs beside it.
const LONGEST_RUN: Duration = Duration::from_secs(300);

/// One project with its floor, in a temporary folder.
pub(crate) struct House {
    folder: tempfile::TempDir,
}

/// A worker that runs beside the test. It is killed, with all it started, when the story ends.
pub(crate) struct Worker {
    pub(crate) child: Child,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

impl Worker {
    /// Sends it a signal by name (`TERM`, `INT`, `KILL`, `STOP`, `CONT`).
    pub(crate) fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.unwrap().success(), "kill -{name}");
    }

    /// Asks once more, as late as a person would: signals of the same instant count as one.
    pub(crate) fn signal_again(&self, name: &str) {
        std::thread::sleep(shopfloor::stop::ECHO * 2);
        self.signal(name);
    }

    /// Waits for its end; its exit code, or `None` when a signal ended it.
    pub(crate) fn end(&mut self, limit: Duration) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < limit, "the worker did not end in {limit:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The path of one of our programs.
pub(crate) fn program(name: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os("SHOPFLOOR_PROGRAMS") {
        // Copies set aside for a long run, beside which others are built.
        return PathBuf::from(folder).join(name);
    }
    let path = match name {
        "shopfloor" => env!("CARGO_BIN_EXE_shopfloor"),
        "sim-agent" => env!("CARGO_BIN_EXE_sim-agent"),
        "spec-worker" => env!("CARGO_BIN_EXE_spec-worker"),
        "test-worker" => env!("CARGO_BIN_EXE_test-worker"),
        "implement-worker" => env!("CARGO_BIN_EXE_implement-worker"),
        "playtest-worker" => env!("CARGO_BIN_EXE_playtest-worker"),
        "commit-worker" => env!("CARGO_BIN_EXE_commit-worker"),
        _ => panic!("there is no program {name}"),
    };
    PathBuf::from(path)
}

/// Who started a process; `None` when it is gone.
pub(crate) fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// The five workers in the order of the pipeline.
pub(crate) const WORKERS: [&str; 5] =
    ["spec-worker", "test-worker", "implement-worker", "playtest-worker", "commit-worker"];

const RUN_TESTS: &str = "#!/bin/sh
# Runs every tests/*.sh; red when one of them is.
status=0
for test in tests/*.sh; do
  [ -e \"$test\" ] || continue
  if sh \"$test\"; then echo \"ok $test\"; else echo \"FAILED $test\"; status=1; fi
done
exit $status
";

impl House {
    /// A house whose simulated agent does honest work.
    pub(crate) fn new() -> Self {
        Self::with("", "")
    }

    /// A house with more lines for shopfloor.toml and acts for the simulated agent's scenario.
    pub(crate) fn with(config: &str, acts: &str) -> Self {
        Self::at(tempfile::tempdir().unwrap(), config, acts)
    }

    /// The same in a folder of the story's choice.
    pub(crate) fn at(folder: tempfile::TempDir, config: &str, acts: &str) -> Self {
        let house = Self { folder };
        let project = house.project();
        fs::create_dir_all(project.join("tests")).unwrap();
        fs::create_dir_all(house.path("home")).unwrap();
        fs::write(project.join("run-tests.sh"), RUN_TESTS).unwrap();
        fs::write(project.join("tests/base.sh"), "true\n").unwrap();
        fs::write(project.join("README.md"), "# A project\n").unwrap();
        let scenario = format!("startup_ms = 1\nturn_ms = 1\n{acts}");
        fs::write(house.path("scenario.toml"), scenario).unwrap();
        house.git(&["init", "-q", "-b", "main"]);
        house.git(&["config", "user.name", "A Person"]);
        house.git(&["config", "user.email", "person@localhost"]);
        house.git(&["add", "-A"]);
        house.git(&["commit", "-q", "-m", "first"]);
        fs::write(project.join("shopfloor.toml"), house.config(config)).unwrap();
        let made = house.shopfloor(&["init"]);
        // init must not overwrite what is there, and still makes the folders.
        assert!(project.join("work-orders/.floor").is_dir(), "{}", shown(&made));
        house
    }

    /// A house around a project that is there already, which `prepare` may change before its first commit; with a
    /// shopfloor.toml of its own, and what the project's tools need of this machine.
    pub(crate) fn around(
        folder: tempfile::TempDir,
        project: &Path,
        config: &str,
        prepare: impl FnOnce(&Path),
    ) -> Self {
        let house = Self { folder };
        fs::create_dir_all(house.path("home")).unwrap();
        let copied =
            Command::new("cp").arg("-R").arg(project).arg(house.project()).output().unwrap();
        assert!(copied.status.success(), "{}", shown(&copied));
        house.git(&["init", "-q", "-b", "main"]);
        house.git(&["config", "user.name", "A Person"]);
        house.git(&["config", "user.email", "person@localhost"]);
        prepare(&house.project());
        house.git(&["add", "-A"]);
        house.git(&["commit", "-q", "-m", "first"]);
        fs::write(house.project().join("shopfloor.toml"), config).unwrap();
        let made = house.shopfloor(&["init"]);
        assert!(house.project().join("work-orders/.floor").is_dir(), "{}", shown(&made));
        house
    }

    fn config(&self, more: &str) -> String {
        let sim = program("sim-agent").display().to_string();
        let limits = if more.contains("[limits]") { "" } else { QUICK };
        let scenario = self.path("scenario.toml").display().to_string();
        let calls = self.path("calls").display().to_string();
        let alone = self.path("alone").display().to_string();
        format!(
            "[project.test]\ncommand = [\"sh\", \"run-tests.sh\"]\ntimeout = \"20s\"\n\n\
             [agent.sim]\ndriver = \"claude\"\nprogram = {sim:?}\nsimulated = true\n\
             env = {{ SIM_AGENT_SCENARIO = {scenario:?}, SIM_AGENT_CALLS = {calls:?}, SIM_AGENT_ALONE = {alone:?} }}\n\n{limits}\n{more}\n"
        )
    }

    /// A path in the temporary folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The project.
    pub(crate) fn project(&self) -> PathBuf {
        self.path("project")
    }

    /// An order's folder.
    pub(crate) fn order(&self, id: &str) -> PathBuf {
        self.project().join("work-orders").join(id)
    }

    /// One of our programs, ready to start in the project, in a cleared environment.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(program(name));
        command
            .current_dir(self.project())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("XDG_STATE_HOME", self.path("state"))
            .envs(tool_homes())
            .stdin(Stdio::null());
        command
    }

    /// Runs `shopfloor` with these arguments.
    pub(crate) fn shopfloor(&self, args: &[&str]) -> Output {
        self.command("shopfloor").args(args).output().unwrap()
    }

    /// Runs git in the project; its output.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(args).current_dir(self.project()).env("HOME", self.path("home"));
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "git {args:?}: {}", shown(&ran));
        String::from_utf8(ran.stdout).unwrap()
    }

    /// Adds orders of these ids.
    pub(crate) fn add(&self, ids: &[&str]) {
        for id in ids {
            let added = self.shopfloor(&["add", &format!("Do {id}"), "--id", id]);
            assert!(added.status.success(), "{}", shown(&added));
        }
    }

    /// Runs a worker to its end; it must end well.
    pub(crate) fn run(&self, worker: &str, args: &[&str]) -> Output {
        let mut command = self.command(worker);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let (to, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || to.send(child.wait_with_output()));
        let Ok(ran) = ended.recv_timeout(LONGEST_RUN) else {
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            panic!("{worker} {args:?} still runs after {LONGEST_RUN:?}: {}", self.scene());
        };
        let ran = ran.unwrap();
        assert!(ran.status.success(), "{worker} {args:?}: {}", shown(&ran));
        ran
    }

    /// Runs every worker once over, until each has nothing more to do.
    pub(crate) fn run_all(&self) {
        for worker in WORKERS {
            self.run(worker, &["--until-idle"]);
        }
    }

    /// Starts a worker beside the test.
    pub(crate) fn start(&self, worker: &str, args: &[&str]) -> Worker {
        let mut command = self.command(worker);
        command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
        Worker { child: command.spawn().unwrap() }
    }

    /// The state as `cat` shows it.
    pub(crate) fn state(&self, id: &str) -> String {
        fs::read_to_string(self.order(id).join(".state")).unwrap_or_default().trim().to_owned()
    }

    /// The journal's entries.
    pub(crate) fn journal(&self, id: &str) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.order(id).join("events.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The journal's whole lines that can be read this very moment: somebody may be writing.
    pub(crate) fn journal_whole(&self, id: &str) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.order(id).join("events.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The moves of an order: `FROM->TO`.
    pub(crate) fn moves(&self, id: &str) -> Vec<String> {
        let word = |entry: &serde_json::Value, field: &str| {
            entry[field].as_str().unwrap_or("?").to_owned()
        };
        let journal = self.journal(id);
        let advances =
            journal.iter().filter(|entry| entry["e"] == "advance" || entry["e"] == "bury");
        advances.map(|e| format!("{}->{}", word(e, "from"), word(e, "to"))).collect()
    }

    /// Every event that was told.
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        let path = self.project().join("work-orders/.floor/events.jsonl");
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Events of one kind.
    pub(crate) fn told(&self, kind: &str) -> Vec<serde_json::Value> {
        self.events().into_iter().filter(|event| event["event"] == kind).collect()
    }

    /// Waits until `done`, or shows the scene.
    pub(crate) fn wait(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "waited for {what}:\n{}",
                self.scene()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What a person would look at when a story goes wrong.
    pub(crate) fn scene(&self) -> String {
        let status = self.shopfloor(&["status"]);
        let logs = self.project().join("logs");
        let mut text = shown(&status);
        for log in fs::read_dir(logs).into_iter().flatten().flatten() {
            let lines = fs::read_to_string(log.path()).unwrap_or_default();
            text.push_str(&format!("\n== {}\n{lines}", log.path().display()));
        }
        text
    }

    /// True once the first act of the scenario was used up: its agent is in the middle of it, and no other will play it. (That a
    /// turn began is told before its program has read a word.)
    pub(crate) fn first_act_is_used(&self) -> bool {
        self.path("scenario.toml.memory/act-0-use-0").exists()
    }

    /// Model calls the simulated agent has had.
    pub(crate) fn calls(&self) -> usize {
        fs::read_to_string(self.path("calls")).unwrap_or_default().lines().count()
    }
}

/// Where rustup and cargo keep their things, since HOME is a fresh one.
fn tool_homes() -> impl Iterator<Item = (&'static str, PathBuf)> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    [("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo")].into_iter().map(move |(name, folder)| {
        (name, std::env::var_os(name).map_or_else(|| home.join(folder), PathBuf::from))
    })
}

const QUICK: &str =
    "[limits]\nbackoff = \"1s\"\nbreaker = \"1s\"\npoll = \"200ms\"\nattempts = 3\n";

/// A program's end as a person would see it.
pub(crate) fn shown(ran: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n--- stdout\n{}--- stderr\n{}", ran.status, text(&ran.stdout), text(&ran.stderr))
}

/// Processes whose environment or arguments speak of `folder`.
pub(crate) fn left_over(folder: &Path) -> Vec<String> {
    let wanted = folder.display().to_string();
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if !pid.bytes().all(|b| b.is_ascii_digit()) || pid == own {
            continue;
        }
        let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
        let said = [read("environ"), read("cmdline")].concat();
        let text = String::from_utf8_lossy(&said).replace('\0', " ");
        // A zombie has neither.
        if text.contains(&wanted) {
            found.push(format!(
                "{pid}: {}",
                String::from_utf8_lossy(&read("cmdline")).replace('\0', " ")
            ));
        }
    }
    found
}
