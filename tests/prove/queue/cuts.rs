//! Power cuts: ext4 on a loop device is shut down in the midst of work by the ioctl that is made for this, so that what
//! was not synced is gone; then it is mounted again, and everything that was acknowledged must be there.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use super::oracle::Oracle;
use super::{gauge, hand, journal, person};

/// How the file system is mounted, and how it is shut down: with its own journal written out first (1), or without (2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) data: &'static str,
    pub(super) flag: u32,
}

/// All of them.
pub(super) const KINDS: [Kind; 4] = [
    Kind { data: "ordered", flag: 2 },
    Kind { data: "writeback", flag: 2 },
    Kind { data: "ordered", flag: 1 },
    Kind { data: "writeback", flag: 1 },
];

impl Kind {
    pub(super) fn name(self) -> String {
        let how = if self.flag == 1 { "its journal flushed" } else { "nothing flushed" };
        format!("data={}, {how}", self.data)
    }
}

/// Cuts one queue outlives before another is begun.
const LIVES: usize = 20;

const FLAGS: &str = "noauto_da_alloc,noatime";

/// A program that shuts a file system down when it is told to: rustix has no safe call for it.
const CUTTER: &str = "open(F, '<', $ARGV[0]) or die; $| = 1; print qq(ready\\n); <STDIN>; \
    ioctl(F, 0x8004587d, pack('L', $ARGV[1])) or die qq(ioctl: $!); print qq(cut\\n);";

/// A disk whose power can be cut.
pub(super) struct Disk {
    _folder: tempfile::TempDir,
    device: String,
    at: PathBuf,
    mounted: bool,
}

fn run(program: &str, args: &[&str]) -> Result<String, String> {
    let ran = Command::new(program).args(args).output();
    let ran = ran.map_err(|error| format!("{program} can't be started: {error}"))?;
    match ran.status.success() {
        true => Ok(String::from_utf8_lossy(&ran.stdout).trim().to_owned()),
        false => {
            Err(format!("{program} {args:?}: {}", String::from_utf8_lossy(&ran.stderr).trim()))
        }
    }
}

impl Disk {
    /// A disk of 48 MiB; why there is none.
    pub(super) fn make() -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        let file = fs::File::create(&image).unwrap();
        file.set_len(48 * 1024 * 1024).unwrap();
        let at = folder.path().join("disk");
        fs::create_dir(&at).unwrap();
        let device = run("losetup", &["-f", "--show", &image.display().to_string()])?;
        let disk = Self { _folder: folder, device, at, mounted: false };
        run("perl", &["-e", "1"])?;
        disk.format()?;
        Ok(disk)
    }

    fn format(&self) -> Result<(), String> {
        let options = ["-q", "-F", "-b", "4096", "-J", "size=4", "-E", "lazy_itable_init=0"];
        run("mkfs.ext4", &[&options[..], &[&self.device]].concat()).map(drop)
    }

    fn mount(&mut self, data: &str) -> Result<(), String> {
        let options = format!("{FLAGS},data={data}");
        let at = self.at.display().to_string();
        run("mount", &["-t", "ext4", "-o", &options, &self.device, &at])?;
        self.mounted = true;
        Ok(())
    }

    fn unmount(&mut self) {
        let at = self.at.display().to_string();
        let begun = Instant::now();
        while let Err(why) = run("umount", &[&at]) {
            assert!(begun.elapsed() < Duration::from_secs(10), "{why}");
            std::thread::sleep(Duration::from_millis(2));
        }
        self.mounted = false;
        // Somebody's mount namespace may have a copy of the mount: it would come back as dark as it went.
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::EXCL;
        let mode = rustix::fs::Mode::empty();
        while let Err(error) = rustix::fs::open(self.device.as_str(), flags, mode) {
            assert!(
                begun.elapsed() < Duration::from_secs(120),
                "{} stays in use: {error}",
                self.device
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whoever cuts the power of this disk, waiting for the word.
    fn cutter(&self, flag: u32) -> Cutter {
        let mut command = Command::new("perl");
        command.args(["-e", CUTTER]).arg(&self.at).arg(flag.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let word = child.stdin.take().unwrap();
        let mut heard = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        heard.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Cutter { child, word, heard }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            let _gone = Command::new("umount").arg("-l").arg(&self.at).output();
        }
        let _gone = Command::new("losetup").arg("-d").arg(&self.device).output();
    }
}

struct Cutter {
    child: Child,
    word: ChildStdin,
    heard: BufReader<std::process::ChildStdout>,
}

impl Cutter {
    fn cut(mut self) {
        self.word.write_all(b"now\n").unwrap();
        let mut line = String::new();
        self.heard.read_line(&mut line).unwrap();
        assert_eq!(line, "cut\n", "the disk could not be shut down");
        self.child.wait().unwrap();
    }
}

/// Children that are ended with this value.
struct AtWork(Vec<Child>);

impl Drop for AtWork {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _gone = child.kill();
            let _gone = child.wait();
        }
    }
}

