//! The process we are: its runtime, how it ends when we made a mistake, and which signals of the system it outlives.

use std::fs::File;
use std::io::Write as _;
use std::panic::PanicHookInfo;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::{Error, Kind, Result};

/// The runtime of a program that lives long.
///
/// What blocks (looks at the queue, ends of process trees) runs on threads beside the loop. One of them is there from
/// the beginning, and none goes away again: on a machine that can start nothing more, work that waits for a thread would
/// wait for ever, since nobody tries again to start one.
pub fn runtime() -> Result<Runtime> {
    let for_ever = Duration::from_secs(u64::from(u32::MAX));
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_keep_alive(for_ever)
        .enable_all()
        .build()
        .map_err(|error| Error::new(Kind::Failed, "failed to start").caused_by(error))?;
    let first = runtime.spawn_blocking(|| ());
    runtime.block_on(first).map_err(|error| {
        Error::new(Kind::Failed, "failed to start a first thread").caused_by(error)
    })?;
    Ok(runtime)
}

/// From now on a write beyond the limit of file size (`ulimit -f`) fails, and does not kill this process. Programs that it
/// starts are killed as ever.
pub fn outlive_file_size_limit() {
    // A handler stays for as long as the process lives, the runtime it was made in need not. Where none can be made we
    // are killed as before: nothing is lost by that.
    let Ok(runtime) = Builder::new_current_thread().enable_io().build() else { return };
    let _inside = runtime.enter();
    drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw())));
}

/// From now on a panic anywhere in this process ends the whole of it by SIGABRT, with a word on stderr and in `log`.
///
/// Half a dead worker would hold its claims for ever: its lock says that it lives. A dead one's orders come back by
/// recovery, and what its agent left running is ended there.
pub fn end_whole_at_a_panic(log: Option<PathBuf>) {
    std::panic::set_hook(Box::new(move |panic| {
        // What is in our memory may be secret, and large.
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        let _nuisance = rustix::process::setrlimit(Resource::Core, none);
        let text = last_words(panic);
        drop(writeln!(std::io::stderr(), "{text}"));
        let file = log.as_ref().and_then(|log| File::options().append(true).open(log).ok());
        if let Some(mut file) = file {
            drop(writeln!(file, "{text}"));
        }
        std::process::abort();
    }));
}

fn last_words(panic: &PanicHookInfo<'_>) -> String {
    let told = panic.to_string().replace('\n', " ");
    let traced = std::backtrace::Backtrace::capture();
    let traced = match traced.status() {
        std::backtrace::BacktraceStatus::Captured => format!("\n{traced}"),
        _ => String::new(),
    };
    format!(
        "error: shopfloor made a mistake and this process ends at once: {told}\n  \
         next: nothing is lost, its orders come back by themselves; please report this message{traced}"
    )
}
