//! Landing finished work: all branches move in one transaction, or none does.

use super::names::{EARLIER_READY, READY, branch_ref, short};
use super::refs::{Moved, Moves};
use super::{Commit, Landed, Workspace};
use crate::error::{Error, Kind, Result};
use crate::order::OrderId;

impl Workspace {
    /// Lands a line of commits, each on top of the one before and the first on top of `base`: every `shopfloor/<id>` and
    /// `shopfloor/ready` are set in one transaction, only if the freshest base is still `base`. The user's files and
    /// checked-out branch are never touched.
    pub async fn land(&self, base: &Commit, line: &[(OrderId, Commit)]) -> Result<Landed> {
        let Some((_, last)) = line.last() else { return Ok(Landed::Done) };
        self.check_line(base, line).await?;
        let lock = self.land_lock().await?;
        if self.base_under(&lock).await?.commit != base.commit {
            return Ok(Landed::BaseMoved);
        }
        let moves = self.landing(base, line, last).await?;
        match self.move_refs(&moves).await? {
            Moved::Done => Ok(Landed::Done),
            // A person may have moved a branch between our look and the transaction.
            Moved::Refused(error) => match self.base_under(&lock).await?.commit == base.commit {
                true => Err(error),
                false => Ok(Landed::BaseMoved),
            },
        }
    }

    /// The commit with which exactly this change (from `base` to `tree`) landed for the order, when `onto` holds it: a
    /// landing that a crash kept from being told. The order's branch names it. An agent can move that branch, but not to a
    /// commit on the line that makes this very change to its parent.
    pub async fn landed(
        &self,
        id: &OrderId,
        base: &Commit,
        tree: &str,
        onto: &Commit,
    ) -> Result<Option<Commit>> {
        let Some(tip) = self.tip(&branch_ref(id)).await? else { return Ok(None) };
        if tip.commit == base.commit || !self.is_ancestor(&tip.commit, &onto.commit).await? {
            return Ok(None);
        }
        let deviation = self.deviation(&tip, base, tree).await?;
        let very_change = deviation.is_some_and(|paths| paths.is_empty());
        Ok((very_change && !self.is_empty(&tip).await?).then_some(tip))
    }

    /// True when the commit changes nothing.
    async fn is_empty(&self, commit: &Commit) -> Result<bool> {
        let parents = self.parents(&commit.commit).await?;
        let [parent] = &parents[..] else { return Ok(false) };
        Ok(self.commit(parent).await?.is_some_and(|parent| parent.tree == commit.tree))
    }

    async fn landing(
        &self,
        base: &Commit,
        line: &[(OrderId, Commit)],
        last: &Commit,
    ) -> Result<Moves> {
        let mut names: Vec<String> = line.iter().map(|(id, _)| branch_ref(id)).collect();
        names.extend([READY.to_owned(), self.main_ref()]);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let tips = self.tips(&names).await?;
        let tip = |name: &str| tips.iter().find(|(known, _)| known == name).map(|(_, tip)| tip);
        let mut moves = Moves::default();
        if let Some(main) = tip(&self.main_ref()) {
            moves.verify(&self.main_ref(), &main.commit);
        }
        let ready = tip(READY);
        if let Some(ready) = ready
            && !self.is_ancestor(&ready.commit, &base.commit).await?
        {
            // It conflicted with the base branch, and a new line begins: the old one keeps a name.
            moves.set(&format!("{EARLIER_READY}{}", short(&ready.commit)), &ready.commit);
        }
        moves.swap(READY, &last.commit, ready.map(|ready| ready.commit.as_str()));
        for (id, commit) in line {
            let name = branch_ref(id);
            self.salvage_branch(&mut moves, id, tip(&name), &commit.commit).await?;
            moves.set(&name, &commit.commit);
        }
        Ok(moves)
    }

    /// A line that is none is our own mistake; landing it would lose work.
    async fn check_line(&self, base: &Commit, line: &[(OrderId, Commit)]) -> Result<()> {
        let mut below = &base.commit;
        for (at, (id, commit)) in line.iter().enumerate() {
            let twice = line[..at].iter().any(|(other, _)| other == id);
            if twice || self.parents(&commit.commit).await? != [below.as_str()] {
                let message =
                    format!("failed to land {id}: its commit does not stand on the one before it");
                return Err(Error::new(Kind::Failed, message));
            }
            below = &commit.commit;
        }
        Ok(())
    }
}
