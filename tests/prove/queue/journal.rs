//! A journal as somebody reads it who knows nothing of the queue's code: lines, their checksums, and what they may say.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// What is wrong with the journal in `order`, in words; the generation it has come to.
pub(super) fn faults(order: &Path) -> (Vec<String>, u64) {
    let mut faults = Vec::new();
    let mut entries = Vec::new();
    let lines = lines(order);
    for (at, line) in lines.iter().enumerate() {
        match entry(line) {
            Some(entry) => entries.push(entry),
            // Cut short, and its line end is there by chance: the next writer cuts it off.
            None if at + 1 == lines.len() && ends_whole(order) => {}
            None => faults.push(format!("line {} is no entry", at + 1)),
        }
    }
    let highest = sound(&entries, &mut faults);
    (faults, highest)
}

/// The whole lines. What follows the last line end is a write that was cut short.
fn lines(order: &Path) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(order.join("events.jsonl")).unwrap_or_default();
    let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    lines.pop();
    lines
}

/// True when nothing stands behind its last line end.
pub(super) fn ends_whole(order: &Path) -> bool {
    std::fs::read(order.join("events.jsonl")).is_ok_and(|bytes| bytes.last() == Some(&b'\n'))
}

/// True when every line is an entry.
pub(super) fn all_good(order: &Path) -> bool {
    lines(order).iter().all(|line| entry(line).is_some())
}

/// Its entries, without what is none.
pub(super) fn entries(order: &Path) -> Vec<Value> {
    lines(order).iter().filter_map(|line| entry(line)).collect()
}

/// The claim that is open at the end.
pub(super) fn open_claim(entries: &[Value]) -> Option<&Value> {
    let closing = ["advance", "bury", "release", "orphan", "kick", "manual"];
    let is_of_a_claim = |entry: &&Value| {
        entry["e"] == "claim" || closing.contains(&entry["e"].as_str().unwrap_or_default())
    };
    entries.iter().rfind(is_of_a_claim).filter(|last| last["e"] == "claim")
}

/// One line, if its checksum is right.
fn entry(line: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(line).ok()?;
    let (before, after) = text.rsplit_once(",\"crc\":\"")?;
    let crc = u32::from_str_radix(after.strip_suffix("\"}")?, 16).ok()?;
    (crc32c::crc32c(before.as_bytes()) == crc).then(|| serde_json::from_str(text).ok()).flatten()
}

/// Numbers without a gap, generations that grow, at most one open claim, at most one move per generation.
fn sound(entries: &[Value], faults: &mut Vec<String>) -> u64 {
    let mut open: Option<u64> = None;
    let mut highest = 0;
    let mut moved: BTreeMap<u64, usize> = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        let number = entry["seq"].as_u64().unwrap_or_default();
        if number != at as u64 + 1 {
            faults.push(format!("entry {} has the number {number}", at + 1));
        }
        let generation = entry["gen"].as_u64().unwrap_or_default();
        match entry["e"].as_str().unwrap_or_default() {
            "claim" => {
                if let Some(other) = open {
                    faults.push(format!("claim {generation} while {other} is open"));
                }
                if generation <= highest {
                    faults.push(format!("claim {generation} after {highest}"));
                }
                open = Some(generation);
                highest = highest.max(generation);
            }
            kind @ ("advance" | "bury") => {
                if open != Some(generation) {
                    faults.push(format!("{kind} under {generation} while {open:?} is open"));
                }
                let times = moved.entry(generation).or_default();
                *times += 1;
                if *times > 1 {
                    faults.push(format!("generation {generation} moved twice"));
                }
                open = None;
            }
            kind @ ("release" | "orphan") => {
                if open != Some(generation) {
                    faults.push(format!("{kind} of {generation} while {open:?} is open"));
                }
                open = None;
            }
            // A person closes the claim.
            "manual" | "kick" => open = None,
            _ => {}
        }
    }
    highest
}

#[test]
fn a_journal_that_is_not_sound_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let line = |seq: u64, kind: &str, generation: u64| {
        let before = format!("{{\"v\":1,\"seq\":{seq},\"e\":\"{kind}\",\"gen\":{generation}");
        format!("{before},\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(before.as_bytes()))
    };
    let told = |lines: &[String]| {
        std::fs::write(folder.path().join("events.jsonl"), lines.concat()).unwrap();
        faults(folder.path()).0.len()
    };
    let good = [line(1, "create", 0), line(2, "claim", 1), line(3, "advance", 1)];
    assert_eq!(told(&good), 0);
    assert_eq!(told(&[&good[..], &["{\"torn".to_owned()]].concat()), 0, "it was cut short");
    assert_eq!(told(&[&good[..], &[line(4, "advance", 1)]].concat()), 2);
    assert_eq!(told(&[&good[..], &[line(4, "claim", 1)]].concat()), 1);
    assert_eq!(told(&[&good[..], &[line(5, "claim", 2)]].concat()), 1);
    assert_eq!(told(&[good[0].clone(), good[1].clone(), line(3, "claim", 2)]), 1);
    let damaged = good[1].replace("claim", "clam");
    assert_eq!(told(&[good[0].clone(), damaged.clone(), good[2].clone()]), 3);
    assert_eq!(told(&[good[0].clone(), damaged]), 0, "it was cut short after its line end");
}
