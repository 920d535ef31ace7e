//! How the end of a turn is taken: whose fault it is when it is not the agent's own word that counts, and how it is told.

use std::time::Instant;

use crate::agent::Usage;
use crate::batch::Batch;
use crate::batch::news::INTERRUPT_GRACE;
use crate::error::Result;
use crate::event::What;
use crate::failure::{Class, Failure, Fault, TurnEnd};
use crate::order::OrderId;

impl Batch<'_> {
    /// An agent that fails while the disk is full fails because of that, as far as anybody can tell.
    pub(super) fn blame_disk(&self, end: TurnEnd) -> TurnEnd {
        let (told, session_over) = match &end {
            TurnEnd::Silent(instead) if self.was_full => (instead, false),
            // A refused login or a limit was told by the model's server, which has nothing to do with the disk.
            TurnEnd::Failed(failure) if failure.fault.is_the_accounts() => return end,
            TurnEnd::Failed(failure) if self.was_full && failure.class != Class::Lost => {
                (&failure.evidence, failure.session_over)
            }
            _ => return end,
        };
        let evidence = format!("the disk was full while the agent worked: {told}");
        TurnEnd::Failed(Failure { session_over, ..Failure::of(Fault::DiskFull, false, evidence) })
    }

    pub(super) fn tell_turn(&self, id: &OrderId, end: &TurnEnd, usage: Usage, began: Instant) {
        let (verdict, why) = match end {
            TurnEnd::Testified(said) => (said.verdict.as_str().to_owned(), said.why.clone()),
            TurnEnd::Silent(instead) => ("silent".to_owned(), instead.clone()),
            TurnEnd::Failed(failure) => {
                (format!("failed ({})", failure.class), failure.evidence.clone())
            }
        };
        self.shop.tell(What::TurnEnded {
            order: id.clone(),
            verdict,
            why: crate::agent::one_line(&why, 300),
            took_ms: began.elapsed().as_millis() as u64,
            usage,
        });
    }

    /// The running turn has had its time: it is dropped alone if the agent can do that, else with its session.
    pub(super) async fn drop_turn(&mut self, fault: Fault, why: String) -> Result<()> {
        let Some(session) = &mut self.open else { return Ok(()) };
        if session.interrupt().await {
            self.interrupted = Some((self.watch.read() + INTERRUPT_GRACE, fault, why));
            return Ok(());
        }
        self.session_failed(fault, &why).await
    }

    /// A turn that we dropped, whatever the agent says of it.
    pub(super) fn interrupted_by(&self, fault: Fault, why: String) -> Failure {
        let failure = Failure::of(fault, self.turns > 1, why);
        match fault {
            // It took the interruption, so the session is good for more.
            Fault::Hung => failure.of_turn(),
            Fault::DayBudget => Failure { until: Some(self.held_until), ..failure },
            _ => failure,
        }
    }
}
