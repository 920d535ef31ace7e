//! A fork bomb: the ending of a tree that grows faster than anybody kills it comes to an end. It goes off in a control group
//! that holds so many processes and no more, which takes root and a controller of pids.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use shopfloor::process::{Program, carrying};

/// As many processes as the bomb can have.
const MOST: u64 = 40;

/// A control group of its own. It goes with this value.
struct Group(PathBuf);

impl Group {
    fn make() -> Option<Self> {
        let name = format!("shopfloor-test-{}", std::process::id());
        ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].iter().find_map(|root| {
            let group = Self(Path::new(root).join(&name));
            fs::create_dir(&group.0).ok()?;
            fs::write(group.0.join("pids.max"), MOST.to_string()).ok()?;
            let set = fs::read_to_string(group.0.join("pids.max")).ok()?;
            (set.trim() == MOST.to_string() && group.0.join("cgroup.procs").exists())
                .then_some(group)
        })
    }

    fn members(&self) -> usize {
        fs::read_to_string(self.0.join("cgroup.procs")).unwrap().lines().count()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _nuisance = fs::remove_dir(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "a test that was skipped must say so")]
async fn the_ending_of_a_fork_bomb_comes_to_an_end() {
    let Some(group) = Group::make() else {
        eprintln!(
            "SKIPPED: a fork bomb is let loose in a control group only, and none can be made here"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    // It does not go off outside of its group.
    // It burns out by itself, should this test be killed. Each is in a session of its own, as agents start theirs: no signal to a group reaches them all. A shell would end when
    // there is no room for one more process; this one waits for it.
    let bomb = "echo $$ > \"$GROUP/cgroup.procs\" || exit 1\n\
                grep -q shopfloor-test /proc/$$/cgroup || exit 1\n\
                exec perl -MPOSIX -e 'my $end = time + 40; while (time < $end) { my $child = fork; \
                if (!defined $child) { select undef, undef, undef, 0.02 } elsif (!$child) { POSIX::setsid() } }'\n";
    fs::write(folder.path().join("bomb.sh"), bomb).unwrap();
    let cookie = format!("test-bomb-{}/s", std::process::id());
    let argv = ["sh".to_owned(), "bomb.sh".to_owned()];
    let program = Program::new(&argv, folder.path(), &cookie).unwrap().env("GROUP", &group.0);
    let running = program.converse().unwrap();
    let begun = Instant::now();
    while group.members() + 5 < MOST as usize {
        if begun.elapsed() > Duration::from_secs(30) {
            eprintln!(
                "SKIPPED: the bomb did not go off ({} processes): it takes perl",
                group.members()
            );
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let begun = Instant::now();
    let (_, left) = running.end(Duration::ZERO).await;
    assert!(begun.elapsed() < Duration::from_secs(30), "it took {:?}", begun.elapsed());
    assert!(carrying(&cookie).is_empty(), "{left} were left, and some are still");
    assert_eq!(group.members(), 0);
}
