//! What agents and crashes leave behind: the content counts, whatever happened around it.

use super::*;

/// A worktree with one more file, on an open project.
async fn scene() -> (World, Workspace, OrderId, PathBuf) {
    let world = World::new();
    let workspace = world.open().await;
    let order = id("a");
    let path = workspace.prepare(&order).await.unwrap().path;
    put(&path.join("new"), "precious");
    (world, workspace, order, path)
}

#[tokio::test]
async fn an_agent_that_deletes_its_git_file_loses_nothing() {
    let (_world, workspace, order, path) = scene().await;
    put(&path.join("target/cache"), "warm");
    std::fs::remove_file(path.join(".git")).unwrap();
    let base = workspace.find(&order).await.unwrap().unwrap().base;
    let tree = workspace.tree(&order).await.unwrap();
    assert_eq!(workspace.file(&tree, "new").await.unwrap().unwrap(), b"precious");
    let bench = workspace.prepare(&order).await.unwrap();
    assert_eq!(bench.base, base);
    assert_eq!(git(&path, &["status", "--porcelain"]), "?? new");
    assert_eq!(git(&path, &["branch", "--show-current"]), "shopfloor/a");
    assert_eq!(read(&path.join("target/cache")), "warm");
    assert_eq!(workspace.tree(&order).await.unwrap(), tree);
}

