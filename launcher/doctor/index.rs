//! Findings about what may be deleted at any time: the index, and what was half built. Pure, but for the second look.

use std::path::Path;
use std::time::Duration;

use shopfloor::error::Result;
use shopfloor::queue::files::{FileQueue, Survey};

use super::finding::{Finding, Fix};

/// How long a worker takes, at most, from the entry that moves an order to the marker that follows.
const MOMENT: Duration = Duration::from_millis(300);

/// The most names that are shown of a list.
const MOST: usize = 5;

/// Looks at the queue; at the index twice, since the middle of somebody's move looks like a fault.
pub(crate) fn survey(queue: &FileQueue) -> Result<Survey> {
    let mut survey = queue.survey()?;
    if !survey.unmarked.is_empty() || !survey.misleading.is_empty() {
        std::thread::sleep(MOMENT);
        let again = queue.survey()?;
        survey.unmarked.retain(|one| again.unmarked.contains(one));
        survey.misleading.retain(|one| again.misleading.contains(one));
    }
    Ok(survey)
}

/// What is to be made again. `ready` and `tmp` are the folders as they are shown.
pub(crate) fn look(survey: &Survey, ready: &str, tmp: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let missing: Vec<&str> = survey.unmarked.iter().map(|(id, _)| id.as_str()).collect();
    let misleading: Vec<&str> = survey.misleading.iter().map(String::as_str).collect();
    let parts = [
        (!missing.is_empty()).then(|| format!("{} ready and not in it", some(&missing))),
        (!misleading.is_empty()).then(|| format!("{} misleading", some(&misleading))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if !parts.is_empty() {
        let what = format!("the index of ready orders is stale: {}", parts.join("; "));
        let mend = "nothing is lost: running workers mend it by themselves; at once: shopfloor doctor --fix";
        findings.push(Finding::note("stale-index", ready, what, mend).fixed_by(Fix::Index));
    }
    let half_built: Vec<String> = survey.half_built.iter().map(|path| name(path)).collect();
    if !half_built.is_empty() {
        let names: Vec<&str> = half_built.iter().map(String::as_str).collect();
        let what = format!("processes that are gone left something half built: {}", some(&names));
        let mend = "it was never acknowledged and may go: shopfloor doctor --fix";
        findings.push(Finding::note("half-built", tmp, what, mend).fixed_by(Fix::Index));
    }
    findings
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The first few names of a list, and how many more there are.
pub(crate) fn some(names: &[&str]) -> String {
    let more = names.len().saturating_sub(MOST);
    let mut told = names.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
    if more > 0 {
        told.push_str(&format!(" and {more} more"));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use shopfloor::order::OrderId;
    use shopfloor::state::State;

    #[test]
    fn a_stale_index_is_one_finding_that_names_a_few_and_counts_the_rest() {
        let id = |n| OrderId::parse(&format!("order-{n}")).unwrap();
        let survey = Survey {
            unmarked: (0..7).map(|n| (id(n), State::NEW)).collect(),
            misleading: vec!["IMPL/5.0000000001.gone".to_owned()],
            ..Survey::default()
        };
        let found = look(&survey, "ready", "tmp");
        assert_eq!((found.len(), found[0].kind), (1, "stale-index"));
        let what = &found[0].what;
        assert!(
            what.contains("order-4 and 2 more") && what.contains("5.0000000001.gone"),
            "{what}"
        );
        assert_eq!(look(&Survey::default(), "ready", "tmp"), []);
    }
}
