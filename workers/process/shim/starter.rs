//! The starter: makes itself ready and becomes the program.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::Signal;

use super::keeper::is_parent;
use super::words::Words;

/// Becomes the program. It returns only when that can't be: 127 when the program is not there, 126 otherwise.
pub(super) fn run(words: &Words) -> u8 {
    let _own = rustix::process::setsid();
    let _refused = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    if !is_parent(words.told.parent) {
        return 126;
    }
    let Some((program, args)) = words.program.split_first() else { return 126 };
    if let Some(fence) = &words.told.fence
        && let Err(why) = fence.close_in()
    {
        // Fail closed: never without the fence that was asked for.
        say(&format!("{} was not started: its sandbox can't be made: {why}", program.display()));
        return 126;
    }
    let error = Command::new(program).args(args).exec();
    say(&format!("failed to start {}: {error}", program.display()));
    if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 }
}

fn say(text: &str) {
    drop(writeln!(std::io::stderr(), "shopfloor: {text}"));
}
