//! What people do by hand, with a shell and an editor, past the queue: call by call, so that anybody may act in between.

use std::path::{Path, PathBuf};

use shopfloor::queue::files::machine::{Errno, Opening, Renaming};

use super::actor;
use super::deeds::{self, Place};
use super::oracle::Effect;
use super::scene::{ELSEWHERE, FLOOR, QUEUE};
use super::script::Hand;
use super::tree::Body;
use super::world::{Call, Caller, World};

/// A person's shell.
struct Shell<'a> {
    world: &'a World,
    by: Caller,
}

type Answer<T> = Result<T, Errno>;

/// Does one thing in the folder of an order. What can't be done is not done, as in a shell.
pub(crate) fn does(world: &World, by: Caller, order: usize, what: Hand) {
    let shell = Shell { world, by };
    let name = actor::id(order).to_string();
    let folder = Path::new(QUEUE).join(&name);
    let aside = Path::new(ELSEWHERE).join(&name);
    let backup = Path::new(ELSEWHERE).join(format!("{name}.backup"));
    // A command that fails tells so and ends, as far as it came.
    let _ = match what {
        Hand::Echo(to) => shell.echo(&folder.join(".state"), &format!("{}\n", actor::state(to))),
        Hand::Edit(to) => shell.edit(&folder, ".state", &format!("{}\n", actor::state(to))),
        Hand::Hold => shell.echo(&folder.join(".hold"), "wait\n"),
        Hand::Unhold => shell.remove(&folder.join(".hold")),
        Hand::Delete => shell.remove_all(&folder),
        Hand::MoveAway => shell.rename(&folder, &aside),
        Hand::MoveBack => shell.rename(&aside, &folder),
        Hand::Copy => shell.copy(&folder, &Path::new(QUEUE).join(actor::id(order + 1).to_string())),
        Hand::Backup => {
            shell.remove_all(&backup).or(Ok(())).and_then(|()| shell.copy(&folder, &backup))
        }
        Hand::Restore => shell.restore(&backup, &folder),
        Hand::Make(to) => shell.make(&folder, to),
        Hand::NoJournal => {
            shell.rename(&folder.join("events.jsonl"), &folder.join("events.jsonl.bad"))
        }
        Hand::NoLock => shell.remove(&folder.join(".lock")),
        Hand::NoIndex => shell.remove_all(&Path::new(FLOOR).join("ready")),
        Hand::Marker(state) => shell.mark(&name, state),
        Hand::Link(which) => shell.link(&folder, which),
        Hand::Priority(priority) => {
            let text = format!("{{\"title\": \"{name}\", \"priority\": \"{}\"}}\n", priority % 10);
            shell.edit(&folder, "order.json", &text)
        }
    };
}

