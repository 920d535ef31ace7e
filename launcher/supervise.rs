//! Looking after the workers: an event comes, a plain function decides, and what it decided is done.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use shopfloor::error::{Error, Kind, Result, exit};
use shopfloor::floor::{Floor, unix_now};
use shopfloor::process::Ended;
use shopfloor::queue::Queue;
use shopfloor::stop::Echo;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::alarm;
use crate::crew::{Event, Life, Post, Seat};
use crate::idle::{self, Over};
use crate::leftover;
use crate::lock::{LauncherLock, Record, Runner};
use crate::restart::{self, After};
use crate::voice::{Voice, line};

/// How long workers that were told to end at once may take before they are killed.
const FIRM: Duration = Duration::from_secs(15);

/// How often "at once" is said again: two signals of one kind that come together count as one.
const AGAIN: Duration = Duration::from_millis(500);

/// How often it is looked for dead workers that are nobody's here: those of a launcher that was killed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What a launcher is to do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The workers to start.
    pub(crate) posts: Vec<Post>,
    /// The queue.
    pub(crate) queue: Arc<dyn Queue>,
    /// Its floor.
    pub(crate) floor: Floor,
    /// Free space in MiB below which nothing new is begun.
    pub(crate) free_mib: u64,
    /// When it ends by itself; never, where unset.
    pub(crate) over: Option<Over>,
    /// Stop when our stdin closes.
    pub(crate) launched: bool,
    /// How loud to be.
    pub(crate) voice: Voice,
    /// The right to do it.
    pub(crate) lock: LauncherLock,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Workers that died too often.
    pub(crate) given_up: Vec<String>,
    /// True when the end was wanted at once.
    pub(crate) at_once: bool,
    /// Processes that workers left behind (they are ended now).
    pub(crate) left_over: usize,
    /// False when some of those could not be ended.
    pub(crate) clean: bool,
}

/// How far the end has come.
#[derive(Debug, Clone, Copy)]
enum Ending {
    No,
    Drain,
    Now { kill_at: Instant, again_at: Instant },
}

struct Launcher {
    plan: Plan,
    seats: Vec<Seat>,
    ending: Ending,
    since: u64,
    everyone: Vec<Runner>,
    tell: UnboundedSender<Event>,
    served: watch::Sender<BTreeSet<String>>,
    recoveries: JoinSet<()>,
    /// What was launched could not be written down, and that was told.
    unwritten: bool,
    /// What is said when the run is over by itself.
    last_remark: &'static str,
}

/// Starts all workers, tells `announce` what was launched, and looks after them until all have ended.
pub(crate) async fn run(
    plan: Plan,
    announce: impl FnOnce(&Record) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    let (tell, mut events) = unbounded_channel();
    listen(&tell)?;
    if plan.launched {
        listen_to_stdin(&tell);
    }
    let served: BTreeSet<String> = plan.posts.iter().map(|post| post.stage.clone()).collect();
    let (served, serves) = watch::channel(served);
    let seats = plan.posts.iter().cloned().map(Seat::new).collect();
    let mut launcher = Launcher {
        plan,
        seats,
        ending: Ending::No,
        since: unix_now(),
        everyone: Vec::new(),
        tell: tell.clone(),
        served,
        recoveries: JoinSet::new(),
        unwritten: false,
        last_remark: "",
    };
    launcher.tidy();
    launcher.start_due(Instant::now());
    let announced = announce(&launcher.record());
    let (floor, voice) = (launcher.plan.floor.clone(), launcher.plan.voice);
    let alarm = tokio::spawn(alarm::watch(floor, launcher.plan.free_mib, voice));
    let looks = tokio::spawn(look_for_dead(launcher.plan.queue.clone(), voice));
    if let Some(over) = launcher.plan.over.take() {
        launcher.last_remark = over.remark;
        tokio::spawn(idle::watch(over.look, serves, tell));
    }
    if announced.is_err() {
        // Nobody reads what we print. Nothing is left running because of that.
        launcher.handle(&Event::Asked);
    }
    while !launcher.seats.iter().all(Seat::over) {
        let moment = launcher.next_moment();
        let event = tokio::select! {
            Some(event) = events.recv() => event,
            () = tokio::time::sleep_until(moment.into()) => Event::Moment,
        };
        launcher.handle(&event);
    }
    alarm.abort();
    looks.abort();
    let outcome = launcher.close().await;
    announced.map(|()| outcome)
}

