//! The settings git runs with: ours, then what the operator had set when we opened the project.
//!
//! An agent can write the repository's configuration, and much of it names programs to run. Settings given with the
//! call win over every file, so each one that could run something, or hide a change from us, is given with the call.
//! Drivers have names that nobody can foresee: those that were there when the project was opened keep the value they
//! had then, and every later one is switched off.

use std::collections::{BTreeMap, BTreeSet};

/// Settings of every call. Programs off, network off, nothing guessed, nothing hidden, commits on disk.
const OURS: [(&str, &str); 36] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.sshCommand", "false"),
    ("core.askPass", "false"),
    ("core.pager", "cat"),
    ("core.editor", "true"),
    ("core.attributesFile", "/dev/null"),
    ("core.untrackedCache", "false"),
    ("core.splitIndex", "false"),
    ("core.sparseCheckout", "false"),
    ("core.checkStat", "default"),
    ("core.trustctime", "true"),
    ("core.ignoreStat", "false"),
    ("core.safecrlf", "false"),
    ("core.filesRefLockTimeout", "1000"),
    ("core.packedRefsTimeout", "10000"),
    ("core.fsync", "committed,reference"),
    ("core.fsyncMethod", "batch"),
    ("index.sparse", "false"),
    ("add.ignoreErrors", "false"),
    ("branch.autoSetupMerge", "false"),
    ("clean.requireForce", "true"),
    ("commit.gpgSign", "false"),
    ("tag.gpgSign", "false"),
    ("credential.helper", ""),
    ("diff.mnemonicPrefix", "false"),
    ("diff.noprefix", "false"),
    ("diff.ignoreSubmodules", "dirty"),
    ("gc.auto", "0"),
    ("i18n.commitEncoding", "UTF-8"),
    ("maintenance.auto", "false"),
    ("merge.renormalize", "false"),
    ("protocol.allow", "never"),
    ("submodule.recurse", "false"),
    ("worktree.guessRemote", "false"),
    ("worktree.useRelativePaths", "false"),
];

/// Settings that say how file content is read and written: the operator's value, or this default.
const OPERATORS: [(&str, &str); 6] = [
    ("core.filemode", "true"),
    ("core.symlinks", "true"),
    ("core.ignorecase", "false"),
    ("core.autocrlf", "false"),
    ("core.eol", "native"),
    ("core.precomposeunicode", "false"),
];

/// Names and values, in the order git reads them; the last one wins.
pub(super) type Pairs = Vec<(String, String)>;

/// What was configured when the project was opened, and what follows from it for every call.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The settings of every call.
    pub(super) pairs: Pairs,
    /// Filters and merge drivers the operator had then.
    trusted: BTreeMap<String, String>,
}

/// The configuration as `git config --list -z` prints it.
pub(super) fn parse(listed: &[u8]) -> Pairs {
    let text = String::from_utf8_lossy(listed);
    let entries = text.split('\0').filter(|entry| !entry.is_empty());
    entries
        .map(|entry| match entry.split_once('\n') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            // `[section] name` without a value means true.
            None => (entry.to_owned(), "true".to_owned()),
        })
        .collect()
}

