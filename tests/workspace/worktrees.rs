//! The life of a worktree: made, read, kept, put on a newer base, taken away.

use super::*;
use shopfloor::workspace::ChangeKind;
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn a_worktree_is_made_from_the_base_and_found_again() {
    let world = World::new();
    let workspace = world.open().await;
    let order = id("item-stacking");
    assert_eq!(workspace.find(&order).await.unwrap(), None);
    let bench = workspace.prepare(&order).await.unwrap();
    assert_eq!(bench.base.commit, world.git(&["rev-parse", "main"]));
    assert_eq!(bench.base.tree, world.git(&["rev-parse", "main^{tree}"]));
    assert_eq!(bench.path, world.root().canonicalize().unwrap().join("item-stacking"));
    assert_eq!(workspace.tree(&order).await.unwrap(), bench.base.tree);
    // The agent's own git works there, and finds nothing changed.
    assert_eq!(git(&bench.path, &["status", "--porcelain"]), "");
    assert_eq!(git(&bench.path, &["branch", "--show-current"]), "shopfloor/item-stacking");
    put(&bench.path.join("new"), "x");
    assert_eq!(workspace.prepare(&order).await.unwrap(), bench);
    assert_eq!(workspace.find(&order).await.unwrap(), Some(bench.clone()));
    assert_eq!(read(&bench.path.join("new")), "x");
}

#[tokio::test]
async fn the_base_of_a_worktree_stays_when_the_project_moves_on() {
    let world = World::new();
    let workspace = world.open().await;
    let first = workspace.prepare(&id("a")).await.unwrap();
    put(&world.project().join("README"), "newer\n");
    let newer = world.commit("newer");
    assert_eq!(workspace.prepare(&id("a")).await.unwrap(), first);
    assert_eq!(workspace.prepare(&id("b")).await.unwrap().base.commit, newer);
}

#[tokio::test]
async fn two_dozen_worktrees_at_once_by_several_workers_are_all_whole() {
    let world = World::new();
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..4 {
        let workspace = world.open().await;
        for n in 0..6 {
            let workspace = workspace.clone();
            let order = id(&format!("order-{worker}-{n}"));
            tasks.spawn(async move { (workspace.prepare(&order).await, order) });
        }
    }
    let workspace = world.open().await;
    let mut count = 0;
    while let Some(done) = tasks.join_next().await {
        let (bench, order) = done.unwrap();
        let bench = bench.unwrap();
        assert_eq!(workspace.tree(&order).await.unwrap(), bench.base.tree);
        assert_eq!(git(&bench.path, &["status", "--porcelain"]), "");
        count += 1;
    }
    assert_eq!(count, 24);
}

#[tokio::test]
async fn the_same_order_prepared_twice_at_once_is_one_worktree() {
    let world = World::new();
    let (one, two) = (world.open().await, world.open().await);
    let order = id("a");
    let (first, second) = tokio::join!(one.prepare(&order), two.prepare(&order));
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(std::fs::read_dir(world.project().join(".git/worktrees")).unwrap().count(), 1);
}

#[tokio::test]
async fn changes_tell_what_happened_to_each_path_whatever_its_name() {
    let world = World::new();
    let workspace = world.open().await;
    let order = id("a");
    let bench = workspace.prepare(&order).await.unwrap();
    let names =
        [" lead and trail ", "new\nline", "häß→", "-rf", "tab\tquote\"", "\"quoted\"", "a*?[b"];
    for name in names {
        put(&bench.path.join("dir").join(name), "one\ntwo\n");
    }
    std::fs::remove_file(bench.path.join("README")).unwrap();
    let lib = read(&bench.path.join("src/lib.txt"));
    put(&bench.path.join("src/lib.txt"), &lib.replace("line 3\n", "line three\nmore\n"));
    std::fs::write(bench.path.join("binary"), [0, 1, 2, 255]).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", bench.path.join("link")).unwrap();
    put(&bench.path.join("ignored.log"), "x");
    let tree = workspace.tree(&order).await.unwrap();
    let changes = workspace.changes(&bench.base.tree, &tree).await.unwrap();
    let find = |path: &str| changes.iter().find(|change| change.path == path).unwrap();
    for name in &names[..5] {
        let change = find(&format!("dir/{name}"));
        assert_eq!((change.kind, change.added, change.bytes), (ChangeKind::Added, Some(2), 8));
        let bytes = workspace.file(&tree, &change.path).await.unwrap();
        assert_eq!(bytes.as_deref(), Some(&b"one\ntwo\n"[..]), "{name:?}");
    }
    assert_eq!((find("README").kind, find("README").removed), (ChangeKind::Deleted, Some(1)));
    let lib = find("src/lib.txt");
    assert_eq!((lib.kind, lib.added, lib.removed), (ChangeKind::Modified, Some(2), Some(1)));
    assert_eq!((find("binary").added, find("binary").bytes), (None, 4));
    assert!(find("link").special && !find("binary").special);
    assert_eq!(changes.len(), names.len() + 4, "{changes:#?}");
    let all = workspace.diff(&bench.base.tree, &tree, &[], 100_000).await.unwrap();
    assert!(all.contains("+line three") && all.contains("README"), "{all}");
    let one = ["dir/a*?[b".to_owned(), "dir/-rf".to_owned()];
    let one = workspace.diff(&bench.base.tree, &tree, &one, 100_000).await.unwrap();
    assert_eq!(one.matches("diff --git").count(), 2, "{one}");
    assert_eq!(workspace.diff(&bench.base.tree, &tree, &[], 20).await.unwrap().len(), 20);
}

