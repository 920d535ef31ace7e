//! What the fuzzer looks at in this room: parsers of what people and power cuts leave in an order's folder.

use std::path::Path;

use super::folder::Stamp;
use super::identity::Identity;
use super::journal::{self, Journal};
use super::ready::Marker;
use super::state_file::{self, Found};
use super::{rolls, waiting};
use crate::history::Entry;

/// `.state`: only one word of a state, with nothing but blanks after it.
pub(crate) fn state(data: &[u8]) {
    let stamp = Stamp::default();
    if let Found::Word(state, _) = state_file::word(data, stamp) {
        let rest = data.strip_prefix(state.as_str().as_bytes());
        let blank = |rest: &[u8]| rest.iter().all(|byte| b" \t\r\n".contains(byte));
        assert!(rest.is_some_and(blank), "{state} was read from {data:?}");
        assert!(state.as_str().len() <= 32);
    }
}

/// `queue.json`: the queue's id becomes the name of a folder.
pub(crate) fn identity(data: &[u8]) {
    let path = Path::new("queue.json");
    if let Ok(identity) = Identity::parse(data, path) {
        assert_eq!(Path::new(&identity.queue).components().count(), 1, "{}", identity.queue);
        assert!(Path::new(&identity.queue).file_name().is_some());
        let written = serde_json::to_vec(&identity).expect("an identity can be written");
        let again = Identity::parse(&written, path).expect("what we write can be read");
        assert_eq!(identity.queue, again.queue);
    }
}

/// The names of markers, of orders that wait and of rolls.
pub(crate) fn marker(text: &str) {
    if let Some(marker) = Marker::parse(text) {
        assert_eq!(Marker::parse(&marker.name()).as_ref(), Some(&marker), "{text:?}");
    }
    if let Some((state, marker)) = waiting::parse(text) {
        let name = waiting::name_of(&state, &marker);
        assert_eq!(waiting::parse(&name), Some((state, marker)), "{text:?}");
    }
    let _roll = rolls::parse(text);
}

/// A journal: as it is, and with the sum of each line made right, so that what stands behind the sums is reached as well.
pub(crate) fn journal(data: &[u8]) {
    looked_at(data);
    looked_at(&sealed(data));
}

/// What is accepted has right sums and numbers that go on by one. A bit that is turned over is never taken for another entry:
/// the line is refused, or the end of the journal is cut off before it.
fn looked_at(bytes: &[u8]) {
    let Ok(whole) = Journal::parse(bytes) else { return };
    let good = usize::try_from(whole.good_bytes()).expect("a length");
    assert!(good <= bytes.len());
    assert!(good == 0 || bytes[good - 1] == b'\n');
    for (line, seq) in bytes[..good].split_inclusive(|byte| *byte == b'\n').zip(1..) {
        let entry = entry(line).expect("an accepted line is an entry");
        assert_eq!(entry.seq, seq);
        assert_eq!(self::entry(&journal::line(&entry)).as_ref(), Some(&entry));
    }
    let cut = Journal::parse(&bytes[..good]).expect("the good part is good");
    assert_eq!(cut.history, whole.history);
    if good > 0 {
        flipped(&bytes[..good], &whole);
    }
}

/// Turns one bit over; which one depends on the bytes.
fn flipped(good: &[u8], whole: &Journal) {
    let sum = crc32c::crc32c(good) as usize;
    let mut bytes = good.to_vec();
    bytes[sum % good.len()] ^= 1 << (sum / good.len() % 8);
    if let Ok(read) = Journal::parse(&bytes) {
        assert!(read.history.seq < whole.history.seq, "a bit at {} was turned", sum % good.len());
    }
}

/// The entry of one line whose sum is right, read without the journal's own parser.
fn entry(line: &[u8]) -> Option<Entry> {
    let text = std::str::from_utf8(line).ok()?;
    let (body, sum) = text.trim_end_matches('\n').rsplit_once(",\"crc\":\"")?;
    assert_eq!(sum, format!("{:08x}\"}}", crc32c::crc32c(body.as_bytes())));
    serde_json::from_str(&format!("{body}}}")).ok()
}

/// The same lines with right sums.
fn sealed(data: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::new();
    for line in data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let sum = line.windows(8).rposition(|window| window == b",\"crc\":\"");
        let body = sum.map_or(line.strip_suffix(b"}").unwrap_or(line), |at| &line[..at]);
        sealed.extend(body);
        sealed.extend(format!(",\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(body)).bytes());
    }
    sealed
}
