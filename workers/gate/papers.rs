//! Reading and writing in folders that others write in too: no link is followed, nothing but plain files is read,
//! everything that is written is new and renamed into place.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::OFlags;

use crate::error::{Error, Kind, Result};

/// The folder of the proofs in an order's folder.
pub(super) const EVIDENCE: &str = "evidence";

/// What a look at a file found.
#[derive(Debug)]
pub(super) enum Paper {
    /// There is none of that name.
    Missing,
    /// It is there and won't be read: the reason, reading on from the file's name ("is a symlink").
    Unfit(String),
    /// A plain file.
    Plain {
        /// Its content.
        bytes: Vec<u8>,
        /// When it was last written.
        modified: SystemTime,
    },
}

/// Looks at the file `name` (relative, plain names only) in `folder` and reads at most `limit` bytes of it.
pub(super) fn look(folder: &Path, name: &str, limit: u64) -> Result<Paper> {
    let path = match below(folder, name) {
        Ok(path) => path,
        Err(why) => return Ok(Paper::Unfit(why)),
    };
    let failed = |error| Error::io("read", &path, error);
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(&path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Paper::Missing),
        Err(_) if path.is_symlink() => return Ok(Paper::Unfit("is a symlink".to_owned())),
        Err(_) if !path.is_file() => return Ok(Paper::Unfit("is not a plain file".to_owned())),
        Err(error) => return Err(failed(error)),
    };
    let known = file.metadata().map_err(failed)?;
    let unfit = if !known.is_file() {
        Some("is not a plain file".to_owned())
    } else if known.nlink() > 1 {
        Some("is a hard link".to_owned())
    } else if known.len() > limit {
        Some(format!("has {} bytes, more than {limit}", known.len()))
    } else {
        None
    };
    if let Some(why) = unfit {
        return Ok(Paper::Unfit(why));
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Paper::Plain { bytes, modified: known.modified().map_err(failed)? })
}

/// Removes the file `name` (relative, plain names only, through no link) in `folder`, if it is there. What is no file
/// stays, and is found unfit when it is looked at.
pub(super) fn remove(folder: &Path, name: &str) -> Result<()> {
    let Ok(path) = below(folder, name) else { return Ok(()) };
    match std::fs::remove_file(&path) {
        Err(error) if path.is_file() => Err(Error::io("remove", &path, error)),
        _ => Ok(()),
    }
}

/// The path of `name` in `folder`, or what is wrong with it: only plain names, through real folders.
fn below(folder: &Path, name: &str) -> std::result::Result<PathBuf, String> {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let odd = name.is_empty() || name.len() > 512 || name.contains(char::is_control);
    if odd || !Path::new(name).components().all(plain) {
        return Err("is no plain relative name".to_owned());
    }
    let mut path = folder.to_owned();
    for part in Path::new(name).components() {
        if path != folder && path.is_symlink() {
            return Err("lies behind a symlink".to_owned());
        }
        path.push(part);
    }
    Ok(path)
}

/// The order's `evidence/`, made when missing. Never the order's folder itself: one that was removed stays removed.
pub(super) fn evidence(papers: &Path) -> Result<PathBuf> {
    let folder = papers.join(EVIDENCE);
    real_folder(&folder)?;
    Ok(folder)
}

/// Makes `folder` if it is missing; an error if something else has its name.
fn real_folder(folder: &Path) -> Result<()> {
    match std::fs::create_dir(folder) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(Error::io("make", folder, error)),
    }
    let known = folder.symlink_metadata().map_err(|error| Error::io("look at", folder, error))?;
    if known.is_dir() {
        return Ok(());
    }
    let what = if known.is_symlink() { "a symlink" } else { "no folder" };
    Err(Error::new(Kind::BrokenOrder, format!("{} is {what}", folder.display()))
        .hint(format!("remove {}: a real folder is made in its place", folder.display())))
}

/// Writes a file whole: under another name in `evidence/`, then renamed to `name` in the order's folder. A link that
/// has the name is replaced, not followed.
pub(super) fn replace(papers: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let target = made_below(papers, name)?;
    let failed = |error| Error::io("write", &target, error);
    let file = temporary(papers, bytes)?;
    file.persist(&target).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Writes a new file under the first free name of `name(1)`, `name(2)`, ... and says which.
pub(super) fn add(papers: &Path, name: impl Fn(u32) -> String, bytes: &[u8]) -> Result<String> {
    let mut file = temporary(papers, bytes)?;
    for number in 1..=10_000 {
        let relative = name(number);
        let target = papers.join(&relative);
        match file.persist_noclobber(&target) {
            Ok(_) => return Ok(relative),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                file = error.file;
            }
            Err(error) => return Err(Error::io("write", &target, error.error)),
        }
    }
    Err(Error::new(Kind::Failed, format!("failed to find a free name like {}", name(1))))
}

