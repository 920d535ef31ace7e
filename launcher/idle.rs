//! When a run is over by itself: no order can move any more, and no worker is in the middle of something.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use shopfloor::error::Result;
use shopfloor::floor::Floor;
use shopfloor::survey::Survey;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use crate::crew::Event;
use crate::outlook::Outlook;
use crate::snapshot::workers;
use crate::waits;

/// The shortest time between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// One look: true when the run is over. It is given the stages that have workers.
pub(crate) type Look = Box<dyn FnMut(&BTreeSet<String>) -> Result<bool> + Send>;

/// When a run is over by itself.
pub(crate) struct Over {
    /// Looks.
    pub(crate) look: Look,
    /// What is said when it is.
    pub(crate) remark: &'static str,
}

impl std::fmt::Debug for Over {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Over").field(&self.remark).finish()
    }
}

impl Over {
    /// When no order of the queue can move any more.
    pub(crate) fn when_idle(floor: Floor, survey: Survey) -> Self {
        Self {
            look: Box::new(move |served| is_idle(&floor, &survey, served)),
            remark: "No order can move any more: the workers are told to end.",
        }
    }
}

/// Looks again and again, and tells once when the run is over. `served` has the stages that have workers.
/// A look at a large queue takes a while, so that the pauses grow with it.
pub(crate) async fn watch(
    mut look: Look,
    served: watch::Receiver<BTreeSet<String>>,
    tell: UnboundedSender<Event>,
) {
    let mut pause = PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        let begun = Instant::now();
        let served = served.borrow().clone();
        let looked = tokio::task::spawn_blocking(move || {
            let over = look(&served);
            (look, over)
        });
        let Ok((again, over)) = looked.await else { return };
        look = again;
        match over {
            Ok(true) => {
                // Nobody listens any more: the launcher is at its end already.
                tell.send(Event::Idle).ok();
                return;
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "could not look whether work is left"),
        }
        pause = PAUSE.max(begun.elapsed() * 10);
    }
}

/// True when no order can move any more while these stages have workers. An order that rests after a failed try, or whose
/// stage pauses, will move later: that is not idle.
pub(crate) fn is_idle(floor: &Floor, survey: &Survey, served: &BTreeSet<String>) -> Result<bool> {
    let queue = &**survey.queue();
    let busy = workers(queue, floor).iter().any(|seen| seen.alive && !seen.status.idle);
    if busy {
        return Ok(false);
    }
    let outlook = Outlook::by(queue, floor, survey.clone())?;
    Ok(waits::moving(&outlook, served).is_empty())
}
