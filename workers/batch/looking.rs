//! What a stage that only looks is given, and whether it left it as it was.

use std::time::SystemTime;

use crate::batch::Batch;
use crate::batch::job::Job;
use crate::error::{Error, Result};
use crate::gate::Looked;
use crate::order::OrderId;
use crate::shop::Shop;
use crate::stage::Tree;

impl Batch<'_> {
    /// Makes the clean checkout that the order's agent is given. The worktree is seen to as well: what lands is there.
    pub(super) async fn lay_out_look(&self, job: &mut Job) -> Result<()> {
        let approved = self.approved(job).await?;
        let Some(bench) = &job.bench else { return Ok(()) };
        let generation = job.claim.generation();
        let (workspace, session) = (&self.shop.workspace, self.picked_session.as_str());
        let look = workspace.look(job.id(), generation, &bench.base, &approved, session).await?;
        job.look = Some(look);
        job.turn.tree_before = Some(approved);
        // The commit is there, and so are the papers: what counts as an artifact must be newer than both.
        job.turn.begun = Some(stamp(job)?);
        Ok(())
    }

    /// The tree that a looking stage is given: the one whose gates have passed. What changed the worktree since (an agent of
    /// a worker that died before it could be put back, a process left running) was never checked, and would be landed as
    /// if it had been: it is kept aside. Where a person stepped in after the gates there is none to compare with.
    async fn approved(&self, job: &Job) -> Result<String> {
        let workspace = &self.shop.workspace;
        let now = workspace.tree(job.id()).await?;
        let approved = job.claim.history().approved.clone().filter(|approved| *approved != now);
        let (Some(approved), Some(bench)) = (approved, &job.bench) else { return Ok(now) };
        let generation = job.claim.generation();
        workspace.restart(job.id(), generation, &bench.base, &approved).await?;
        self.shop.warn(format!(
            "{}: its worktree was changed after its gates had passed; it was put back, and the change is kept under \
             refs/shopfloor/salvage/{}/",
            job.id(),
            job.id()
        ));
        Ok(approved)
    }

    /// Looks at what a looking agent left, and puts back what it was not to touch; the gate still hears of it.
    pub(super) async fn take_look(&self, job: &mut Job) -> Result<()> {
        let workspace = &self.shop.workspace;
        if let Some(at) = job.look.clone() {
            let left = workspace.look_tree(&at).await?;
            if left != at.commit.tree {
                workspace.look_again(job.id(), &at).await?;
                let id = job.id();
                self.shop.warn(format!(
                    "{id}: the agent changed the checkout it was only to look at; it was put back"
                ));
            }
            job.turn.looked = Some(Looked { at, left });
        }
        let tree = workspace.tree(job.id()).await?;
        let changed = job.turn.tree_before.as_ref().filter(|before| **before != tree);
        if let (Some(before), Some(bench)) = (changed, &job.bench) {
            // It was not even told where that is.
            let generation = job.claim.generation();
            workspace.restart(job.id(), generation, &bench.base, before).await?;
            let id = job.id();
            self.shop.warn(format!("{id}: the worktree was changed while an agent only looked at a copy; it was put back"));
        }
        job.turn.tree = Some(tree);
        Ok(())
    }
}

/// Takes away what the order's agent looked at, once the order has moved on. One that stays costs room only, until the
/// next one is made.
pub(crate) async fn end(shop: &Shop, id: &OrderId, generation: u64) {
    if shop.stage.tree == Tree::Read
        && let Err(error) = shop.workspace.end_looks(id, generation).await
    {
        shop.warn(format!("{id}: its checkout could not be taken away: {error}"));
    }
}

/// The time now by the clock that stamps files on the desk: it may be behind the one that programs are told.
fn stamp(job: &Job) -> Result<SystemTime> {
    let file = tempfile::tempfile_in(&job.desk).and_then(|file| file.metadata()?.modified());
    file.map_err(|error| Error::io("write in", &job.desk, error))
}
