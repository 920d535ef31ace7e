//! The files an order touches, as far as anybody said or saw, and what two orders have in common.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::mentions::mentioned;
use super::paths::{below, clean, is_pattern, overlap};
use crate::order::Request;

/// What an order touches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Footprint {
    /// Paths and folders; true when the request itself names them, false when the spec or the worktree does.
    plain: BTreeMap<String, bool>,
    /// Patterns, likewise.
    patterns: BTreeMap<String, bool>,
    /// The group of orders that are done one after the other, with the plan it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
}

/// What two orders have in common.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Overlap {
    /// Files, as the more exact of the two names them.
    pub files: Vec<String>,
    /// They are of one group, which a person said is to be done one after the other.
    pub same_group: bool,
}

impl std::fmt::Display for Overlap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.files.as_slice(), self.same_group) {
            ([], _) => write!(f, "they are of one group"),
            (files, group) => {
                write!(f, "both touch {}", files[..files.len().min(3)].join(", "))?;
                if files.len() > 3 {
                    write!(f, " and {} more", files.len() - 3)?;
                }
                if group { write!(f, ", and they are of one group") } else { Ok(()) }
            }
        }
    }
}

impl Footprint {
    /// What a request says: its files, the files its text speaks of, its group.
    pub fn of(request: &Request) -> Self {
        let source = request.source.as_deref().unwrap_or_default();
        let group = request.group.as_ref().map(|group| format!("{source}\n{group}"));
        let mut footprint = Self { group, ..Self::default() };
        let said = request.files.iter().filter_map(|name| clean(name));
        for name in said.chain(mentioned(&request.title)).chain(mentioned(&request.body)) {
            footprint.put(name, true);
        }
        footprint
    }

    /// Files that the spec declares or that were found changed in the worktree.
    pub fn note(&mut self, names: impl IntoIterator<Item = impl AsRef<str>>) {
        for name in names.into_iter().filter_map(|name| clean(name.as_ref())) {
            self.put(name, false);
        }
    }

    fn put(&mut self, name: String, asked: bool) {
        let into = if is_pattern(&name) { &mut self.patterns } else { &mut self.plain };
        *into.entry(name).or_default() |= asked;
    }

    /// Every name in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all().map(|(name, _)| name)
    }

    fn all(&self) -> impl Iterator<Item = (&str, bool)> {
        self.plain.iter().chain(&self.patterns).map(|(name, asked)| (name.as_str(), *asked))
    }

    /// What it has in common with `other`, if that keeps the two from being worked on side by side. A file that every
    /// order may touch (`common`) counts only when both requests name it.
    pub fn meets(&self, other: &Self, common: &dyn Fn(&str) -> bool) -> Option<Overlap> {
        let same_group = self.group.is_some() && self.group == other.group;
        let mut files: Vec<String> = Vec::new();
        self.pairs(other, &mut |(name, asked), (other, too)| {
            let exact = match (is_pattern(name), is_pattern(other)) {
                (true, false) => other,
                (false, true) => name,
                _ if other.len() > name.len() => other,
                _ => name,
            };
            if (asked && too) || !common(exact) {
                files.push(exact.to_owned());
            }
        });
        files.sort();
        files.dedup();
        (same_group || !files.is_empty()).then_some(Overlap { files, same_group })
    }

    /// All pairs of names that may mean the same file.
    fn pairs<'a>(&'a self, other: &'a Self, met: &mut dyn FnMut((&'a str, bool), (&'a str, bool))) {
        for (name, &asked) in &self.plain {
            let one = (name.as_str(), asked);
            // The same path, and the folders it lies in.
            let mut above = Some(name.as_str());
            while let Some(path) = above {
                if let Some((known, &too)) = other.plain.get_key_value(path) {
                    met(one, (known, too));
                }
                above = path.rsplit_once('/').map(|(above, _)| above);
            }
            // What lies in it, should it be a folder.
            let inside = format!("{name}/");
            let beneath = other.plain.range(inside..).take_while(|(path, _)| below(path, name));
            beneath.for_each(|(path, &too)| met(one, (path, too)));
            for (pattern, &too) in &other.patterns {
                if overlap(pattern, name) {
                    met(one, (pattern, too));
                }
            }
        }
        for (pattern, &asked) in &self.patterns {
            for (name, too) in other.all() {
                if overlap(pattern, name) {
                    met((pattern, asked), (name, too));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(files: &[&str], body: &str, group: Option<&str>) -> Footprint {
        let mut request = Request::titled("t");
        request.files = files.iter().map(|file| (*file).to_owned()).collect();
        body.clone_into(&mut request.body);
        request.group = group.map(str::to_owned);
        Footprint::of(&request)
    }

    fn common(path: &str) -> bool {
        path == "src/lib.rs"
    }

    fn files(a: &Footprint, b: &Footprint) -> Vec<String> {
        let one = a.meets(b, &common).map(|met| met.files).unwrap_or_default();
        let other = b.meets(a, &common).map(|met| met.files).unwrap_or_default();
        assert_eq!(one, other, "it does not matter who asks");
        one
    }

    #[test]
    fn orders_meet_in_declared_and_mentioned_files() {
        let a = request(&["src/x.rs", "docs/"], "", None);
        assert_eq!(files(&a, &request(&[], "Update `x.rs`", None)), ["src/x.rs"]);
        assert_eq!(files(&a, &request(&["docs/a.md"], "", None)), ["docs/a.md"]);
        assert_eq!(files(&a, &request(&["src/**"], "", None)), ["src/x.rs"]);
        assert_eq!(files(&a, &request(&["src/y.rs"], "see src/z.rs", None)), [""; 0]);
    }

    #[test]
    fn a_file_that_everybody_may_touch_counts_only_when_both_requests_name_it() {
        let mut a = request(&[], "", None);
        a.note(["src/lib.rs", "src/a.rs"]);
        let mut b = request(&["src/lib.rs"], "", None);
        assert_eq!(files(&a, &b), [""; 0]);
        assert_eq!(files(&b, &request(&["src/lib.rs"], "", None)), ["src/lib.rs"]);
        b.note(["src/a.rs"]);
        assert_eq!(files(&a, &b), ["src/a.rs"]);
    }

    #[test]
    fn orders_of_one_group_meet_without_a_file() {
        let met = request(&[], "", Some("db")).meets(&request(&[], "", Some("db")), &common);
        assert!(met.is_some_and(|met| met.same_group && met.files.is_empty()));
        assert!(request(&[], "", Some("db")).meets(&request(&[], "", None), &common).is_none());
        assert!(request(&[], "", None).meets(&request(&[], "", None), &common).is_none());
    }
}