#[tokio::test]
async fn a_name_that_is_not_utf_8_is_shown_escaped_and_found_by_that() {
    use std::os::unix::ffi::OsStrExt as _;
    let world = World::new();
    let workspace = world.open().await;
    let order = id("a");
    let bench = workspace.prepare(&order).await.unwrap();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    std::fs::write(bench.path.join(name), "latin").unwrap();
    let tree = workspace.tree(&order).await.unwrap();
    let changes = workspace.changes(&bench.base.tree, &tree).await.unwrap();
    assert_eq!(changes[0].path, "\"caf\\351\"");
    let found = workspace.file(&tree, &changes[0].path).await.unwrap();
    assert_eq!(found.as_deref(), Some(&b"latin"[..]));
    let paths = [changes[0].path.clone()];
    let text = workspace.diff(&bench.base.tree, &tree, &paths, 1000).await.unwrap();
    assert!(text.contains("+latin"), "{text}");
}

#[tokio::test]
async fn only_a_plain_file_of_the_tree_has_content() {
    let world = World::new();
    let workspace = world.open().await;
    let order = id("a");
    let bench = workspace.prepare(&order).await.unwrap();
    std::os::unix::fs::symlink("README", bench.path.join("link")).unwrap();
    let tree = workspace.tree(&order).await.unwrap();
    assert_eq!(workspace.file(&tree, "README").await.unwrap().unwrap(), b"readme\n");
    for path in ["link", "src", "src/", "", "none", "../README", "/etc/passwd", ":(glob)*", "."] {
        assert_eq!(workspace.file(&tree, path).await.unwrap(), None, "{path}");
    }
    assert!(workspace.file("--batch", "README").await.is_err());
}

#[tokio::test]
async fn a_change_is_seen_even_with_the_same_size_and_time() {
    let world = World::new();
    let workspace = world.open().await;
    let order = id("a");
    let bench = workspace.prepare(&order).await.unwrap();
    let file = bench.path.join("README");
    let before = workspace.tree(&order).await.unwrap();
    let time = std::fs::metadata(&file).unwrap().modified().unwrap();
    std::fs::write(&file, "README\n").unwrap();
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
    let after = workspace.tree(&order).await.unwrap();
    assert_ne!(before, after);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_ne!(workspace.tree(&order).await.unwrap(), after);
}

#[tokio::test]
async fn a_snapshot_is_a_commit_on_the_base_and_the_last_of_its_generation() {
    let world = World::new();
    let workspace = world.open().await;
    let order = id("a");
    let bench = workspace.prepare(&order).await.unwrap();
    put(&bench.path.join("new"), "1");
    let first = workspace.snapshot(&order, 7).await.unwrap();
    assert_eq!(workspace.snapshot(&order, 7).await.unwrap(), first);
    put(&bench.path.join("new"), "2");
    let second = workspace.snapshot(&order, 7).await.unwrap();
    let name = "refs/shopfloor/snapshot/a/7";
    assert_eq!(world.git(&["rev-parse", name]), second.commit);
    assert_eq!(world.git(&["rev-parse", &format!("{name}^")]), bench.base.commit);
    assert_eq!(world.shown(name, "new"), "2");
    assert_eq!(
        world.git(&["log", "-1", "--format=%an <%ae>", name]),
        "Operator <operator@example.com>"
    );
}

