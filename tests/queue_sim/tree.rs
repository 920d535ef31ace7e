//! The disk in memory: what its names lead to now, and what of it is not synced yet.
//!
//! Every change of a folder is one [`Change`], kept or lost as a whole (a rename is never half done on a file system with a
//! journal). Every write to a file leaves a [`Version`]. Syncing moves both into the durable half; [`super::cut`] decides
//! what a power cut leaves of the rest.

use std::collections::BTreeMap;

use shopfloor::queue::files::machine::{Errno, Facts, Sort};

/// A file or folder, for as long as the history lasts. Never used again, unlike the inode number that is shown.
pub(crate) type Node = usize;

/// The root of everything.
pub(crate) const ROOT: Node = 0;

/// How file systems differ in what they keep of changes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One journal for all folders: a cut keeps a beginning of it, and every sync writes all of it out (ext4, xfs).
    Journal,
    /// Each folder keeps a beginning of its own changes.
    Folders,
    /// Any changes may be kept and others lost.
    Writeback,
}

/// The names in a folder.
pub(crate) type Names = BTreeMap<String, Node>;

/// What is in a file after a write that was not synced.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mtime: i64,
}

/// A plain file.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mtime: i64,
    /// What power loss leaves of it.
    pub(crate) kept: Version,
    /// What it was in between, oldest first; the last one is what it is now.
    pub(crate) versions: Vec<Version>,
    /// False when a sync failed and nothing was written since: another sync writes nothing out.
    pub(crate) dirty: bool,
}

/// A folder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Folder {
    pub(crate) names: Names,
    pub(crate) kept: Names,
}

/// What an inode is.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    File(File),
    Folder(Folder),
    Link(String),
}

/// One inode.
#[derive(Debug, Clone)]
pub(crate) struct Inode {
    pub(crate) body: Body,
    /// The number that is shown.
    pub(crate) number: u64,
    pub(crate) links: u32,
    pub(crate) opens: u32,
    /// When it was made, nanoseconds since 1970.
    pub(crate) born: i64,
    /// The folder that a name was given to it in last.
    pub(crate) parent: Node,
}

/// A name that leads elsewhere, or nowhere, after a change.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) folder: Node,
    pub(crate) name: String,
    pub(crate) after: Option<Node>,
}

/// One change of one folder, or of two: all of it or nothing.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) parts: Vec<Part>,
    /// What is made, moved or taken away.
    pub(crate) nodes: Vec<Node>,
}

/// All files and folders.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub(crate) inodes: Vec<Inode>,
    /// Changes that are not synced, oldest first.
    pub(crate) pending: Vec<Change>,
    pub(crate) mode: Mode,
    /// Numbers of inodes that are gone are given out again.
    pub(crate) reuse: bool,
    /// The time that what is made now is given.
    pub(crate) now: i64,
    free: Vec<u64>,
    next: u64,
}

type Answer<T> = Result<T, Errno>;

impl Tree {
    /// A disk with nothing on it.
    pub(crate) fn new() -> Self {
        let body = Body::Folder(Folder::default());
        let root = Inode { body, number: 2, links: 1, opens: 0, born: 0, parent: ROOT };
        Self {
            inodes: vec![root],
            pending: Vec::new(),
            mode: Mode::Journal,
            reuse: false,
            now: 0,
            free: Vec::new(),
            next: 11,
        }
    }

    /// The folder `node`, or that it is none.
    pub(crate) fn folder(&self, node: Node) -> Answer<&Folder> {
        match &self.inodes[node].body {
            Body::Folder(folder) => Ok(folder),
            Body::File(_) | Body::Link(_) => Err(Errno::NOTDIR),
        }
    }

    fn folder_mut(&mut self, node: Node) -> Answer<&mut Folder> {
        match &mut self.inodes[node].body {
            Body::Folder(folder) => Ok(folder),
            Body::File(_) | Body::Link(_) => Err(Errno::NOTDIR),
        }
    }

    /// The file `node`, if it is one.
    pub(crate) fn file(&self, node: Node) -> Option<&File> {
        match &self.inodes[node].body {
            Body::File(file) => Some(file),
            Body::Folder(_) | Body::Link(_) => None,
        }
    }

    fn file_mut(&mut self, node: Node) -> Answer<&mut File> {
        match &mut self.inodes[node].body {
            Body::File(file) => Ok(file),
            Body::Folder(_) | Body::Link(_) => Err(Errno::ISDIR),
        }
    }

    /// What `name` in `folder` leads to.
    pub(crate) fn find(&self, folder: Node, name: &str) -> Option<Node> {
        self.folder(folder).ok()?.names.get(name).copied()
    }

    /// The bytes of the file `name` in `folder`.
    pub(crate) fn bytes_of(&self, folder: Node, name: &str) -> Option<&[u8]> {
        self.file(self.find(folder, name)?).map(|file| file.bytes.as_slice())
    }

