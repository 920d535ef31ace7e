//! Ending a session: in good order, or because nothing more can come of it.

use std::time::Duration;

use crate::batch::{Batch, GRACE};
use crate::error::Result;
use crate::event::What;
use crate::failure::{Failure, Fault, TurnEnd};

impl Batch<'_> {
    /// Ends the session, if one is open.
    pub(super) async fn close(&mut self, why: &str) {
        // Given back when the agent has ended, and not before.
        let permit = self.permit.take();
        let Some(session) = self.open.take() else { return };
        let grace = if self.given.is_empty() { GRACE } else { Duration::ZERO };
        let ended = session.end(grace).await;
        for (name, count) in &ended.unknown {
            tracing::info!("the agent sent {count} events of an unknown kind: {name}");
        }
        self.shop.tell(What::SessionEnded {
            session: self.picked_session.to_string(),
            how: format!("{why} ({})", ended.how),
            turns: self.turns,
            left_over: ended.left_over,
            usage: ended.usage,
        });
        drop(permit);
        self.share_out(ended.usage, ended.partial);
        self.tell_disturbed().await;
    }

    /// Tells what was written into the queue while the session was open, and by no worker.
    async fn tell_disturbed(&mut self) {
        let Some(witness) = self.witness.take() else { return };
        let compared = tokio::task::spawn_blocking(move || witness.compare()).await;
        for (order, what) in compared.unwrap_or_default() {
            let session = self.picked_session.to_string();
            self.shop.tell(What::Disturbed { session, order, what });
        }
    }

    /// The session can't go on: it is ended, and the orders that were given are answered for as `fault` is.
    pub(super) async fn session_failed(&mut self, fault: Fault, why: &str) -> Result<()> {
        self.book_given();
        self.close(why).await;
        let end = TurnEnd::Failed(Failure::of(fault, self.turns > 1, why).over());
        for (job, _) in std::mem::take(&mut self.given).into_values() {
            let ruling = self.rule(&job, &end, &[], 0);
            self.settle(job, ruling).await?;
        }
        self.session_gone()
    }
}
