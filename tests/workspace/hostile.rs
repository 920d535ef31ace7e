//! The sentinel: whatever an agent plants for git to run, our git runs none of it.

use super::*;
use std::os::unix::fs::PermissionsExt as _;

/// Every hook git knows of that could run at one of our calls, and some more.
const HOOKS: [&str; 14] = [
    "pre-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "post-checkout",
    "post-merge",
    "pre-merge-commit",
    "post-index-change",
    "reference-transaction",
    "post-rewrite",
    "pre-auto-gc",
    "fsmonitor-watchman",
    "update",
    "pre-rebase",
];

/// A program that leaves its name in `sentinels/` and then does what a filter does.
fn trap(world: &World, name: &str) -> String {
    let path = world.folder.path().join("traps").join(name);
    let sentinels = world.folder.path().join("sentinels");
    std::fs::create_dir_all(&sentinels).unwrap();
    put(&path, &format!("#!/bin/sh\n: > '{}/{name}'\nexec cat\n", sentinels.display()));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn sprung(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.folder.path().join("sentinels")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Settings that make git run something, as an agent would plant them in a configuration file.
fn planted(world: &World) -> Vec<(String, String)> {
    let trap = |name: &str| trap(world, name);
    let evil = [
        ("core.fsmonitor", trap("fsmonitor")),
        ("core.sshCommand", trap("ssh")),
        ("core.askPass", trap("askpass")),
        ("core.pager", trap("pager")),
        ("core.editor", trap("editor")),
        ("core.gitProxy", trap("proxy")),
        ("core.alternateRefsCommand", trap("alternates")),
        ("credential.helper", trap("credential")),
        ("gpg.program", trap("gpg")),
        ("commit.gpgSign", "true".to_owned()),
        ("diff.external", trap("diff-external")),
        ("diff.evil.command", trap("diff-command")),
        ("diff.evil.textconv", trap("diff-textconv")),
        ("merge.evil.driver", trap("merge-driver")),
        ("filter.evil.clean", trap("filter-clean")),
        ("filter.evil.smudge", trap("filter-smudge")),
        ("filter.evil.required", "true".to_owned()),
        ("filter.long.process", trap("filter-process")),
        ("filter.a=b.clean", trap("filter-odd-clean")),
        ("filter.trusted.clean", trap("filter-trusted-clean")),
        ("remote.evil.url", format!("ext::{}", trap("remote"))),
        ("remote.evil.promisor", "true".to_owned()),
        ("protocol.ext.allow", "always".to_owned()),
        ("core.sparseCheckout", "true".to_owned()),
        ("core.checkStat", "minimal".to_owned()),
        ("core.excludesFile", "/dev/stdin".to_owned()),
    ];
    evil.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Plants everything, into the shared configuration and that of the worktree.
fn plant(world: &World, worktree: &Path) {
    let hooks = world.project().join(".git/hooks");
    for hook in HOOKS {
        let source = trap(world, &format!("hook-{hook}"));
        std::fs::create_dir_all(&hooks).unwrap();
        std::fs::copy(source, hooks.join(hook)).unwrap();
    }
    for (name, value) in planted(world) {
        world.git(&["config", &name, &value]);
        git(worktree, &["config", "--worktree", &name, &value]);
    }
    world.git(&["config", "core.hooksPath", hooks.to_str().unwrap()]);
    let everything = "*.txt filter=evil diff=evil merge=evil\n*.long filter=long\n*.odd filter=a=b\n*.tru filter=trusted\n";
    put(&worktree.join(".gitattributes"), everything);
    put(&world.project().join(".git/info/attributes"), everything);
}

/// A repository with a filter of the operator's own, and two worktrees made before anything was planted.
async fn scene() -> (World, Workspace, PathBuf) {
    let world = World::new();
    world.git(&["config", "filter.trusted.clean", "tr a-z A-Z"]);
    world.git(&["config", "extensions.worktreeConfig", "true"]);
    let workspace = world.open().await;
    let path = workspace.prepare(&id("a")).await.unwrap().path;
    workspace.prepare(&id("b")).await.unwrap();
    (world, workspace, path)
}

#[tokio::test]
async fn the_traps_do_spring_when_an_ordinary_git_comes_by() {
    let (world, _workspace, path) = scene().await;
    plant(&world, &path);
    put(&path.join("x.txt"), "x\n");
    put(&path.join("x.odd"), "x\n");
    // Whether it succeeds with all that in its way does not matter here.
    let _any = try_git(&path, &["add", "--all"]);
    let _any = try_git(&path, &["diff", "HEAD"]);
    let _any = try_git(&path, &["commit", "--message", "x"]);
    let sprung = sprung(&world);
    for name in ["fsmonitor", "filter-clean", "filter-odd-clean", "hook-post-index-change"] {
        assert!(sprung.iter().any(|sprung| sprung == name), "{name} is no trap: {sprung:?}");
    }
}

#[tokio::test]
async fn nothing_that_an_agent_plants_is_run_by_any_of_our_calls() {
    let (world, workspace, path) = scene().await;
    let (a, b) = (id("a"), id("b"));
    let base = workspace.base().await.unwrap();
    plant(&world, &path);
    for name in ["x.txt", "y.long", "z.odd", "src/lib.txt"] {
        put(&path.join(name), "one\ntwo\n");
    }
    put(&path.join("t.tru"), "lower\n");
    let second = workspace.find(&b).await.unwrap().unwrap().path;
    put(&second.join("src/lib.txt"), "another\n");
    // Seen and kept.
    let tree = workspace.tree(&a).await.unwrap();
    assert_eq!(workspace.file(&tree, "x.txt").await.unwrap().unwrap(), b"one\ntwo\n");
    assert_eq!(workspace.file(&tree, "t.tru").await.unwrap().unwrap(), b"LOWER\n");
    workspace.snapshot(&a, 1).await.unwrap();
    assert_eq!(workspace.changes(&base.tree, &tree).await.unwrap().len(), 6);
    let text = workspace.diff(&base.tree, &tree, &[], 1 << 20).await.unwrap();
    assert!(text.contains("+lower") || text.contains("+LOWER"), "{text}");
    let _dirty = workspace.dirty().await.unwrap();
    // Finished, in conflict, landed.
    let first = finished(&workspace, &a, &base).await;
    let line = [(a.clone(), first.clone())];
    assert_eq!(workspace.land(&base, &line).await.unwrap(), shopfloor::workspace::Landed::Done);
    let other = workspace.tree(&b).await.unwrap();
    let composed = workspace.compose(&first, &base, &other, "m").await.unwrap();
    assert!(matches!(composed, shopfloor::workspace::Composed::Conflict { .. }), "{composed:?}");
    // Checked out, put back, made, taken away; and the base merged.
    let checkout = workspace.checkout("union", &first.commit).await.unwrap();
    assert_eq!(read(&checkout.join("x.txt")), "one\ntwo\n");
    workspace.restart(&b, 2, &first, &first.tree).await.unwrap();
    std::fs::remove_file(path.join(".git")).unwrap();
    workspace.prepare(&a).await.unwrap();
    workspace.prepare(&id("c")).await.unwrap();
    let parent = world.git(&[
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.fsmonitor=false",
        "rev-parse",
        "main",
    ]);
    let moved = workspace.commit_tree(&base.tree, &parent, "moved").await.unwrap();
    let main = world.project().join(".git/refs/heads/main");
    std::fs::write(main, moved.commit + "\n").unwrap();
    workspace.base().await.unwrap();
    workspace.retire(&a, 3).await.unwrap();
    // A worker that starts now: opening runs nothing either.
    let again = world.open().await;
    let _dirty = again.find(&b).await.unwrap();
    assert_eq!(sprung(&world), Vec::<String>::new());
}

#[tokio::test]
async fn a_working_tree_set_elsewhere_is_not_followed() {
    let (world, workspace, path) = scene().await;
    let outside = world.folder.path().join("outside");
    put(&outside.join("secret"), "s");
    for folder in [world.project(), path.clone()] {
        git(&folder, &["config", "--worktree", "core.worktree", outside.to_str().unwrap()]);
    }
    world.git(&["config", "core.worktree", outside.to_str().unwrap()]);
    let order = id("a");
    put(&path.join("new"), "x");
    let snapshot = workspace.snapshot(&order, 1).await.unwrap();
    assert!(workspace.file(&snapshot.tree, "secret").await.unwrap().is_none());
    assert!(workspace.file(&snapshot.tree, "new").await.unwrap().is_some());
    let base = workspace.base().await.unwrap();
    workspace.restart(&order, 1, &base, &snapshot.tree).await.unwrap();
    let checkout = workspace.checkout("c", &snapshot.commit).await.unwrap();
    assert_eq!(read(&checkout.join("new")), "x");
    workspace.prepare(&id("c")).await.unwrap();
    workspace.retire(&order, 2).await.unwrap();
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(read(&outside.join("secret")), "s");
}

#[tokio::test]
async fn an_object_that_was_given_a_replacement_keeps_its_own_content() {
    let (world, workspace, path) = scene().await;
    put(&path.join("README"), "changed\n");
    let old = world.git(&["rev-parse", "main:README"]);
    let fake = git(&path, &["hash-object", "-w", "README"]);
    world.git(&["replace", &old, &fake]);
    let base = workspace.base().await.unwrap();
    assert_eq!(workspace.file(&base.tree, "README").await.unwrap().unwrap(), b"readme\n");
    let tree = workspace.tree(&id("a")).await.unwrap();
    let text = workspace.diff(&base.tree, &tree, &[], 1000).await.unwrap();
    assert!(text.contains("-readme") && text.contains("+changed"), "{text}");
}
