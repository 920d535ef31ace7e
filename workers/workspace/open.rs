//! Opening a project: everything that could be wrong with it is said here, with the next step, before any work begins.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::Workspace;
use super::git::{self, Git, Said};
use super::names::path_text;
use super::settings::{self, Settings};
use crate::error::{Error, Kind, Result};
use crate::stop::Stop;

/// The first version that merges without a working tree.
const OLDEST: (u32, u32) = (2, 38);

impl Workspace {
    /// The project in `project`, with its worktrees below `root` (made when missing). `base` is the branch that finished
    /// work is meant for (`None`: the one checked out there). `locks` is the folder of our own lock files. `cookie`
    /// marks the git processes. Errors (kind `Usage`, with a next step): not a git repository, no commit yet, `base`
    /// missing, `root` inside the project without being excluded; (kind `Environment`): git missing or older than 2.38.
    pub async fn open(
        project: &Path,
        root: &Path,
        base: Option<&str>,
        locks: &Path,
        cookie: &str,
    ) -> Result<Self> {
        let project = project
            .canonicalize()
            .map_err(|error| Error::io("open the project", project, error))?;
        let look = Look { project: &project, cookie };
        let version = look.version().await?;
        let (project_git_dir, common) = look.folders().await?;
        let settings = look.ask("read git's settings", &["config", "--list", "-z"]).await?;
        let listed = settings::parse(&settings.checked()?);
        let base_branch = look.base_branch(base).await?;
        let (root, locks) = (real(root)?, real(locks)?);
        let identity = |name: &str, otherwise: &str| {
            let value = settings::value(&listed, name).filter(|value| !value.trim().is_empty());
            value.unwrap_or(otherwise).to_owned()
        };
        let git = Git {
            common,
            nowhere: root.join(".bench").join(".nowhere"),
            ceiling: root.clone(),
            cookie: cookie.to_owned(),
            settings: Settings::of_operator(&listed),
            identity: (
                identity("user.name", "shopfloor"),
                identity("user.email", "shopfloor@localhost"),
            ),
            version,
            stop: Stop::new(),
        };
        let workspace = Self { project, project_git_dir, root, locks, base_branch, git };
        workspace.check_place().await?;
        for path in [&workspace.git.nowhere, &workspace.locks] {
            std::fs::create_dir_all(path)
                .map_err(|error| Error::io("make the folder", path, error))?;
        }
        workspace.check_branches().await?;
        Ok(workspace)
    }

    /// The same workspace, whose calls end when `stop` wants an end at once. Whatever git is at then is left as a crash
    /// would leave it.
    #[must_use]
    pub fn heeding(mut self, stop: &Stop) -> Self {
        self.git.stop = stop.clone();
        self
    }

    /// What is uncommitted in the project, one line; `None` when it is clean. (It stays there, untouched and unused.)
    pub async fn dirty(&self) -> Result<Option<String>> {
        let args = ["status", "--porcelain=v1", "-z", "--no-renames", "--ignore-submodules=dirty"];
        let index = self.project_git_dir.join("index");
        let call = self.git.call("look for uncommitted work in the project", &args);
        let call = call.on_files(&self.project, &index).in_git_dir(&self.project_git_dir);
        let output = call.done().await?;
        let entries = output.split(|&b| b == 0).filter(|entry| entry.len() > 3);
        let paths: Vec<String> = entries.map(|entry| path_text(&entry[3..])).collect();
        if paths.is_empty() {
            return Ok(None);
        }
        let mut line: Vec<String> =
            paths.iter().take(3).map(|path| path.escape_debug().to_string()).collect();
        if paths.len() > 3 {
            line.push(format!("and {} more", paths.len() - 3));
        }
        Ok(Some(line.join(", ")))
    }

    /// Worktrees must not be where the project's own tools would crawl them, or where git would take them for content.
    async fn check_place(&self) -> Result<()> {
        let (root, project) = (&self.root, &self.project);
        let hint = "name another folder in [worktree] root, outside the project";
        if project.starts_with(root) || root.starts_with(&self.git.common) {
            let message = format!("worktrees can't be in {}: ", root.display());
            let why = if project.starts_with(root) {
                "the project is inside it"
            } else {
                "that is git's own folder"
            };
            return Err(Error::usage(message + why).hint(hint));
        }
        if !root.starts_with(project) {
            return Ok(());
        }
        let index = self.project_git_dir.join("index");
        let call = self.git.call("ask git what the project ignores", &["check-ignore", "-q", "--"]);
        // This command takes no literal paths; an absolute one has no magic.
        let call = call.arg(root).env("GIT_LITERAL_PATHSPECS", "0");
        let said = call.on_files(project, &index).said().await?;
        match said.code {
            0 => Ok(()),
            1 => {
                let message =
                    format!("worktrees can't be in {}: it is inside the project", root.display());
                Err(Error::usage(message)
                    .hint(format!("{hint}, or exclude it: add it to .git/info/exclude")))
            }
            _ => Err(said.error()),
        }
    }

    /// Our branches are called `shopfloor/...`: neither may that be the base, nor a branch of the user's stand in the way.
    async fn check_branches(&self) -> Result<()> {
        if self.base_branch.starts_with("shopfloor/") {
            let message = format!(
                "the base branch can't be {}: that is a branch of shopfloor's own",
                self.base_branch
            );
            return Err(Error::usage(message)
                .hint("check out your own branch, or name it: [project] base in shopfloor.toml"));
        }
        if self.tip("refs/heads/shopfloor").await?.is_some() {
            return Err(Error::usage(
                "the project has a branch called shopfloor, so git can't make shopfloor/<order>",
            )
            .hint("rename it: git branch -m shopfloor another-name"));
        }
        Ok(())
    }
}

