//! Do the tests of the base stand as they were? Asked of what the test stage wrote, and of what was written after it.
//!
//! The test stage may add lines to a file that holds tests, and takes none away; who writes code leaves files of tests alone,
//! and tests among code too. `tests_may_change` in order.json is a person's word for what has to change.

use std::collections::BTreeSet;

use super::allowance::Allowance;
use super::baseline::Known;
use super::findings::{bullets, some};
use super::frozen::Frozen;
use super::old_tests::{self, Holds};
use super::scene::Tools;
use crate::check::Check;
use crate::error::Result;
use crate::workspace::{Change, ChangeKind};

/// Who made the changes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Writer<'a> {
    /// The test stage.
    Tests,
    /// Whoever came after it: what was frozen is looked at elsewhere.
    Code(&'a Frozen),
}

/// What became of the base's tests.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Files in which they were changed because `tests_may_change` lets them.
    pub(super) allowed: BTreeSet<String>,
    /// Files to which lines were added.
    pub(super) added_to: Vec<String>,
    /// Files in which they were changed though nobody lets them, with what was.
    faults: Vec<String>,
}

impl Standing {
    /// The gate's answer when a test of the base is not as it was.
    pub(super) fn answer(&self) -> Option<Check> {
        if self.faults.is_empty() {
            return None;
        }
        let line = format!("tests of the base were changed: {}", some(&self.faults));
        let text = format!(
            "What was tested before must stay tested. Put these back as they were, and write new tests into files of their \
             own. Only a person lets an old test change, by `tests_may_change` in order.json.\n\n{}",
            bullets(&self.faults)
        );
        Some(Check::fail_with(line, text))
    }

    /// What a person should know, reading on from the gate's line.
    pub(super) fn remark(&self) -> String {
        match self.added_to.as_slice() {
            [] => String::new(),
            files => format!("; lines were added to tests of the base: {}", some(files)),
        }
    }
}

/// Looks at `changes`, which lead from the tree `base` to `tree`.
pub(super) async fn standing(
    tools: &Tools,
    known: &Known,
    (base, tree): (&str, &str),
    changes: &[Change],
    writer: Writer<'_>,
    allowance: &Allowance,
) -> Result<Standing> {
    let mut standing = Standing::default();
    for change in changes {
        let path = &change.path;
        let frozen = match writer {
            Writer::Tests => false,
            Writer::Code(frozen) => frozen.has(path),
        };
        if change.kind == ChangeKind::Added || frozen {
            continue;
        }
        let before = tools.workspace.file(base, path).await?.unwrap_or_default();
        let holds = old_tests::holds(path, &before, &mut known.names());
        if holds == Holds::Nothing {
            continue;
        }
        let now = tools.workspace.file(tree, path).await?;
        let fault = match (&now, writer, holds) {
            (None, ..) => Some(format!("{path} is gone")),
            // What was thawed is merged by hand: the base's lines must stand in it all the same.
            (Some(_), Writer::Code(frozen), Holds::All) if !frozen.thawed.contains(path) => {
                Some(path.clone())
            }
            (Some(now), ..) => old_tests::lost(holds, &before, now)
                .map(|line| format!("{path} lacks the line `{}`", line.trim())),
        };
        match fault {
            Some(_) if allowance.covers(path) => drop(standing.allowed.insert(path.clone())),
            Some(fault) => standing.faults.push(fault),
            None if holds == Holds::All => standing.added_to.push(path.clone()),
            None => {}
        }
    }
    Ok(standing)
}
