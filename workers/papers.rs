//! An order's papers: what stands in its folder for people, and the copy of it on an agent's desk.
//!
//! Text from an order or an agent is data: only plain files are copied, never what a link points at, and only names
//! we know are taken back. The order's folder is never made here: an order that a person removed stays removed.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result};
use crate::secrets;

/// The most bytes a paper may have.
pub const PAPER_LIMIT_BYTES: u64 = 1024 * 1024;

/// What went wrong before, for the next one who works on the order.
pub const FEEDBACK: &str = "feedback.md";

/// Why an order was given up.
pub const REPORT: &str = "FAILED.md";

/// One order's folder.
#[derive(Debug, Clone)]
pub struct Papers {
    folder: PathBuf,
}

/// What was copied, and what was passed over with the reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// Names.
    pub names: Vec<String>,
    /// Names of those in which a secret was hidden.
    pub hidden: Vec<String>,
    /// Names with the reason.
    pub passed_over: Vec<(String, String)>,
}

impl Papers {
    /// The papers in `folder`.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Copies every paper (`*.md` and `order.json`) to `desk`, which is made; not those named in `without`.
    pub fn lay_out(&self, desk: &Path, without: &[&str]) -> Result<Copied> {
        fs::create_dir_all(desk).map_err(|error| Error::io("make", desk, error))?;
        let mut copied = Copied::default();
        let entries =
            fs::read_dir(&self.folder).map_err(|error| Error::io("read", &self.folder, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Error::io("read", &self.folder, error))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_paper = name.ends_with(".md") || name == "order.json";
            if !is_paper || name.starts_with('.') || without.contains(&name.as_str()) {
                continue;
            }
            match copy_plain(&entry.path(), &desk.join(&name), |bytes| bytes) {
                Ok(_) => copied.names.push(name),
                Err(error) if error.kind() == Kind::DiskFull => return Err(error),
                Err(error) => copied.passed_over.push((name, error.to_string())),
            }
        }
        copied.names.sort();
        Ok(copied)
    }

    /// Takes papers of these names back from `desk`, with their time stamps and without secrets of a known form. Those that are not there are passed over
    /// without a word.
    pub fn take_back(&self, desk: &Path, names: &[&str]) -> Result<Copied> {
        let mut copied = Copied::default();
        for name in names {
            let from = desk.join(name);
            if fs::symlink_metadata(&from).is_err() {
                continue;
            }
            match copy_plain(&from, &self.folder.join(name), secrets::forms_hidden_in) {
                Ok(whole) => {
                    copied.names.push((*name).to_owned());
                    copied.hidden.extend((!whole).then(|| (*name).to_owned()));
                }
                Err(error) if error.kind() == Kind::DiskFull => return Err(error),
                Err(error) => copied.passed_over.push(((*name).to_owned(), error.to_string())),
            }
        }
        Ok(copied)
    }

    /// Writes a paper of our own, whole: what a test or an agent said may stand in it, secrets of a known form don't.
    pub fn put(&self, name: &str, text: &str) -> Result<()> {
        put(&self.folder.join(name), secrets::forms_hidden(text).as_bytes(), None)
    }

    /// Takes a paper away; none is fine.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.folder.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove", &path, error))
            }
            _ => Ok(()),
        }
    }

    /// A paper's text; `None` when there is none that can be read.
    pub fn read(&self, name: &str) -> Option<String> {
        let (bytes, _) = read_plain(&self.folder.join(name)).ok()?;
        String::from_utf8(bytes).ok()
    }
}

/// Reads a plain file of at most [`PAPER_LIMIT_BYTES`]; links, pipes and devices are refused without blocking.
fn read_plain(path: &Path) -> Result<(Vec<u8>, std::time::SystemTime)> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let failed = |error| Error::io("read", path, error);
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path);
    let file = file.map_err(failed)?;
    let facts = file.metadata().map_err(failed)?;
    let refused =
        |why: &str| Err(Error::usage(format!("failed to read {}: {why}", path.display())));
    if !facts.is_file() {
        return refused("it is not a plain file");
    }
    if facts.len() > PAPER_LIMIT_BYTES {
        return refused("it has more than 1 MiB");
    }
    let mut bytes = Vec::new();
    file.take(PAPER_LIMIT_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok((bytes, facts.modified().map_err(failed)?))
}

/// Copies a plain file. True when it is the same file afterwards.
fn copy_plain(from: &Path, to: &Path, clean: impl Fn(Vec<u8>) -> Vec<u8>) -> Result<bool> {
    let (bytes, modified) = read_plain(from)?;
    let cleaned = clean(bytes.clone());
    put(to, &cleaned, Some(modified))?;
    Ok(cleaned == bytes)
}

fn put(path: &Path, bytes: &[u8], modified: Option<std::time::SystemTime>) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::with_prefix_in(".paper-", folder)?;
        file.write_all(bytes)?;
        if let Some(modified) = modified {
            file.as_file().set_modified(modified)?;
        }
        file.as_file().sync_data()?;
        file.persist(path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| Error::io("write", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> (tempfile::TempDir, Papers, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let order = folder.path().join("order");
        fs::create_dir(&order).unwrap();
        let desk = folder.path().join("desk");
        (folder, Papers::at(order), desk)
    }

    #[test]
    fn papers_go_to_the_desk_and_known_ones_come_back_with_their_time() {
        let (_folder, papers, desk) = order();
        papers.put("work-order.md", "spec").unwrap();
        papers.put("playtest-report.md", "old").unwrap();
        let copied = papers.lay_out(&desk, &["playtest-report.md"]).unwrap();
        assert_eq!(copied.names, ["work-order.md"]);
        fs::write(desk.join("playtest-report.md"), "new").unwrap();
        fs::write(desk.join("other.md"), "x").unwrap();
        let time = fs::metadata(desk.join("playtest-report.md")).unwrap().modified().unwrap();
        papers.take_back(&desk, &["playtest-report.md", "absent.md"]).unwrap();
        assert_eq!(papers.read("playtest-report.md").unwrap(), "new");
        assert_eq!(papers.read("other.md"), None);
        let kept = fs::metadata(papers.folder().join("playtest-report.md")).unwrap();
        assert_eq!(kept.modified().unwrap(), time);
    }

    #[test]
    fn a_link_is_never_followed_and_a_pipe_does_not_block() {
        let (folder, papers, desk) = order();
        let secret = folder.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        std::os::unix::fs::symlink(&secret, papers.folder().join("work-order.md")).unwrap();
        let copied = papers.lay_out(&desk, &[]).unwrap();
        assert_eq!((copied.names.len(), copied.passed_over.len()), (0, 1));
        let pipe = desk.join("work-order.md");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        let taken = papers.take_back(&desk, &["work-order.md"]).unwrap();
        assert_eq!(taken.passed_over.len(), 1);
    }

    #[test]
    fn an_order_that_was_removed_stays_removed() {
        let (_folder, papers, _) = order();
        fs::remove_dir(papers.folder()).unwrap();
        assert!(papers.put("feedback.md", "x").is_err());
        assert!(!papers.folder().exists());
    }
}