/// A project we know nothing of yet.
struct Look<'a> {
    project: &'a Path,
    cookie: &'a str,
}

impl Look<'_> {
    async fn ask(&self, doing: &str, args: &[&str]) -> Result<Said> {
        let args = args.iter().map(OsString::from).collect();
        let mut program = git::plain(self.project, self.cookie, args, &settings::ours());
        // The operator's own settings may be there; children inherit it from nobody else.
        if let Some(folder) = std::env::var_os("XDG_CONFIG_HOME") {
            program = program.env("XDG_CONFIG_HOME", folder);
        }
        git::run(&program, doing, &[], usize::MAX, &Stop::new()).await
    }

    async fn version(&self) -> Result<(u32, u32)> {
        let said = self.ask("ask git for its version", &["version"]).await?;
        let text = String::from_utf8_lossy(&said.checked()?).trim().to_owned();
        match parse_version(&text) {
            Some(version) if version >= OLDEST => Ok(version),
            _ => Err(Error::new(Kind::Environment, format!("this git is too old: {text}"))
                .hint(format!("install git {}.{} or newer", OLDEST.0, OLDEST.1))),
        }
    }

    /// The project's git folder, and the one shared by all its worktrees.
    async fn folders(&self) -> Result<(PathBuf, PathBuf)> {
        let shown = self.project.display();
        let args = [
            "rev-parse",
            "--path-format=absolute",
            "--git-dir",
            "--git-common-dir",
            "--show-toplevel",
        ];
        let said = self.ask("find the repository", &args).await?;
        if said.code != 0 && said.remarks.contains("must be run in a work tree") {
            return Err(Error::usage(format!(
                "{shown} has no files checked out: it is a bare repository"
            ))
            .hint("work in a clone of it: git clone <it> <folder>"));
        }
        if said.code != 0 && self.project.join(".git").is_file() {
            let remark = said.remarks.lines().next().unwrap_or_default().to_owned();
            return Err(Error::usage(format!(
                "{shown} is no git working tree: its file .git leads nowhere ({remark})"
            ))
            .hint(
                "bring back the repository it belongs to (git worktree repair), or clone it anew",
            ));
        }
        if said.code != 0 && said.remarks.contains("not a git repository") {
            return Err(Error::usage(format!("{shown} is not a git repository")).hint(format!(
                "cd {shown} && git init && git add -A && git commit -m \"first commit\""
            )));
        }
        let output = said.checked()?;
        let mut lines = output
            .split(|&b| b == b'\n')
            .map(|line| PathBuf::from(OsString::from_vec(line.to_vec())));
        let mut next = || lines.next().unwrap_or_default();
        let (git_dir, common, top) = (next(), next(), next());
        let real = |path: PathBuf| {
            path.canonicalize()
                .map_err(|error| Error::io("open the repository's folder", &path, error))
        };
        let top = real(top)?;
        if top != self.project {
            return Err(Error::usage(format!("{shown} is not the top of its repository"))
                .hint(format!("name the top as the project: {}", top.display())));
        }
        Ok((real(git_dir)?, real(common)?))
    }

    /// The name of the base branch, which has a commit.
    async fn base_branch(&self, given: Option<&str>) -> Result<String> {
        let shown = self.project.display();
        let first = "make the first one: git add -A && git commit -m \"first commit\"";
        let branch = match given {
            Some(branch) => branch.to_owned(),
            None => {
                let said = self
                    .ask("read the checked-out branch", &["symbolic-ref", "-q", "--short", "HEAD"])
                    .await?;
                if said.code != 0 {
                    return Err(Error::usage(format!("no branch is checked out in {shown}"))
                        .hint("check one out, or name one: [project] base in shopfloor.toml"));
                }
                String::from_utf8_lossy(&said.output).trim().to_owned()
            }
        };
        let name = format!("refs/heads/{branch}^{{commit}}");
        let said = self
            .ask(
                "read the base branch",
                &["rev-parse", "-q", "--verify", "--end-of-options", &name],
            )
            .await?;
        if said.code == 0 {
            return Ok(branch);
        }
        let any = self.ask("read HEAD", &["rev-parse", "-q", "--verify", "HEAD^{commit}"]).await?;
        Err(match any.code {
            0 => Error::usage(format!("there is no branch {branch} in {shown}"))
                .hint("correct [project] base in shopfloor.toml; the branches are: git branch"),
            _ => Error::usage(format!("{shown} has no commit yet")).hint(first),
        })
    }
}

/// Major and minor of `git version 2.47.3 (some vendor)`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix("git version ")?.split(['.', ' ', '-']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The path without symlinks, as git writes it and we compare it. Its end may not be there yet.
fn real(path: &Path) -> Result<PathBuf> {
    let failed = |error| Error::io("find the folder", path, error);
    let whole = std::path::absolute(path).map_err(failed)?;
    let there = whole.ancestors().find(|above| above.exists()).unwrap_or(Path::new("/"));
    let end = whole.strip_prefix(there).unwrap_or(Path::new(""));
    let there = there.canonicalize().map_err(failed)?;
    // Joining nothing would leave a slash at the end.
    Ok(if end.as_os_str().is_empty() { there } else { there.join(end) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_as_numbers() {
        assert_eq!(parse_version("git version 2.47.3"), Some((2, 47)));
        assert_eq!(parse_version("git version 2.39.5 (Apple Git-154)"), Some((2, 39)));
        assert_eq!(parse_version("git version 3.0-rc1"), Some((3, 0)));
        assert!(parse_version("git version 2.9.1").unwrap() < OLDEST);
        assert_eq!(parse_version("something else"), None);
    }
}
