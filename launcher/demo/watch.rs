//! The demo's course: an idle floor, six orders, and an idle floor again, watched from outside.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use shopfloor::config::Config;
use shopfloor::error::{Error, Kind};
use shopfloor::floor::{Floor, WorkerStatus};
use shopfloor::queue::files::FileQueue;
use shopfloor::queue::{Created, Queue as _};
use shopfloor::stages::{self, STAGES};
use shopfloor::stop::Stop;
use shopfloor::survey::Survey;

use super::course::Course;
use super::folder::Folder;
use super::frame::Scene;
use super::launched::Launched;
use super::orders::PARTS;
use super::report::Watched;
use super::screen::Screen;
use super::settings::Agent;
use crate::idle;
use crate::logs::Followed;
use crate::snapshot;

/// How often to look.
const LOOK: Duration = Duration::from_millis(150);
/// How long the floor is watched doing nothing, before and after.
const IDLE: Duration = Duration::from_secs(1);
/// How long the workers may take to be up.
const UP: Duration = Duration::from_secs(60);

/// One who watches.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    folder: &'a Folder,
    agent: &'a Agent,
    launched: &'a mut Launched,
    screen: &'a mut Screen,
    stop: &'a Stop,
    queue: Arc<FileQueue>,
    floor: Floor,
    events: Followed,
    course: Course,
}

/// What came of waiting.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    /// What was waited for.
    True,
    /// A request to stop.
    Stop,
}

impl<'a> Watch<'a> {
    /// Ready to watch what `launched` does in `folder`.
    pub(super) fn of(
        folder: &'a Folder,
        agent: &'a Agent,
        launched: &'a mut Launched,
        screen: &'a mut Screen,
        stop: &'a Stop,
    ) -> Result<Self> {
        let place = folder.place()?;
        let floor = place.floor()?;
        let queue = place.open_queue()?;
        let events = Followed::new(floor.events());
        let course = Course::default();
        Ok(Self { folder, agent, launched, screen, stop, queue, floor, events, course })
    }

    /// Watches until all is done; `None` when somebody asked to stop.
    pub(super) async fn through(mut self) -> Result<Option<Watched>> {
        let now = "the workers start";
        if self.until(now, UP, |watch, workers| Ok(watch.all_idle(workers))).await? == Came::Stop {
            return Ok(None);
        }
        let now = "an idle floor";
        if self.pause(now).await? == Came::Stop {
            return Ok(None);
        }
        let before = self.calls();
        self.add()?;
        let served: BTreeSet<String> = STAGES.iter().map(|stage| stage.name.to_owned()).collect();
        let done = |watch: &Self, _: &[WorkerStatus]| {
            let (queue, folder) = (watch.queue.clone(), watch.queue.folder().to_owned());
            let (floor, config) = (watch.floor.clone(), Config::default());
            let survey = Survey::new(queue, floor, folder, stages::pipeline(), &config);
            Ok(idle::is_idle(&watch.floor, &survey, &served)?)
        };
        if self.until("Ctrl-C stops it", self.agent.patience(), done).await? == Came::Stop {
            return Ok(None);
        }
        let at_end = self.calls();
        if self.pause("all is done: an idle floor again").await? == Came::Stop {
            return Ok(None);
        }
        let calls = self.calls();
        let simulated = self.agent.is_simulated();
        let idle_calls = before + (calls - at_end);
        Ok(Some(Watched { course: self.course, calls, idle_calls, simulated }))
    }

    fn add(&self) -> Result<()> {
        for part in &PARTS {
            let (id, request) = part.order()?;
            if self.queue.create(&id, &request)? == Created::Exists {
                return Err(
                    Error::new(Kind::Failed, format!("the demo's queue has {id} already")).into()
                );
            }
        }
        Ok(())
    }

    /// True when every stage has a worker that waits for orders.
    fn all_idle(&self, workers: &[WorkerStatus]) -> bool {
        STAGES.iter().all(|stage| workers.iter().any(|w| w.stage == stage.name && w.idle))
    }

    async fn pause(&mut self, now: &str) -> Result<Came> {
        let begun = Instant::now();
        self.until(now, IDLE * 2, |_, _| Ok(begun.elapsed() >= IDLE)).await
    }

    /// Looks and shows again and again until `is_true`.
    async fn until(
        &mut self,
        now: &str,
        limit: Duration,
        mut is_true: impl FnMut(&Self, &[WorkerStatus]) -> Result<bool>,
    ) -> Result<Came> {
        let begun = Instant::now();
        loop {
            self.launched.must_run()?;
            self.events.fresh(None).iter().for_each(|line| self.course.read(line));
            let seen = snapshot::workers(&*self.queue, &self.floor);
            let live = seen.into_iter().filter(|seen| seen.alive).map(|seen| seen.status);
            let workers: Vec<WorkerStatus> = live.collect();
            let (calls, label) = (self.calls(), self.agent.label());
            let course = &self.course;
            self.screen.show(&Scene { course, workers: &workers, calls, label, now })?;
            if is_true(self, &workers)? {
                return Ok(Came::True);
            }
            if begun.elapsed() > limit {
                let secs = limit.as_secs();
                let told = format!(
                    "the demo is not done after {secs} s ({now}); {}",
                    self.launched.last_words()
                );
                return Err(Error::new(Kind::TimedOut, told).into());
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.stop.drain_asked() => return Ok(Came::Stop),
            }
        }
    }

    /// Model calls so far: the simulated agent writes each one down; a real one makes at least one per turn.
    fn calls(&self) -> usize {
        match self.agent.is_simulated() {
            false => self.course.turns,
            true => {
                std::fs::read_to_string(self.folder.calls()).unwrap_or_default().lines().count()
            }
        }
    }
}
