//! A file system that becomes read-only under a worker at its work, as one does when its disk reports errors: ext4 on a loop
//! device of its own, mounted to do so, and told by its own switch that there is an error.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::house::{House, Worker, left_over};

/// A file system of 64 MiB in a file. It is gone with this value.
struct Disk {
    image: tempfile::NamedTempFile,
    mounted: PathBuf,
}

fn run(program: &str, args: &[&str]) -> Option<String> {
    let ran = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
    ran.status.success().then(|| String::from_utf8_lossy(&ran.stdout).trim().to_owned())
}

impl Disk {
    fn make(at: PathBuf) -> Option<Self> {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(64 * 1024 * 1024).unwrap();
        let disk = Self { image, mounted: at };
        run("mkfs.ext4", &["-q", "-F", disk.image.path().to_str()?])?;
        disk.mount()?;
        disk.switch().exists().then_some(disk)
    }

    fn mount(&self) -> Option<()> {
        let (image, at) = (self.image.path().to_str()?, self.mounted.to_str()?);
        run("mount", &["-o", "loop,errors=remount-ro", image, at]).map(drop)
    }

    /// What tells the file system that it has an error.
    fn switch(&self) -> PathBuf {
        let device = run("findmnt", &["-no", "SOURCE", self.mounted.to_str().unwrap_or("")]);
        let device = device.unwrap_or_default().replace("/dev/", "");
        PathBuf::from("/sys/fs/ext4").join(device).join("trigger_fs_error")
    }

    fn fail(&self) {
        fs::write(self.switch(), "an error of a test's\n").unwrap();
        let error = fs::write(self.mounted.join("probe"), "").unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    }

    /// As a person would after that: unmount it, check it, mount it again.
    fn mend(&self) {
        let image = self.image.path().to_str().unwrap();
        assert!(run("umount", &[self.mounted.to_str().unwrap()]).is_some());
        let checked = Command::new("e2fsck").args(["-p", "-f", image]).output().unwrap();
        assert!(checked.status.code().is_some_and(|code| code < 4), "{checked:?}");
        assert!(self.mount().is_some());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("-l").arg(&self.mounted).status();
        let _gone = fs::remove_dir(&self.mounted);
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that was skipped must say so")]
fn when_the_file_system_becomes_read_only_sessions_end_workers_end_with_7_and_nothing_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let beside = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::make(folder.path().to_owned()) else {
        eprintln!("SKIPPED: a disk that fails needs root, a loop device, mkfs.ext4 and sysfs");
        return;
    };
    let go = beside.path().join("go");
    let acts = format!(
        "[[act]]\norder = \"a\"\nstage = \"spec\"\ntimes = 1\n\
         run = [[\"sh\", \"-c\", \"while [ ! -e {} ]; do sleep 0.05; done\"]]\n",
        go.display()
    );
    let limits = "[limits]\nbackoff = \"1s\"\nbreaker = \"1s\"\npoll = \"200ms\"\nfree_mib = 1\n";
    let house = House::at(folder, limits, &acts);
    house.add(&["a", "b"]);
    let said = beside.path().join("said");
    let start = |stage: &str| {
        let mut command = house.command(stage);
        let log = fs::File::options().create(true).append(true).open(&said).unwrap();
        command.arg("--batch-size=1").stdout(Stdio::null()).stderr(log);
        Worker { child: command.spawn().unwrap() }
    };
    let mut at_work = start("spec-worker");
    house.wait("the turn", |house| !house.told("turn_began").is_empty());
    disk.fail();
    // Another one finds nothing to write to, and takes nothing.
    assert_eq!(start("spec-worker").end(Duration::from_secs(60)), Some(7));
    fs::write(&go, "").unwrap();
    assert_eq!(at_work.end(Duration::from_secs(60)), Some(7));
    let said = fs::read_to_string(&said).unwrap();
    assert!(said.contains("mount it read-write; nothing was lost"), "{said}");
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
    disk.mend();
    assert_eq!((house.state("a").as_str(), house.state("b").as_str()), ("NEW", "NEW"));
    house.run("spec-worker", &["--until-idle"]);
    let states = ["a", "b"].map(|id| house.state(id));
    assert_eq!(states, ["TESTS_PRE", "TESTS_PRE"], "{}", house.scene());
    let kinds: Vec<_> =
        house.journal("a").iter().map(|entry| entry["e"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "advance").count(), 1, "{kinds:?}");
}
