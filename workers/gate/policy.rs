//! The gate POLICY: what an order changed stays inside what it may change.

use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::findings::{counted, some};
use super::scene::{Scene, Tools};
use super::spec;
use crate::check::Check;
use crate::error::{Error, Result};
use crate::workspace::{Bench, Change, ChangeKind};

/// Looks at the changes of the scene's order.
pub(super) async fn check(tools: &Tools, scene: &Scene) -> Result<Check> {
    let (bench, tree) = match scene.work() {
        Ok(work) => work,
        Err(answer) => return Ok(answer),
    };
    let policy = &tools.config.policy;
    let protected = patterns(&policy.protected)?;
    let mut declared = spec::declared_of(scene)?;
    declared.extend(scene.request.files.iter().cloned());
    let changes = tools.workspace.changes(&bench.base.tree, tree).await?;

    let mut faults = Vec::new();
    for change in &changes {
        faults.extend(path_fault(change));
        faults.extend(special_fault(change, bench));
        if protected.is_match(&change.path) && !declared.contains(&change.path) {
            faults.push(format!("{} is protected and was not declared", shown(change)));
        }
        if change.kind == ChangeKind::Added && change.bytes > policy.max_file_kib * 1024 {
            let (is, most) = (change.bytes.div_ceil(1024), policy.max_file_kib);
            faults.push(format!("{} has {is} KiB; a new file may have {most}", shown(change)));
        }
        faults.extend(marker_fault(tools, bench, tree, change).await?);
    }
    let lines: u64 = changes.iter().map(|c| c.added.unwrap_or(0) + c.removed.unwrap_or(0)).sum();
    if lines > policy.max_lines {
        faults.push(format!(
            "{lines} lines were added and removed; one order may change {}",
            policy.max_lines
        ));
    }
    Ok(answer(&faults, &changes, &declared, lines))
}

fn answer(faults: &[String], changes: &[Change], declared: &[String], lines: u64) -> Check {
    if let [first, rest @ ..] = faults {
        let why = match rest.len() {
            0 => first.clone(),
            more => format!("{first} (and {more} more)"),
        };
        let list: String = faults.iter().map(|fault| format!("- {fault}\n")).collect();
        return Check::fail_with(
            why,
            format!("The change leaves what this order may do:\n\n{list}"),
        );
    }
    let drift: Vec<&str> = changes
        .iter()
        .map(|change| change.path.as_str())
        .filter(|path| !declared.iter().any(|named| covers(named, path)))
        .collect();
    let mut line = format!("{}, {} changed", counted(changes.len(), "file"), lines_word(lines));
    if !drift.is_empty() && !declared.is_empty() {
        line.push_str(&format!(
            "; drift: {} not declared ({})",
            counted(drift.len(), "file"),
            some(&drift)
        ));
    }
    Check::pass(line)
}

fn lines_word(lines: u64) -> String {
    counted(usize::try_from(lines).unwrap_or(usize::MAX), "line")
}

/// A declared folder covers what lies in it.
fn covers(named: &str, path: &str) -> bool {
    let folder = named.trim_end_matches('*').trim_end_matches('/');
    path == named || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn shown(change: &Change) -> String {
    format!("`{}`", change.path.escape_debug())
}

fn path_fault(change: &Change) -> Option<String> {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let git = |part: &str| part.eq_ignore_ascii_case(".git");
    let odd = !Path::new(&change.path).components().all(plain) || change.path.split('/').any(git);
    odd.then(|| format!("{} is not inside the repository", shown(change)))
}

/// A symlink may point at something inside the repository; a submodule may not come in.
fn special_fault(change: &Change, bench: &Bench) -> Option<String> {
    if !change.special || change.kind == ChangeKind::Deleted {
        return None;
    }
    let link = bench.path.join(&change.path);
    match std::fs::read_link(&link) {
        Ok(target) if leads_inside(&link, &target, &bench.path) => None,
        Ok(target) => Some(format!(
            "{} is a symlink that leaves the repository (to `{}`)",
            shown(change),
            target.display().to_string().escape_debug()
        )),
        Err(_) => Some(format!("{} is a submodule, or no plain file", shown(change))),
    }
}

fn leads_inside(link: &Path, target: &Path, root: &Path) -> bool {
    // An absolute target leads nowhere in another checkout, even where it lies inside this one.
    if target.is_absolute() {
        return false;
    }
    let Some(lexical) = resolved(&link.parent().unwrap_or(root).join(target)) else { return false };
    let in_git = |path: &Path| path.strip_prefix(root).is_ok_and(|rest| rest.starts_with(".git"));
    // Where it exists, other symlinks on the way count too.
    let real = !link.exists() || super::inside(link, root);
    lexical.starts_with(root) && !in_git(&lexical) && real
}

/// The path without `.` and `..`, by its text alone.
fn resolved(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if !plain.pop() => return None,
            Component::ParentDir | Component::CurDir => {}
            other => plain.push(other),
        }
    }
    Some(plain)
}

