//! Findings about single orders: what can't be read, is a copy, or stands in a state that nobody knows. Pure.

use shopfloor::order::OrderId;
use shopfloor::queue::files::Survey;

use super::finding::Finding;
use crate::snapshot::Snapshot;

/// Looks at what is known of every order. `shown` tells the path of a file in an order's folder.
pub(crate) fn look(
    survey: &Survey,
    seen: &Snapshot,
    shown: &dyn Fn(&OrderId, &str) -> String,
) -> Vec<Finding> {
    let broken = survey.broken.iter().map(|(id, why)| broken(id, why, shown));
    let requests = seen.orders.values().filter_map(|order| {
        let why = order.request.as_ref().err()?;
        let place = shown(&order.id, "order.json");
        let mend = format!("mend the file; if the order is on hold for it: {}", release(&order.id));
        Some(Finding::wrong(
            "unreadable-request",
            place,
            format!("order {} can't be read: {why}", order.id),
            mend,
        ))
    });
    let unreachable = seen.broken.iter().map(|(id, why)| {
        let mend = format!("see to it that you may read that folder; then: {}", release(id));
        let what = format!("order {id} can't be reached: {why}");
        Finding::wrong("unreachable-order", shown(id, ""), what, mend)
    });
    broken.chain(requests).chain(unreachable).collect()
}

fn release(id: &OrderId) -> String {
    format!("shopfloor release {id}")
}

fn broken(id: &OrderId, why: &str, shown: &dyn Fn(&OrderId, &str) -> String) -> Finding {
    let release = release(id);
    let found = |kind, file: &str, mend: String| {
        Finding::wrong(kind, shown(id, file), format!("order {id} is held back: {why}"), mend)
    };
    if why.starts_with("copy of ") {
        let mend = format!(
            "for an order of its own: remove events.jsonl, .state and .hold there; a copy made by mistake: move {} away",
            shown(id, "")
        );
        return found("copied-order", "", mend);
    }
    if why.contains("this shopfloor knows") {
        let mend = format!("a newer shopfloor wrote it: use that one; and then: {release}");
        return found("damaged-journal", "events.jsonl", mend);
    }
    if why.contains("events.jsonl") {
        let mend = format!(
            "bring events.jsonl back from a backup, or set it aside (mv events.jsonl events.jsonl.bad; it is then begun \
             anew from .state), and then: {release}"
        );
        return found("damaged-journal", "events.jsonl", mend);
    }
    if why.contains(".state is a symbolic link") || why.contains(".state is not a plain file") {
        let state = shown(id, ".state");
        let mend = format!(
            "take it away (rm -r {state}): it is written again from the journal; and then: {release}"
        );
        return found("unknown-state", ".state", mend);
    }
    let mend = format!(
        "write one known state into it (echo NEW > {}), and then: {release}",
        shown(id, ".state")
    );
    found("unknown-state", ".state", mend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_broken_order_is_told_apart_with_its_file() {
        let id = OrderId::parse("a").unwrap();
        let shown = |id: &OrderId, file: &str| format!("{id}/{file}");
        let kind = |why: &str| {
            let finding = broken(&id, why, &shown);
            assert!(finding.what.contains(why), "{finding:?}");
            (finding.kind, finding.place)
        };
        let of = |kind, place: &str| (kind, place.to_owned());
        assert_eq!(
            kind("corrupt: events.jsonl: line 3 is damaged"),
            of("damaged-journal", "a/events.jsonl")
        );
        assert_eq!(
            kind("events.jsonl is larger than 9 bytes"),
            of("damaged-journal", "a/events.jsonl")
        );
        assert_eq!(
            kind("copy of b: its journal was begun for it; remove events.jsonl"),
            of("copied-order", "a/")
        );
        assert_eq!(kind("no stage knows the state X"), of("unknown-state", "a/.state"));
        assert_eq!(kind(".state is a symbolic link"), of("unknown-state", "a/.state"));
    }
}
