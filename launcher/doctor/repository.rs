//! Findings about the project's repository: what keeps workers from beginning, and what somebody left unfinished in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use shopfloor::error::{Error, Kind};

use super::finding::Finding;

/// A lock of git's own that is older than this was left by one that was killed.
const OLD: Duration = Duration::from_secs(600);

/// Files that git leaves in its folder while something is under way, and what that is.
const UNDER_WAY: [(&str, &str, &str); 6] = [
    ("MERGE_HEAD", "a merge", "git merge --continue (or --abort)"),
    ("rebase-merge", "a rebase", "git rebase --continue (or --abort)"),
    ("rebase-apply", "a rebase", "git rebase --continue (or --abort)"),
    ("CHERRY_PICK_HEAD", "a cherry-pick", "git cherry-pick --continue (or --abort)"),
    ("REVERT_HEAD", "a revert", "git revert --continue (or --abort)"),
    ("BISECT_LOG", "a bisection", "git bisect reset"),
];

/// The project can't be worked on, as the workers would find out.
pub(crate) fn unopened(project: &str, error: &Error) -> Finding {
    let kind = match error.kind() {
        // git is missing or too old.
        Kind::Environment => "missing-tool",
        _ => "repository",
    };
    Finding::of_error(kind, project, error)
}

/// What is under way, or was left, in the project's git folder.
pub(crate) fn look(project: &Path, shown: &dyn Fn(&Path) -> String) -> Vec<Finding> {
    let Some(git) = git_folder(project) else { return Vec::new() };
    let mut findings = Vec::new();
    if let Some((_, what, mend)) = UNDER_WAY.iter().find(|(file, ..)| git.join(file).exists()) {
        let what = format!(
            "{what} was begun in the project and not finished: its result is in no commit yet"
        );
        findings.push(Finding::note("unfinished-git", shown(project), what, *mend));
    }
    for name in ["index.lock", "HEAD.lock", "config.lock", "packed-refs.lock"] {
        let path = git.join(name);
        let age = path.metadata().and_then(|facts| facts.modified()).ok();
        if age.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > OLD) {
            let what = "a git that was killed left its lock: git refuses to work in the project";
            let mend = format!("if no git runs there: rm {}", shown(&path));
            findings.push(Finding::wrong("git-lock", shown(&path), what, mend));
        }
    }
    findings
}

/// The git folder of a working tree: `.git`, or what the file of that name leads to.
fn git_folder(project: &Path) -> Option<PathBuf> {
    let git = project.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = std::fs::read_to_string(&git).ok()?;
    Some(project.join(text.trim().strip_prefix("gitdir: ")?))
}
