//! `shopfloor logs`: reads or follows the workers' logs, or what happened to one order.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use shopfloor::error::{Error, Kind};
use shopfloor::stages;

use crate::flags::Logs;
use crate::naming::order_called;
use crate::voice::{self, Done, Voice, plain};
use shopfloor::place::Place;

/// How often to look for new lines.
const LOOK: Duration = Duration::from_millis(200);

/// The most bytes that are read of a file's end to find its last lines.
const END_BYTES: u64 = 4 * 1024 * 1024;

/// Reads or follows.
pub(crate) fn run(flags: &Logs, place: &Place, voice: Voice) -> Result<Done> {
    let (mut files, wanted) = chosen(flags, place)?;
    // Of an order everything is shown unless said otherwise, of a log its end.
    let default = if wanted.is_some() { usize::MAX } else { 20 };
    let lines = flags.lines.unwrap_or(default);
    if files.is_empty() && !flags.follow {
        voice.remark(format_args!("there is no log in {} yet", place.shown(place.logs()?)));
        return Ok(Done::NothingToDo);
    }
    let several = files.len() > 1 || flags.what.is_none();
    let mut last = String::new();
    for file in &mut files {
        show(&file.end(lines, wanted.as_deref())?, &file.name, several, &mut last)?;
    }
    if !flags.follow {
        return Ok(Done::Well);
    }
    loop {
        std::thread::sleep(LOOK);
        if flags.what.is_none() {
            let known: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
            let fresh = worker_logs(place, "")?.into_iter().filter(|path| !known.contains(path));
            files.extend(fresh.map(Followed::new));
        }
        for file in &mut files {
            show(&file.fresh(wanted.as_deref()), &file.name, several, &mut last)?;
        }
    }
}

/// The files to read, and the order whose lines are wanted.
fn chosen(flags: &Logs, place: &Place) -> Result<(Vec<Followed>, Option<String>)> {
    let follow = |paths: Vec<PathBuf>| paths.into_iter().map(Followed::new).collect();
    let Some(what) = &flags.what else { return Ok((follow(worker_logs(place, "")?), None)) };
    if what == "launcher" {
        return Ok((follow(vec![place.logs()?.join("launcher.log")]), None));
    }
    if let Some(stage) = stages::pipeline().stage(what) {
        let mut logs = worker_logs(place, stage.worker)?;
        if logs.is_empty() && flags.follow {
            logs.push(place.logs()?.join(format!("{}.log", stage.worker)));
        }
        return Ok((follow(logs), None));
    }
    let queue = place.open_queue_to_look()?;
    let id = order_called(&*queue, what).map_err(|error| {
        let hint = error.next_step().unwrap_or_default().to_owned();
        let names: Vec<&str> = stages::STAGES.iter().map(|stage| stage.name).collect();
        error.hint(format!("{hint}; the stages are {}", names.join(", ")))
    })?;
    Ok((follow(vec![place.floor()?.events()]), Some(id.to_string())))
}

/// The logs in the folder whose names begin with `worker` (all workers' when it is empty), sorted.
fn worker_logs(place: &Place, worker: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(place.logs()?).into_iter().flatten().flatten();
    let wanted = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(stem) = name.strip_suffix(".log") else { return false };
        // `spec-worker.log`, and `spec-worker-2.log` of a second one.
        let base = stem.rsplit_once('-').filter(|(_, n)| n.parse::<u32>().is_ok());
        let base = base.map_or(stem, |(base, _)| base);
        base.ends_with("-worker") && (worker.is_empty() || base == worker)
    };
    let mut logs: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(wanted).collect();
    logs.sort();
    Ok(logs)
}

/// Prints lines; when several logs are read, a line says whose they are.
fn show(lines: &[String], name: &str, several: bool, last: &mut String) -> Result<()> {
    if several && !lines.is_empty() && last != name {
        voice::result(format_args!("==> {name} <=="))?;
        name.clone_into(last);
    }
    lines.iter().try_for_each(|line| voice::result(plain(line)))
}

/// A file that is read to its end and then on.
#[derive(Debug)]
pub(crate) struct Followed {
    path: PathBuf,
    name: String,
    inode: u64,
    at: u64,
    /// A line that has no end yet.
    open: Vec<u8>,
}

impl Followed {
    /// A file of which nothing was read yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Self { path, name, inode: 0, at: 0, open: Vec::new() }
    }

    /// Its last lines (of one order, when one is wanted). A file that is not there has none.
    fn end(&mut self, most: usize, order: Option<&str>) -> Result<Vec<String>> {
        match self.path.metadata() {
            Ok(file) => {
                self.inode = file.ino();
                // Of an order everything counts, wherever it stands in the file.
                self.at = if order.is_some() { 0 } else { file.len().saturating_sub(END_BYTES) };
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("read", &self.path, error).into()),
        }
        let mut lines = self.fresh(order);
        lines.drain(..lines.len().saturating_sub(most));
        Ok(lines)
    }

    /// Whole lines that came since the last look. A file that was replaced or cut is read from its beginning.
    pub(crate) fn fresh(&mut self, order: Option<&str>) -> Vec<String> {
        let Ok(mut file) = std::fs::File::open(&self.path) else { return Vec::new() };
        let Ok(known) = file.metadata() else { return Vec::new() };
        if known.ino() != self.inode || known.len() < self.at {
            (self.inode, self.at) = (known.ino(), 0);
            self.open.clear();
        }
        let mut bytes = Vec::new();
        let read = file.seek(SeekFrom::Start(self.at)).and_then(|_| file.read_to_end(&mut bytes));
        self.at += read.unwrap_or(0) as u64;
        self.open.append(&mut bytes);
        let whole = self.open.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.open.drain(..whole).collect();
        let lines = lines.split(|&b| b == b'\n').filter(|line| !line.is_empty());
        let lines = lines.map(|line| String::from_utf8_lossy(line).into_owned());
        lines.filter(|line| order.is_none_or(|order| speaks_of(line, order))).collect()
    }
}

/// True when an event speaks of that order.
fn speaks_of(line: &str, order: &str) -> bool {
    let event: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    event["order"].as_str() == Some(order)
}

/// The last lines of a log.
pub(crate) fn last_lines(log: &Path, most: usize) -> Result<Vec<String>, Error> {
    Followed::new(log.to_owned()).end(most, None).map_err(|error| {
        Error::new(Kind::Failed, format!("failed to read {}: {error}", log.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_followed_file_gives_whole_lines_also_after_it_was_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spec-worker.log");
        let mut file = std::fs::File::create(&path).unwrap();
        write!(file, "a\nb\nc\nhal").unwrap();
        let mut followed = Followed::new(path.clone());
        assert_eq!(followed.end(2, None).unwrap(), ["b", "c"]);
        assert_eq!(followed.fresh(None), [""; 0]);
        writeln!(file, "f").unwrap();
        assert_eq!(followed.fresh(None), ["half"]);
        std::fs::rename(&path, folder.path().join("old")).unwrap();
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(followed.fresh(None), ["new"]);
    }

    #[test]
    fn only_events_of_that_order_are_shown() {
        assert!(speaks_of(r#"{"order":"a","text":"x"}"#, "a"));
        assert!(!speaks_of(r#"{"order":"ab"}"#, "a") && !speaks_of("a", "a"));
    }
}
