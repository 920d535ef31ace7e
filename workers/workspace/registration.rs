//! What ties a folder to the repository as one of its worktrees: a `.git` file there, and an admin folder
//! `worktrees/<name>` in the repository, each naming the other. An agent can break either; the folder's content is kept
//! and tied anew.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::Workspace;
use super::lock::Lock;
use crate::error::{Error, Result};

/// Why our worktrees are locked against `git worktree prune`; git shows it to people, and we know ours by it.
const REASON: &str = "made by shopfloor";

/// What a worktree has checked out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Head<'a> {
    /// A branch, short. It exists.
    Branch(&'a str),
    /// A commit without a branch.
    Commit(&'a str),
}

impl Workspace {
    /// The folder's admin folder, when the two still name each other.
    pub(super) fn admin(&self, path: &Path) -> Option<PathBuf> {
        let file = path.join(".git");
        if !fs::symlink_metadata(&file).ok()?.is_file() {
            return None;
        }
        let admin = PathBuf::from(one_line(&file)?.strip_prefix("gitdir: ")?);
        let known = admin.parent() == Some(self.git.common.join("worktrees").as_path());
        let back = PathBuf::from(one_line(&admin.join("gitdir"))?);
        (known && back == file && one_line(&admin.join("commondir"))? == "../..").then_some(admin)
    }

    /// The same, and it has that branch checked out. (An agent may have switched to another.)
    pub(super) fn admin_on(&self, path: &Path, branch: &str) -> Option<PathBuf> {
        let admin = self.admin(path)?;
        let head = one_line(&admin.join("HEAD"))?;
        // A repository whose refs are not files has this word in its place.
        let here =
            head == format!("ref: refs/heads/{branch}") || head == "ref: refs/heads/.invalid";
        here.then_some(admin)
    }

    /// Ties the folder to the repository, anew if it was tied. It is made when missing; content in it stays as it is.
    /// The admin folder.
    pub(super) async fn register(&self, path: &Path, head: Head<'_>) -> Result<PathBuf> {
        // Side by side, `git worktree add` fails in 13-24 % of calls.
        let lock = Lock::take(&self.locks, "worktree", &self.git.stop).await?;
        self.unregister(path)?;
        let there = is_folder(path);
        let at = if there { self.fresh_place(path)? } else { path.to_owned() };
        if !there {
            self.trash(path)?;
        }
        let args = [
            "worktree",
            "add",
            "--quiet",
            "--force",
            "--no-checkout",
            "--lock",
            "--reason",
            REASON,
        ];
        let mut call = self.git.call(format!("add the worktree {}", path.display()), &args);
        if matches!(head, Head::Commit(_)) {
            call = call.arg("--detach");
        }
        let (Head::Branch(name) | Head::Commit(name)) = head;
        call.arg(&at).arg(name).with_drivers().done().await?;
        let admin = self.admin(&at).ok_or_else(|| {
            let message =
                format!("failed to add the worktree {}: git made it otherwise", path.display());
            Error::new(crate::error::Kind::Failed, message)
        })?;
        if there {
            // The content stays where it is: only the small file that names the repository moves.
            let file = path.join(".git");
            self.trash(&file)?;
            let mut line = file.as_os_str().as_bytes().to_vec();
            line.push(b'\n');
            let back = admin.join("gitdir");
            fs::write(&back, line).map_err(|error| Error::io("write", &back, error))?;
            fs::rename(at.join(".git"), &file).map_err(|error| Error::io("write", &file, error))?;
            self.trash(&at)?;
        }
        drop(lock);
        Ok(admin)
    }

    /// Unties the folder; its content stays.
    pub(super) async fn untie(&self, path: &Path) -> Result<()> {
        let _lock = Lock::take(&self.locks, "worktree", &self.git.stop).await?;
        self.unregister(path)
    }

    /// Where a new registration is made for a folder with content: it has the same last name, so that git gives the
    /// admin folder a name that people know.
    fn fresh_place(&self, path: &Path) -> Result<PathBuf> {
        let name = path.file_name().unwrap_or(OsStr::new("worktree"));
        let place = self.root.join(".bench").join(".new");
        fs::create_dir_all(&place).map_err(|error| Error::io("make the folder", &place, error))?;
        let place = place.join(name);
        self.unregister(&place)?;
        self.trash(&place)?;
        Ok(place)
    }

    /// Takes away every admin folder that names `path`, and those of ours that name nothing: their git was killed. To be
    /// called under the worktree lock.
    fn unregister(&self, path: &Path) -> Result<()> {
        let all = self.git.common.join("worktrees");
        let Ok(entries) = fs::read_dir(&all) else { return Ok(()) };
        let file = path.join(".git");
        for admin in entries.flatten().map(|entry| entry.path()) {
            let unfinished = || one_line(&admin.join("locked")).as_deref() == Some(REASON);
            let goes = match one_line(&admin.join("gitdir")) {
                Some(line) if !line.is_empty() => Path::new(&line) == file,
                _ => unfinished(),
            };
            if goes {
                self.trash(&admin)?;
            }
        }
        Ok(())
    }

    /// Takes something away whole: renamed aside, so that a crash never leaves half of it. Nothing there is fine.
    /// [`Workspace::empty_trash`] frees the space.
    pub(super) fn trash(&self, path: &Path) -> Result<()> {
        let trash = self.root.join(".trash");
        fs::create_dir_all(&trash).map_err(|error| Error::io("make the folder", &trash, error))?;
        let aside = trash.join(uuid::Uuid::new_v4().to_string());
        let mut renamed = fs::rename(path, &aside);
        if is_folder(path) && renamed.as_ref().is_err_and(is_forbidden) {
            // A folder that moves must be writable itself.
            let opened = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
            renamed = opened.and_then(|()| fs::rename(path, &aside));
        }
        match renamed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            // The repository and the worktrees may be on different file systems.
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                remove(path).map_err(|error| Error::io("remove", path, error))
            }
            other => other.map_err(|error| Error::io("take away", path, error)),
        }
    }

    /// Frees the space of what was taken away, by us or by a process that died since.
    pub(super) async fn empty_trash(&self) {
        let trash = self.root.join(".trash");
        let work = tokio::task::spawn_blocking(move || {
            let Ok(entries) = fs::read_dir(&trash) else { return };
            for path in entries.flatten().map(|entry| entry.path()) {
                if let Err(error) = remove(&path)
                    && error.kind() != io::ErrorKind::NotFound
                {
                    tracing::warn!(path = %path.display(), %error, "could not empty the trash");
                }
            }
        });
        drop(work.await);
    }
}

/// True for a folder, and not for a symlink to one.
pub(super) fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

fn is_forbidden(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// Removes a file or a whole folder; folders that may not be written to are made so first.
fn remove(path: &Path) -> io::Result<()> {
    if !is_folder(path) {
        return fs::remove_file(path);
    }
    match fs::remove_dir_all(path) {
        Err(error) if is_forbidden(&error) => {}
        other => return other,
    }
    for entry in walkdir::WalkDir::new(path).into_iter().flatten() {
        if entry.file_type().is_dir() {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700))?;
        }
    }
    fs::remove_dir_all(path)
}

/// The single line of a small file; `None` when it can't be read as that.
fn one_line(path: &Path) -> Option<String> {
    let found = fs::symlink_metadata(path).ok()?;
    if !found.is_file() || found.len() > 16 * 1024 {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    Some(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}
