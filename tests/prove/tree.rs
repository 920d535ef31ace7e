//! Whether anything of an agent lives on, or writes on, when something between it and us is killed.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use shopfloor::sandbox::Means;

use super::{kill, row, size};
use crate::house::{House, Worker};

/// The longest that anything may live on.
const LIMIT: Duration = Duration::from_secs(12);
/// Nothing else takes this long unless something hangs.
const PATIENCE: Duration = Duration::from_secs(90);

/// An agent that starts what is hard to end: a child, one in a session of its own, and two daemons that have no cookie, no
/// parent and (the second) no open file. All of them write to the fence in the order's worktree, with the session's name.
const AGENT: &str = r#"
wt=$(sed -n 's/.*"worktree": "\(.*\)".*/\1/p' batch.json | head -n 1)
sid=$(basename "$SHOPFLOOR_SESSION_DIR")
cd "$wt" || exit 1
writer='while :; do echo "$1" >> fence; sleep 0.01; done'
sh -c "$writer" writer "$sid" &
setsid sh -c "$writer" writer "$sid" &
(env -i PATH="$PATH" setsid sh -c "$writer" writer "$sid" < /dev/null > /dev/null 2>&1 &)
(env -i PATH="$PATH" setsid sh -c "$writer" writer "$sid" <&- >&- 2>&- &)
while [ "$(pgrep -fc "writer $sid")" -lt 4 ]; do sleep 0.01; done
touch "ready-$sid"
wait
"#;

/// What is killed, in turn.
const VICTIMS: [&str; 4] = ["worker", "guard", "keeper", "agent"];

struct Fence {
    house: House,
    seen: BTreeSet<String>,
}

impl Fence {
    fn new(sandbox: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let agent = folder.path().join("agent.sh");
        fs::write(&agent, AGENT).unwrap();
        let config = format!(
            "[agent.fence]\ndriver = \"command\"\nprogram = \"sh\"\nargs = [{agent:?}]\n\n\
             [stage.implement]\nagent = \"fence\"\nsandbox = \"{sandbox}\"\n\n\
             [worktree]\nroot = \"../worktrees\"\n\n\
             [limits]\nbackoff = \"1ms\"\nbackoff_cap = \"1ms\"\npoll = \"50ms\"\nattempts = 1000000\n\
             crashes = 1000000\nbounces = 1000000\n"
        );
        let house = House::at(folder, &config, "");
        fs::write(house.project().join(".gitignore"), "fence\nready-*\n").unwrap();
        house.git(&["add", ".gitignore"]);
        house.git(&["commit", "-q", "-m", "what is ignored"]);
        house.add(&["one"]);
        fs::write(house.order("one").join(".state"), "IMPL\n").unwrap();
        Self { house, seen: BTreeSet::new() }
    }

