//! Worktrees on real repositories: the stories of what agents, people and crashes do to them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't go on says so by panicking"
)]

mod checkouts;
mod damage;
mod finished;
mod hostile;
mod openings;
mod worktrees;

use std::path::{Path, PathBuf};
use std::process::Command;

use shopfloor::error::Result;
use shopfloor::order::OrderId;
use shopfloor::workspace::{Commit, Workspace};

/// A project with one commit, and folders for worktrees and locks beside it.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// `README` and `src/lib.txt` (ten lines) on branch `main`; `*.log` and `target/` are ignored.
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(world.project()).unwrap();
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        world.git(&["config", "user.name", "Operator"]);
        world.git(&["config", "user.email", "operator@example.com"]);
        let lines: Vec<String> = (1..=10).map(|n| format!("line {n}")).collect();
        put(&world.project().join("src/lib.txt"), &(lines.join("\n") + "\n"));
        put(&world.project().join("README"), "readme\n");
        put(&world.project().join(".gitignore"), "*.log\ntarget/\n");
        world.commit("first");
        world
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("worktrees")
    }

    fn locks(&self) -> PathBuf {
        self.folder.path().join("locks")
    }

    async fn open(&self) -> Workspace {
        self.try_open(None).await.unwrap()
    }

    async fn try_open(&self, base: Option<&str>) -> Result<Workspace> {
        let (project, root, locks) = (self.project(), self.root(), self.locks());
        Workspace::open(&project, &root, base, &locks, "test/workspace").await
    }

    fn git(&self, args: &[&str]) -> String {
        git(&self.project(), args)
    }

    /// Commits everything in the project.
    fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// A file as a ref or commit has it.
    fn shown(&self, object: &str, path: &str) -> String {
        self.git(&["show", &format!("{object}:{path}")])
    }

    fn has(&self, name: &str) -> bool {
        try_git(&self.project(), &["rev-parse", "--quiet", "--verify", name]).is_some()
    }
}

/// What a person or an agent types. Without any settings but the repository's.
fn git(folder: &Path, args: &[&str]) -> String {
    try_git(folder, args).unwrap_or_else(|| panic!("git {args:?} failed in {}", folder.display()))
}

fn try_git(folder: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    output.status.success().then_some(text)
}

/// Writes a file and the folders above it.
fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Everything below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(folder).into_iter().flatten().map(walkdir::DirEntry::into_path).collect()
}

fn id(text: &str) -> OrderId {
    OrderId::parse(text).unwrap()
}

/// What `order` did to the base, as a commit on top of it.
async fn finished(workspace: &Workspace, order: &OrderId, onto: &Commit) -> Commit {
    let bench = workspace.find(order).await.unwrap().unwrap();
    let tree = workspace.tree(order).await.unwrap();
    let message = format!("{order}: done\n");
    match workspace.compose(onto, &bench.base, &tree, &message).await.unwrap() {
        shopfloor::workspace::Composed::Clean(commit) => commit,
        conflict => panic!("{conflict:?}"),
    }
}