#[tokio::test]
async fn a_registration_that_was_pruned_is_made_anew_with_the_content() {
    let (world, workspace, order, path) = scene().await;
    std::fs::remove_dir_all(world.project().join(".git/worktrees")).unwrap();
    let tree = workspace.tree(&order).await.unwrap();
    workspace.prepare(&order).await.unwrap();
    assert_eq!(git(&path, &["status", "--porcelain"]), "?? new");
    assert_eq!(workspace.tree(&order).await.unwrap(), tree);
    let salvaged = format!("refs/shopfloor/salvage/a/damaged-{}", &tree[..12]);
    assert_eq!(world.shown(&salvaged, "new"), "precious");
    assert_eq!(std::fs::read_dir(world.project().join(".git/worktrees")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_prune_by_anybody_leaves_our_worktrees_alone() {
    let (world, workspace, order, path) = scene().await;
    std::fs::remove_file(path.join(".git")).unwrap();
    world.git(&["worktree", "prune", "--expire=now"]);
    assert_eq!(std::fs::read_dir(world.project().join(".git/worktrees")).unwrap().count(), 1);
    workspace.prepare(&order).await.unwrap();
    assert_eq!(git(&path, &["status", "--porcelain"]), "?? new");
}

#[tokio::test]
async fn a_git_file_that_points_elsewhere_leads_nowhere() {
    let (world, workspace, order, path) = scene().await;
    let elsewhere = world.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    git(&elsewhere, &["init", "--quiet"]);
    put(&path.join(".git"), &format!("gitdir: {}/.git\n", elsewhere.display()));
    let snapshot = workspace.snapshot(&order, 1).await.unwrap();
    assert_eq!(world.shown(&snapshot.commit, "new"), "precious");
    workspace.prepare(&order).await.unwrap();
    assert_eq!(git(&path, &["branch", "--show-current"]), "shopfloor/a");
    assert_eq!(std::fs::read_dir(elsewhere.join(".git/refs/heads")).unwrap().count(), 0);
    // A repository of its own in the place of the file.
    std::fs::remove_file(path.join(".git")).unwrap();
    git(&path, &["init", "--quiet"]);
    assert_eq!(workspace.snapshot(&order, 1).await.unwrap(), snapshot);
    workspace.prepare(&order).await.unwrap();
    assert_eq!(git(&path, &["branch", "--show-current"]), "shopfloor/a");
    workspace.retire(&order, 9).await.unwrap();
    assert_eq!(world.shown("refs/shopfloor/salvage/a/9", "new"), "precious");
}

#[tokio::test]
async fn what_the_agent_commits_switches_or_tells_its_index_does_not_matter() {
    let (world, workspace, order, path) = scene().await;
    let tree = workspace.tree(&order).await.unwrap();
    git(&path, &["checkout", "--quiet", "-b", "own-branch"]);
    git(&path, &["add", "--all"]);
    git(&path, &["commit", "--quiet", "--message", "by the agent"]);
    assert_eq!(workspace.tree(&order).await.unwrap(), tree);
    git(&path, &["update-index", "--assume-unchanged", "README"]);
    git(&path, &["update-index", "--skip-worktree", "src/lib.txt"]);
    put(&path.join("README"), "hidden\n");
    put(&path.join("src/lib.txt"), "hidden\n");
    let hidden = workspace.tree(&order).await.unwrap();
    let base = workspace.find(&order).await.unwrap().unwrap().base;
    let changes = workspace.changes(&base.tree, &hidden).await.unwrap();
    let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["README", "new", "src/lib.txt"]);
    // The next agent finds the branch of the order again, and the other one is still there.
    workspace.prepare(&order).await.unwrap();
    assert_eq!(git(&path, &["branch", "--show-current"]), "shopfloor/a");
    assert_eq!(workspace.tree(&order).await.unwrap(), hidden);
    assert!(world.has("own-branch"));
}

#[tokio::test]
async fn lock_files_of_a_killed_git_do_not_hinder_us_and_are_gone_for_the_next_agent() {
    let (_world, workspace, order, path) = scene().await;
    let admin = PathBuf::from(git(&path, &["rev-parse", "--absolute-git-dir"]));
    put(&admin.join("index.lock"), "");
    put(&admin.join("HEAD.lock"), "");
    put(&admin.join("index"), "torn");
    assert!(workspace.tree(&order).await.is_ok());
    workspace.prepare(&order).await.unwrap();
    assert!(!admin.join("index.lock").exists() && !admin.join("HEAD.lock").exists());
    let base = workspace.find(&order).await.unwrap().unwrap().base;
    let tree = workspace.tree(&order).await.unwrap();
    workspace.restart(&order, 1, &base, &tree).await.unwrap();
    assert_eq!(git(&path, &["status", "--porcelain"]), "?? new");
}

#[tokio::test]
async fn a_torn_index_of_ours_is_made_anew() {
    let (world, workspace, order, _path) = scene().await;
    let tree = workspace.tree(&order).await.unwrap();
    put(&world.root().join(".bench/a/index"), "");
    assert_eq!(workspace.tree(&order).await.unwrap(), tree);
    put(&world.root().join(".bench/a/index"), "DIRC torn");
    let base = workspace.base().await.unwrap();
    workspace.restart(&order, 1, &base, &tree).await.unwrap();
    assert_eq!(workspace.tree(&order).await.unwrap(), tree);
    std::fs::remove_dir_all(world.root().join(".bench/a")).unwrap();
    assert_eq!(workspace.tree(&order).await.unwrap(), tree);
}

#[tokio::test]
async fn a_nested_repository_counts_with_its_content() {
    let (world, workspace, order, path) = scene().await;
    let nested = path.join("vendor/lib");
    put(&nested.join("code"), "one");
    put(&nested.join("deep/er"), "two");
    put(&nested.join("junk.log"), "ignored by the project");
    git(&nested, &["init", "--quiet"]);
    git(&nested, &["add", "--all"]);
    let user = ["-c", "user.name=x", "-c", "user.email=x"];
    git(&nested, &[&user[..], &["commit", "--quiet", "--message", "nested"]].concat());
    // One in the other, without a commit, for which git by itself has only an error.
    git(&nested.join("deep"), &["init", "--quiet"]);
    // And one in a folder of the project.
    git(&path.join("src"), &["init", "--quiet"]);
    put(&path.join("src/more"), "three");
    let snapshot = workspace.snapshot(&order, 1).await.unwrap().commit;
    let listed = world.git(&["ls-tree", "-r", "--format=%(objectmode) %(path)", &snapshot]);
    assert!(!listed.contains("160000"), "{listed}");
    let files = [
        ".gitignore",
        "README",
        "new",
        "src/lib.txt",
        "src/more",
        "vendor/lib/code",
        "vendor/lib/deep/er",
    ];
    let files: Vec<String> = files.iter().map(|file| format!("100644 {file}")).collect();
    assert_eq!(listed, files.join("\n"));
    // Seen again, changed, and gone.
    assert_eq!(workspace.snapshot(&order, 1).await.unwrap().commit, snapshot);
    put(&nested.join("code"), "changed");
    let snapshot = workspace.snapshot(&order, 1).await.unwrap().commit;
    assert_eq!(world.shown(&snapshot, "vendor/lib/code"), "changed");
    std::fs::remove_dir_all(&nested).unwrap();
    let tree = workspace.tree(&order).await.unwrap();
    assert_eq!(workspace.file(&tree, "vendor/lib/code").await.unwrap(), None);
}

#[tokio::test]
async fn pipes_sockets_and_broken_links_do_not_hold_us() {
    let (_world, workspace, order, path) = scene().await;
    let made = Command::new("mkfifo").arg(path.join("pipe")).status().unwrap();
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(path.join("socket")).unwrap();
    std::os::unix::fs::symlink("nowhere", path.join("broken")).unwrap();
    std::os::unix::fs::symlink("/", path.join("slash")).unwrap();
    let base = workspace.find(&order).await.unwrap().unwrap().base;
    let tree = workspace.tree(&order).await.unwrap();
    let changes = workspace.changes(&base.tree, &tree).await.unwrap();
    let seen: Vec<(&str, bool)> =
        changes.iter().map(|change| (change.path.as_str(), change.special)).collect();
    assert_eq!(seen, [("broken", true), ("new", false), ("slash", true)]);
}

#[tokio::test]
async fn a_worktree_that_was_deleted_comes_back_from_its_newest_snapshot() {
    let (_world, workspace, order, path) = scene().await;
    workspace.snapshot(&order, 2).await.unwrap();
    put(&path.join("new"), "newest");
    workspace.snapshot(&order, 10).await.unwrap();
    std::fs::remove_dir_all(&path).unwrap();
    assert_eq!(workspace.find(&order).await.unwrap(), None);
    assert!(workspace.tree(&order).await.is_err());
    let bench = workspace.prepare(&order).await.unwrap();
    assert_eq!(read(&path.join("new")), "newest");
    assert_eq!(workspace.find(&order).await.unwrap(), Some(bench));
}

#[tokio::test]
async fn a_worktree_replaced_by_a_link_is_never_followed() {
    let (world, workspace, order, path) = scene().await;
    workspace.snapshot(&order, 1).await.unwrap();
    let outside = world.folder.path().join("outside");
    put(&outside.join("secret"), "s");
    std::fs::rename(&path, world.folder.path().join("moved")).unwrap();
    std::os::unix::fs::symlink(&outside, &path).unwrap();
    assert!(workspace.tree(&order).await.is_err());
    workspace.prepare(&order).await.unwrap();
    assert!(!path.is_symlink());
    assert_eq!(read(&path.join("new")), "precious");
    assert_eq!(read(&outside.join("secret")), "s");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
}

#[tokio::test]
async fn a_leftover_of_a_making_that_was_cut_short_is_kept_as_a_commit_and_put_aside() {
    let (world, workspace, order, path) = scene().await;
    world.git(&["update-ref", "-d", "refs/shopfloor/base/a"]);
    assert_eq!(workspace.find(&order).await.unwrap(), None);
    workspace.prepare(&order).await.unwrap();
    assert!(!path.join("new").exists());
    let kept = world.git(&["for-each-ref", "--format=%(refname)", "refs/shopfloor/salvage/a"]);
    assert!(kept.starts_with("refs/shopfloor/salvage/a/leftover-"), "{kept}");
    assert_eq!(world.shown(&kept, "new"), "precious");
}

#[tokio::test]
async fn a_submodule_stays_at_the_commit_of_the_base() {
    let world = World::new();
    let library = world.folder.path().join("library");
    std::fs::create_dir(&library).unwrap();
    git(&library, &["init", "--quiet"]);
    put(&library.join("code"), "x");
    git(&library, &["add", "--all"]);
    let user = ["-c", "user.name=x", "-c", "user.email=x"];
    git(&library, &[&user[..], &["commit", "--quiet", "--message", "library"]].concat());
    let allow = ["-c", "protocol.file.allow=always"];
    let add = ["submodule", "--quiet", "add", library.to_str().unwrap(), "sub"];
    world.git(&[&allow[..], &add[..]].concat());
    world.commit("with a submodule");
    let workspace = world.open().await;
    let order = id("a");
    let bench = workspace.prepare(&order).await.unwrap();
    assert_eq!(workspace.tree(&order).await.unwrap(), bench.base.tree);
    put(&bench.path.join("new"), "x");
    let update = ["submodule", "--quiet", "update", "--init"];
    git(&bench.path, &[&allow[..], &update[..]].concat());
    put(&bench.path.join("sub/code"), "changed");
    let tree = workspace.tree(&order).await.unwrap();
    let changes = workspace.changes(&bench.base.tree, &tree).await.unwrap();
    assert_eq!(changes.len(), 1, "{changes:#?}");
    workspace.restart(&order, 1, &bench.base, &tree).await.unwrap();
    workspace.retire(&order, 2).await.unwrap();
}

/// Cuts `work` short again and again, ever later (its git is killed with it), and then lets it come to its end.
async fn cut_short<T>(mut work: impl AsyncFnMut() -> T) -> T {
    for limit in (0..150).step_by(5).map(std::time::Duration::from_millis) {
        if let Ok(done) = tokio::time::timeout(limit, work()).await {
            return done;
        }
    }
    work().await
}

#[tokio::test]
async fn work_that_is_cut_short_at_any_moment_is_whole_when_it_is_done_again() {
    let world = World::new();
    let workspace = world.open().await;
    let order = id("a");
    let bench = cut_short(async || workspace.prepare(&order).await).await.unwrap();
    assert_eq!(workspace.tree(&order).await.unwrap(), bench.base.tree);
    assert_eq!(git(&bench.path, &["status", "--porcelain"]), "");
    put(&bench.path.join("new"), "precious");
    let tree = workspace.tree(&order).await.unwrap();
    put(&world.project().join("README"), "newer\n");
    world.commit("newer");
    let onto = workspace.base().await.unwrap();
    cut_short(async || workspace.restart(&order, 1, &onto, &tree).await).await.unwrap();
    assert_eq!(workspace.tree(&order).await.unwrap(), tree);
    assert_eq!(workspace.find(&order).await.unwrap().unwrap().base, onto);
    cut_short(async || workspace.retire(&order, 2).await).await.unwrap();
    assert_eq!(world.shown("refs/shopfloor/salvage/a/2", "new"), "precious");
    let admins = walk(&world.project().join(".git/worktrees"));
    assert!(!admins.iter().any(|path| path.ends_with("locked")), "{admins:?}");
    assert_eq!(workspace.find(&order).await.unwrap(), None);
}