    /// The path of `node`, as far as a name leads to it.
    pub(crate) fn path_of(&self, mut node: Node) -> String {
        let mut parts = Vec::new();
        while node != ROOT {
            let parent = self.inodes[node].parent;
            let name = self.folder(parent).ok().and_then(|folder| {
                folder.names.iter().find(|(_, there)| **there == node).map(|(name, _)| name.clone())
            });
            parts.push(name.unwrap_or_else(|| "(gone)".to_owned()));
            node = parent;
        }
        parts.reverse();
        format!("/{}", parts.join("/"))
    }

    /// The file with that inode number and birth: `likely`, or else the latest. Two can be born in one tick of the clock.
    pub(crate) fn file_of(&self, number: u64, born: i64, likely: Option<Node>) -> Option<Node> {
        let is_it = |node: &Node| {
            let inode = &self.inodes[*node];
            (inode.number, inode.born) == (number, born) && matches!(inode.body, Body::File(_))
        };
        likely.filter(is_it).or_else(|| (0..self.inodes.len()).rev().find(is_it))
    }

    /// What stat(2) says.
    pub(crate) fn facts(&self, node: Node) -> Facts {
        let inode = &self.inodes[node];
        let (sort, size, mtime) = match &inode.body {
            Body::File(file) => (Sort::File, file.bytes.len() as u64, file.mtime),
            Body::Folder(_) => (Sort::Folder, 4096, 0),
            Body::Link(to) => (Sort::Link, to.len() as u64, 0),
        };
        let (links, born) = (inode.links.into(), Some(inode.born));
        Facts { device: 1, inode: inode.number, sort, links, size, mtime, born }
    }

    fn number(&mut self) -> u64 {
        if self.reuse
            && let Some(number) = self.free.pop()
        {
            return number;
        }
        self.next += 1;
        self.next
    }

    /// Makes something new.
    pub(crate) fn make(&mut self, folder: Node, name: &str, body: Body) -> Answer<Node> {
        if self.inodes[folder].links == 0 {
            return Err(Errno::NOENT);
        }
        if self.folder(folder)?.names.contains_key(name) {
            return Err(Errno::EXIST);
        }
        let number = self.number();
        self.inodes.push(Inode {
            body,
            number,
            links: 0,
            opens: 0,
            born: self.now,
            parent: folder,
        });
        let node = self.inodes.len() - 1;
        self.change(vec![part(folder, name, Some(node))], vec![node]);
        Ok(node)
    }

    /// A new, empty file.
    pub(crate) fn new_file(mtime: i64) -> Body {
        let kept = Version { bytes: Vec::new(), mtime };
        Body::File(File { bytes: Vec::new(), mtime, kept, versions: Vec::new(), dirty: true })
    }

    /// Takes a name away.
    pub(crate) fn unlink(&mut self, folder: Node, name: &str, is_folder: bool) -> Answer<Node> {
        let node = self.find(folder, name).ok_or(Errno::NOENT)?;
        match (&self.inodes[node].body, is_folder) {
            (Body::Folder(_), false) => return Err(Errno::ISDIR),
            (Body::Folder(inside), true) if !inside.names.is_empty() => {
                return Err(Errno::NOTEMPTY);
            }
            (Body::File(_) | Body::Link(_), true) => return Err(Errno::NOTDIR),
            _ => {}
        }
        self.change(vec![part(folder, name, None)], vec![node]);
        Ok(node)
    }

    /// Renames, over what stands there if `replace`. What was there before.
    pub(crate) fn rename(
        &mut self,
        from: (Node, &str),
        to: (Node, &str),
        replace: bool,
    ) -> Answer<Option<Node>> {
        let node = self.find(from.0, from.1).ok_or(Errno::NOENT)?;
        let there = self.folder(to.0)?.names.get(to.1).copied();
        if self.inodes[to.0].links == 0 {
            return Err(Errno::NOENT);
        }
        if let Some(there) = there {
            if !replace {
                return Err(Errno::EXIST);
            }
            if there == node {
                return Ok(None);
            }
            match (&self.inodes[node].body, &self.inodes[there].body) {
                (Body::Folder(_), Body::Folder(old)) if !old.names.is_empty() => {
                    return Err(Errno::NOTEMPTY);
                }
                (Body::Folder(_), Body::File(_) | Body::Link(_)) => return Err(Errno::NOTDIR),
                (Body::File(_) | Body::Link(_), Body::Folder(_)) => return Err(Errno::ISDIR),
                _ => {}
            }
        }
        let parts = vec![part(from.0, from.1, None), part(to.0, to.1, Some(node))];
        self.change(parts, std::iter::once(node).chain(there).collect());
        Ok(there)
    }

    /// Lets two names change places.
    pub(crate) fn exchange(&mut self, one: (Node, &str), two: (Node, &str)) -> Answer<()> {
        let first = self.find(one.0, one.1).ok_or(Errno::NOENT)?;
        let second = self.find(two.0, two.1).ok_or(Errno::NOENT)?;
        let parts = vec![part(one.0, one.1, Some(second)), part(two.0, two.1, Some(first))];
        self.change(parts, vec![first, second]);
        Ok(())
    }

