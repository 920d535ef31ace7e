//! Names of files that can't stand on another machine, or that are not what they look like.

use std::collections::HashMap;
use std::path::{Component, Path};

/// What is wrong with a new path, reading on from it. It is told of the path alone.
pub(super) fn odd(path: &str) -> Option<&'static str> {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let git = |part: &str| part.eq_ignore_ascii_case(".git");
    if !Path::new(path).components().all(plain) || path.split('/').any(git) {
        return Some("is not inside the repository");
    }
    if path.starts_with('"') {
        return Some("has a name that is not UTF-8, or begins with a quotation mark");
    }
    if path.contains(char::is_control) {
        return Some("has control characters in its name");
    }
    path.contains(unseen).then_some("has characters in its name that are not seen")
}

/// Characters without a width, and those that turn the direction of reading.
fn unseen(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

/// All the names of a tree by what they are where case does not count, folders included.
#[derive(Debug, Default)]
pub(super) struct Twins {
    spellings: HashMap<String, Vec<String>>,
}

impl Twins {
    /// Of the paths of a tree.
    pub(super) fn of(paths: &[String]) -> Self {
        let mut twins = Self::default();
        for name in paths.iter().flat_map(|path| with_folders(path)) {
            let known = twins.spellings.entry(name.to_lowercase()).or_default();
            if !known.iter().any(|other| other == name) {
                known.push(name.to_owned());
            }
        }
        twins
    }

    /// Another name of the tree that differs from `path`, or from a folder it lies in, only in case.
    pub(super) fn twin(&self, path: &str) -> Option<&str> {
        with_folders(path).find_map(|name| {
            let spellings = self.spellings.get(&name.to_lowercase())?;
            spellings.iter().find(|other| *other != name).map(String::as_str)
        })
    }
}

/// `a`, `a/b`, `a/b/c`.
fn with_folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at]).chain([path])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_read_is_odd() {
        for (path, part) in [
            ("a\nb", "control"),
            ("a\u{1b}[2Kb", "control"),
            ("gpj.\u{202e}exe", "not seen"),
            ("li\u{200b}b.rs", "not seen"),
            ("\"a\\377b\"", "UTF-8"),
            ("a/.GIT/hooks/x", "not inside"),
            ("../x", "not inside"),
        ] {
            assert!(odd(path).is_some_and(|why| why.contains(part)), "{path:?}");
        }
        for path in ["a b/ü.txt", "日本/x", ".gitignore", "a..b"] {
            assert_eq!(odd(path), None, "{path:?}");
        }
    }

    #[test]
    fn a_twin_differs_only_in_case_in_a_name_or_a_folder() {
        let tree = ["src/lib.rs", "src/Lib.rs", "Docs/a.md", "docs/b.md"].map(str::to_owned);
        let twins = Twins::of(&tree);
        assert_eq!(twins.twin("src/lib.rs"), Some("src/Lib.rs"));
        assert_eq!(twins.twin("docs/b.md"), Some("Docs"));
        assert_eq!(twins.twin("src/other.rs"), None);
    }
}
