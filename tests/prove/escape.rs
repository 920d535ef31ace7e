//! What an agent can do outside of its worktree, with and without a sandbox: tried by a real program under a real worker, and
//! looked at from outside.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use shopfloor::sandbox::Means;

use super::row;
use crate::house::House;

/// The agent: one line `name yes|no` for each attempt.
const AGENT: &str = r#"
wt=$(sed -n 's/.*"worktree": "\(.*\)".*/\1/p' batch.json | head -n 1)
try() { name=$1; shift; if "$@" > /dev/null 2>&1; then echo "$name yes"; else echo "$name no"; fi; }
into() { echo escaped >> "$1"; }
{
  try own_worktree into "$wt/mine"
  try tmp into "$TMPDIR/mine"
  try build mktemp
  try commit git -C "$PROJECT" -c user.name=x -c user.email=x@localhost commit --allow-empty -m escaped
  try base into "$PROJECT/README.md"
  try git_config git -C "$PROJECT" config core.escaped yes
  try other into "$WORKTREES/other/file"
  try state into "$PROJECT/work-orders/other/.state"
  try floor into "$PROJECT/work-orders/.floor/run/escaped"
  try read_key grep -q secret "$PERSON/.ssh/id"
  try write_key into "$PERSON/.ssh/authorized_keys"
  try home into "$PERSON/.profile"
  try memory sh -c ': < /proc/$STRANGER/mem'
  try kill kill -KILL "$STRANGER"
} > "$TMPDIR/outcome" 2>&1
cat "$TMPDIR/outcome"
"#;

/// What is tried, in words, and whether an agent must be able to.
const ATTEMPTS: [(&str, &str, bool); 14] = [
    ("own_worktree", "write to its own worktree", true),
    ("tmp", "write to its TMPDIR", true),
    ("build", "mktemp", true),
    ("commit", "git -C <base checkout> commit", false),
    ("base", "edit the base checkout", false),
    ("git_config", "edit the project's .git/config", false),
    ("other", "edit another order's worktree", false),
    ("state", "edit the .state of another order", false),
    ("floor", "write to the floor", false),
    ("read_key", "read ~/.ssh/id", false),
    ("write_key", "write ~/.ssh/authorized_keys", false),
    ("home", "write ~/.profile", false),
    ("kill", "kill -9 a process that it did not start", false),
    ("memory", "open /proc/<pid>/mem of another process", false),
];

/// What the agent could, by its own words and by what is to be seen.
fn tried(sandbox: &str) -> BTreeMap<String, bool> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (agent, person) = (path("agent.sh"), path("home"));
    fs::write(&agent, AGENT).unwrap();
    let mut stranger = Command::new("sleep").arg("300").stdout(Stdio::null()).spawn().unwrap();
    let config = format!(
        "[agent.fugitive]\ndriver = \"command\"\nprogram = \"sh\"\nargs = [{agent:?}]\n\
         env = {{ PROJECT = {:?}, WORKTREES = {:?}, PERSON = {person:?}, STRANGER = \"{}\" }}\n\n\
         [stage.implement]\nagent = \"fugitive\"\nsandbox = \"{sandbox}\"\n\n\
         [worktree]\nroot = \"../worktrees\"\n",
        path("project"),
        path("worktrees"),
        stranger.id(),
    );
    let house = House::at(folder, &config, "");
    fs::create_dir_all(person.join(".ssh")).unwrap();
    fs::write(person.join(".ssh/id"), "a secret key\n").unwrap();
    fs::create_dir_all(house.path("worktrees/other")).unwrap();
    house.add(&["one", "other"]);
    fs::write(house.order("one").join(".state"), "IMPL\n").unwrap();
    let head = house.git(&["rev-parse", "HEAD"]);
    let ran = house.command("implement-worker").args(["--once"]).output().unwrap();
    let sessions = house.project().join("work-orders/.floor/sessions");
    let mut said = String::new();
    for session in fs::read_dir(sessions).unwrap().flatten() {
        said.push_str(&fs::read_to_string(session.path().join("stream.txt")).unwrap_or_default());
    }
    let mut could: BTreeMap<String, bool> = said
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, could)| (name.to_owned(), could == "yes"))
        .collect();
    assert!(
        could.len() >= ATTEMPTS.len(),
        "{said}\n{}\n{}",
        crate::house::shown(&ran),
        house.scene()
    );
    // What can be seen counts, whatever it said: it may have written to a place that only it could see.
    let mut seen = |name: &str, it: bool| could.insert(name.to_owned(), it);
    seen("commit", house.git(&["rev-parse", "HEAD"]) != head);
    let escaped = |path| fs::read_to_string(path).unwrap_or_default().contains("escaped");
    seen("base", escaped(house.project().join("README.md")));
    seen("other", escaped(house.path("worktrees/other/file")));
    seen("state", escaped(house.order("other").join(".state")));
    seen("write_key", escaped(person.join(".ssh/authorized_keys")));
    seen("home", escaped(person.join(".profile")));
    seen("kill", stranger.try_wait().unwrap().is_some());
    let _gone = stranger.kill();
    let _gone = stranger.wait();
    could
}

#[test]
#[ignore = "a measure: .ci/prove agents"]
fn an_agent_escapes_without_a_sandbox_and_not_with_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    shopfloor::process::shim::stands_at(std::path::Path::new(env!("CARGO_BIN_EXE_shopfloor")));
    let mut all = vec![("none", tried("none"))];
    for means in Means::ALL {
        match runtime.block_on(means.tried()) {
            Ok(()) => all.push((means.as_str(), tried(means.as_str()))),
            Err(why) => {
                println!("SKIPPED|escape from {}|{}|{why}", means.as_str(), ATTEMPTS.len());
            }
        }
    }
    for (name, told, must) in ATTEMPTS {
        let word = |could: bool| if could { "could" } else { "could not" };
        let figure: Vec<String> = all
            .iter()
            .map(|(sandbox, could)| format!("{sandbox}: {}", word(could[name])))
            .collect();
        // Without a sandbox everything works: else nothing was tried.
        let good = all.iter().all(|(sandbox, could)| could[name] == (must || *sandbox == "none"));
        row(&format!("an agent tries to {told}"), &figure.join(", "), good);
    }
}
