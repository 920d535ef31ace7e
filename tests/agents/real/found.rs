//! Where the real programs are: named by a variable, or where `.ci/agents` has put them.

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
    Err(why.unwrap_or_else(|_| "it is not installed: run .ci/agents".to_owned()).trim().to_owned())
}

/// The program of an agent. Where there is none, the `tests` that this one stands for are skipped and counted.
pub(super) fn program(agent: &str, version: &str, tests: usize) -> Option<PathBuf> {
    static SKIPPED: Mutex<usize> = Mutex::new(0);
    let why = match look(agent, version) {
        Ok(program) => return Some(program),
        Err(why) => why,
    };
    let mut skipped = SKIPPED.lock().unwrap();
    *skipped += tests;
    println!("SKIPPED|{agent} {version}|{tests}|{why}");
    // A test that passes has its prints thrown away; this goes past that.
    let told =
        format!("SKIPPED {skipped} so far of the real agents' tests: {agent} {version}: {why}\n");
    drop(std::io::stderr().write_all(told.as_bytes()));
    None
}
