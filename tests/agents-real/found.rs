//! Where the real programs are: named by a variable, or where `.ci/agents` has put them. Those that CI does without are looked
//! for on demand only, so that a run does not depend on what an earlier one has left in the cache.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

/// The program of an agent, or why there is none.
fn look(agent: &str, version: &str) -> Result<PathBuf, String> {
    let variable = format!("SHOPFLOOR_REAL_{}", agent.to_uppercase());
    if let Some(named) = std::env::var_os(&variable) {
        return Ok(PathBuf::from(named));
    }
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let in_ci = ["claude", "codex"].contains(&agent);
    if !in_ci && folder("SHOPFLOOR_MORE_AGENTS").is_none() {
        return Err("on demand: .ci/agents --more, and SHOPFLOOR_MORE_AGENTS=1".to_owned());
    }
    let cache = folder("SHOPFLOOR_AGENTS_CACHE").map(PathBuf::from).or_else(|| {
        let xdg = folder("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = xdg.or_else(|| Some(PathBuf::from(folder("HOME")?).join(".cache")));
        Some(cache?.join("shopfloor/agents"))
    });
    let cache = cache.ok_or("there is no HOME")?;
    let home = cache.join(format!("{agent}-{version}"));
    if let Ok(program) = home.join(agent).canonicalize() {
        return Ok(program);
    }
    let why = std::fs::read_to_string(home.with_file_name(format!("{agent}-{version}.why")));
    let more = if in_ci { "" } else { " --more" };
    let why = why.unwrap_or_else(|_| format!("it is not installed: run .ci/agents{more}"));
    Err(why.trim().to_owned())
}

/// The program of an agent. Where there is none, the `tests` that this one stands for are skipped: `.ci/run` and
/// `.ci/prove agents` count them, and the first of an agent says so in any case.
pub(super) fn program(agent: &str, version: &str, tests: usize) -> Option<PathBuf> {
    static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let why = match look(agent, version) {
        Ok(program) => return Some(program),
        Err(why) => why,
    };
    println!("SKIPPED|{agent} {version}|{tests}|{why}");
    let mut told = TOLD.lock().unwrap();
    if !told.iter().any(|known| known == agent) {
        told.push(agent.to_owned());
        // A test that passes has its prints thrown away; this goes past that.
        let line = format!("SKIPPED: the tests with the real {agent} {version}: {why}\n");
        drop(std::io::stderr().write_all(line.as_bytes()));
    }
    None
}
