//! Clean checkouts that we test in ourselves.

use super::*;

#[tokio::test]
async fn a_checkout_is_exactly_the_commit_and_keeps_build_results() {
    let world = World::new();
    let workspace = world.open().await;
    let first = world.git(&["rev-parse", "main"]);
    let path = workspace.checkout("union", &first).await.unwrap();
    assert_eq!(read(&path.join("README")), "readme\n");
    put(&path.join("target/cache"), "warm");
    put(&path.join("stray/file"), "x");
    put(&path.join("README"), "edited by a test run\n");
    put(&path.join("nested/.git/HEAD"), "ref: refs/heads/x\n");
    std::fs::create_dir(path.join("empty")).unwrap();
    std::fs::remove_file(path.join("src/lib.txt")).unwrap();
    put(&world.project().join("second"), "2\n");
    std::fs::remove_file(world.project().join("README")).unwrap();
    let second = world.commit("second");
    assert_eq!(workspace.checkout("union", &second).await.unwrap(), path);
    assert_eq!(git(&path, &["status", "--porcelain"]), "");
    assert_eq!(git(&path, &["rev-parse", "HEAD"]), second);
    assert_eq!(read(&path.join("second")), "2\n");
    assert_eq!(read(&path.join("target/cache")), "warm");
    for gone in ["stray", "nested", "empty", "README"] {
        assert!(!path.join(gone).exists(), "{gone}");
    }
    assert!(path.join("src/lib.txt").exists());
    // And back, after the registration was lost and git was killed there.
    std::fs::remove_file(path.join(".git")).unwrap();
    workspace.checkout("union", &first).await.unwrap();
    let admin = PathBuf::from(git(&path, &["rev-parse", "--absolute-git-dir"]));
    put(&admin.join("index.lock"), "");
    put(&admin.join("HEAD.lock"), "");
    workspace.checkout("union", &first).await.unwrap();
    assert_eq!(git(&path, &["rev-parse", "HEAD"]), first);
    assert_eq!(read(&path.join("README")), "readme\n");
    assert_eq!(read(&path.join("target/cache")), "warm");
}

#[tokio::test]
async fn checkouts_of_two_names_do_not_meet_and_odd_names_are_refused() {
    let world = World::new();
    let workspace = world.open().await;
    let first = world.git(&["rev-parse", "main"]);
    let (one, two) =
        tokio::join!(workspace.checkout("one", &first), workspace.checkout("two", &first));
    assert_ne!(one.unwrap(), two.unwrap());
    for name in ["", "..", "a/b", "-x", "a b"] {
        assert!(workspace.checkout(name, &first).await.is_err(), "{name}");
    }
    assert!(workspace.checkout("one", "main").await.is_err());
}

#[tokio::test]
async fn a_user_who_has_our_branch_checked_out_is_not_in_the_way() {
    let world = World::new();
    let workspace = world.try_open(Some("main")).await.unwrap();
    workspace.prepare(&id("a")).await.unwrap();
    workspace.retire(&id("a"), 1).await.unwrap();
    world.git(&["checkout", "--quiet", "shopfloor/a"]);
    let workspace = world.try_open(Some("main")).await.unwrap();
    workspace.prepare(&id("a")).await.unwrap();
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

#[tokio::test]
async fn what_is_looked_at_is_made_anew_for_each_claim_and_shared_by_no_two_orders() {
    let world = World::new();
    let workspace = world.open().await;
    let (a, twin) = (id("a"), id("a.1"));
    let bench = workspace.prepare(&a).await.unwrap();
    put(&bench.path.join("new"), "work\n");
    put(&bench.path.join("target/cache"), "warm");
    let tree = workspace.snapshot(&a, 1).await.unwrap().tree;
    let first = workspace.look(&a, 1, &bench.base, &tree, "s1").await.unwrap();
    assert_eq!(first.commit.tree, tree);
    assert_eq!(git(&first.folder, &["rev-parse", "HEAD"]), first.commit.commit);
    assert_eq!(git(&first.folder, &["status", "--porcelain", "--ignored"]), "");
    assert_eq!(read(&first.folder.join("new")), "work\n");
    let other = workspace.look(&twin, 1, &bench.base, &bench.base.tree, "s1").await.unwrap();
    assert_ne!(first.folder, other.folder);

    put(&first.folder.join("new"), "changed\n");
    put(&first.folder.join("target/cache"), "its own");
    let left = workspace.look_tree(&first).await.unwrap();
    let changes = workspace.changes(&tree, &left).await.unwrap();
    assert_eq!(changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>(), ["new"]);
    assert_eq!(workspace.tree(&a).await.unwrap(), tree);
    workspace.look_again(&a, &first).await.unwrap();
    assert_eq!(workspace.look_tree(&first).await.unwrap(), tree);

    // The next claim's is empty of what was ignored, and takes the last one's away; an older claim ends only its own.
    let second = workspace.look(&a, 2, &bench.base, &tree, "s2").await.unwrap();
    assert!(!first.folder.exists() && !second.folder.join("target").exists());
    workspace.end_looks(&a, 1).await.unwrap();
    assert!(second.folder.exists() && other.folder.exists());
    workspace.end_looks(&a, 2).await.unwrap();
    assert!(!second.folder.exists() && other.folder.exists());
    assert!(!world.git(&["worktree", "list"]).contains("/a.2"));
}
