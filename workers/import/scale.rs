//! Other people's words for how soon, how much and how far.

use super::Mark;
use crate::order::Priority;

/// How soon: our own words, those of issue trackers, `P0` to `P4`. `None` for any other.
pub(super) fn priority(word: &str) -> Option<Priority> {
    let word = word.trim().to_ascii_lowercase();
    let digit = match word.as_str() {
        "critical" | "urgent" | "blocker" | "highest" | "p0" => "0",
        "high" | "p1" | "major" | "important" => "2",
        "normal" | "medium" | "moderate" | "p2" => "5",
        "low" | "p3" | "minor" => "8",
        "lowest" | "trivial" | "p4" => "9",
        other => other,
    };
    Priority::parse(digit).ok()
}

/// How soon, as a label says it: `priority: high`, `priority/high`, `P1`, `critical`. Only what is plain: `low` alone may
/// be anything.
pub(super) fn priority_of_label(label: &str) -> Option<Priority> {
    let label = label.trim().to_ascii_lowercase();
    if let Some(after) = ["priority", "prio"].iter().find_map(|word| label.strip_prefix(word)) {
        return priority(after.trim_start_matches([':', '/', '-', '_', ' ', '=']));
    }
    if let Some(before) = label.strip_suffix("priority") {
        return priority(before.trim_end_matches([':', '/', '-', '_', ' ']));
    }
    matches!(label.as_str(), "p0" | "p1" | "p2" | "p3" | "p4" | "critical" | "urgent" | "blocker")
        .then(|| priority(&label))
        .flatten()
}

/// How much of a batch: sizes as 1, 2, 3, 5, 8; a number is itself, up to 8. `None` for any other word.
pub(super) fn weight(word: &str) -> Option<u32> {
    let word = word.trim().to_ascii_lowercase();
    Some(match word.as_str() {
        "trivial" | "tiny" | "minimal" | "xs" | "x-small" => 1,
        "small" | "low" | "s" => 2,
        "medium" | "moderate" | "m" => 3,
        "large" | "high" | "big" | "l" => 5,
        "xl" | "xxl" | "x-large" | "xlarge" | "huge" | "epic" | "extra-large" => 8,
        number => number.parse().ok().filter(|number| (1..=8).contains(number))?,
    })
}

/// How far a status word says that it has come. `None` for a word nobody uses.
pub(super) fn mark(word: &str) -> Option<Mark> {
    let word = word.trim().to_ascii_lowercase().replace(['_', '-'], " ");
    Some(match word.as_str() {
        "complete" | "completed" | "done" | "closed" | "resolved" | "shipped" | "merged"
        | "released" | "implemented" | "verified" | "finished" | "fixed" => Mark::Done,
        "archived" | "cancelled" | "canceled" | "wontfix" | "won't fix" | "dropped"
        | "rejected" | "superseded" | "obsolete" | "duplicate" | "skipped" | "invalid"
        | "abandoned" | "not planned" => Mark::Skipped,
        "in progress" | "wip" | "started" | "doing" | "working" | "ongoing" | "review"
        | "in review" => Mark::InProgress,
        "failed" | "failing" => Mark::Failed,
        "" | "open" | "active" | "new" | "todo" | "to do" | "backlog" | "ready" | "parked"
        | "planned" | "proposed" | "draft" | "pending" | "queued" | "blocked" | "deferred"
        | "on hold" | "not started" | "reopened" | "triage" | "accepted" | "approved" => Mark::Open,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_are_understood_or_left() {
        let digit = |word| priority(word).map(Priority::digit);
        assert_eq!(
            ["High", "medium", "P3", "7", "soon"].map(digit),
            [Some(2), Some(5), Some(8), Some(7), None]
        );
        let label = |word| priority_of_label(word).map(Priority::digit);
        assert_eq!(
            ["priority: high", "priority/low", "P0", "high-priority", "low", "bug", "priority"]
                .map(label),
            [Some(2), Some(8), Some(0), Some(2), None, None, None]
        );
        assert_eq!(
            ["trivial", "S", "medium", "5", "9", "2 days"].map(weight),
            [Some(1), Some(2), Some(3), Some(5), None, None]
        );
        assert_eq!(
            [mark("In_Progress"), mark("complete"), mark("archived"), mark("odd")],
            [Some(Mark::InProgress), Some(Mark::Done), Some(Mark::Skipped), None]
        );
    }
}
