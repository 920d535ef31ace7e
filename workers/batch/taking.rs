//! Taking in what a turn left: papers, the worktree's content, the result.

use std::borrow::Cow;
use std::time::Duration;

use crate::batch::job::Job;
use crate::batch::{Batch, settle};
use crate::error::{Error, Kind, Result};
use crate::event::What;
use crate::failure::{Failure, Fault, TurnEnd};
use crate::queue::Moved;
use crate::secrets;
use crate::stage::Tree;
use crate::verdict::{Testimony, Verdict};

/// What became of taking in what a turn left.
enum Taken {
    /// It is all there.
    In,
    /// The order is not ours any more, for this reason.
    Lost(String),
    /// The worktree can't be read.
    Unreadable(Error),
}

impl Batch<'_> {
    /// Takes in what the agent left: papers, the worktree's content, its result. `None` when the claim was lost or the
    /// worktree can't be read. A paid turn is not given up because the disk is full: it waits for room.
    pub(super) async fn take_in(&mut self, mut job: Job, end: &TurnEnd) -> Result<Option<Job>> {
        let mut warned = false;
        loop {
            match self.take(&mut job, end).await {
                Ok(Taken::In) => return Ok(Some(job)),
                Ok(Taken::Lost(why)) => {
                    self.shop.tell(What::LostClaim { order: job.id().clone(), why });
                    return Ok(None);
                }
                Ok(Taken::Unreadable(error)) => {
                    self.unreadable(job, &error).await?;
                    return Ok(None);
                }
                Err(error) if error.kind() == Kind::DiskFull && !self.stop.draining() => {
                    if !std::mem::replace(&mut warned, true) {
                        self.shop.warn(format!("{}: its turn waits to be kept: {error}", job.id()));
                    }
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_secs(1)) => {}
                        () = self.stop.drain_asked() => {}
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The steps of it. Each can be done again.
    async fn take(&self, job: &mut Job, end: &TurnEnd) -> Result<Taken> {
        if let Some(why) = settle::out_of_reach(self.shop, job.id())? {
            return Ok(Taken::Lost(why));
        }
        let taken = job.papers.take_back(&job.desk, self.shop.stage.leaves)?;
        for name in taken.hidden {
            let told = "a secret that stands in it was left out of the order's copy";
            self.shop.warn(format!("{}: {name}: {told}", job.id()));
        }
        for (name, why) in taken.passed_over {
            self.shop.warn(format!("{}: {name} was not taken from the agent: {why}", job.id()));
        }
        let said = match end {
            TurnEnd::Testified(said) => Some(said.clone()),
            _ => None,
        };
        let done = said.as_ref().is_some_and(|said| said.verdict == Verdict::Done);
        match self.take_tree(job, done).await {
            Ok(()) => {}
            Err(error) if error.kind() == Kind::DiskFull => return Err(error),
            Err(error) => return Ok(Taken::Unreadable(error)),
        }
        if !done {
            return Ok(Taken::In);
        }
        job.turn.testimony = said;
        Ok(match job.remember(&self.dir)? {
            Moved::Done => Taken::In,
            Moved::LostClaim(why) => Taken::Lost(why),
        })
    }

    /// The worktree was in order before the turn and can't be read after it: that is the turn's doing, unless git itself
    /// could not be run. It counts, or the same turn would be paid for again and again.
    async fn unreadable(&mut self, job: Job, error: &Error) -> Result<()> {
        if self.stop.is_now() || matches!(error.kind(), Kind::Environment | Kind::TimedOut) {
            return self.not_laid_out(job, error).await;
        }
        let mut why = format!("what it left can't be read: {error}");
        if let Some(hint) = error.next_step() {
            why.push_str("; ");
            why.push_str(hint);
        }
        let end = TurnEnd::Failed(Failure::of(Fault::Unreadable, true, why));
        let ruling = self.rule(&job, &end, &[], 0);
        self.settle(job, ruling).await
    }

    async fn take_tree(&self, job: &mut Job, done: bool) -> Result<()> {
        let workspace = &self.shop.workspace;
        match self.shop.stage.tree {
            Tree::None => {}
            Tree::Write => {
                let generation = job.claim.generation();
                let tree = workspace.snapshot(job.id(), generation).await?.tree;
                if let Some(bench) = &job.bench {
                    let changes = workspace.changes(&bench.base.tree, &tree).await?;
                    let changed = changes.into_iter().map(|change| change.path).collect();
                    self.shop.survey.note_changed(job.id(), changed)?;
                }
                job.turn.tree = Some(tree);
            }
            Tree::Read => Box::pin(self.take_look(job)).await?,
        }
        tracing::debug!(order = %job.id(), done, tree = ?job.turn.tree, "taken in");
        Ok(())
    }
}

/// What is said of a turn goes on record in many places.
pub(super) fn without_secrets(end: TurnEnd) -> TurnEnd {
    let clean = |text: String| match secrets::hidden(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(clean) => clean,
    };
    match end {
        TurnEnd::Testified(said) => TurnEnd::Testified(Testimony { why: clean(said.why), ..said }),
        TurnEnd::Silent(instead) => TurnEnd::Silent(clean(instead)),
        TurnEnd::Failed(failure) => {
            TurnEnd::Failed(Failure { evidence: clean(failure.evidence), ..failure })
        }
    }
}
