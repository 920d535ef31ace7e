//! Waits for one piece of news, and does nothing about it.

use std::time::Duration;

use crate::agent::Said;
use crate::batch::Batch;
use crate::batch::gating::Gated;
use crate::failure::Fault;

/// One piece of news.
pub(crate) enum News {
    /// The session said something.
    Said(Said),
    /// A gate task is through.
    Checked(Vec<Gated>),
    /// The running turn has had its time.
    TurnTooLong,
    /// The agent has been silent for so long in the middle of a turn.
    Silence(Duration),
    /// The session has had its time.
    SessionTooLong,
    /// The agent did not drop a turn when told to, for this reason.
    NotInterrupted(Fault, String),
    /// Somebody asked us to stop, or to stop at once.
    Stop,
}

/// Waits for the first piece of news.
pub(crate) async fn wait(batch: &mut Batch<'_>) -> News {
    let timer = next_timer(batch);
    let Batch { open, checking, stop, draining, watch, .. } = batch;
    let said = async {
        match open {
            Some(session) => session.next().await,
            None => std::future::pending().await,
        }
    };
    let checked = async {
        match checking {
            Some(task) => task.await,
            None => std::future::pending().await,
        }
    };
    let timed = async {
        match &timer {
            Some((at, _)) => watch.until(*at).await,
            None => std::future::pending().await,
        }
    };
    let asked = async {
        match *draining {
            false => stop.drain_asked().await,
            true => stop.now_asked().await,
        }
    };
    let news = tokio::select! {
        said = said => News::Said(said),
        gated = checked => News::Checked(match gated {
            Ok(gated) => gated,
            // A gate that panics is our own mistake: its claims were dropped, and so given back.
            Err(error) => { tracing::error!("a gate task failed: {error}"); Vec::new() }
        }),
        () = timed => timer.map_or(News::Stop, |(_, news)| news),
        () = asked => News::Stop,
    };
    // A worker that was suspended for a while finds its time run out and words waiting: those are no silence.
    if let (News::Silence(_), Some(session)) = (&news, &mut batch.open)
        && let Ok(said) = tokio::time::timeout(A_MOMENT, session.next()).await
    {
        return News::Said(said);
    }
    news
}

/// Long enough for what lies in a pipe to be seen.
const A_MOMENT: Duration = Duration::from_millis(50);

/// The first timer that will run out, by the batch's watch, and what that means.
fn next_timer(batch: &mut Batch<'_>) -> Option<(Duration, News)> {
    let limits = &batch.shop.config.limits;
    if batch.open.is_none() || batch.given.is_empty() {
        return None;
    }
    if let Some((until, fault, why)) = &batch.interrupted {
        return Some((*until, News::NotInterrupted(*fault, why.clone())));
    }
    // A build prints nothing to us; a model that is asked does, or its request hangs.
    let in_tool = batch.open.as_mut().is_some_and(|session| session.in_tool());
    let idle = if in_tool { limits.tool_idle_timeout } else { limits.idle_timeout };
    let mut timers = vec![
        (batch.heard_at + idle, News::Silence(idle)),
        (batch.opened_at + limits.session_timeout, News::SessionTooLong),
    ];
    // A one-shot agent has all orders at once: what counts is the time since the last result.
    timers.push((batch.turn_at + limits.turn_timeout, News::TurnTooLong));
    timers.into_iter().min_by_key(|(at, _)| *at)
}

/// How long an agent may take to drop a turn.
pub(crate) const INTERRUPT_GRACE: Duration = Duration::from_secs(10);
