//! A journal as somebody reads it who has only its description in `docs/queue-on-disk.md`: own sums, own rules.

use serde_json::Value;

/// One line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) seq: u64,
    pub(crate) kind: String,
    pub(crate) generation: u64,
    pub(crate) worker: String,
    pub(crate) session: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) class: String,
    pub(crate) why: String,
    pub(crate) id: String,
    /// Inode, modification time and birth of the `.state` that its mover has read.
    pub(crate) read: Option<(u64, i64, i64)>,
}

/// The claim that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) generation: u64,
    pub(crate) worker: String,
    pub(crate) state: String,
}

/// A journal and what it adds up to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    pub(crate) lines: Vec<Line>,
    /// Where each of them ends.
    pub(crate) ends: Vec<usize>,
    /// Bytes up to the end of the last good line.
    pub(crate) good: usize,
    /// A bad line with good ones behind it, or one out of order.
    pub(crate) damaged: bool,
    pub(crate) state: String,
    pub(crate) open: Option<Open>,
    pub(crate) highest: u64,
    pub(crate) setbacks: usize,
    pub(crate) crashes: usize,
    suspect: bool,
}

impl Book {
    /// Reads all of it.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut book = Self::default();
        book.read_on(bytes);
        book
    }

    /// Reads the lines that have come since, and tells which they are.
    pub(crate) fn read_on(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let first = self.lines.len();
        while !self.damaged && self.good < bytes.len() {
            let rest = &bytes[self.good..];
            let end = rest.iter().position(|&byte| byte == b'\n');
            let line = end.and_then(|end| line(&rest[..end]));
            let (Some(end), Some(line)) = (end, line) else {
                self.damaged = rest.iter().filter(|&&byte| byte == b'\n').count() > 1;
                break;
            };
            if line.seq != self.lines.len() as u64 + 1 {
                self.damaged = true;
                break;
            }
            self.good += end + 1;
            self.ends.push(self.good);
            self.add(line);
        }
        first..self.lines.len()
    }

    fn add(&mut self, line: Line) {
        self.highest = self.highest.max(line.generation);
        let closes = match line.kind.as_str() {
            "claim" => {
                let (generation, worker) = (line.generation, line.worker.clone());
                self.open = Some(Open { generation, worker, state: line.from.clone() });
                false
            }
            "orphan" | "release" | "advance" | "bury" => {
                self.charge(&line);
                true
            }
            "manual" | "kick" => {
                (self.setbacks, self.crashes, self.suspect) = (0, 0, false);
                true
            }
            _ => false,
        };
        if closes {
            self.open = None;
        }
        if !line.to.is_empty() {
            self.state.clone_from(&line.to);
        }
        self.lines.push(line);
    }

    fn charge(&mut self, line: &Line) {
        match line.class.as_str() {
            _ if line.kind == "bury" => {}
            "work" => {
                self.setbacks += 1;
                self.suspect = false;
            }
            "crash" => {
                self.crashes += usize::from(self.suspect && line.kind != "advance");
                self.suspect = true;
            }
            "" if line.kind == "advance" => self.suspect = false,
            _ => {}
        }
    }

    /// The last line that moved the order.
    pub(crate) fn last_move(&self) -> Option<&Line> {
        self.lines.iter().rev().find(|line| !line.to.is_empty())
    }

    /// The line that somebody wrote with this reason.
    pub(crate) fn with_reason(&self, why: &str) -> Option<&Line> {
        self.lines.iter().rev().find(|line| line.why == why)
    }
}

/// `,"crc":"01234567"}`
const TAIL: usize = 18;

fn line(bytes: &[u8]) -> Option<Line> {
    let (body, tail) = bytes.split_at(bytes.len().checked_sub(TAIL)?);
    if tail != format!(",\"crc\":\"{:08x}\"}}", crc(body)).as_bytes() {
        return None;
    }
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let (ino, mtime, born) =
        (value["ino"].as_u64(), value["mtime"].as_i64(), value["born"].as_i64());
    Some(Line {
        seq: value["seq"].as_u64()?,
        kind: text("e"),
        generation: value["gen"].as_u64()?,
        worker: text("wid"),
        session: text("sid"),
        from: text("from"),
        to: text("to"),
        class: text("class"),
        why: text("why"),
        id: text("id"),
        read: ino.zip(mtime).zip(born).map(|((ino, mtime), born)| (ino, mtime, born)),
    })
}

/// A move as two entries of the same words: what no queue may write.
pub(crate) fn forged(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (body, _) = text.split_once(",\"crc\"")?;
    let (head, rest) = body.split_once("\"seq\":")?;
    let (seq, rest) = rest.split_once(',')?;
    if !rest.contains("\"e\":\"advance\"") || text.lines().count() != 1 {
        return None;
    }
    let again = format!("{head}\"seq\":{},{rest}", seq.parse::<u64>().ok()? + 1);
    let sum = crc(again.as_bytes());
    Some(format!("{text}{again},\"crc\":\"{sum:08x}\"}}\n").into_bytes())
}

/// The polynomial of CRC-32C, its bits turned round.
const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut value = at as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        table[at] = value;
        at += 1;
    }
    table
}

/// CRC-32C (Castagnoli), by its table.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, &byte| TABLE[((sum ^ u32::from(byte)) & 0xff) as usize] ^ sum >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_the_standard() {
        assert_eq!(crc(b"123456789"), 0xe306_9283);
    }
}