    /// Carries a change out and remembers it as not synced.
    fn change(&mut self, parts: Vec<Part>, nodes: Vec<Node>) {
        for Part { folder, name, after } in &parts {
            let Ok(inside) = self.folder_mut(*folder) else { continue };
            let before = match after {
                Some(node) => inside.names.insert(name.clone(), *node),
                None => inside.names.remove(name),
            };
            if let Some(after) = *after {
                self.inodes[after].links += 1;
                self.inodes[after].parent = *folder;
            }
            if let Some(before) = before {
                self.inodes[before].links -= 1;
                self.let_go(before);
            }
        }
        self.pending.push(Change { parts, nodes });
    }

    /// The number of an inode that nothing leads to any more is free.
    pub(crate) fn let_go(&mut self, node: Node) {
        let inode = &self.inodes[node];
        if inode.links == 0 && inode.opens == 0 {
            self.free.push(inode.number);
        }
    }

    /// Adds to the end of a file.
    pub(crate) fn append(&mut self, node: Node, bytes: &[u8], mtime: i64) -> Answer<()> {
        let file = self.file_mut(node)?;
        file.bytes.extend_from_slice(bytes);
        file.written(mtime);
        Ok(())
    }

    /// Cuts a file off or fills it with zeros.
    pub(crate) fn truncate(&mut self, node: Node, size: usize, mtime: i64) -> Answer<()> {
        let file = self.file_mut(node)?;
        file.bytes.resize(size, 0);
        file.written(mtime);
        Ok(())
    }

    /// Makes a file survive power loss; with one journal for all, every name as well.
    pub(crate) fn sync_file(&mut self, node: Node) -> Answer<()> {
        self.sync_one_file(node)?;
        self.sync_journal();
        Ok(())
    }

    fn sync_one_file(&mut self, node: Node) -> Answer<()> {
        let file = self.file_mut(node)?;
        if file.dirty {
            file.kept = Version { bytes: file.bytes.clone(), mtime: file.mtime };
            file.versions.clear();
        }
        Ok(())
    }

    /// A sync of a file that failed: nobody knows what is on disk, and the next one does not try again.
    pub(crate) fn fail_to_sync(&mut self, node: Node) {
        if let Ok(file) = self.file_mut(node) {
            file.dirty = false;
        }
    }

    /// Whoever met a failed sync died of something else before it could do anything about it: two faults in one breath,
    /// which is more than is promised for. The next sync writes everything out.
    pub(crate) fn forget_failed_syncs(&mut self) {
        for inode in &mut self.inodes {
            if let Body::File(file) = &mut inode.body {
                file.dirty = true;
            }
        }
    }

    /// Makes the names in a folder survive power loss.
    pub(crate) fn sync_folder(&mut self, node: Node) {
        if self.mode == Mode::Journal {
            return self.sync_journal();
        }
        let mut wanted = vec![false; self.pending.len()];
        for at in (0..self.pending.len()).rev() {
            let change = &self.pending[at];
            let touches = change.parts.iter().any(|part| part.folder == node);
            let needed = (at + 1..self.pending.len())
                .any(|later| wanted[later] && self.pending[later].needs(change, self.mode));
            wanted[at] = touches || needed;
        }
        let pending = std::mem::take(&mut self.pending);
        for (change, wanted) in pending.into_iter().zip(wanted) {
            match wanted {
                true => self.keep(&change),
                false => self.pending.push(change),
            }
        }
    }

    fn sync_journal(&mut self) {
        if self.mode == Mode::Journal {
            for change in std::mem::take(&mut self.pending) {
                self.keep(&change);
            }
        }
    }

    /// Puts a change into the durable half.
    pub(crate) fn keep(&mut self, change: &Change) {
        for Part { folder, name, after } in &change.parts {
            let Ok(inside) = self.folder_mut(*folder) else { continue };
            match after {
                Some(node) => inside.kept.insert(name.clone(), *node),
                None => inside.kept.remove(name),
            };
        }
    }

    /// Everything that is there now is durable.
    pub(crate) fn settle(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            self.keep(&change);
        }
        for node in 0..self.inodes.len() {
            // Folders have nothing of their own to write.
            let _ = self.sync_one_file(node);
        }
    }
}

impl File {
    fn written(&mut self, mtime: i64) {
        self.mtime = mtime;
        self.dirty = true;
        self.versions.push(Version { bytes: self.bytes.clone(), mtime });
    }
}

impl Change {
    /// True when this one can't be kept without `earlier`: they changed where the same thing is found, or, where folders
    /// keep the order of their changes, the same folder.
    pub(crate) fn needs(&self, earlier: &Self, mode: Mode) -> bool {
        let same_node = self.nodes.iter().any(|node| earlier.nodes.contains(node));
        let mut parts = self.parts.iter();
        let mut same_folder =
            || parts.any(|own| earlier.parts.iter().any(|part| part.folder == own.folder));
        same_node || mode != Mode::Writeback && same_folder()
    }
}

fn part(folder: Node, name: &str, after: Option<Node>) -> Part {
    Part { folder, name: name.to_owned(), after }
}