    /// The next session, once all its writers write.
    fn session(&mut self) -> String {
        let begun = Instant::now();
        loop {
            let entries = fs::read_dir(self.house.path("worktrees/one")).into_iter().flatten();
            let names =
                entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
            let mut ready = names.filter_map(|name| Some(name.strip_prefix("ready-")?.to_owned()));
            if let Some(session) = ready.find(|session| !self.seen.contains(session)) {
                self.seen.insert(session.clone());
                return session;
            }
            assert!(begun.elapsed() < PATIENCE, "no session began:\n{}", self.house.scene());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lines of the fence, and those among them of a session before the one that wrote last.
    fn late_writes(&self) -> (usize, usize) {
        let text = fs::read_to_string(self.house.path("worktrees/one/fence")).unwrap_or_default();
        let (mut over, mut now, mut late) = (BTreeSet::new(), "", 0);
        for line in text.lines() {
            if line != now {
                if over.contains(line) {
                    late += 1;
                    continue;
                }
                over.insert(now);
                now = line;
            }
        }
        (text.lines().count(), late)
    }
}

/// Live processes of a session: its name is among their arguments, or in their environment.
fn of_session(session: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
        let line = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        if line.contains(session) || String::from_utf8_lossy(&read("environ")).contains(session) {
            found.push((pid, line));
        }
    }
    found
}

fn victim(kind: &str, worker: &Worker, session: &str) -> Option<u32> {
    let named = |begin: &str| {
        let all = of_session(session).into_iter();
        all.filter(|(_, line)| line.starts_with(begin)).map(|(pid, _)| pid).min()
    };
    match kind {
        "worker" => Some(worker.child.id()),
        "guard" => named("shopfloor-guard "),
        "keeper" => named("shopfloor-keeper "),
        _ => {
            let all = of_session(session).into_iter();
            let agent = |line: &str| {
                line.contains("agent.sh") && (line.starts_with("sh ") || line.starts_with("bwrap "))
            };
            all.filter(|(_, line)| agent(line)).map(|(pid, _)| pid).min()
        }
    }
}

/// Kills `count` times. The slowest end, and who was still there when the time was over.
fn kills(fence: &mut Fence, count: usize) -> (Duration, Vec<String>) {
    let (mut slowest, mut left) = (Duration::ZERO, Vec::new());
    let mut worker = fence.house.start("implement-worker", &[]);
    for n in 0..count {
        let session = fence.session();
        std::thread::sleep(Duration::from_millis(fastrand::u64(0..200)));
        let kind = VICTIMS[n % VICTIMS.len()];
        let pid = victim(kind, &worker, &session).unwrap_or_else(|| panic!("there is no {kind}"));
        kill(pid, "KILL");
        let begun = Instant::now();
        let mut living = of_session(&session);
        while !living.is_empty() && begun.elapsed() < LIMIT {
            std::thread::sleep(Duration::from_millis(5));
            living = of_session(&session);
        }
        slowest = slowest.max(begun.elapsed());
        for (pid, line) in living {
            left.push(format!("after {kind}: {pid} {line}"));
            kill(pid, "KILL");
        }
        if kind == "worker" {
            worker.end(PATIENCE);
            worker = fence.house.start("implement-worker", &[]);
        }
    }
    kill(worker.child.id(), "INT");
    std::thread::sleep(shopfloor::stop::ECHO * 2);
    kill(worker.child.id(), "INT");
    worker.end(PATIENCE);
    (slowest, left)
}

#[test]
#[ignore = "a measure: .ci/prove agents"]
fn nothing_of_an_agent_lives_on_or_writes_on_after_a_kill() {
    let all = size(500, 60);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let there = runtime.block_on(Means::Bwrap.tried());
    let sandboxes: &[&str] = if there.is_ok() { &["none", "bwrap"] } else { &["none"] };
    if let Err(why) = there {
        println!("SKIPPED|kills in bwrap|{}|{}", all / 2, why.replace('|', "/"));
    }
    for sandbox in sandboxes {
        let count = all / sandboxes.len();
        let mut fence = Fence::new(sandbox);
        let (slowest, left) = kills(&mut fence, count);
        let (lines, late) = fence.late_writes();
        let what = format!("{count} kills of worker, guard, keeper or agent, sandbox {sandbox}");
        row(
            &format!("{what}: processes alive 12 s later"),
            &format!("{} (the slowest end took {:.2} s)", left.len(), slowest.as_secs_f64()),
            left.is_empty(),
        );
        row(
            &format!("{what}: writes after the order was handed on"),
            &format!("{late} of {lines}"),
            late == 0 && lines > count,
        );
        assert!(left.is_empty() && late == 0, "{left:#?}\n{}", fence.house.scene());
    }
}

#[tokio::test]
#[ignore = "a measure: .ci/prove agents"]
async fn what_the_shim_costs() {
    use shopfloor::process::{Program, shim};
    use shopfloor::stop::Stop;
    shim::stands_at(std::path::Path::new(env!("CARGO_BIN_EXE_shopfloor")));
    let folder = tempfile::tempdir().unwrap();
    let plain = Program::new(&["true".to_owned()], folder.path(), "cost/").unwrap();
    let mut walled = plain.clone().kept();
    let mut programs = vec![("alone", plain.clone()), ("kept", plain.kept())];
    for means in Means::ALL {
        if means.tried().await.is_ok() {
            walled.wall = means.wall(&shopfloor::sandbox::Doors::default()).unwrap();
            programs.push((means.as_str(), walled.clone()));
        }
    }
    let mut told = Vec::new();
    for (name, program) in &programs {
        let mut took = Vec::new();
        for _ in 0..30 {
            let ran = program.run(b"", PATIENCE, 100, &Stop::new()).await.unwrap();
            assert!(ran.ok(), "{name}: {} {}", ran.ended, ran.text());
            took.push(ran.took);
        }
        took.sort();
        told.push(format!("{name} {:.1} ms", took[15].as_secs_f64() * 1000.0));
    }
    row("starting and ending `true`, median of 30", &told.join(", "), true);
}