impl Shell<'_> {
    fn rename(&self, from: &Path, to: &Path) -> Answer<()> {
        let about = format!("(by hand) mv {} {}", from.display(), to.display());
        self.world.call(
            self.by,
            Call::Change,
            |_| about,
            |kernel, _| {
                // `mv` into a folder that is there would put it inside; a person looks first.
                if kernel.walk(to)?.2.is_some_and(|node| kernel.tree.folder(node).is_ok()) {
                    return Err(Errno::EXIST);
                }
                deeds::rename(kernel, self.by, &Place::At(from), &Place::At(to), Renaming::Replace)
            },
        )
    }

    fn remove(&self, path: &Path) -> Answer<()> {
        let about = format!("(by hand) rm {}", path.display());
        self.world.call(
            self.by,
            Call::Change,
            |_| about,
            |kernel, _| deeds::remove(kernel, self.by, &Place::At(path), false),
        )
    }

    fn remove_folder(&self, path: &Path) -> Answer<()> {
        let about = format!("(by hand) rmdir {}", path.display());
        self.world.call(
            self.by,
            Call::Change,
            |_| about,
            |kernel, _| deeds::remove(kernel, self.by, &Place::At(path), true),
        )
    }

    fn make_folder(&self, path: &Path) -> Answer<()> {
        let about = format!("(by hand) mkdir {}", path.display());
        self.world.call(
            self.by,
            Call::Make,
            |_| about,
            |kernel, _| {
                if kernel.walk(path)?.2.is_some() {
                    return Err(Errno::EXIST);
                }
                deeds::make_folder(kernel, self.by, path)
            },
        )
    }

    /// Opens a file to write it anew: what was in it is gone at once.
    fn open_empty(&self, path: &Path) -> Answer<usize> {
        let about = format!("(by hand) open and empty {}", path.display());
        self.world.call(
            self.by,
            Call::Make,
            |_| about,
            |kernel, _| {
                let handle = deeds::open(kernel, self.by, &Place::At(path), Opening::Append)?;
                deeds::truncate(kernel, self.by, handle, 0)?;
                Ok(handle)
            },
        )
    }

    fn write(&self, handle: usize, text: &[u8]) -> Answer<()> {
        let about = |kernel: &super::kernel::Kernel| {
            format!("(by hand) write {} {:?}", kernel.shown(handle), String::from_utf8_lossy(text))
        };
        self.world.call(self.by, Call::Write, about, |kernel, _| {
            deeds::write(kernel, self.by, handle, text, true, None)?;
            kernel.close(handle);
            Ok(())
        })
    }

    /// `echo text > path`
    fn echo(&self, path: &Path, text: &str) -> Answer<()> {
        let handle = self.open_empty(path)?;
        self.write(handle, text.as_bytes())
    }

    /// An editor: writes another file and renames it into place.
    fn edit(&self, folder: &Path, name: &str, text: &str) -> Answer<()> {
        let other = folder.join(format!("{name}~"));
        self.echo(&other, text)?;
        self.rename(&other, &folder.join(name))
    }

    fn names(&self, folder: &Path) -> Answer<Vec<PathBuf>> {
        let about = format!("(by hand) ls {}", folder.display());
        let names = self.world.call(
            self.by,
            Call::Look,
            |_| about,
            |kernel, _| deeds::list(kernel, folder),
        )?;
        Ok(names.into_iter().map(|(name, _)| folder.join(name)).collect())
    }

    fn remove_all(&self, folder: &Path) -> Answer<()> {
        for path in self.names(folder)? {
            match self.remove(&path) {
                Err(Errno::ISDIR) => self.remove_all(&path)?,
                removed => removed?,
            }
        }
        self.remove_folder(folder)
    }

    /// `cp -r`: file by file.
    fn copy(&self, from: &Path, to: &Path) -> Answer<()> {
        let names = self.names(from)?;
        self.make_folder(to)?;
        for path in names {
            let about = format!("(by hand) cat {}", path.display());
            let text = self.world.call(
                self.by,
                Call::Look,
                |_| about,
                |kernel, _| {
                    let (_, _, node) = kernel.walk(&path)?;
                    let file = kernel.tree.file(node.ok_or(Errno::NOENT)?);
                    file.map(|file| file.bytes.clone()).ok_or(Errno::ISDIR)
                },
            );
            if let (Ok(text), Some(name)) = (text, path.file_name()) {
                let handle = self.open_empty(&to.join(name))?;
                self.write(handle, &text)?;
            }
        }
        Ok(())
    }

    fn restore(&self, backup: &Path, folder: &Path) -> Answer<()> {
        self.names(backup)?;
        self.remove_all(folder).or(Ok(()))?;
        self.copy(backup, folder)
    }

    fn make(&self, folder: &Path, to: usize) -> Answer<()> {
        self.make_folder(folder)?;
        match to % 3 {
            0 => Ok(()),
            1 => self.echo(&folder.join(".state"), &format!("{}\n", actor::state(to / 3))),
            _ => self.echo(&folder.join("order.json"), "{\"title\": \"by hand\"}\n"),
        }
    }

    fn mark(&self, name: &str, state: usize) -> Answer<()> {
        let folder = Path::new(FLOOR).join("ready").join(actor::state(state).as_str());
        self.make_folder(&folder).or(Ok(()))?;
        self.echo(&folder.join(format!("0.0000000001.{name}")), "")
    }

    /// A link in the place of something.
    fn link(&self, folder: &Path, which: usize) -> Answer<()> {
        let names = [".state", ".lock", "order.json", "events.jsonl", ".hold"];
        let (path, to) = match names.get(which % (names.len() + 1)) {
            Some(name) => (folder.join(name), format!("{ELSEWHERE}/secret")),
            None => (folder.to_owned(), ELSEWHERE.to_owned()),
        };
        match self.remove(&path) {
            Err(Errno::ISDIR) => self.rename(&path, &Path::new(ELSEWHERE).join("moved"))?,
            removed => removed.or(Ok(()))?,
        }
        let about = format!("(by hand) ln -s {to} {}", path.display());
        self.world.call(
            self.by,
            Call::Make,
            |_| about,
            |kernel, _| {
                let (parent, name, _) = kernel.walk(&path)?;
                let node = kernel.tree.make(parent, &name, Body::Link(to))?;
                kernel.tell(self.by, &Effect::Made { folder: parent, name: &name, node });
                Ok(())
            },
        )
    }
}
