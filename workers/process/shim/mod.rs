//! The shim between a worker and a program that may start anything: three small stages of our own executable.
//!
//! ```text
//! worker -> guard -> keeper -> starter, which becomes the program
//! ```
//!
//! The keeper is the subreaper of all that the program starts: whoever loses its parents becomes the keeper's child, with
//! or without a cookie. It holds the worker's line (see [`line`]): the end of it means that the worker is gone, a byte on
//! it is a command. When the program ends, when it is told, or when the worker or the guard is gone, it kills its
//! descendants until there are none. The guard stands above it for one case: somebody kills the keeper. Then the guard
//! inherits its children and does the same. The starter asks the kernel to be killed when the keeper dies, and becomes
//! the program.
//!
//! One of the two may be killed at any moment and nothing is left. Both at the same moment: the program itself dies, and
//! so does whatever carries the cookie; in a sandbox with a process namespace of its own, everything does.

mod descendants;
mod guard;
mod keeper;
mod line;
mod starter;
mod words;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

pub(super) use line::{Line, Order};
pub(super) use words::Words;

/// The first argument of every stage of the shim.
pub(super) const WORD: &str = "--process-shim";

/// The executable whose `main` begins with [`serve`].
static EXECUTABLE: OnceLock<PathBuf> = OnceLock::new();

/// To be called first in the `main` of a program that starts agents or gates. `Some`: this process was a stage of the
/// shim and is done. `None`: it is not, and its executable is the shim of whatever it starts from now on.
pub fn serve() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next().as_deref() != Some(std::ffi::OsStr::new(WORD)) {
        // The link and not the path behind it: it still works when the file was replaced by a newer version. Where /proc
        // is hidden there is no link, and nothing by which a keeper could find anybody: then programs are started alone.
        let own = Path::new("/proc/self/exe");
        if cfg!(target_os = "linux") && own.exists() {
            stands_at(own);
        }
        return None;
    }
    let args: Vec<OsString> = args.collect();
    let Some(words) = Words::read(args) else {
        return Some(ExitCode::from(crate::error::exit::USAGE));
    };
    Some(ExitCode::from(match words.stage {
        words::Stage::Guard => guard::run(&words),
        words::Stage::Keeper => keeper::run(&words),
        words::Stage::Starter => starter::run(&words),
    }))
}

/// Says which executable is the shim, for programs that are not it themselves. The first to say so is heard.
pub fn stands_at(executable: &Path) {
    let _first = EXECUTABLE.set(executable.to_owned());
}

/// The executable of the shim; `None` where nobody said which it is.
pub(super) fn executable() -> Option<&'static Path> {
    EXECUTABLE.get().map(PathBuf::as_path)
}

/// True for a stage of the shim, which ends by itself.
pub(super) fn is_stage(pid: u32) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|&byte| byte == 0).nth(1) == Some(WORD.as_bytes())
}

/// Starts a shell script as what is hardest to find: without parents, without a session or a stream in common with anybody,
/// without a cookie. For whoever tries out whether it is found nevertheless. True when it was started.
pub(crate) fn leave_daemon(script: &str, folder: &Path) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut shell = std::process::Command::new("sh");
    let start = "(setsid sh -c \"$0\" < /dev/null > /dev/null 2>&1 &) & exit 0";
    shell.args(["-c", start, script]).env_clear().env("PATH", path).current_dir(folder);
    shell.status().is_ok_and(|status| status.success())
}
