//! Finished work: the freshest base, a change put on top of another, and landing.

use super::*;
use shopfloor::workspace::{Composed, Landed};

/// An order whose worktree holds one more file with this text.
async fn ordered(workspace: &Workspace, order: &str, file: &str, text: &str) -> OrderId {
    let order = id(order);
    let bench = workspace.prepare(&order).await.unwrap();
    put(&bench.path.join(file), text);
    order
}

/// Lands one order on the freshest base.
async fn land_one(workspace: &Workspace, order: &OrderId) -> Commit {
    let base = workspace.base().await.unwrap();
    let commit = finished(workspace, order, &base).await;
    let line = [(order.clone(), commit.clone())];
    assert_eq!(workspace.land(&base, &line).await.unwrap(), Landed::Done);
    commit
}

#[tokio::test]
async fn a_line_of_orders_lands_in_one_transaction_and_is_the_next_base() {
    let world = World::new();
    let workspace = world.open().await;
    let (a, b) = (
        ordered(&workspace, "a", "a.txt", "a").await,
        ordered(&workspace, "b", "b.txt", "b").await,
    );
    let main = world.git(&["rev-parse", "main"]);
    let base = workspace.base().await.unwrap();
    assert_eq!(base.commit, main);
    let first = finished(&workspace, &a, &base).await;
    let second = finished(&workspace, &b, &first).await;
    let line = [(a, first.clone()), (b, second.clone())];
    assert_eq!(workspace.land(&base, &line).await.unwrap(), Landed::Done);
    assert_eq!(world.git(&["rev-parse", "shopfloor/ready"]), second.commit);
    assert_eq!(world.git(&["rev-parse", "shopfloor/a"]), first.commit);
    assert_eq!(world.git(&["rev-parse", "shopfloor/b"]), second.commit);
    assert_eq!(
        world.git(&["log", "--format=%s|%an", "main..shopfloor/ready"]),
        "b: done|Operator\na: done|Operator"
    );
    assert_eq!(workspace.base().await.unwrap(), second);
    assert_eq!(workspace.land(&second, &[]).await.unwrap(), Landed::Done);
    // The user's branch and files are where they were.
    assert_eq!(world.git(&["rev-parse", "HEAD"]), main);
    assert_eq!(workspace.dirty().await.unwrap(), None);
    // An order that needs another finds its work.
    let bench = workspace.prepare(&id("c")).await.unwrap();
    assert_eq!(read(&bench.path.join("a.txt")), "a");
}

#[tokio::test]
async fn a_landing_on_a_base_that_moved_changes_nothing() {
    let world = World::new();
    let workspace = world.open().await;
    let a = ordered(&workspace, "a", "a.txt", "a").await;
    let b = ordered(&workspace, "b", "b.txt", "b").await;
    let base = workspace.base().await.unwrap();
    let late = finished(&workspace, &b, &base).await;
    let landed = land_one(&workspace, &a).await;
    let line = [(b.clone(), late)];
    assert_eq!(workspace.land(&base, &line).await.unwrap(), Landed::BaseMoved);
    assert_eq!(world.git(&["rev-parse", "shopfloor/ready"]), landed.commit);
    assert_eq!(world.git(&["rev-parse", "shopfloor/b"]), base.commit);
    // The base branch moving counts as well.
    let base = workspace.base().await.unwrap();
    let late = finished(&workspace, &b, &base).await;
    put(&world.project().join("README"), "newer\n");
    world.commit("newer");
    assert_eq!(workspace.land(&base, &[(b, late)]).await.unwrap(), Landed::BaseMoved);
}

#[tokio::test]
async fn of_many_who_land_at_once_on_the_same_base_exactly_one_does() {
    let world = World::new();
    let workspace = world.open().await;
    let base = workspace.base().await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..6 {
        let order = ordered(&workspace, &format!("o{n}"), &format!("f{n}"), "x").await;
        let commit = finished(&workspace, &order, &base).await;
        let (workspace, base) = (world.open().await, base.clone());
        tasks.spawn(async move { workspace.land(&base, &[(order, commit)]).await.unwrap() });
    }
    let landed = tasks.join_all().await;
    assert_eq!(landed.iter().filter(|landed| **landed == Landed::Done).count(), 1, "{landed:?}");
    assert_eq!(world.git(&["rev-list", "--count", "main..shopfloor/ready"]), "1");
}

#[tokio::test]
async fn a_line_that_does_not_hang_together_is_refused() {
    let world = World::new();
    let workspace = world.open().await;
    let a = ordered(&workspace, "a", "a.txt", "a").await;
    let b = ordered(&workspace, "b", "b.txt", "b").await;
    let base = workspace.base().await.unwrap();
    let (first, second) =
        (finished(&workspace, &a, &base).await, finished(&workspace, &b, &base).await);
    let line = [(a.clone(), first.clone()), (b, second)];
    assert!(workspace.land(&base, &line).await.is_err());
    let on_first = finished(&workspace, &a, &first).await;
    assert!(workspace.land(&base, &[(a.clone(), first), (a, on_first)]).await.is_err());
    assert!(!world.has("shopfloor/ready"));
}

