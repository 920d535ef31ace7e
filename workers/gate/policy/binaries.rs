//! Files that nobody can read in a review: compiled programs, large binaries, files that grew too large. Pure.

use super::content::{binary, program};
use crate::config::Policy;

/// What is wrong with a content as a binary, reading on from its path. A declared file may be one.
pub(super) fn fault(
    now: &[u8],
    before: Option<&[u8]>,
    declared: bool,
    policy: &Policy,
) -> Option<String> {
    if declared {
        return None;
    }
    if let Some(kind) = program(now) {
        return Some(format!("is {kind} and was not declared"));
    }
    let sizes = (before.map(<[u8]>::len), now.len());
    let why = if binary(now) { too_large(sizes, policy.max_binary_kib, "binary") } else { None };
    why.map(|why| format!("{why}, unless it is declared"))
}

/// What is wrong with a size (bytes before, bytes now) under this limit (KiB). What was above it before may stay so.
pub(super) fn too_large(
    (before, now): (Option<usize>, usize),
    most_kib: u64,
    what: &str,
) -> Option<String> {
    let kib = |bytes: usize| (bytes as u64).div_ceil(1024);
    let grown = kib(now) > most_kib && before.is_none_or(|before| kib(before) <= most_kib);
    grown.then(|| format!("has {} KiB; a new {what} may have {most_kib}", kib(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_counts_when_the_order_made_it_so() {
        assert!(too_large((None, 2049), 2, "file").is_some_and(|why| why.contains("has 3 KiB")));
        assert_eq!(too_large((None, 2048), 2, "file"), None);
        assert!(too_large((Some(10), 4000), 2, "file").is_some());
        assert_eq!(too_large((Some(3000), 4000), 2, "file"), None);
    }

    #[test]
    fn a_program_must_be_declared_whatever_its_size() {
        let policy = Policy::default();
        let program = b"\x7fELF\x02\x01\x01\0";
        assert!(fault(program, None, false, &policy).is_some_and(|why| why.contains("ELF")));
        assert_eq!(fault(program, None, true, &policy), None);
        assert_eq!(fault(b"\x89PNG\0", None, false, &policy), None);
        assert!(fault(&vec![0; 300 * 1024], None, false, &policy).is_some());
        assert_eq!(fault("text\n".repeat(100_000).as_bytes(), None, false, &policy), None);
    }
}
