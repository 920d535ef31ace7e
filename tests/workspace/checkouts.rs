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
