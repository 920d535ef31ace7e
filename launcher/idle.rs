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

/// Looks again and again, and tells once when nothing can move any more. `served` has the stages that have workers.
/// A look at a large queue takes a while, so that the pauses grow with it.
pub(crate) async fn watch(
    floor: Floor,
    survey: Survey,
    served: watch::Receiver<BTreeSet<String>>,
    tell: UnboundedSender<Event>,
) {
    let mut pause = PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        let begun = Instant::now();
        let (floor, survey, served) = (floor.clone(), survey.clone(), served.borrow().clone());
        let look = tokio::task::spawn_blocking(move || is_idle(&floor, &survey, &served));
        match look.await {
            Ok(Ok(true)) => {
                // Nobody listens any more: the launcher is at its end already.
                tell.send(Event::Idle).ok();
                return;
            }
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "could not look whether work is left"),
            Err(_) => return,
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
