//! The line of commits that is to land: each order's change on top of the one before, the first on the fresh base.

use crate::error::{Error, Result};
use crate::workspace::{Bench, Commit, Composed, Workspace};

use super::scene::Scene;

/// One order that wants to land.
#[derive(Debug)]
pub(super) struct Member<'a> {
    /// Its place among the scenes.
    pub(super) index: usize,
    pub(super) scene: &'a Scene,
    pub(super) bench: &'a Bench,
    pub(super) tree: &'a str,
    /// The message of its commit.
    pub(super) message: String,
}

/// One order's commit on the line.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// Its place among the scenes.
    pub(super) index: usize,
    pub(super) commit: Commit,
}

/// An order whose change could not be put onto the line.
#[derive(Debug, Clone)]
pub(super) struct Met {
    /// Its place among the scenes.
    pub(super) index: usize,
    /// The paths that both changed.
    pub(super) files: Vec<String>,
    /// The orders on the line that changed them too; none: the base did.
    pub(super) with: Vec<String>,
}

/// What became of all members.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) links: Vec<Link>,
    pub(super) met: Vec<Met>,
    /// Orders whose change is there already: a landing that a crash kept from being told.
    pub(super) present: Vec<usize>,
    /// Orders that could not be looked at.
    pub(super) unable: Vec<(usize, Error)>,
}

impl Line {
    /// The last commit; `None` for an empty line.
    pub(super) fn tip(&self) -> Option<&Commit> {
        self.links.last().map(|link| &link.commit)
    }
}

/// Puts the members one after the other onto `base`.
pub(super) async fn compose(
    workspace: &Workspace,
    base: &Commit,
    members: &[Member<'_>],
) -> Result<Line> {
    let mut line = Line::default();
    for member in members {
        let onto = line.tip().unwrap_or(base).clone();
        let Member { index, bench, tree, message, .. } = member;
        match workspace.compose(&onto, &bench.base, tree, message).await {
            Ok(Composed::Clean(commit)) if commit.tree == onto.tree => line.present.push(*index),
            Ok(Composed::Clean(commit)) => line.links.push(Link { index: *index, commit }),
            Ok(Composed::Conflict { files, .. }) => {
                let with = touching(workspace, &files, members, &line.links).await?;
                line.met.push(Met { index: *index, files, with });
            }
            Err(error) => line.unable.push((*index, error)),
        }
    }
    Ok(line)
}

/// The orders on the line that changed one of `files`.
async fn touching(
    workspace: &Workspace,
    files: &[String],
    members: &[Member<'_>],
    links: &[Link],
) -> Result<Vec<String>> {
    let mut orders = Vec::new();
    let on_line = |member: &&Member<'_>| links.iter().any(|link| link.index == member.index);
    for member in members.iter().filter(on_line) {
        let changes = workspace.changes(&member.bench.base.tree, member.tree).await?;
        if changes.iter().any(|change| files.contains(&change.path)) {
            orders.push(member.scene.order.to_string());
        }
    }
    Ok(orders)
}
