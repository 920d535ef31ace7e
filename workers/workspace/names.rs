//! Names: the branches and refs of an order, and paths as git knows them (any bytes) written as text.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use crate::error::{Error, Result};
use crate::order::OrderId;

/// The branch that holds the line of finished work.
pub(super) const READY: &str = "refs/heads/shopfloor/ready";

/// The folder of earlier lines of finished work, which came to conflict with the base branch.
pub(super) const EARLIER_READY: &str = "refs/shopfloor/ready/";

/// The order's branch, short: `shopfloor/<id>`. An order called `ready` gets `shopfloor/_ready` (no id begins with
/// `_`), since `shopfloor/ready` is the line of finished work.
pub(super) fn branch(id: &OrderId) -> String {
    match id.as_str() {
        "ready" => "shopfloor/_ready".to_owned(),
        id => format!("shopfloor/{id}"),
    }
}

/// The order's branch in full.
pub(super) fn branch_ref(id: &OrderId) -> String {
    format!("refs/heads/{}", branch(id))
}

/// The ref that says which commit the order's worktree was made from. It is written last when a worktree is made,
/// and taken away when the worktree is.
pub(super) fn base_ref(id: &OrderId) -> String {
    format!("refs/shopfloor/base/{id}")
}

/// The ref of one snapshot.
pub(super) fn snapshot_ref(id: &OrderId, generation: u64) -> String {
    format!("refs/shopfloor/snapshot/{id}/{generation}")
}

/// A ref that keeps work from being lost.
pub(super) fn salvage_ref(id: &OrderId, what: &str) -> String {
    format!("refs/shopfloor/salvage/{id}/{what}")
}

/// The first digits of an object id, enough to tell it from others in one repository.
pub(super) fn short(object: &str) -> &str {
    object.get(..12).unwrap_or(object)
}

/// The text when it is an object id; a usage error otherwise (so that nothing else ever reaches git's command line).
pub(super) fn object(text: &str) -> Result<&str> {
    let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if hex && matches!(text.len(), 40 | 64) {
        Ok(text)
    } else {
        Err(Error::usage(format!("{text:?} is not the full object id of a commit or tree")))
    }
}

/// A path as text. UTF-8 stays as it is; other bytes are written the way git quotes them, `"a\377b"`, and so is a
/// name that begins with a quotation mark: [`path_bytes`] brings every path back.
pub(super) fn path_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.starts_with('"') => text.to_owned(),
        _ => {
            let mut quoted = String::from("\"");
            for &b in bytes {
                match b {
                    b'"' | b'\\' => quoted.extend(['\\', b as char]),
                    0x20..=0x7e => quoted.push(b as char),
                    _ => quoted.push_str(&format!("\\{b:03o}")),
                }
            }
            quoted + "\""
        }
    }
}

/// The bytes of a path that [`path_text`] wrote.
pub(super) fn path_bytes(text: &str) -> OsString {
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    OsString::from_vec(quoted.and_then(unquoted).unwrap_or_else(|| text.as_bytes().to_vec()))
}

fn unquoted(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&b, after)) = rest.split_first() {
        rest = after;
        if b != b'\\' {
            bytes.push(b);
            continue;
        }
        match rest {
            [c @ (b'"' | b'\\'), after @ ..] => {
                bytes.push(*c);
                rest = after;
            }
            [_, _, _, after @ ..] => {
                let digits = std::str::from_utf8(&rest[..3]).ok()?;
                bytes.push(u8::from_str_radix(digits, 8).ok()?);
                rest = after;
            }
            _ => return None,
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn every_path_comes_back_from_its_text() {
        let all: [&[u8]; 7] =
            [b"a b", b"-x\ny", "häh".as_bytes(), b"a\xffb", b"\"q\"", b"\"", b"\\\xfe\"\n"];
        for bytes in all {
            let text = path_text(bytes);
            assert_eq!(path_bytes(&text).as_bytes(), bytes, "{text}");
        }
        assert_eq!(path_text(b"a\xffb"), "\"a\\377b\"");
    }

    #[test]
    fn only_full_object_ids_reach_git() {
        assert!(object(&"a1".repeat(20)).is_ok() && object(&"0".repeat(64)).is_ok());
        for bad in ["", "HEAD", "--all", "abc", &"A".repeat(40)] {
            assert!(object(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_order_called_ready_does_not_take_the_line_of_finished_work() {
        let id = OrderId::parse("ready").unwrap();
        assert_ne!(branch_ref(&id), READY);
    }
}
