//! Symlinks: one may point at something inside the repository, and nowhere else.

use std::path::{Component, Path, PathBuf};

/// What is wrong with a path that is no plain file in the worktree at `root`, reading on from it.
pub(super) fn fault(path: &str, root: &Path) -> Option<String> {
    let link = root.join(path);
    match std::fs::read_link(&link) {
        Ok(target) if leads_inside(&link, &target, root) => None,
        Ok(target) => Some(format!(
            "is a symlink that leaves the repository (to `{}`)",
            target.display().to_string().escape_debug()
        )),
        Err(_) => Some("is a submodule, or no plain file".to_owned()),
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
    let real = !link.exists() || crate::gate::inside(link, root);
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

#[cfg(test)]
mod tests {
    use super::*;

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
