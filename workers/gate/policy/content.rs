//! What stands in a changed file: which lines are new, conflict markers, and what kind of file it is. Pure.

use std::collections::HashSet;

/// The lines that stood in any changed file before. A line that was moved, or only moved in, is not new.
#[derive(Debug, Default)]
pub(super) struct Known<'a> {
    lines: HashSet<&'a [u8]>,
}

impl<'a> Known<'a> {
    /// Of the contents that the changed files had before.
    pub(super) fn of(contents: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self { lines: contents.into_iter().flat_map(lines).map(<[u8]>::trim_ascii).collect() }
    }

    /// For each line of `content`: is it new?
    pub(super) fn new_lines(&self, content: &[u8]) -> Vec<bool> {
        lines(content).map(|line| !self.lines.contains(line.trim_ascii())).collect()
    }
}

/// The lines of a content, without their ends.
pub(super) fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.split(|&b| b == b'\n')
}

/// The line (from 1) of the first whole set of conflict markers whose outer two are new.
pub(super) fn conflict(content: &[u8], new: &[bool]) -> Option<usize> {
    let is_new = |at: usize| new.get(at).copied().unwrap_or(true);
    let mut begun = None;
    let mut parted = false;
    for (at, line) in lines(content).enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if marks(line, b'<') {
            begun = is_new(at).then_some(at + 1);
            parted = false;
        } else if line == b"=======" {
            parted = begun.is_some();
        } else if marks(line, b'>') {
            if parted && is_new(at) {
                return begun;
            }
            (begun, parted) = (None, false);
        }
    }
    None
}

/// `<<<<<<<` alone, or followed by a space.
fn marks(line: &[u8], with: u8) -> bool {
    line.len() >= 7
        && line[..7].iter().all(|&b| b == with)
        && matches!(line.get(7), None | Some(b' '))
}

/// True for a content that is no text: a zero byte near its beginning, as git sees it.
pub(super) fn binary(content: &[u8]) -> bool {
    content[..content.len().min(8_000)].contains(&0)
}

/// What kind of compiled program a content is; `None` when it is none.
pub(super) fn program(content: &[u8]) -> Option<&'static str> {
    const KINDS: [(&[u8], &str); 7] = [
        (b"\x7fELF", "an ELF program"),
        (b"\xfe\xed\xfa\xce", "a Mach-O program"),
        (b"\xfe\xed\xfa\xcf", "a Mach-O program"),
        (b"\xce\xfa\xed\xfe", "a Mach-O program"),
        (b"\xcf\xfa\xed\xfe", "a Mach-O program"),
        (b"\xca\xfe\xba\xbe", "a Mach-O program or Java class"),
        (b"!<arch>\n", "a compiled library"),
    ];
    let kind = KINDS.iter().find(|(magic, _)| content.starts_with(magic)).map(|(_, kind)| *kind);
    kind.or_else(|| windows(content).then_some("a Windows program"))
}

/// `MZ`, and the PE header where its field says it is. `MZ` alone may begin a text.
fn windows(content: &[u8]) -> bool {
    let field = content.get(0x3c..0x40).and_then(|bytes| bytes.try_into().ok());
    let at = field.map(u32::from_le_bytes).and_then(|at| usize::try_from(at).ok());
    let header = at.and_then(|at| content.get(at..at.checked_add(4)?));
    content.starts_with(b"MZ") && header == Some(b"PE\0\0")
}

/// The content as UTF-8 where its first bytes say that it is UTF-16; as it is otherwise.
pub(super) fn as_utf8(content: Vec<u8>) -> Vec<u8> {
    let read: fn([u8; 2]) -> u16 = match content.get(..2) {
        Some(b"\xff\xfe") => u16::from_le_bytes,
        Some(b"\xfe\xff") => u16::from_be_bytes,
        _ => return content,
    };
    let units = content[2..].chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
    let text: String =
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_new(content: &[u8]) -> Option<usize> {
        conflict(content, &vec![true; lines(content).count()])
    }

    #[test]
    fn conflict_markers_count_as_a_set_only() {
        assert_eq!(all_new(b"a\n<<<<<<< ours\nb\n=======\nc\n>>>>>>> theirs\n"), Some(2));
        assert_eq!(all_new(b"<<<<<<< ours\r\n=======\r\n>>>>>>> theirs\r\n"), Some(1));
        assert_eq!(all_new(b"<<<<<<<\n|||||||\n=======\n>>>>>>>\n"), Some(1));
        assert_eq!(all_new(b"Title\n=======\n\n>>>>>>> quoted\n"), None);
        assert_eq!(all_new(b"<<<<<<< ours\n"), None);
        assert_eq!(all_new(b"<<<<<<<<<<\n=======\n>>>>>>>>>>\n"), None);
        assert_eq!(all_new(b"  <<<<<<< a\n  =======\n  >>>>>>> b\n"), None);
    }

    #[test]
    fn markers_that_were_there_before_do_not_count_and_new_ones_beside_them_do() {
        let set = "<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n";
        let known = Known::of([set.as_bytes()]);
        let look = |text: &str| conflict(text.as_bytes(), &known.new_lines(text.as_bytes()));
        assert_eq!(look(&format!("more\n{set}")), None);
        assert_eq!(look(&format!("{set}<<<<<<< c\n=======\n>>>>>>> d\n")), Some(6));
    }

    #[test]
    fn a_line_is_new_when_no_changed_file_held_it() {
        let known = Known::of([&b"one\ntwo\n"[..], b"three"]);
        assert_eq!(known.new_lines(b"  three\nfour\ntwo\r\n"), [false, true, false, false]);
    }

    #[test]
    fn programs_are_known_by_their_first_bytes() {
        let mut windows = vec![0; 0x80];
        windows[..2].copy_from_slice(b"MZ");
        windows[0x3c] = 0x40;
        assert_eq!(program(&windows), None);
        windows[0x40..0x44].copy_from_slice(b"PE\0\0");
        assert_eq!(program(&windows), Some("a Windows program"));
        assert_eq!(program(b"\x7fELF\x02"), Some("an ELF program"));
        assert_eq!(program(b"\xcf\xfa\xed\xfe"), Some("a Mach-O program"));
        for text in [&b"#!/bin/sh\n"[..], b"MZ is a county", b"", b"\x89PNG\r\n"] {
            assert_eq!(program(text), None, "{text:?}");
        }
    }

    #[test]
    fn utf_16_is_read_as_text() {
        let wide: Vec<u8> = "\u{feff}kéy".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(as_utf8(wide), "kéy".as_bytes());
        assert_eq!(as_utf8(b"plain".to_vec()), b"plain");
    }
}