#[tokio::test]
async fn finished_work_is_merged_with_a_base_branch_that_moved_on() {
    let world = World::new();
    let workspace = world.open().await;
    let a = ordered(&workspace, "a", "a.txt", "a").await;
    let ready = land_one(&workspace, &a).await;
    put(&world.project().join("README"), "newer\n");
    let main = world.commit("newer");
    let (other, again) = (world.open().await, workspace.clone());
    let (one, two) = tokio::join!(other.base(), again.base());
    let base = one.unwrap();
    assert_eq!(base, two.unwrap());
    assert_eq!(
        world.git(&["log", "-1", "--format=%P", &base.commit]),
        format!("{main} {}", ready.commit)
    );
    assert_eq!(world.git(&["rev-parse", "shopfloor/ready"]), base.commit);
    assert_eq!(workspace.base().await.unwrap(), base);
    // The user takes it all over: the base branch is the base again.
    world.git(&["merge", "--quiet", "--ff-only", "shopfloor/ready"]);
    put(&world.project().join("README"), "newest\n");
    let main = world.commit("newest");
    assert_eq!(workspace.base().await.unwrap().commit, main);
}

#[tokio::test]
async fn finished_work_that_conflicts_with_the_base_branch_is_kept_and_new_work_begins_without_it()
{
    let world = World::new();
    let workspace = world.open().await;
    let a = ordered(&workspace, "a", "README", "by the order\n").await;
    let old = land_one(&workspace, &a).await;
    put(&world.project().join("README"), "by the user\n");
    let main = world.commit("user");
    assert_eq!(workspace.base().await.unwrap().commit, main);
    assert_eq!(world.git(&["rev-parse", "shopfloor/ready"]), old.commit);
    let b = ordered(&workspace, "b", "b.txt", "b").await;
    let new = land_one(&workspace, &b).await;
    assert_eq!(world.git(&["rev-parse", "shopfloor/ready"]), new.commit);
    assert_eq!(world.git(&["rev-parse", "shopfloor/a"]), old.commit);
    assert!(world.has(&format!("refs/shopfloor/ready/{}", &old.commit[..12])));
}

#[tokio::test]
async fn a_change_is_put_on_a_newer_base_line_by_line() {
    let world = World::new();
    let workspace = world.open().await;
    let order = id("a");
    let bench = workspace.prepare(&order).await.unwrap();
    let lib = read(&bench.path.join("src/lib.txt"));
    put(&bench.path.join("src/lib.txt"), &lib.replace("line 2\n", "line two\n"));
    let tree = workspace.tree(&order).await.unwrap();
    put(&world.project().join("src/lib.txt"), &lib.replace("line 9\n", "line nine\n"));
    world.commit("newer");
    let onto = workspace.base().await.unwrap();
    let composed = workspace.compose(&onto, &bench.base, &tree, "subject\n\nbody\n").await.unwrap();
    let Composed::Clean(commit) = composed else { panic!("{composed:?}") };
    let both = lib.replace("line 2\n", "line two\n").replace("line 9\n", "line nine\n");
    assert_eq!(world.shown(&commit.commit, "src/lib.txt") + "\n", both);
    assert_eq!(
        world.git(&["log", "-1", "--format=%P|%s|%b", &commit.commit]),
        format!("{}|subject|body", onto.commit)
    );
}

#[tokio::test]
async fn a_conflict_names_the_files_and_shows_both_sides() {
    let world = World::new();
    let workspace = world.open().await;
    let order = id("a");
    let bench = workspace.prepare(&order).await.unwrap();
    put(&bench.path.join("README"), "by the order\n");
    put(&bench.path.join("odd\nname"), "by the order\n");
    put(&bench.path.join("fine"), "x\n");
    let tree = workspace.tree(&order).await.unwrap();
    put(&world.project().join("README"), "by the user\n");
    put(&world.project().join("odd\nname"), "by the user\n");
    world.commit("newer");
    let onto = workspace.base().await.unwrap();
    let composed = workspace.compose(&onto, &bench.base, &tree, "m").await.unwrap();
    let Composed::Conflict { files, tree } = composed else { panic!("{composed:?}") };
    assert_eq!(files, ["README", "odd\nname"]);
    let text = workspace.file(&tree, "README").await.unwrap().unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("<<<<<<<") && text.contains("by the order") && text.contains("by the user"),
        "{text}"
    );
    // The order is sent back with that.
    workspace.restart(&order, 1, &onto, &tree).await.unwrap();
    assert_eq!(read(&bench.path.join("README")), text);
    assert_eq!(workspace.tree(&order).await.unwrap(), tree);
}