/// Appends one line. A line that a crash cut off is ended first.
pub(super) fn append(papers: &Path, name: &str, line: &str) -> Result<()> {
    let target = made_below(papers, name)?;
    let failed = |error| Error::io("append to", &target, error);
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .custom_flags(flags.bits() as i32)
        .open(&target)
        .map_err(failed)?;
    let torn = last_byte(&file).map_err(failed)?.is_some_and(|byte| byte != b'\n');
    let whole = format!("{}{line}\n", if torn { "\n" } else { "" });
    file.write_all(whole.as_bytes()).map_err(failed)
}

fn last_byte(file: &File) -> std::io::Result<Option<u8>> {
    use std::os::unix::fs::FileExt as _;
    let Some(at) = file.metadata()?.len().checked_sub(1) else { return Ok(None) };
    let mut byte = [0];
    file.read_exact_at(&mut byte, at)?;
    Ok(Some(byte[0]))
}

/// The path of `name` in the order's folder, the folders on the way made and real.
fn made_below(papers: &Path, name: &str) -> Result<PathBuf> {
    let mut folder = papers.to_owned();
    let parts: Vec<Component<'_>> = Path::new(name).components().collect();
    for part in &parts[..parts.len().saturating_sub(1)] {
        folder.push(part);
        real_folder(&folder)?;
    }
    Ok(papers.join(name))
}

fn temporary(papers: &Path, bytes: &[u8]) -> Result<tempfile::NamedTempFile> {
    let folder = evidence(papers)?;
    let write = || -> std::io::Result<tempfile::NamedTempFile> {
        let readable = std::fs::Permissions::from_mode(0o644);
        let mut file =
            tempfile::Builder::new().prefix(".new-").permissions(readable).tempfile_in(&folder)?;
        file.write_all(bytes)?;
        Ok(file)
    };
    write().map_err(|error| Error::io("write in", &folder, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn why(paper: Paper) -> String {
        match paper {
            Paper::Unfit(why) => why,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn only_plain_files_under_plain_names_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("plain"), "x").unwrap();
        std::fs::write(at("first"), "x").unwrap();
        std::fs::hard_link(at("first"), at("second")).unwrap();
        std::fs::create_dir(at("real")).unwrap();
        std::fs::write(at("real/inside"), "x").unwrap();
        symlink("plain", at("link")).unwrap();
        symlink("real", at("linked")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("fifo"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        let look = |name: &str| look(folder.path(), name, 10).unwrap();
        assert!(matches!(look("plain"), Paper::Plain { .. }));
        assert!(matches!(look("real/inside"), Paper::Plain { .. }));
        assert!(matches!(look("none"), Paper::Missing));
        for (name, expected) in [
            ("link", "symlink"),
            ("linked/inside", "symlink"),
            ("second", "hard link"),
            ("fifo", "not a plain file"),
            ("real", "not a plain file"),
            ("../plain", "no plain relative name"),
            ("/etc/passwd", "no plain relative name"),
            ("", "no plain relative name"),
            ("a\nb", "no plain relative name"),
        ] {
            let why = why(look(name));
            assert!(why.contains(expected), "{name:?}: {why}");
        }
        std::fs::write(at("plain"), "more than ten bytes").unwrap();
        assert!(why(look("plain")).contains("more than 10"));
    }

    #[test]
    fn an_evidence_folder_that_is_a_link_is_named_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let papers = folder.path().join("order");
        std::fs::create_dir(&papers).unwrap();
        symlink(folder.path(), papers.join(EVIDENCE)).unwrap();
        let error = replace(&papers, "evidence/x", b"x").unwrap_err();
        assert!(error.to_string().contains("is a symlink"), "{error}");
        assert!(!folder.path().join("x").exists());
        assert!(evidence(&folder.path().join("gone")).is_err(), "a removed order stays removed");
    }

    #[test]
    fn a_torn_line_is_ended_before_the_next() {
        let papers = tempfile::tempdir().unwrap();
        evidence(papers.path()).unwrap();
        std::fs::write(papers.path().join("evidence/record.jsonl"), "{\"half").unwrap();
        append(papers.path(), "evidence/record.jsonl", "{}").unwrap();
        append(papers.path(), "evidence/record.jsonl", "{}").unwrap();
        let text = std::fs::read_to_string(papers.path().join("evidence/record.jsonl")).unwrap();
        assert_eq!(text, "{\"half\n{}\n{}\n");
    }

    #[test]
    fn added_files_never_replace_one_another() {
        let papers = tempfile::tempdir().unwrap();
        let name = |n: u32| format!("evidence/3-red-{n}.txt");
        assert_eq!(add(papers.path(), name, b"a").unwrap(), "evidence/3-red-1.txt");
        assert_eq!(add(papers.path(), name, b"b").unwrap(), "evidence/3-red-2.txt");
        let left = std::fs::read_dir(papers.path().join(EVIDENCE)).unwrap().count();
        assert_eq!(left, 2, "no temporary file stays");
    }
}
