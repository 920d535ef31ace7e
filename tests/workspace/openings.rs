//! Opening a project: what is wrong with it is said, with the next step.

use super::*;
use shopfloor::error::{Error, Kind};

async fn refusal(project: &Path, root: &Path, base: Option<&str>) -> Error {
    let locks = root.join("locks");
    let opened = Workspace::open(project, root, base, &locks, "test/workspace").await;
    let error = opened.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage, "{error}");
    assert!(error.next_step().is_some(), "{error}");
    error
}

#[tokio::test]
async fn a_folder_that_is_no_repository_is_refused_with_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let root = tempfile::tempdir().unwrap();
    let error = refusal(folder.path(), root.path(), None).await;
    assert!(error.to_string().contains("is not a git repository"), "{error}");
    assert!(error.next_step().unwrap().contains("git init"));
}

#[tokio::test]
async fn a_repository_without_a_commit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "--quiet"]);
    let error = refusal(folder.path(), root.path(), None).await;
    assert!(error.to_string().contains("has no commit yet"), "{error}");
}

#[tokio::test]
async fn a_bare_repository_and_a_folder_inside_a_repository_are_refused() {
    let world = World::new();
    let bare = world.folder.path().join("bare");
    git(world.folder.path(), &["clone", "--quiet", "--bare", "project", "bare"]);
    let error = refusal(&bare, &world.root(), None).await;
    assert!(error.to_string().contains("bare"), "{error}");
    let error = refusal(&world.project().join("src"), &world.root(), None).await;
    let top = world.project().canonicalize().unwrap();
    assert!(error.next_step().unwrap().contains(top.to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn a_base_branch_that_is_not_there_is_refused_and_so_is_one_of_ours() {
    let world = World::new();
    let (project, root) = (world.project(), world.root());
    let error = refusal(&project, &root, Some("no-such")).await;
    assert!(error.to_string().contains("no branch no-such"), "{error}");
    world.git(&["branch", "shopfloor/ready"]);
    refusal(&project, &root, Some("shopfloor/ready")).await;
    world.git(&["checkout", "--quiet", "--detach"]);
    let error = refusal(&project, &root, None).await;
    assert!(error.to_string().contains("no branch is checked out"), "{error}");
    assert!(world.try_open(Some("main")).await.is_ok());
}

#[tokio::test]
async fn a_branch_called_shopfloor_is_in_the_way_and_said_to_be() {
    let world = World::new();
    world.git(&["branch", "shopfloor"]);
    let error = refusal(&world.project(), &world.root(), None).await;
    assert!(error.next_step().unwrap().contains("git branch -m"), "{error}");
}

#[tokio::test]
async fn worktrees_inside_the_project_must_be_excluded() {
    let world = World::new();
    let (project, root) = (world.project(), world.project().join(".shop/worktrees"));
    let error = refusal(&project, &root, None).await;
    assert!(error.to_string().contains("inside the project"), "{error}");
    put(&project.join(".git/info/exclude"), ".shop/\n");
    let opened = Workspace::open(&project, &root, None, &world.locks(), "test/workspace").await;
    let workspace = opened.unwrap();
    workspace.prepare(&id("a")).await.unwrap();
    assert_eq!(workspace.dirty().await.unwrap(), None);
    refusal(&project, &project.join(".git/worktrees"), None).await;
    refusal(&project, world.folder.path(), None).await;
}

#[tokio::test]
async fn uncommitted_work_is_told_in_one_line() {
    let world = World::new();
    let workspace = world.open().await;
    assert_eq!(workspace.dirty().await.unwrap(), None);
    put(&world.project().join("README"), "changed\n");
    put(&world.project().join("a\nb"), "new\n");
    put(&world.project().join("x.log"), "ignored\n");
    assert_eq!(workspace.dirty().await.unwrap().unwrap(), "README, a\\nb");
    for n in 0..5 {
        put(&world.project().join(format!("n{n}")), "new\n");
    }
    assert_eq!(workspace.dirty().await.unwrap().unwrap(), "README, a\\nb, n0, and 4 more");
}

#[tokio::test]
async fn the_project_may_be_a_linked_worktree_itself() {
    let world = World::new();
    let linked = world.folder.path().join("linked");
    world.git(&["worktree", "add", "--quiet", "-b", "side", linked.to_str().unwrap()]);
    put(&linked.join("README"), "dirty\n");
    let (root, locks) = (world.root(), world.locks());
    let opened = Workspace::open(&linked, &root, None, &locks, "test/workspace");
    let workspace = opened.await.unwrap();
    assert_eq!(workspace.dirty().await.unwrap().unwrap(), "README");
    let bench = workspace.prepare(&id("a")).await.unwrap();
    assert_eq!(read(&bench.path.join("README")), "readme\n");
}
