//! Was the worktree left as it was, and the checkout that was looked at? Whoever may not change it is told, and it is put
//! back.

use super::findings::{bullets, some};
use super::scene::{Scene, Tools};
use crate::check::Check;
use crate::error::Result;

/// Who may not have changed it, reading on from nothing: `the test run`.
pub(super) struct Suspect<'a> {
    pub(super) who: &'a str,
    /// What to do about it.
    pub(super) advice: &'a str,
}

/// The gate's answer when the worktree's tree is not `expected` any more; it is put back then. `None` when all is well.
pub(super) async fn unchanged(
    tools: &Tools,
    scene: &Scene,
    expected: &str,
    suspect: &Suspect<'_>,
) -> Result<Option<Check>> {
    let Ok((bench, _)) = scene.work() else { return Ok(None) };
    let now = tools.workspace.tree(&scene.order).await?;
    let differs = if now == expected {
        // What the turn left may have been put back by hand since: the turn changed it all the same.
        scene.tree.as_deref().filter(|tree| *tree != expected).map(str::to_owned)
    } else {
        Some(now)
    };
    let Some(now) = differs else { return Ok(None) };
    let changes = tools.workspace.changes(expected, &now).await?;
    let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    tools.workspace.restart(&scene.order, scene.generation, &bench.base, expected).await?;
    let Suspect { who, advice } = suspect;
    Ok(Some(Check::fail_with(
        format!("{who} changed the worktree: {}", some(&paths)),
        format!(
            "{who} changed files of the worktree that git does not ignore:\n\n{}\nThey were put back. {advice}\n",
            bullets(&paths)
        ),
    )))
}

/// The gate's answer when a looking stage's agent changed the checkout it was given. `None` when all is well.
pub(super) async fn only_looked(
    tools: &Tools,
    scene: &Scene,
    suspect: &Suspect<'_>,
) -> Result<Option<Check>> {
    let Some(looked) = &scene.looked else { return Ok(None) };
    let given = &looked.at.commit.tree;
    if *given == looked.left {
        return Ok(None);
    }
    let changes = tools.workspace.changes(given, &looked.left).await?;
    let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    let Suspect { who, advice } = suspect;
    Ok(Some(Check::fail_with(
        format!("{who} changed its checkout: {}", some(&paths)),
        format!(
            "{who} changed files of the checkout it was to look at, which git does not ignore:\n\n{}\n\
             They were put back. {advice}\n",
            bullets(&paths)
        ),
    )))
}