#[tokio::test]
async fn an_order_that_changed_nothing_composes_to_an_empty_commit() {
    let world = World::new();
    let workspace = world.open().await;
    let order = id("a");
    let bench = workspace.prepare(&order).await.unwrap();
    put(&world.project().join("README"), "newer\n");
    world.commit("newer");
    let onto = workspace.base().await.unwrap();
    let tree = workspace.tree(&order).await.unwrap();
    let Composed::Clean(commit) = workspace.compose(&onto, &bench.base, &tree, "m").await.unwrap()
    else {
        panic!("a conflict")
    };
    assert_eq!(commit.tree, onto.tree);
}

#[tokio::test]
async fn a_commit_of_the_agents_own_on_the_branch_is_salvaged_when_the_order_lands() {
    let world = World::new();
    let workspace = world.open().await;
    let a = ordered(&workspace, "a", "a.txt", "a").await;
    let bench = workspace.find(&a).await.unwrap().unwrap();
    git(&bench.path, &["add", "--all"]);
    git(&bench.path, &["commit", "--quiet", "--message", "by the agent"]);
    let own = git(&bench.path, &["rev-parse", "HEAD"]);
    let landed = land_one(&workspace, &a).await;
    assert_eq!(world.git(&["rev-parse", "shopfloor/a"]), landed.commit);
    assert_eq!(
        world.git(&["rev-parse", &format!("refs/shopfloor/salvage/a/branch-{}", &own[..12])]),
        own
    );
    assert_eq!(workspace.tree(&a).await.unwrap(), landed.tree);
}

#[tokio::test]
async fn the_lock_of_a_git_that_was_killed_does_not_stop_a_landing() {
    let world = World::new();
    let workspace = world.open().await;
    let a = ordered(&workspace, "a", "a.txt", "a").await;
    put(&world.project().join(".git/refs/heads/shopfloor/ready.lock"), "");
    let landed = land_one(&workspace, &a).await;
    assert_eq!(world.git(&["rev-parse", "shopfloor/ready"]), landed.commit);
}

#[tokio::test]
async fn a_branch_of_ours_that_was_made_to_point_at_the_users_is_replaced_and_not_followed() {
    let world = World::new();
    let workspace = world.open().await;
    let a = ordered(&workspace, "a", "a.txt", "a").await;
    let main = world.git(&["rev-parse", "main"]);
    world.git(&["symbolic-ref", "refs/heads/shopfloor/a", "refs/heads/main"]);
    world.git(&["symbolic-ref", "refs/heads/shopfloor/ready", "refs/heads/main"]);
    let landed = land_one(&workspace, &a).await;
    assert_eq!(world.git(&["rev-parse", "main"]), main);
    assert_eq!(
        world.git(&["rev-parse", "shopfloor/a", "shopfloor/ready"]),
        [&*landed.commit; 2].join("\n")
    );
}

/// All branches with the commits they name.
fn branches(world: &World) -> Vec<(String, String)> {
    let all = world.git(&["for-each-ref", "--format=%(refname) %(objectname)", "refs/heads"]);
    let pair = |line: &str| line.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()));
    all.lines().filter_map(pair).collect()
}

#[tokio::test]
async fn no_branch_is_ever_deleted_and_what_one_named_is_never_lost() {
    let world = World::new();
    let workspace = world.open().await;
    let mut seen = Vec::new();
    let a = ordered(&workspace, "a", "a.txt", "a").await;
    let path = workspace.find(&a).await.unwrap().unwrap().path;
    git(&path, &["add", "--all"]);
    git(&path, &["commit", "--quiet", "--message", "the agent's own"]);
    seen.extend(branches(&world));
    land_one(&workspace, &a).await;
    seen.extend(branches(&world));
    // Put away, and a second life of the same name.
    workspace.retire(&a, 1).await.unwrap();
    seen.extend(branches(&world));
    let b = ordered(&workspace, "b", "b.txt", "b").await;
    land_one(&workspace, &b).await;
    ordered(&workspace, "a", "more.txt", "more").await;
    seen.extend(branches(&world));
    // The base branch goes another way, and the order is put there.
    world.git(&["commit", "--quiet", "--allow-empty", "--message", "elsewhere"]);
    let base = workspace.base().await.unwrap();
    workspace.restart(&a, 2, &base, &base.tree).await.unwrap();
    workspace.retire(&a, 2).await.unwrap();
    workspace.retire(&b, 1).await.unwrap();
    let now = branches(&world);
    assert!(seen.len() > 8, "{seen:?}");
    for (name, commit) in seen {
        assert!(now.iter().any(|(known, _)| *known == name), "{name} is gone: {now:?}");
        let holders = world.git(&["for-each-ref", "--contains", &commit]);
        assert!(!holders.is_empty(), "nothing holds {commit}, which {name} named");
    }
}