/// Ctrl-C, TERM and a closed terminal are told as events.
fn listen(tell: &UnboundedSender<Event>) -> Result<()> {
    let hear = |kind| {
        signal(kind).map_err(|error| {
            Error::new(Kind::Failed, "failed to listen to signals").caused_by(error)
        })
    };
    let (mut interrupt, mut terminate, mut hangup) = (
        hear(SignalKind::interrupt())?,
        hear(SignalKind::terminate())?,
        hear(SignalKind::hangup())?,
    );
    let tell = tell.clone();
    tokio::spawn(async move {
        let mut echo = Echo::default();
        loop {
            let event = tokio::select! {
                _ = interrupt.recv() => Event::Asked,
                _ = terminate.recv() => Event::Asked,
                _ = hangup.recv() => Event::HungUp,
            };
            if echo.is_new(Instant::now()) && tell.send(event).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// The end of our stdin is told as an event. Whoever launched us holds its other end and writes nothing.
fn listen_to_stdin(tell: &UnboundedSender<Event>) {
    let tell = tell.clone();
    // A thread and no task: a read of stdin can't be called off, and must not keep the runtime from its end.
    std::thread::spawn(move || {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
        // Nobody listens any more: the launcher is at its end already.
        tell.send(Event::Asked).ok();
    });
}

impl Launcher {
    fn handle(&mut self, event: &Event) {
        let now = Instant::now();
        match event {
            Event::Ended(seat, ended) => self.ended(*seat, *ended, now),
            Event::Asked => self.asked(now),
            Event::HungUp if matches!(self.ending, Ending::No) => self.asked(now),
            Event::HungUp => {}
            Event::Idle if matches!(self.ending, Ending::No) => {
                self.plan.voice.remark(self.last_remark);
                self.drain();
            }
            Event::Idle => {}
            Event::Moment => {
                self.start_due(now);
                self.insist(now);
            }
        }
    }

    /// Starts every worker that is due.
    fn start_due(&mut self, now: Instant) {
        let mut any = false;
        for at in 0..self.seats.len() {
            if !matches!(self.seats[at].life, Life::Rests(due) if due <= now) {
                continue;
            }
            any = true;
            match self.seats[at].start(at, &self.tell) {
                Ok(process) => self.everyone.push(process),
                Err(error) => {
                    self.plan.voice.error(&error);
                    self.died(at, "could not be started", now);
                }
            }
        }
        if any {
            self.write_down();
        }
    }

    fn write_down(&mut self) {
        match self.plan.lock.record(&self.record()) {
            Ok(()) => self.unwritten = false,
            Err(error) if !self.unwritten => {
                self.unwritten = true;
                self.plan.voice.warn(format_args!("{error}; `status` and `stop` know less"));
            }
            Err(_) => {}
        }
    }

    fn record(&self) -> Record {
        let pid = std::process::id();
        let launcher = Runner::of(pid).unwrap_or(Runner { pid, start_time: 0 });
        let workers = self.seats.iter().map(Seat::launched).collect();
        let stopping = !matches!(self.ending, Ending::No);
        Record { launcher, since: self.since, workers, stopping }
    }

    fn ended(&mut self, at: usize, ended: Ended, now: Instant) {
        let (name, process) = (self.seats[at].post.name.clone(), self.seats[at].process());
        let asked = !matches!(self.ending, Ending::No);
        if ended != Ended::Exit(0) {
            self.recover();
        }
        // It said why in its log, and to start it again would change nothing.
        let by_limit = ended == Ended::Exit(i32::from(exit::TIMED_OUT));
        if by_limit {
            self.plan.voice.warn(format_args!(
                "{name} ends: a usage limit lasts longer than max_limit_wait; its orders stay. `shopfloor status` says until when"
            ));
        }
        if asked || by_limit || ended == Ended::Exit(0) {
            self.seats[at].life = Life::Ended;
            self.serve();
            let how = if ended == Ended::Exit(0) { String::new() } else { format!(" ({ended})") };
            let left = self.waited_for();
            let more = match (asked, left.is_empty()) {
                (true, false) => format!("; waiting for {left}"),
                (true, true) => String::new(),
                (false, _) => " by itself".to_owned(),
            };
            self.plan.voice.remark(format_args!("{name} ended{how}{more}"));
            return;
        }
        let pid = process.map_or(0, |process| process.pid);
        let told = match ended {
            Ended::Exit(code) if code == i32::from(exit::UNFIT) => {
                format!("{ended} (the disk is full or the queue can't be used; its log says which)")
            }
            _ => ended.to_string(),
        };
        self.died(at, &format!("(PID {pid}) died: {told}"), now);
    }

    /// A worker died unasked: again after a while, or no more.
    fn died(&mut self, at: usize, how: &str, now: Instant) {
        let seat = &mut self.seats[at];
        let name = &seat.post.name;
        match seat.deaths.one_more(now) {
            After::Again(wait) => {
                let wait_secs = wait.as_secs();
                self.plan
                    .voice
                    .warn(format_args!("{name} {how}; it is started again in {wait_secs} s"));
                seat.life = Life::Rests(now + wait);
            }
            After::GiveUp => {
                seat.life = Life::GivenUp;
                self.plan.voice.error(&given_up(&seat.post, how));
                self.serve();
            }
        }
    }

    /// Tells the idle watch which stages have workers still.
    fn serve(&self) {
        let live = self.seats.iter().filter(|seat| !seat.over());
        self.served.send_replace(live.map(|seat| seat.post.stage.clone()).collect());
    }

    fn asked(&mut self, now: Instant) {
        match self.ending {
            Ending::No => {
                self.drain();
                let left = self.waited_for();
                if !left.is_empty() {
                    self.plan.voice.remark(format_args!(
                        "Stopping: turns under way are finished. Once more (Ctrl-C) stops at once.\nWaiting for {left}"
                    ));
                }
            }
            Ending::Drain => {
                self.plan.voice.remark("Stopping at once: agents are ended and orders given back.");
                self.ending = Ending::Now { kill_at: now + FIRM, again_at: now };
                self.insist(now);
            }
            Ending::Now { .. } => {}
        }
    }

    fn drain(&mut self) {
        self.ending = Ending::Drain;
        self.write_down();
        for seat in &mut self.seats {
            match seat.life {
                Life::Runs { .. } => seat.signal(Signal::TERM),
                Life::Rests(_) => seat.life = Life::Ended,
                Life::Ended | Life::GivenUp => {}
            }
        }
    }

    /// While the end is wanted at once: says so again, and kills when the time is up.
    fn insist(&mut self, now: Instant) {
        let Ending::Now { kill_at, again_at } = self.ending else { return };
        if now >= kill_at {
            let left = self.waited_for();
            self.plan.voice.warn(format_args!("killed, after {} s: {left}", FIRM.as_secs()));
            self.seats.iter().for_each(|seat| seat.signal(Signal::KILL));
            self.ending = Ending::Now { kill_at: now + FIRM, again_at: now + AGAIN };
        } else if now >= again_at {
            self.seats.iter().for_each(|seat| seat.signal(Signal::TERM));
            self.ending = Ending::Now { kill_at, again_at: now + AGAIN };
        }
    }

    /// The next moment at which something is to be done without an event.
    fn next_moment(&self) -> Instant {
        let due = self.seats.iter().filter_map(|seat| match seat.life {
            Life::Rests(due) => Some(due),
            Life::Runs { .. } | Life::Ended | Life::GivenUp => None,
        });
        let ending = match self.ending {
            Ending::Now { kill_at, again_at } => Some(kill_at.min(again_at)),
            Ending::No | Ending::Drain => None,
        };
        let far = Instant::now() + Duration::from_secs(3600);
        due.chain(ending).min().unwrap_or(far)
    }

    /// The workers that still run, with what each of them does.
    fn waited_for(&self) -> String {
        let statuses = self.plan.floor.statuses();
        let told = self.seats.iter().filter_map(|seat| {
            let process = seat.process()?;
            let doing = statuses.iter().find(|status| status.worker.pid() == process.pid);
            let doing = doing.filter(|status| !status.idle);
            let doing = doing.map(|status| format!(" ({})", line(&status.doing, 60)));
            Some(format!("{}{}", seat.post.name, doing.unwrap_or_default()))
        });
        told.collect::<Vec<_>>().join(", ")
    }

    /// A worker died: what is left of its session is ended, and its orders are ready again.
    fn recover(&mut self) {
        let (queue, voice) = (self.plan.queue.clone(), self.plan.voice);
        self.recoveries.spawn_blocking(move || recover(&*queue, voice));
    }

    /// Once at the start: the dead of an earlier run, and an index that may be stale.
    fn tidy(&mut self) {
        let (queue, voice) = (self.plan.queue.clone(), self.plan.voice);
        self.recoveries.spawn_blocking(move || {
            recover(&*queue, voice);
            match queue.sweep() {
                Ok(swept) => swept.broken.iter().for_each(|(id, why)| {
                    voice.warn(format_args!("order {}: {}", line(id, 80), line(why, 200)));
                }),
                Err(error) => voice.warn(format_args!("could not look through the queue: {error}")),
            }
        });
    }

    /// Everybody has ended: is anything left?
    async fn close(mut self) -> Outcome {
        while self.recoveries.join_next().await.is_some() {}
        let given_up = self.seats.iter().filter(|seat| matches!(seat.life, Life::GivenUp));
        let given_up = given_up.map(|seat| seat.post.name.clone()).collect();
        let at_once = matches!(self.ending, Ending::Now { .. });
        let (queue, voice, everyone) = (self.plan.queue.clone(), self.plan.voice, self.everyone);
        let look = tokio::task::spawn_blocking(move || {
            let (found, clean) = leftover::end(&everyone, voice);
            recover(&*queue, voice);
            (found, clean)
        });
        let (left_over, clean) = look.await.unwrap_or((0, false));
        Outcome { given_up, at_once, left_over, clean }
    }
}

/// A worker's death is told to its own launcher only, and the other workers may all be in the midst of long turns.
async fn look_for_dead(queue: Arc<dyn Queue>, voice: Voice) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let queue = queue.clone();
        tokio::task::spawn_blocking(move || recover(&*queue, voice)).await.ok();
    }
}

fn recover(queue: &dyn Queue, voice: Voice) {
    match queue.recover(&leftover::undertaker) {
        Ok(all) => all.iter().for_each(|back| {
            let pid = back.worker.pid();
            voice.remark(format_args!(
                "order {} is ready again: worker {pid} died with it ({})",
                back.id, back.class
            ));
        }),
        Err(error) => voice.warn(format_args!("could not look after dead workers: {error}")),
    }
}

/// The loud word about a worker that is not started again, with the end of its log.
fn given_up(post: &Post, how: &str) -> Error {
    let (name, most, window) = (&post.name, restart::MOST, restart::WINDOW.as_secs());
    let log = crate::logs::last_lines(&post.log, 10).unwrap_or_default();
    let log: String = log.iter().map(|text| format!("\n    | {}", line(text, 160))).collect();
    let told = format!(
        "{name} {how}: {most} deaths within {window} s. It is not started again; the others go on.\n  \
         its log, {}, ends with:{log}",
        post.log_shown
    );
    Error::new(Kind::Failed, told)
        .hint("mend what the log says, then `shopfloor stop` and `shopfloor start`")
}
