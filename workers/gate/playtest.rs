//! The gate PLAYTEST: there is a report, it says what the testimony says, its artifacts are there and new, and both the
//! checkout that was looked at and the order's worktree are as they were.

use std::time::SystemTime;

use super::findings::{counted, short};
use super::papers::{self, Paper};
use super::scene::{Scene, Tools};
use super::worktree::{Suspect, only_looked, unchanged};
use crate::check::Check;
use crate::error::Result;
use crate::secrets;
use crate::verdict::{Testimony, Verdict};

const REPORT: &str = "playtest-report.md";
const REPORT_LIMIT_BYTES: u64 = 1024 * 1024;
const ARTIFACT_LIMIT_BYTES: u64 = 64 * 1024 * 1024;
const MOST_ARTIFACTS: usize = 64;
const FOLDER: &str = "evidence/artifacts";

/// What the playtester may not do.
const PLAYTESTER: Suspect<'static> = Suspect {
    who: "the playtest",
    advice: "Use what was built and change nothing in the worktree; make copies elsewhere.",
};

/// Looks at what the playtest of the scene's order left.
pub(super) async fn check(tools: &Tools, scene: &Scene) -> Result<Check> {
    let (_, tree) = match scene.work() {
        Ok(work) => work,
        Err(answer) => return Ok(answer),
    };
    if let Some(answer) = only_looked(tools, scene, &PLAYTESTER).await? {
        return Ok(answer);
    }
    let before = scene.tree_before.as_deref().unwrap_or(tree);
    if let Some(answer) = unchanged(tools, scene, before, &PLAYTESTER).await? {
        return Ok(answer);
    }
    let Some(testimony) = &scene.testimony else {
        return Ok(Check::fail("there is no result of the playtest"));
    };
    if let Some(fault) = report_fault(scene, testimony.verdict)? {
        return Ok(Check::fail(fault));
    }
    let faults = keep_artifacts(scene, testimony)?;
    let looked = match &scene.looked {
        Some(looked) => format!("its checkout {}", short(&looked.at.commit.commit)),
        None => "the worktree".to_owned(),
    };
    Ok(match faults.as_slice() {
        [] => Check::pass(format!(
            "{}: the report agrees; {} kept; {looked} is as it was",
            spoken(testimony.verdict),
            counted(testimony.artifacts.len(), "artifact")
        )),
        [first, ..] => {
            let list: String = faults.iter().map(|fault| format!("- {fault}\n")).collect();
            Check::fail_with(
                first,
                format!("What the result names is not as it should be:\n\n{list}"),
            )
        }
    })
}

/// The word a report uses for a verdict.
fn spoken(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "APPROVED",
        Verdict::NeedsWork => "NEEDS_WORK",
        Verdict::Blocked => "BLOCKED",
    }
}

fn report_fault(scene: &Scene, verdict: Verdict) -> Result<Option<String>> {
    let (bytes, modified) = match papers::look(&scene.papers, REPORT, REPORT_LIMIT_BYTES)? {
        Paper::Plain { bytes, modified } => (bytes, modified),
        Paper::Missing => return Ok(Some(format!("there is no {REPORT}"))),
        Paper::Unfit(why) => return Ok(Some(format!("{REPORT} {why}"))),
    };
    let text = String::from_utf8_lossy(&bytes);
    if text.trim().is_empty() {
        return Ok(Some(format!("{REPORT} is empty")));
    }
    // The one on the desk is the one that was written; the order's copy may be as young as the copying.
    let on_desk = match papers::look(&scene.desk, REPORT, REPORT_LIMIT_BYTES)? {
        Paper::Plain { modified, .. } => modified,
        Paper::Missing | Paper::Unfit(_) => modified,
    };
    if older(modified.min(on_desk), scene.code_changed) {
        return Ok(Some(format!("{REPORT} is older than the code: it tells of another state")));
    }
    let says = verdict_of(&text);
    let agrees = says.is_none_or(|says| says == verdict) || verdict == Verdict::Blocked;
    Ok(says.filter(|_| !agrees).map(|says| {
        format!("the report says {} and the result says {}", spoken(says), spoken(verdict))
    }))
}

fn older(modified: SystemTime, than: Option<SystemTime>) -> bool {
    than.is_some_and(|than| modified < than)
}

/// The last line `Verdict: APPROVED` or `Verdict: NEEDS_WORK` of a report, in any case and emphasis.
fn verdict_of(text: &str) -> Option<Verdict> {
    let spoken = |line: &str| {
        let keep = |c: &char| !['*', '`', '#', '>'].contains(c);
        let bare: String = line.chars().filter(keep).collect::<String>().to_lowercase();
        let bare = bare.trim().trim_start_matches(['-', '_', ' ']);
        let word =
            bare.strip_prefix("verdict")?.trim_start_matches(['_', ' ']).strip_prefix(':')?;
        match word.trim().trim_matches(['_', '.', '!', ' ']) {
            "approved" => Some(Verdict::Done),
            "needs_work" | "needs work" => Some(Verdict::NeedsWork),
            _ => None,
        }
    };
    text.lines().rev().find_map(spoken)
}

/// Copies what the testimony names into the order's evidence; what is wrong with the rest.
fn keep_artifacts(scene: &Scene, testimony: &Testimony) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    if testimony.artifacts.len() > MOST_ARTIFACTS {
        faults.push(format!("more than {MOST_ARTIFACTS} artifacts are named"));
        return Ok(faults);
    }
    for name in &testimony.artifacts {
        let shown = name.chars().take(80).collect::<String>();
        let fault = |why: &str| format!("the artifact `{}` {why}", shown.escape_debug());
        match artifact(scene, name)? {
            Paper::Missing => faults.push(fault("is not on the desk")),
            Paper::Unfit(why) => faults.push(fault(&why)),
            Paper::Plain { bytes, .. } if bytes.is_empty() => faults.push(fault("is empty")),
            Paper::Plain { modified, .. } if older(modified, scene.code_changed) => {
                faults.push(fault("is older than the code"));
            }
            Paper::Plain { bytes, .. } => {
                papers::evidence(&scene.papers)?;
                let bytes = secrets::forms_hidden_in(bytes);
                papers::replace(&scene.papers, &format!("{FOLDER}/{name}"), &bytes)?;
            }
        }
    }
    Ok(faults)
}

/// An artifact on the desk. The report may have been taken from there already.
fn artifact(scene: &Scene, name: &str) -> Result<Paper> {
    match papers::look(&scene.desk, name, ARTIFACT_LIMIT_BYTES)? {
        Paper::Missing if name == REPORT => papers::look(&scene.papers, name, ARTIFACT_LIMIT_BYTES),
        found => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reports_verdict_is_read_through_emphasis_and_the_last_one_counts() {
        let cases = [
            ("Verdict: APPROVED", Some(Verdict::Done)),
            ("all good\n\n**Verdict:** approved.\n", Some(Verdict::Done)),
            ("## Verdict: **NEEDS_WORK**", Some(Verdict::NeedsWork)),
            ("Verdict: __needs_work__", Some(Verdict::NeedsWork)),
            ("- verdict : needs work", Some(Verdict::NeedsWork)),
            ("Verdict: APPROVED\nthen\nVerdict: NEEDS_WORK\n", Some(Verdict::NeedsWork)),
            ("Verdict: APPROVED or NEEDS_WORK", None),
            ("I would say approved", None),
        ];
        for (text, expected) in cases {
            assert_eq!(verdict_of(text), expected, "{text:?}");
        }
    }
}