#[tokio::test]
async fn nothing_is_taken_away_before_it_is_salvaged() {
    let world = World::new();
    let workspace = world.open().await;
    let order = id("a");
    let bench = workspace.prepare(&order).await.unwrap();
    assert_eq!(workspace.salvage(&order, 1).await.unwrap(), None);
    put(&bench.path.join("untracked/deep"), "precious");
    put(&bench.path.join("README"), "edited\n");
    put(&bench.path.join("junk.log"), "ignored");
    workspace.retire(&order, 2).await.unwrap();
    assert!(!bench.path.exists());
    assert_eq!(world.shown("refs/shopfloor/salvage/a/2", "untracked/deep"), "precious");
    assert_eq!(world.shown("refs/shopfloor/salvage/a/2", "README"), "edited");
    assert!(!world.has("refs/shopfloor/salvage/a/2:junk.log"));
    assert!(world.has("shopfloor/a") && !world.has("refs/shopfloor/base/a"));
    assert!(!world.git(&["worktree", "list"]).contains("worktrees/a"));
    assert_eq!(std::fs::read_dir(world.root().join(".trash")).unwrap().count(), 0);
    // Once more is no error, and salvages nothing.
    workspace.retire(&order, 3).await.unwrap();
    assert!(!world.has("refs/shopfloor/salvage/a/3"));
    assert_eq!(workspace.salvage(&order, 4).await.unwrap(), None);
}

#[tokio::test]
async fn salvage_of_the_same_generation_never_overwrites_another() {
    let world = World::new();
    let workspace = world.open().await;
    let order = id("a");
    let bench = workspace.prepare(&order).await.unwrap();
    let mut names = Vec::new();
    for text in ["1", "1", "2", "3", "2"] {
        put(&bench.path.join("new"), text);
        names.push(workspace.salvage(&order, 5).await.unwrap().unwrap());
    }
    let short: Vec<&str> = names.iter().map(|name| name.rsplit('/').next().unwrap()).collect();
    assert_eq!(short, ["5", "5", "5.2", "5.3", "5.2"]);
    assert_eq!(world.shown(&names[0], "new"), "1");
}

#[tokio::test]
async fn a_worktree_with_folders_that_may_not_be_written_is_taken_away() {
    let world = World::new();
    let workspace = world.open().await;
    let bench = workspace.prepare(&id("a")).await.unwrap();
    let locked = bench.path.join("target/locked");
    put(&locked.join("file"), "x");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).unwrap();
    workspace.retire(&id("a"), 1).await.unwrap();
    assert_eq!(std::fs::read_dir(world.root().join(".trash")).unwrap().count(), 0);
}

#[tokio::test]
async fn an_earlier_life_of_the_branch_is_salvaged_when_the_order_begins_anew() {
    let world = World::new();
    let workspace = world.open().await;
    world.git(&["checkout", "--quiet", "-b", "shopfloor/a"]);
    put(&world.project().join("early"), "work");
    let tip = world.commit("early work");
    world.git(&["checkout", "--quiet", "main"]);
    let bench = workspace.prepare(&id("a")).await.unwrap();
    assert_eq!(bench.base.commit, world.git(&["rev-parse", "main"]));
    assert!(!bench.path.join("early").exists());
    assert_eq!(
        world.git(&["rev-parse", &format!("refs/shopfloor/salvage/a/branch-{}", &tip[..12])]),
        tip
    );
}

#[tokio::test]
async fn a_restart_puts_the_content_on_a_newer_base_and_keeps_what_was_there() {
    let world = World::new();
    let workspace = world.open().await;
    let order = id("a");
    let bench = workspace.prepare(&order).await.unwrap();
    put(&bench.path.join("kept"), "by the order");
    let tree = workspace.tree(&order).await.unwrap();
    put(&bench.path.join("half-done"), "scratch");
    put(&bench.path.join("target/cache"), "warm");
    put(&world.project().join("README"), "newer\n");
    world.commit("newer");
    let onto = workspace.base().await.unwrap();
    let composed = workspace.compose(&onto, &bench.base, &tree, "m").await.unwrap();
    let shopfloor::workspace::Composed::Clean(commit) = composed else { panic!("{composed:?}") };
    workspace.restart(&order, 3, &onto, &commit.tree).await.unwrap();
    assert_eq!(workspace.find(&order).await.unwrap().unwrap().base, onto);
    assert_eq!(workspace.tree(&order).await.unwrap(), commit.tree);
    assert_eq!(read(&bench.path.join("README")), "newer\n");
    assert_eq!(read(&bench.path.join("target/cache")), "warm");
    assert!(!bench.path.join("half-done").exists());
    assert_eq!(world.shown("refs/shopfloor/salvage/a/3", "half-done"), "scratch");
    // The agent sees its change, and only that, on the newer base.
    assert_eq!(git(&bench.path, &["status", "--porcelain"]), "?? kept");
    assert_eq!(git(&bench.path, &["rev-parse", "HEAD"]), onto.commit);
}

#[tokio::test]
async fn an_order_called_ready_has_a_branch_of_its_own() {
    let world = World::new();
    let workspace = world.open().await;
    let bench = workspace.prepare(&id("ready")).await.unwrap();
    assert_eq!(git(&bench.path, &["branch", "--show-current"]), "shopfloor/_ready");
    assert!(!world.has("shopfloor/ready"));
}
