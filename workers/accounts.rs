//! Accounts that are parked: by a usage limit until it ends, by a refused login or a bill until a person says so.
//!
//! What is parked is the account, not an order and not a stage: `.floor/accounts/<name>.json`, which every worker of
//! every stage looks at before each turn. It outlives restarts. Once its time has come, one worker alone finds out
//! whether the account works again; it holds `<name>.lock`, and the others wait for what it finds. Who writes holds the
//! folder's own lock meanwhile, and opens only what it has seen: of two findings at one moment none is lost. A file that
//! can't be read keeps the account parked: to find out costs money, and a person can delete it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::config::Limits;
use crate::error::{Error, Result};
use crate::failure::Fault;
use crate::floor::{Floor, LONGEST_WAIT_SECS};
use crate::secrets;

/// The longest time a limit is believed to last. One beyond that is a mistake, and is asked again.
const LONGEST_SECS: u64 = 7 * 24 * 3600;
/// How long we wait for somebody else to write. It takes him milliseconds, unless he was stopped in the middle of it.
const WRITING: Duration = Duration::from_secs(5);

/// An account that is parked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// The account's name.
    pub account: String,
    /// The words of the fault: `usage limit`, `rate limit`, `login`, `billing`.
    pub fault: String,
    /// What showed it, one line.
    pub why: String,
    /// Unix seconds.
    pub since: u64,
    /// Unix seconds at which it goes on by itself. `None`: when a person says so.
    pub until: Option<u64>,
    /// True when the time was told, and not chosen by us.
    pub told: bool,
    /// How many times in a row it was found like this.
    pub count: u32,
}

/// The accounts of one floor.
#[derive(Debug, Clone)]
pub struct Accounts {
    folder: PathBuf,
}

/// The right to find out whether an account works again, until it is dropped.
#[derive(Debug)]
pub struct Probe {
    _lock: Locked,
    /// How it was parked when we began to find out.
    seen: Parked,
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
struct Locked(File);

impl Locked {
    /// `None` when somebody else has it.
    fn try_on(file: File) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing would not do: a child between fork and exec shares our open file for a moment, and the lock with it.
        if let Err(error) = self.0.unlock() {
            tracing::debug!(%error, "the lock of an account was not given back before its file was closed");
        }
    }
}

/// Whether a session may be opened with an account.
#[derive(Debug)]
#[must_use]
pub enum Entry {
    /// It is not parked.
    Open,
    /// Its time has come, and we are the one who finds out.
    Probe(Probe),
    /// It is parked, or somebody else is finding out.
    Shut(Parked),
}

/// What parks an account.
#[derive(Debug, Clone, Copy)]
pub struct Cause<'a> {
    /// The fault.
    pub fault: Fault,
    /// What showed it, one line.
    pub why: &'a str,
    /// Unix seconds at which it ends, where that was told.
    pub until: Option<u64>,
    /// A person wants to say when it goes on, whatever the fault.
    pub by_hand: bool,
}

impl Parked {
    /// True while nothing may be begun with it.
    ///
    /// A time further away than any limit lasts was written by a clock that jumped since, and holds nothing.
    pub fn holds(&self, now: u64) -> bool {
        self.until.is_none_or(|until| until > now && until - now <= LONGEST_WAIT_SECS)
    }

    /// `work: usage limit until 14:05`.
    pub fn told(&self) -> String {
        let Self { account, fault, until, .. } = self;
        match until {
            Some(until) => format!("{account}: {fault} until {}", clock(*until)),
            None => format!("{account}: {fault}, until somebody says `shopfloor resume {account}`"),
        }
    }
}

impl Accounts {
    /// Those of this floor.
    pub fn of(floor: &Floor) -> Self {
        Self { folder: floor.root().join("accounts") }
    }

    /// A name as a file's: whatever a person calls an account, it stays in its folder.
    fn path(&self, account: &str, ending: &str) -> PathBuf {
        let plain = |c: char| if c.is_alphanumeric() || "-_@".contains(c) { c } else { '_' };
        self.folder.join(format!("{}.{ending}", account.chars().map(plain).collect::<String>()))
    }

