//! A process that gives way to others: at low priority.

use rustix::process::Pid;
use tokio::process::{Child, Command};

/// How much a program gives way.
pub(super) const NICE: i32 = 10;

/// Starts it at low priority from its first instruction on: what it starts is as nice as it was then. Where the machine won't
/// let us, it runs like everything else.
#[cfg(target_os = "linux")]
pub(super) fn nicely(command: &mut Command) -> std::io::Result<Child> {
    let runtime = tokio::runtime::Handle::current();
    // On Linux niceness is a thread's and a child begins with that of the thread that starts it. Nobody may take it back,
    // so the thread is one that ends here.
    let starter = || {
        let _inside = runtime.enter();
        give_way(None);
        command.spawn()
    };
    std::thread::scope(|scope| {
        let started = std::thread::Builder::new().spawn_scoped(scope, starter)?;
        let panicked = |_| Err(std::io::Error::other("the thread that starts it panicked"));
        started.join().unwrap_or_else(panicked)
    })
}

/// The same where niceness is a process's: it has run for a moment by then.
#[cfg(not(target_os = "linux"))]
pub(super) fn nicely(command: &mut Command) -> std::io::Result<Child> {
    let child = command.spawn()?;
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id as i32)) {
        give_way(Some(pid));
    }
    Ok(child)
}

/// Lowers the priority of a process, `None` for ourselves: from where it stands, for one who may raise it must not do so.
fn give_way(pid: Option<Pid>) {
    let own = rustix::process::getpriority_process(pid).unwrap_or(0);
    let _refused = rustix::process::setpriority_process(pid, (own + NICE).min(19));
}
