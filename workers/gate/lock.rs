//! A lock over processes: a file in a folder that they share (the floor's `run/`, or the machine's slots), flock'ed. The
//! kernel lets go of it when its holder dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};
use crate::stop::Stop;

/// The lock, as long as it lives.
#[derive(Debug)]
pub(super) struct Guard(#[expect(dead_code, reason = "closing the file gives the lock back")] File);

/// Waits for the lock `name` in `folder` at most `limit`, and not at all once we are asked to stop: who has it may be at it for hours,
/// and what we have not begun can as well be done by the next worker.
pub(super) async fn take(folder: &Path, name: &str, limit: Duration, stop: &Stop) -> Result<Guard> {
    take_one(folder, &[name], limit, stop).await
}

/// Waits for the first of the locks `names` that is free.
pub(super) async fn take_one(
    folder: &Path,
    names: &[&str],
    limit: Duration,
    stop: &Stop,
) -> Result<Guard> {
    let mut files = Vec::new();
    for name in names {
        let path = folder.join(name);
        files.push((open(folder, &path)?, path));
    }
    let begun = Instant::now();
    loop {
        if let Some(at) = free(&files)? {
            let (file, _) = files.swap_remove(at);
            sign(&file);
            return Ok(Guard(file));
        }
        let Some((file, path)) = files.first() else {
            return Err(Error::new(Kind::Failed, "no lock was named"));
        };
        if begun.elapsed() > limit {
            let message = format!(
                "waited {} s for {}, which process {} holds",
                limit.as_secs(),
                path.display(),
                holder(file)
            );
            return Err(Error::new(Kind::TimedOut, message).hint(
                "look at what that process is testing; the lock is given back when it ends",
            ));
        }
        tokio::select! {
            () = stop.drain_asked() => {
                let message = format!("stopped while waiting for {}", path.display());
                return Err(Error::new(Kind::Environment, message)
                    .hint("nothing: it is done again when the worker runs again"));
            }
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
    }
}

/// The first file that can be locked; it is, then.
fn free(files: &[(File, PathBuf)]) -> Result<Option<usize>> {
    for (at, (file, path)) in files.iter().enumerate() {
        match file.try_lock() {
            Ok(()) => return Ok(Some(at)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path, error)),
        }
    }
    Ok(None)
}

fn open(folder: &Path, path: &Path) -> Result<File> {
    std::fs::create_dir_all(folder).map_err(|error| Error::io("make", folder, error))?;
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    opened.map_err(|error| Error::io("open", path, error))
}

/// Who holds it, for the message of whoever waits too long. Only a remark: the lock itself is the kernel's.
fn sign(mut file: &File) {
    let mut write = || -> std::io::Result<()> {
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(std::process::id().to_string().as_bytes())
    };
    drop(write());
}

fn holder(mut file: &File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(20).read_to_string(&mut text));
    if read.is_err() || text.is_empty() { "unknown".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_with_a_limit_and_an_ear_for_stop() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let stop = Stop::new();
        let held = take(&run, "x.lock", Duration::from_secs(5), &stop).await.unwrap();
        let late = take(&run, "x.lock", Duration::ZERO, &stop).await.unwrap_err();
        assert_eq!(late.kind(), Kind::TimedOut);
        assert!(late.to_string().contains(&std::process::id().to_string()), "{late}");
        stop.ask();
        let stopped = take(&run, "x.lock", Duration::from_secs(60), &stop).await.unwrap_err();
        assert!(stopped.to_string().contains("stopped"), "{stopped}");
        drop(held);
        drop(take(&run, "x.lock", Duration::ZERO, &Stop::new()).await.unwrap());
    }
}
