//! `shopfloor doctor` at every broken layout of an order: a table of what is done to it, and what is found. All of them stand in
//! one queue, as nothing keeps them from doing so in life.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use super::doctor::{doctor, findings, queue};
use super::scene::Scene;
use shopfloor::order::{OrderId, Request};
use shopfloor::queue::Queue as _;

/// What is done to the folder of an order, and the kinds of finding that speak of it.
type Layout = (&'static str, fn(&Path), &'static [&'static str]);

fn write(order: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    fs::write(order.join(name), bytes).unwrap();
}

/// Whatever stands under that name goes.
fn gone(order: &Path, name: &str) {
    fs::remove_file(order.join(name)).unwrap();
}

fn journal(order: &Path) -> Vec<u8> {
    fs::read(order.join("events.jsonl")).unwrap()
}

fn odd(order: &Path, name: &str, kind: rustix::fs::FileType) {
    gone(order, name);
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, order.join(name), kind, mode, 0).unwrap();
}

fn large(order: &Path, name: &str, bytes: u64) {
    File::options().write(true).open(order.join(name)).unwrap().set_len(bytes).unwrap();
}

const STATE: &[&str] = &["unknown-state"];
const JOURNAL: &[&str] = &["damaged-journal"];
const REQUEST: &[&str] = &["unreadable-request"];
const NOTHING: &[&str] = &[];

/// `.state`: case 8 and 39.
const STATES: [Layout; 16] = [
    ("state-empty", |order| write(order, ".state", ""), NOTHING),
    ("state-missing", |order| gone(order, ".state"), NOTHING),
    ("state-crlf", |order| write(order, ".state", "NEW\r\n"), NOTHING),
    ("state-blanks", |order| write(order, ".state", " \n"), STATE),
    ("state-bom", |order| write(order, ".state", "\u{feff}NEW\n"), STATE),
    ("state-small", |order| write(order, ".state", "new\n"), STATE),
    ("state-two", |order| write(order, ".state", "NEW\nIMPL\n"), STATE),
    ("state-nul", |order| write(order, ".state", "NE\0W\n"), STATE),
    ("state-bytes", |order| write(order, ".state", b"\xff\xfe\n"), STATE),
    ("state-unknown", |order| write(order, ".state", "SOMEWHERE\n"), STATE),
    ("state-large", |order| large(order, ".state", 10 << 20), STATE),
    (
        "state-folder",
        |order| {
            gone(order, ".state");
            fs::create_dir(order.join(".state")).unwrap();
        },
        STATE,
    ),
    ("state-pipe", |order| odd(order, ".state", rustix::fs::FileType::Fifo), STATE),
    (
        "state-link",
        |order| {
            gone(order, ".state");
            symlink("/etc/hostname", order.join(".state")).unwrap();
        },
        STATE,
    ),
    ("state-by-hand", |order| write(order, ".state", "IMPL\n"), &["stale-index"]),
    (
        "state-twice",
        |order| fs::hard_link(order.join(".state"), order.join("notes.md")).unwrap(),
        &["hard-link"],
    ),
];

/// `order.json`: case 40.
const REQUESTS: [Layout; 9] = [
    ("request-cut", |order| write(order, "order.json", "{\"title\": \"x"), REQUEST),
    ("request-empty", |order| write(order, "order.json", ""), REQUEST),
    ("request-twice", |order| write(order, "order.json", r#"{"title":"x","title":"y"}"#), REQUEST),
    ("request-deep", |order| write(order, "order.json", "[".repeat(100_000)), REQUEST),
    ("request-wrong", |order| write(order, "order.json", r#"{"title": 3}"#), REQUEST),
    (
        "request-number",
        |order| write(order, "order.json", r#"{"title":"x","weight":1e999}"#),
        REQUEST,
    ),
    ("request-untitled", |order| write(order, "order.json", "{}"), REQUEST),
    ("request-newer", |order| write(order, "order.json", r#"{"title":"x","format":2}"#), REQUEST),
    ("request-own", |order| write(order, "order.json", r#"{"title":"x","mine":[1]}"#), NOTHING),
];

/// The journal: cases 7, 41 to 44, 59.
const JOURNALS: [Layout; 8] = [
    (
        "journal-torn",
        |order| write(order, "events.jsonl", [&journal(order)[..], b"{\"v\":1,\0\0"].concat()),
        NOTHING,
    ),
    (
        "journal-flipped",
        |order| {
            let mut bytes = [journal(order), journal(order)].concat();
            bytes[5] ^= 1;
            write(order, "events.jsonl", bytes);
        },
        JOURNAL,
    ),
    (
        "journal-twice",
        |order| write(order, "events.jsonl", [journal(order), journal(order)].concat()),
        JOURNAL,
    ),
    ("journal-gone", |order| gone(order, "events.jsonl"), NOTHING),
    ("journal-large", |order| large(order, "events.jsonl", 1 << 30), JOURNAL),
    ("journal-pipe", |order| odd(order, "events.jsonl", rustix::fs::FileType::Fifo), JOURNAL),
    (
        "journal-link",
        |order| {
            gone(order, "events.jsonl");
            symlink("/etc/hostname", order.join("events.jsonl")).unwrap();
        },
        JOURNAL,
    ),
    (
        "journal-of-another",
        |order| {
            fs::copy(
                order.with_file_name("plain").join("events.jsonl"),
                order.join("events.jsonl"),
            )
            .unwrap();
        },
        &["copied-order"],
    ),
];

/// What else may stand in an order's folder: cases 47, 50, 57, 62.
const OTHERS: [Layout; 7] = [
    ("plain", |_| {}, NOTHING),
    ("lock-gone", |order| gone(order, ".lock"), NOTHING),
    (
        "lock-folder",
        |order| {
            gone(order, ".lock");
            fs::create_dir(order.join(".lock")).unwrap();
        },
        &["odd-lock"],
    ),
    (
        "paper-link",
        |order| symlink("/etc/shadow", order.join("work-order.md")).unwrap(),
        &["symlink"],
    ),
    (
        "editor",
        |order| {
            write(order, ".state.swp", "x");
            write(order, ".state~", "x");
        },
        NOTHING,
    ),
    (
        "open",
        |order| {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(order, fs::Permissions::from_mode(0o777)).unwrap();
        },
        &["open-to-others"],
    ),
    ("held", |order| write(order, ".hold", "ask Ada first\n"), &["stale-index"]),
];

/// Everything below the queue but what may be made again: names, kinds, lengths, and the content of plain files.
fn standing(scene: &Scene) -> Vec<(String, String, u64, Vec<u8>)> {
    let queue = scene.queue("");
    let passing = ["ready", "tmp", "workers", "run"].map(|name| queue.join(".floor").join(name));
    let all = walkdir::WalkDir::new(&queue).sort_by_file_name().into_iter().map(Result::unwrap);
    let all = all.filter(|entry| !passing.iter().any(|path| entry.path().starts_with(path)));
    let seen = all.map(|entry| {
        let facts = entry.path().symlink_metadata().unwrap();
        let plain = facts.is_file() && facts.len() < 1 << 20;
        let bytes = if plain { fs::read(entry.path()).unwrap() } else { Vec::new() };
        let kind = format!("{:?} {:?}", facts.file_type(), facts.permissions());
        let length = if facts.is_file() { facts.len() } else { 0 };
        (entry.path().display().to_string(), kind, length, bytes)
    });
    seen.collect()
}

fn all() -> impl Iterator<Item = Layout> {
    STATES.into_iter().chain(REQUESTS).chain(JOURNALS).chain(OTHERS)
}

/// The kinds of finding whose place is the order's.
fn about(told: &serde_json::Value, id: &str) -> Vec<String> {
    let word =
        |finding: &serde_json::Value, field: &str| finding[field].as_str().unwrap().to_owned();
    let named = |text: &str| {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).any(|word| word == id)
    };
    let found = told["findings"].as_array().unwrap().iter().filter(|finding| {
        let place = word(finding, "where");
        // The index is one finding that names a few orders; which of them is chance where there are many.
        word(finding, "kind") != "stale-index" && named(&place)
    });
    let mut kinds: Vec<String> = found.map(|finding| word(finding, "kind")).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

#[test]
fn every_broken_layout_of_an_order_is_found_and_explained_and_left_alone() {
    let scene = Scene::ready();
    let ids: Vec<&str> = all().map(|(id, ..)| id).collect();
    let made = queue(&scene);
    for id in &ids {
        let _made = made.create(&OrderId::parse(id).unwrap(), &Request::titled(*id)).unwrap();
    }
    for (id, change, _) in all() {
        change(&scene.queue(id));
    }
    // Names and folders that are no orders: cases 45 and 46.
    fs::create_dir(scene.queue("CON")).unwrap();
    fs::create_dir(scene.queue("a\u{202e}b")).unwrap();
    fs::create_dir(scene.queue("-rf")).unwrap();
    symlink("/etc", scene.queue("to-etc")).unwrap();
    symlink(scene.queue("plain"), scene.queue("to-plain")).unwrap();
    symlink("to-itself", scene.queue("to-itself")).unwrap();
    let before = standing(&scene);
    let told = doctor(&scene, &[]).ended(1);
    let json = told.json();
    for (id, _, wanted) in all() {
        let wanted: Vec<&&str> = wanted.iter().filter(|kind| **kind != "stale-index").collect();
        assert_eq!(about(&json, id).iter().collect::<Vec<_>>(), wanted, "{id}: {}", told.out);
    }
    let kinds: Vec<(String, String)> = findings(&told);
    let count = |kind: &str| kinds.iter().filter(|(found, _)| found == kind).count();
    assert_eq!((count("symlink"), count("unknown-name")), (4, 3), "{kinds:?}");
    // Nobody is told to write through a link, or into a pipe.
    for id in ["state-link", "state-pipe", "state-folder"] {
        assert!(
            told.out.contains(&format!("take it away (rm -r work-orders/{id}/.state)")),
            "{id}"
        );
    }
    for finding in json["findings"].as_array().unwrap() {
        for field in ["what", "do", "where"] {
            let text = finding[field].as_str().unwrap();
            assert!(!text.is_empty() && !text.contains('\n'), "{field} of {finding}");
        }
    }
    // Nothing of it is for --fix, but for the index.
    let fixed = doctor(&scene, &["--fix"]).ended(1).json();
    let mended: Vec<&str> = fixed["mended"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(mended, ["stale-index"], "{fixed}");
    assert_eq!(standing(&scene), before, "an order's own file was touched");
    for (id, _, wanted) in all() {
        let wanted: Vec<&&str> = wanted.iter().filter(|kind| **kind != "stale-index").collect();
        assert_eq!(about(&fixed, id).iter().collect::<Vec<_>>(), wanted, "{id} after --fix");
    }
}