/// The last value of a name, as git reads it.
pub(super) fn value<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// The settings that hold before anything is known of the project.
pub(super) fn ours() -> Pairs {
    OURS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

impl Settings {
    /// From what the operator had configured: system, user and repository.
    pub(super) fn of_operator(listed: &Pairs) -> Self {
        let mut pairs = ours();
        for (name, default) in OPERATORS {
            let value = value(listed, name).unwrap_or(default);
            pairs.push((name.to_owned(), value.to_owned()));
        }
        let ignore = value(listed, "core.excludesfile").map(str::to_owned);
        pairs.push(("core.excludesFile".to_owned(), ignore.unwrap_or_else(users_ignore_file)));
        let drivers = listed.iter().filter(|(name, _)| off(name).is_some());
        Self { pairs, trusted: drivers.cloned().collect() }
    }

    /// What must be added so that no driver runs that the operator did not have. `listed` is the configuration now.
    /// A key that nobody set stays unset: an empty `process`, for instance, would switch a trusted `clean` off.
    pub(super) fn drivers_off(&self, listed: &Pairs) -> Pairs {
        let mut pairs = Pairs::new();
        let now = listed.iter().map(|(name, _)| name);
        let names: BTreeSet<&String> = now.chain(self.trusted.keys()).collect();
        for name in names {
            if let Some(off) = off(name) {
                let value = self.trusted.get(name).map_or(off, String::as_str);
                pairs.push((name.clone(), value.to_owned()));
            }
        }
        pairs
    }
}

/// For a setting of a driver that runs programs where no flag switches it off: the value that makes it do nothing. A
/// merge driver that is empty would keep one side and say that all is well: `false` fails, and the file is a conflict.
fn off(setting: &str) -> Option<&'static str> {
    let (section, rest) = setting.split_once('.')?;
    // Names may hold dots.
    let (_name, key) = rest.rsplit_once('.')?;
    match (section, key) {
        ("filter", "clean" | "smudge" | "process") => Some(""),
        ("filter", "required") | ("merge", "driver") => Some("false"),
        ("merge", "recursive") => Some("text"),
        _ => None,
    }
}

/// Where git looks for the user's own ignore file when no setting names it. Given by name, so that the repository's
/// configuration can't name another.
fn users_ignore_file() -> String {
    let home = || Some(std::path::PathBuf::from(std::env::var_os("HOME")?).join(".config"));
    let folder = std::env::var_os("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty());
    let folder = folder.map(std::path::PathBuf::from).or_else(home);
    let file = folder.map(|folder| folder.join("git").join("ignore"));
    file.and_then(|file| file.to_str().map(str::to_owned)).unwrap_or_else(|| "/dev/null".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(all: &[(&str, &str)]) -> Pairs {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_driver_that_appears_later_is_off_and_an_old_one_keeps_its_value() {
        let then = pairs(&[("filter.lfs.clean", "git-lfs clean"), ("filter.lfs.required", "true")]);
        let settings = Settings::of_operator(&then);
        let now = pairs(&[
            ("filter.lfs.clean", "evil"),
            ("filter.lfs.smudge", "evil"),
            ("filter.a=b.c.smudge", "evil"),
            ("merge.x.driver", "evil"),
        ]);
        let off = settings.drivers_off(&now);
        assert_eq!(value(&off, "filter.lfs.clean"), Some("git-lfs clean"));
        assert_eq!(value(&off, "filter.lfs.process"), None);
        assert_eq!(value(&off, "filter.lfs.required"), Some("true"));
        assert_eq!(value(&off, "filter.a=b.c.smudge"), Some(""));
        assert_eq!(value(&off, "filter.lfs.smudge"), Some(""));
        assert_eq!(value(&off, "merge.x.driver"), Some("false"));
        assert!(off.iter().all(|(_, value)| !value.contains("evil")));
    }

    #[test]
    fn the_list_of_git_is_read_with_its_odd_values() {
        let listed = parse(b"core.bare\nfalse\0a.flag\0b.two\nline 1\nline 2\0b.two\nlast\0");
        assert_eq!(value(&listed, "a.flag"), Some("true"));
        assert_eq!(value(&listed, "b.two"), Some("last"));
        assert_eq!(listed[2].1, "line 1\nline 2");
    }

    #[test]
    fn how_files_are_read_stays_as_the_operator_had_it() {
        let settings = Settings::of_operator(&pairs(&[("core.autocrlf", "input")]));
        assert_eq!(value(&settings.pairs, "core.autocrlf"), Some("input"));
        assert_eq!(value(&settings.pairs, "core.filemode"), Some("true"));
    }
}
