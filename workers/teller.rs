//! Tells events: to the worker's log, to the floor's `events.jsonl`, and as JSON lines on stdout when asked to.
//!
//! Secrets are not told: whatever comes from an agent, a test or a tool may hold one.
//! Telling never fails: a log that can't be written is said once on stderr, and work goes on.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::broadcast;

use crate::event::{Event, What};
use crate::floor::Floor;
use crate::secrets;

/// How many events a listener may be behind before it misses some.
const BEHIND: usize = 512;

/// The most bytes of `events.jsonl` before it is put aside as `events.jsonl.1`.
const EVENTS_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// Tells events for one program. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Teller {
    by: Arc<str>,
    events: PathBuf,
    json: bool,
    complained: Arc<AtomicBool>,
    heard: broadcast::Sender<What>,
    /// What the agent says, line by line.
    heard_lines: Arc<secrets::Lines>,
}

impl Teller {
    /// Tells as `by`; also as JSON lines on stdout when `json` is set.
    pub fn new(by: &str, floor: &Floor, json: bool) -> Self {
        let heard = broadcast::Sender::new(BEHIND);
        let (complained, heard_lines) = (Arc::default(), Arc::default());
        Self { by: by.into(), events: floor.events(), json, complained, heard, heard_lines }
    }

    /// Hears what is told from now on.
    pub fn listen(&self) -> broadcast::Receiver<What> {
        self.heard.subscribe()
    }

    /// Who tells.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// Tells one event.
    pub fn tell(&self, what: What) {
        let what = self.without_secrets(what);
        match &what {
            What::Heard { .. } => tracing::debug!(target: "shopfloor", "{what}"),
            _ if what.is_bad_news() => tracing::warn!(target: "shopfloor", "{what}"),
            _ => tracing::info!(target: "shopfloor", "{what}"),
        }
        // What an agent prints is in its session's stream; the record of the floor is for what happened.
        if matches!(what, What::Heard { .. }) && !self.json {
            return;
        }
        if !matches!(what, What::Heard { .. }) {
            // Nobody has to listen.
            self.heard.send(what.clone()).ok();
        }
        let event = Event::now(&self.by, what);
        let Ok(mut line) = serde_json::to_vec(&event) else { return };
        line.push(b'\n');
        if self.json {
            // A reader that went away is no reason to stop.
            let _gone = std::io::stdout().lock().write_all(&line);
        }
        if let Err(error) = self.append(&line)
            && !self.complained.swap(true, Ordering::Relaxed)
        {
            let path = self.events.display();
            tracing::warn!(target: "shopfloor", "failed to write {path}: {error}; work goes on");
        }
    }

    /// The same event without the secrets in its words.
    fn without_secrets(&self, what: What) -> What {
        if let What::Heard { line } = &what {
            return What::Heard { line: self.heard_lines.next(line).into_owned() };
        }
        let Ok(mut value) = serde_json::to_value(&what) else { return what };
        if !secrets::hide_in(&mut value) {
            return what;
        }
        let text = "something happened that can't be told without telling a secret".to_owned();
        serde_json::from_value(value).unwrap_or(What::Warning { text })
    }

    fn append(&self, line: &[u8]) -> std::io::Result<()> {
        let open = || OpenOptions::new().create(true).read(true).append(true).open(&self.events);
        let mut file = open()?;
        let mut length = file.metadata()?.len();
        if length > EVENTS_LIMIT_BYTES {
            std::fs::rename(&self.events, self.events.with_extension("jsonl.1"))?;
            file = open()?;
            length = 0;
        }
        let mut last = [b'\n'];
        if length > 0 {
            file.read_exact_at(&mut last, length - 1)?;
        }
        // A full disk may have cut a line short: it must not take the next one with it.
        match last {
            [b'\n'] => file.write_all(line),
            _ => file.write_all(&[b"\n", line].concat()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_appended_and_a_missing_folder_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let floor = Floor::of_queue(folder.path());
        let teller = Teller::new("spec-worker", &floor, false);
        teller.tell(What::Warning { text: "lost".to_owned() });
        std::fs::create_dir_all(floor.root()).unwrap();
        teller.tell(What::Warning { text: "kept".to_owned() });
        let text = std::fs::read_to_string(floor.events()).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains("kept"));
    }

    #[test]
    fn a_line_that_was_cut_short_does_not_take_the_next_one_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let floor = Floor::of_queue(folder.path());
        std::fs::create_dir_all(floor.root()).unwrap();
        std::fs::write(floor.events(), "{\"at\":\"20").unwrap();
        let teller = Teller::new("spec-worker", &floor, false);
        teller.tell(What::Warning { text: "whole".to_owned() });
        let text = std::fs::read_to_string(floor.events()).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["text"], "whole");
    }
}
