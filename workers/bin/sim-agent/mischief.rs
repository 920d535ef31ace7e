//! Misbehaviour that does not depend on how it is spoken to.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::job::Job;
use crate::scenario::Act;

/// Sleeps for ever.
pub(crate) fn hang() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// Dies of a signal, without a core file.
pub(crate) fn crash() -> ! {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _nuisance = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    std::process::abort()
}

/// Lines that are nothing: binary, control characters, half an event.
pub(crate) fn garbage(to: &mut dyn Write) -> std::io::Result<()> {
    to.write_all(b"\x00\xff\xfe\x80 not text\n\x1b[2J\x1b]0;title\x07\n")?;
    to.write_all(b"{\"type\":\"result\",\"subtype\":\n{}\n[1,2]\nnull\n\n")?;
    to.write_all("a line\u{2028}with a separator\r\n".as_bytes())
}

/// As many MiB as the act says, in lines as long as it says.
pub(crate) fn flood(act: &Act, to: &mut dyn Write) -> std::io::Result<()> {
    let mib = vec![b'x'; 1024 * 1024];
    let line = act.line_mib.max(1);
    for n in 0..act.mib {
        to.write_all(&mib)?;
        if (n + 1) % line == 0 || n + 1 == act.mib {
            to.write_all(b"\n")?;
        }
    }
    Ok(())
}

/// Leaves a process in a session of its own, which holds our output open.
pub(crate) fn leave_grandchild() -> Result<(), String> {
    Command::new("setsid")
        .args(["sleep", "300"])
        .spawn()
        .map(drop)
        .map_err(|error| format!("failed to start setsid: {error}"))
}

/// Weakens a file under `tests/`, the order's own where there is one, and says which.
pub(crate) fn weaken_a_test(job: &Job) -> Result<String, String> {
    let tree = job.worktree()?;
    let mut found = Vec::new();
    collect(&tree.join("tests"), &mut found);
    found.sort();
    let underscored = job.order.replace('-', "_");
    let own = found.iter().find(|path| {
        let name = path.to_string_lossy();
        name.contains(&job.order) || name.contains(&underscored)
    });
    let Some(path) = own.or(found.first()) else {
        return Err(format!("there is no test to weaken in {}", tree.display()));
    };
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let weak = match path.extension().is_some_and(|end| end == "rs") {
        true => text.replace("#[test]", "#[test]\n#[ignore]"),
        false => format!("exit 0\n{text}"),
    };
    std::fs::write(path, weak)
        .map_err(|error| format!("failed to write {}: {error}", path.display()))?;
    Ok(path.display().to_string())
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path);
        }
    }
}