    /// How it is parked, if it is.
    pub fn parked(&self, account: &str) -> Option<Parked> {
        let path = self.path(account, "json");
        match fs::read(&path) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                unreadable(account, &format!("{} can't be read: {error}", path.display()))
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                Some(unreadable(account, &format!("{} can't be read: {error}", path.display())))
            }
        }
    }

    /// Every account that is parked, by name.
    pub fn all(&self) -> Vec<Parked> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        let names = paths.filter_map(|path| {
            let json = path.extension().is_some_and(|ending| ending == "json");
            json.then(|| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))?
        });
        let mut all: Vec<Parked> = names.filter_map(|name| self.parked(&name)).collect();
        all.sort_by(|a, b| a.account.cmp(&b.account));
        all
    }

    /// True while nothing may be begun with it.
    pub fn shut(&self, account: &str, now: u64) -> Option<Parked> {
        self.parked(account).filter(|parked| parked.holds(now))
    }

    /// Asks to open a session with it.
    pub fn enter(&self, account: &str, now: u64) -> Result<Entry> {
        let Some(parked) = self.parked(account) else { return Ok(Entry::Open) };
        if parked.holds(now) {
            return Ok(Entry::Shut(parked));
        }
        let path = self.path(account, "lock");
        let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(|error| Error::io("open", &path, error))?;
        let locked = Locked::try_on(file).map_err(|error| Error::io("lock", &path, error))?;
        let Some(lock) = locked else { return Ok(Entry::Shut(parked)) };
        // Look, lock, look again: who had it may have found out just now.
        match self.parked(account) {
            None => Ok(Entry::Open),
            Some(parked) if parked.holds(now) => Ok(Entry::Shut(parked)),
            Some(seen) => Ok(Entry::Probe(Probe { _lock: lock, seen })),
        }
    }

    /// The right to write: nobody else does meanwhile. `None` when it can't be had.
    fn writing(&self) -> Option<Locked> {
        let begun = Instant::now();
        loop {
            let open = fs::create_dir_all(&self.folder).and_then(|()| File::open(&self.folder));
            match open.and_then(Locked::try_on) {
                Ok(Some(lock)) => return Some(lock),
                Ok(None) if begun.elapsed() < WRITING => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Ok(None) => return None,
                Err(error) => {
                    tracing::warn!(%error, folder = %self.folder.display(), "the accounts can't be locked");
                    return None;
                }
            }
        }
    }

    /// Parks an account, and says how it is parked now. What parks it already, found by somebody else, stands when it ends
    /// no sooner.
    pub fn park(
        &self,
        account: &str,
        cause: Cause<'_>,
        limits: &Limits,
        now: u64,
        chance: f64,
    ) -> Result<Parked> {
        // Without it the account is parked all the same: that it is asked no more comes first.
        let _writing = self.writing();
        let before = self.parked(account);
        let still = before.as_ref().filter(|parked| parked.holds(now));
        let earlier = before.as_ref().map_or(0, |parked| parked.count);
        let count = if still.is_some() { earlier } else { earlier + 1 };
        let until = resumes_at(cause, limits, count, now, chance);
        if let Some(still) = still {
            let ends_later = match (until, still.until) {
                (_, None) => true,
                (Some(new), Some(old)) => old >= new,
                (None, Some(_)) => false,
            };
            // The same once more, and no time was told: another draw of our own policy is no news.
            let the_same = still.fault == cause.fault.as_str() && until.is_some();
            if ends_later || (the_same && cause.until.is_none()) {
                return Ok(still.clone());
            }
        }
        let told = cause.until.is_some_and(|told| Some(told) == until);
        let parked = Parked {
            account: account.to_owned(),
            fault: cause.fault.as_str().to_owned(),
            why: secrets::hidden(cause.why).into_owned(),
            since: still.map_or(now, |parked| parked.since),
            until,
            told,
            count,
        };
        self.write(&parked)?;
        Ok(parked)
    }

    /// On disk before anybody acts on it, and after a loss of power as well.
    fn write(&self, parked: &Parked) -> Result<()> {
        let path = self.path(&parked.account, "json");
        let write = || -> io::Result<()> {
            fs::create_dir_all(&self.folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(&serde_json::to_vec_pretty(parked)?)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|error| Error::io("write", &path, error))
    }

    /// Who was finding out has found that the account works. True when it is open because of that; false when it is parked
    /// by something newer than what he set out from, which stands.
    pub fn works(&self, account: &str, probe: &Probe) -> Result<bool> {
        let Some(_writing) = self.writing() else { return Ok(false) };
        match self.parked(account) {
            Some(now) if now == probe.seen => self.remove(account),
            _ => Ok(false),
        }
    }

    /// A person says that the account works. True if it was parked.
    pub fn resume(&self, account: &str) -> Result<bool> {
        let _writing = self.writing();
        self.remove(account)
    }

    fn remove(&self, account: &str) -> Result<bool> {
        let path = self.path(account, "json");
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("remove", &path, error)),
        }
    }
}

/// The time of day as a clock on the wall shows it, never a minute too early; with the date where it is not today's.
fn clock(unix: u64) -> String {
    let second = i64::try_from(unix.saturating_add(59)).ok();
    let Some(at) = second.and_then(|unix| jiff::Timestamp::from_second(unix).ok()) else {
        return format!("unix second {unix}");
    };
    let (at, now) = (at.to_zoned(jiff::tz::TimeZone::system()), jiff::Zoned::now());
    let form = if at.date() == now.date() { "%H:%M" } else { "%F %H:%M" };
    at.strftime(form).to_string()
}

fn unreadable(account: &str, why: &str) -> Parked {
    Parked {
        account: account.to_owned(),
        fault: "unknown".to_owned(),
        why: why.to_owned(),
        since: 0,
        until: None,
        told: false,
        count: 1,
    }
}

/// When an account is tried again; `None` when a person has to say so.
///
/// A time that was told is believed once: one that has come and changed nothing could be told at every try. Without a
/// time, a usage limit is looked at every `limit_probe`, and a rate limit as often as a breaker.
fn resumes_at(cause: Cause<'_>, limits: &Limits, count: u32, now: u64, chance: f64) -> Option<u64> {
    if cause.by_hand || !matches!(cause.fault, Fault::UsageLimit | Fault::RateLimit) {
        return None;
    }
    let spread = |time: Duration| time.mul_f64(0.75 + 0.5 * chance.clamp(0.0, 1.0));
    let doubled = |before: u32| {
        let wait = limits.breaker.saturating_mul(1 << before.min(20)).min(limits.breaker_cap);
        spread(wait).as_secs_f64().ceil() as u64
    };
    Some(match cause.until {
        Some(until) if until > now => {
            let least = if count > 1 { doubled(count - 2) } else { 1 };
            now + (until - now).min(LONGEST_SECS).max(least)
        }
        // It passed while we heard of it, or is told so at every try.
        Some(_) => now + doubled(count.saturating_sub(1)),
        None if cause.fault == Fault::RateLimit => now + doubled(count.saturating_sub(1)),
        None => now + spread(limits.limit_probe).as_secs_f64().ceil() as u64,
    })
}

#[cfg(test)]
mod tests;