/// What a run of cuts came to.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) cuts: usize,
    pub(super) torn: usize,
    pub(super) acknowledged: usize,
    pub(super) orders: usize,
    pub(super) took: Duration,
    pub(super) wrong: Vec<String>,
}

/// Cuts the power so many times, or until something is wrong. `without` is a sync that is left out.
pub(super) fn run_of(
    disk: &mut Disk,
    kind: Kind,
    cuts: usize,
    draw: &mut fastrand::Rng,
    without: Option<&str>,
) -> Run {
    let mut run = Run::default();
    let begun = Instant::now();
    while run.cuts < cuts && run.wrong.is_empty() {
        disk.format().unwrap();
        disk.mount(kind.data).unwrap();
        let aside = tempfile::tempdir().unwrap();
        let oracle = Oracle::set(&disk.at.join("queue"), aside.path());
        // What is there before the first cut.
        rustix::fs::sync();
        let mut life = Life { disk, kind, oracle, draw, without, lives: 0, names: 0 };
        for _ in 0..LIVES.min(cuts - run.cuts) {
            run.wrong.extend(life.one_cut(&mut run.torn));
            run.cuts += 1;
            if !run.wrong.is_empty() {
                break;
            }
        }
        let found = life.oracle.check(true);
        run.acknowledged += found.done;
        run.orders += found.orders;
        run.wrong.extend(found.wrong);
        disk.unmount();
    }
    run.took = begun.elapsed();
    run
}

struct Life<'a> {
    disk: &'a mut Disk,
    kind: Kind,
    oracle: Oracle,
    draw: &'a mut fastrand::Rng,
    without: Option<&'a str>,
    lives: u64,
    names: u64,
}

impl Life<'_> {
    /// Work, a cut, and what is wrong after it.
    fn one_cut(&mut self, torn: &mut usize) -> Vec<String> {
        let (queue, aside) = (self.oracle.queue.clone(), self.oracle.aside.clone());
        let cutter = self.disk.cutter(self.kind.flag);
        self.lives += 1;
        let spoke = self.oracle.speakers();
        let mut children = vec![person::start(&queue, &aside, self.lives, self.without)];
        for _ in 0..2 {
            children.push(hand::start(&queue, &aside, self.draw.u64(..), self.without));
        }
        let at_work = AtWork(children);
        // Each of them has begun, unless it finds nothing to do.
        let begun = Instant::now();
        while self.oracle.speakers() < spoke + 3 && begun.elapsed() < Duration::from_secs(1) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(self.draw.u64(0..120_000)));
        // From here on the machine would be dark: what somebody says after this he would never have come to say.
        let dark = super::now();
        cutter.cut();
        drop(at_work);
        self.oracle.dark.push((dark, super::now()));
        self.oracle.forget_generations();
        self.disk.unmount();
        self.disk.mount(self.kind.data).unwrap();
        // A machine whose power went boots: marks of claims are in no sync, and the first recovery of a boot makes up for it.
        let boot = queue.join(".floor/run/boot");
        if boot.exists() {
            fs::write(boot, "the boot before").unwrap();
        }
        if self.draw.u32(..3) == 0 {
            *torn += self.tear();
        }
        let mut wrong = self.oracle.recover();
        wrong.extend(self.oracle.check(true).wrong);
        wrong
    }

    /// What a disk may leave behind a journal whose last write was cut short: half a line, zeros, junk.
    fn tear(&mut self) -> usize {
        let orders: Vec<PathBuf> = gauge::names(&self.oracle.queue)
            .into_iter()
            .filter(|name| name != ".floor")
            .map(|name| self.oracle.queue.join(name))
            .collect();
        let mut torn = 0;
        for order in orders {
            // Of two such tails the first would be followed by something.
            if self.draw.u32(..3) > 0 || !journal::ends_whole(&order) || !journal::all_good(&order)
            {
                continue;
            }
            self.names += 1;
            let half = b"{\"v\":1,\"seq\":7,\"e\":\"advance\",\"gen\":3,\"wid\":\"1-2-00000003\",\"from\":";
            let tail: Vec<u8> = match self.names % 4 {
                0 => half[..self.draw.usize(1..half.len())].to_vec(),
                1 => vec![0; self.draw.usize(1..4096)],
                2 => (0..self.draw.usize(1..200)).map(|_| self.draw.u8(128..)).collect(),
                _ => [half.as_slice(), b"\"x\",\"crc\":\"00000000\"}\n"].concat(),
            };
            let file = fs::File::options().append(true).open(order.join("events.jsonl"));
            file.unwrap().write_all(&tail).unwrap();
            torn += 1;
        }
        torn
    }
}
