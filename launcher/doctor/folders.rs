//! Findings about folders and names: who may write where, links, and what is no order.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use shopfloor::floor::Floor;
use shopfloor::order::OrderId;
use shopfloor::queue::files::Outsider;

use super::finding::Finding;

/// What stands in the machine's own folder.
const ON_THE_FLOOR: [&str; 17] = [
    "queue.json",
    "ready",
    "waiting",
    "rolls",
    "line",
    "permits",
    "accounts",
    "spent",
    "homes",
    "workers",
    "sessions",
    "archive",
    "tmp",
    "run",
    "cache",
    "events.jsonl",
    "events.jsonl.1",
];

/// Files of an order whose kind the queue itself looks at; a fault of theirs is told as the order's.
const LOOKED_AT: [&str; 3] = [".state", "events.jsonl", "order.json"];

/// Looks at the queue's folder, the floor and every order's folder. `strange` are the names that are no orders.
pub(crate) fn look(
    queue: &Path,
    orders: &[OrderId],
    strange: &[(String, String)],
    shown: &dyn Fn(&Path) -> String,
) -> Vec<Finding> {
    let floor = Floor::of_queue(queue);
    let user = rustix::process::geteuid().as_raw();
    let mut findings = Vec::new();
    let folders = [queue.to_owned(), floor.root().to_owned()];
    let own = folders.iter().map(|path| (path.clone(), true));
    let orders: Vec<PathBuf> = orders.iter().map(|id| queue.join(id.as_str())).collect();
    let all = own.chain(orders.iter().map(|path| (path.clone(), false)));
    for (path, ours) in all {
        let Ok(facts) = path.symlink_metadata() else { continue };
        let mode = facts.mode();
        let path = shown(&path);
        findings.extend(rights(mode, (facts.uid(), facts.gid()), user, ours, &path));
    }
    findings.extend(strange.iter().map(|(name, why)| stranger(queue, name, why, shown)));
    findings.extend(orders.iter().flat_map(|order| links(order, shown)));
    findings.extend(unknown_on(floor.root(), shown));
    findings
}

/// What is wrong with the rights of a folder that belongs to `owner` (user and group). Pure.
fn rights(mode: u32, owner: (u32, u32), user: u32, ours: bool, path: &str) -> Option<Finding> {
    if let Some(outsider) = Outsider::of(mode, owner.0, owner.1, user)
        && (ours || !matches!(outsider, Outsider::Group(_)))
    {
        let kind = match outsider {
            Outsider::Owner(_) => "foreign-owner",
            Outsider::Anybody | Outsider::Group(_) => "open-to-others",
        };
        let so = if ours { ": no worker begins" } else { "" };
        let what = format!("{}{so}", outsider.what(user));
        return Some(Finding::wrong(kind, path, what, outsider.mend(path)));
    }
    let what = "its own user may not read, write and enter it";
    (mode & 0o700 != 0o700)
        .then(|| Finding::wrong("no-access", path, what, format!("chmod u+rwx {path}")))
}

fn stranger(queue: &Path, name: &str, why: &str, shown: &dyn Fn(&Path) -> String) -> Finding {
    let place = shown(&queue.join(name));
    let what = format!("{name:?} is no order: {why}");
    match why.contains("symbolic link") {
        true => {
            Finding::note("symlink", place, what, "an order must be a real folder in the queue")
        }
        false => Finding::note(
            "unknown-name",
            place,
            what,
            "move it out of the queue's folder, or give it a name of a-z 0-9 - . _",
        ),
    }
}

/// Links and other odd things in one order's folder.
fn links(order: &Path, shown: &dyn Fn(&Path) -> String) -> Vec<Finding> {
    let entries = std::fs::read_dir(order).into_iter().flatten().flatten();
    let found = entries.filter_map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let facts: Metadata = entry.path().symlink_metadata().ok()?;
        let place = shown(&entry.path());
        if name == ".lock" && !facts.is_file() {
            let what = "the order can't be locked: this is no plain file";
            let mend = "remove it; it is made anew";
            return Some(Finding::wrong("odd-lock", place, what, mend));
        }
        if name == ".state" && facts.is_file() && facts.nlink() > 1 {
            let what = "this file has a second name elsewhere (a hard link): an edit there is one here too";
            let mend = "they part by themselves at the order's next move; at once: write the word into a new file";
            return Some(Finding::note("hard-link", place, what, mend));
        }
        if facts.is_symlink() && !LOOKED_AT.contains(&name.as_str()) {
            let what = "a symbolic link in an order's folder is never followed: no agent reads it";
            let mend = "put the file itself there, or remove the link";
            return Some(Finding::note("symlink", place, what, mend));
        }
        None
    });
    found.collect()
}

fn unknown_on(floor: &Path, shown: &dyn Fn(&Path) -> String) -> Vec<Finding> {
    let entries = std::fs::read_dir(floor).into_iter().flatten().flatten();
    let unknown = entries.filter(|entry| {
        let name = entry.file_name();
        !name.to_str().is_some_and(|name| ON_THE_FLOOR.contains(&name) || name.starts_with(".tmp"))
    });
    let told = unknown.map(|entry| {
        let what = "this version of shopfloor does not know what this is";
        Finding::note(
            "unknown-name",
            shown(&entry.path()),
            what,
            "move it elsewhere if it is yours",
        )
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_that_let_others_in_or_keep_us_out_are_named() {
        let kind = |mode, owner, group, ours| {
            rights(mode, (owner, group), 1000, ours, "q").map(|finding| finding.kind)
        };
        assert_eq!(kind(0o40700, 1000, 1000, true), None);
        assert_eq!(kind(0o40755, 1000, 100, true), None);
        assert_eq!(kind(0o40775, 1000, 100, true), Some("open-to-others"));
        assert_eq!(kind(0o40775, 1000, 1000, true), None, "a user's private group");
        assert_eq!(kind(0o40775, 1000, 100, false), None, "an order made by hand");
        assert_eq!(kind(0o40777, 1000, 1000, false), Some("open-to-others"));
        assert_eq!(kind(0o40500, 1000, 1000, false), Some("no-access"));
        assert_eq!(kind(0o40700, 1, 1, true), Some("foreign-owner"));
    }
}