async fn marker_fault(
    tools: &Tools,
    bench: &Bench,
    tree: &str,
    change: &Change,
) -> Result<Option<String>> {
    // `added` is unknown for binary files.
    if change.kind == ChangeKind::Deleted || change.special || change.added.is_none() {
        return Ok(None);
    }
    let marked = |bytes: Option<Vec<u8>>| bytes.and_then(|bytes| conflict(&bytes));
    let Some(line) = marked(tools.workspace.file(tree, &change.path).await?) else {
        return Ok(None);
    };
    // A file about conflicts may have had such lines before.
    let before = marked(tools.workspace.file(&bench.base.tree, &change.path).await?);
    Ok(before.is_none().then(|| format!("{} holds conflict markers (line {line})", shown(change))))
}

/// The line (from 1) of the first whole set of conflict markers.
fn conflict(bytes: &[u8]) -> Option<usize> {
    let mut begun = None;
    let mut parted = false;
    for (at, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b"<<<<<<< ") {
            begun = Some(at + 1);
            parted = false;
        } else if line == b"=======" {
            parted = begun.is_some();
        } else if line.starts_with(b">>>>>>> ") && parted {
            return begun;
        }
    }
    None
}

/// The protected patterns: `*` stays within a name, `**` crosses folders.
fn patterns(words: &[String]) -> Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for word in words {
        let glob = GlobBuilder::new(word).literal_separator(true).build().map_err(|error| {
            Error::usage(format!("[policy] protected has the pattern {word:?}"))
                .caused_by(error)
                .hint("correct that pattern in shopfloor.toml")
        })?;
        set.add(glob);
    }
    set.build().map_err(|error| {
        Error::usage("failed to read [policy] protected")
            .caused_by(error)
            .hint("correct the patterns in shopfloor.toml")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_a_name_and_two_cross_folders() {
        let set = patterns(&crate::config::Policy::default().protected).unwrap();
        for path in [".github/workflows/a.yml", ".gitattributes", "shopfloor.toml", ".ci/run"] {
            assert!(set.is_match(path), "{path}");
        }
        for path in ["src/shopfloor.toml", ".gitignore", "github/x", ".gitx/y"] {
            assert!(!set.is_match(path), "{path}");
        }
        let error = patterns(&["a[".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("a[") && error.next_step().is_some(), "{error}");
    }

    #[test]
    fn conflict_markers_count_as_a_set_only() {
        assert_eq!(conflict(b"a\n<<<<<<< ours\nb\n=======\nc\n>>>>>>> theirs\n"), Some(2));
        assert_eq!(conflict(b"<<<<<<< ours\r\n=======\r\n>>>>>>> theirs\r\n"), Some(1));
        assert_eq!(conflict(b"Title\n=======\n\n>>>>>>> quoted\n"), None);
        assert_eq!(conflict(b"<<<<<<< ours\n"), None);
    }

    #[test]
    fn a_declared_folder_covers_what_lies_in_it() {
        for named in ["src", "src/", "src/**", "src/*", "src/a.rs"] {
            assert!(covers(named, "src/a.rs"), "{named}");
        }
        assert!(!covers("src/a", "src/a.rs") && !covers("sr", "src/a.rs"));
    }

    #[test]
    fn a_links_target_is_followed_by_its_text_and_for_real() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        std::fs::write(root.join("here"), "x").unwrap();
        for (target, inside) in [
            ("here", true),
            ("./gone", true),
            ("../x", false),
            ("/etc/passwd", false),
            (".git/config", false),
        ] {
            let link = root.join("link");
            drop(std::fs::remove_file(&link));
            std::os::unix::fs::symlink(target, &link).unwrap();
            assert_eq!(leads_inside(&link, Path::new(target), &root), inside, "{target}");
        }
    }
}
