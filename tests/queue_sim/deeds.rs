//! What the calls do to the disk, and what the oracle is told of it.

use std::path::Path;

use shopfloor::queue::files::machine::{Errno, Facts, Opening, Renaming, Sort, SyncPoint};

use super::kernel::Kernel;
use super::oracle::{Effect, forged};
use super::planted::Plant;
use super::tree::{Body, Folder, Node, ROOT, Tree};
use super::world::Caller;

type Answer<T> = Result<T, Errno>;

/// Where something is: by a path, or by a name in an open folder.
#[derive(Debug)]
pub(crate) enum Place<'a> {
    At(&'a Path),
    In(usize, &'a str),
}

impl Place<'_> {
    /// The folder, the name in it, and what that leads to.
    pub(crate) fn find(&self, kernel: &mut Kernel) -> Answer<(Node, String, Option<Node>)> {
        match self {
            Self::At(path) => kernel.walk(path),
            Self::In(handle, name) => {
                let folder = kernel.node_of(*handle)?;
                Ok((
                    folder,
                    (*name).to_owned(),
                    kernel.tree.folder(folder)?.names.get(*name).copied(),
                ))
            }
        }
    }

    /// For the trace.
    pub(crate) fn shown(&self, kernel: &Kernel) -> String {
        match self {
            Self::At(path) => path.display().to_string(),
            Self::In(handle, name) => format!("{}/{name}", kernel.shown(*handle)),
        }
    }
}

impl Kernel {
    /// The node that a handle has open.
    pub(crate) fn node_of(&self, handle: usize) -> Answer<Node> {
        let opened = self.opened.get(handle).and_then(Option::as_ref);
        opened.map(|opened| opened.node).ok_or(Errno::BADF)
    }

    /// The path of what a handle has open.
    pub(crate) fn shown(&self, handle: usize) -> String {
        self.node_of(handle).map_or_else(|_| "(closed)".to_owned(), |node| self.tree.path_of(node))
    }

    /// Tells the oracle what happened.
    pub(crate) fn tell(&mut self, by: Caller, effect: &Effect<'_>) {
        let by_hand = self.processes[by.process].by_hand;
        let followed = std::mem::take(&mut self.followed);
        let Self { oracle, tree, steps, .. } = self;
        oracle.happened(tree, *steps, by, by_hand, followed, effect);
    }
}

pub(crate) fn open(
    kernel: &mut Kernel,
    by: Caller,
    place: &Place<'_>,
    how: Opening,
) -> Answer<usize> {
    kernel.followed = false;
    let (folder, name, there) = place.find(kernel)?;
    let node = match (there, how) {
        (Some(_), Opening::New) => return Err(Errno::EXIST),
        (Some(_), Opening::Write)
            if name == ".lock"
                && kernel.plant == Some(Plant::Unholds)
                && !kernel.processes[by.process].by_hand =>
        {
            if let Ok(node) = kernel.tree.unlink(folder, ".hold", false) {
                kernel.tell(by, &Effect::Removed { folder, name: ".hold", node });
            }
            kernel.tree.find(folder, &name).ok_or(Errno::NOENT)?
        }
        (Some(_), _) if name == ".hold" && kernel.plant == Some(Plant::BlindToHolds) => {
            return Err(Errno::NOENT);
        }
        (Some(node), _) => match &kernel.tree.inodes[node].body {
            Body::Link(to) if kernel.plant == Some(Plant::FollowsLinks) => {
                let to = to.clone();
                kernel.followed = true;
                kernel.walk(Path::new(&to))?.2.ok_or(Errno::NOENT)?
            }
            Body::Link(_) => return Err(Errno::LOOP),
            Body::Folder(_) if how != Opening::Read => return Err(Errno::ISDIR),
            Body::Folder(_) | Body::File(_) => node,
        },
        (None, Opening::Read | Opening::Write) => return Err(Errno::NOENT),
        (None, Opening::New | Opening::Append) => {
            kernel.tree.now = kernel.mtime();
            let body = Tree::new_file(kernel.tree.now);
            let node = kernel.tree.make(folder, &name, body)?;
            kernel.tell(by, &Effect::Made { folder, name: &name, node });
            let ready = || kernel.tree.path_of(folder).contains("/ready/");
            if kernel.plant == Some(Plant::NoMarkers) && ready() {
                kernel.tree.unlink(folder, &name, false)?;
            }
            node
        }
    };
    if std::mem::take(&mut kernel.followed) {
        kernel.tell(by, &Effect::Followed { folder, name: &name });
    }
    Ok(kernel.open(by.process, node))
}

pub(crate) fn open_folder(kernel: &mut Kernel, by: Caller, path: &Path) -> Answer<usize> {
    kernel.followed = false;
    let (folder, name, node) = kernel.walk(path)?;
    let node = node.ok_or(Errno::NOENT)?;
    match &kernel.tree.inodes[node].body {
        Body::Link(_) | Body::File(_) => return Err(Errno::NOTDIR),
        Body::Folder(_) => {}
    }
    if kernel.followed {
        kernel.tell(by, &Effect::Followed { folder, name: &name });
    }
    Ok(kernel.open(by.process, node))
}

pub(crate) fn read(kernel: &mut Kernel, handle: usize, most: u64) -> Answer<Vec<u8>> {
    let node = kernel.node_of(handle)?;
    let file = kernel.tree.file(node).ok_or(Errno::ISDIR)?;
    let Some(Some(opened)) = kernel.opened.get_mut(handle) else { return Err(Errno::BADF) };
    let from = opened.at.min(file.bytes.len());
    let until = from.saturating_add(usize::try_from(most).unwrap_or(usize::MAX));
    opened.at = until.min(file.bytes.len());
    let mut read = file.bytes[from..opened.at].to_vec();
    if is_old_journal(kernel, node) {
        read.truncate(one_entry_ago(&read));
    }
    Ok(read)
}

/// What is known of an open file.
pub(crate) fn facts(kernel: &Kernel, node: Node) -> Facts {
    let facts = kernel.tree.facts(node);
    match kernel.tree.file(node) {
        Some(file) if is_old_journal(kernel, node) => {
            Facts { size: one_entry_ago(&file.bytes) as u64, ..facts }
        }
        _ => facts,
    }
}

fn is_old_journal(kernel: &Kernel, node: Node) -> bool {
    kernel.plant == Some(Plant::OldJournal) && kernel.tree.path_of(node).ends_with(".jsonl")
}

/// How long a journal was one entry ago; its first entry stays.
fn one_entry_ago(journal: &[u8]) -> usize {
    let last = journal[..journal.len().saturating_sub(1)].iter().rposition(|&byte| byte == b'\n');
    last.map_or(journal.len(), |last| last + 1)
}

pub(crate) fn write(
    kernel: &mut Kernel,
    by: Caller,
    handle: usize,
    bytes: &[u8],
    append: bool,
    fault: Option<Errno>,
) -> Answer<()> {
    let node = kernel.node_of(handle)?;
    let (changed, late) = kernel.planted_write(node, bytes);
    let bytes = changed.as_deref().unwrap_or(bytes);
    let short = kernel.slots[by.slot].short.take();
    let written = match fault {
        None => bytes,
        Some(_) => &bytes[..short.unwrap_or(0).min(bytes.len().saturating_sub(1))],
    };
    let before = kernel.tree.file(node).ok_or(Errno::ISDIR)?.bytes.len();
    // What is written elsewhere than at the end is written into a file of one's own that is empty.
    let own =
        kernel.opened.get(handle).and_then(Option::as_ref).is_some_and(|own| own.at == before);
    if !append && !own {
        return Err(Errno::INVAL);
    }
    if !written.is_empty() {
        let mtime = kernel.mtime();
        kernel.tree.append(node, written, mtime)?;
        if let Some(Some(opened)) = kernel.opened.get_mut(handle) {
            opened.at = before + written.len();
        }
        kernel.tell(by, &Effect::Wrote { node });
    }
    fault.or(late).map_or(Ok(()), Err)
}

impl Kernel {
    /// What a planted bug makes of a write: other bytes, or an error after it.
    fn planted_write(&self, node: Node, bytes: &[u8]) -> (Option<Vec<u8>>, Option<Errno>) {
        let path = || self.tree.path_of(node);
        match self.plant {
            Some(Plant::TwiceOver) if path().ends_with(".jsonl") => (forged(bytes), None),
            Some(Plant::OtherWord) if path().ends_with(".state.next") => {
                (Some(b"COMMIT\n".to_vec()), None)
            }
            Some(Plant::LateError)
                if path().ends_with("events.jsonl") && self.steps.is_multiple_of(3) =>
            {
                (None, Some(Errno::NOSPC))
            }
            _ => (None, None),
        }
    }
}

pub(crate) fn truncate(kernel: &mut Kernel, by: Caller, handle: usize, size: u64) -> Answer<()> {
    let (node, mtime) = (kernel.node_of(handle)?, kernel.mtime());
    let before = kernel.tree.file(node).ok_or(Errno::ISDIR)?.bytes.clone();
    let size = usize::try_from(size).map_err(|_| Errno::FBIG)?;
    if kernel.plant == Some(Plant::LateError) && size < before.len() {
        return Err(Errno::IO);
    }
    kernel.tree.truncate(node, size, mtime)?;
    kernel.tell(by, &Effect::Cut { node, before: &before });
    Ok(())
}

pub(crate) fn rename(
    kernel: &mut Kernel,
    by: Caller,
    from: &Place<'_>,
    to: &Place<'_>,
    how: Renaming,
) -> Answer<()> {
    kernel.followed = false;
    let (from_folder, from_name, node) = from.find(kernel)?;
    let (to_folder, to_name, _) = to.find(kernel)?;
    let node = node.ok_or(Errno::NOENT)?;
    let (from, to) = ((from_folder, from_name.as_str()), (to_folder, to_name.as_str()));
    if kernel.plant == Some(Plant::LosesOrders) && to.0 == kernel.oracle.queue {
        return Ok(());
    }
    let replaced = match how {
        Renaming::Exchange => {
            let there = kernel.tree.find(to.0, to.1).ok_or(Errno::NOENT)?;
            if kernel.plant == Some(Plant::InPlace) {
                let bytes =
                    kernel.tree.file(node).map(|file| file.bytes.clone()).unwrap_or_default();
                let mtime = kernel.mtime();
                kernel.tree.truncate(there, 0, mtime)?;
                kernel.tree.append(there, &bytes, mtime)?;
                kernel.tell(by, &Effect::Wrote { node: there });
                return Ok(());
            }
            kernel.tree.exchange(from, to)?;
            kernel.tell(by, &Effect::Exchanged { from, to, node, there });
            return Ok(());
        }
        Renaming::Replace => kernel.tree.rename(from, to, true)?,
        Renaming::Keep => kernel.tree.rename(from, to, false)?,
    };
    kernel.tell(by, &Effect::Renamed { from, to, node, replaced });
    Ok(())
}

pub(crate) fn remove(
    kernel: &mut Kernel,
    by: Caller,
    place: &Place<'_>,
    is_folder: bool,
) -> Answer<()> {
    kernel.followed = false;
    let (folder, name, _) = place.find(kernel)?;
    let node = kernel.tree.unlink(folder, &name, is_folder)?;
    kernel.tell(by, &Effect::Removed { folder, name: &name, node });
    if kernel.plant == Some(Plant::Shreds)
        && let Ok(node) = kernel.tree.unlink(folder, "order.json", false)
    {
        kernel.tell(by, &Effect::Removed { folder, name: "order.json", node });
    }
    Ok(())
}

pub(crate) fn is_folder(kernel: &mut Kernel, path: &Path) -> bool {
    let found = kernel.walk(path).ok().and_then(|(within, _, node)| Some((within, node?)));
    found.is_some_and(|(within, node)| kernel.enter(within, node, 0).is_ok())
}

/// Makes a folder and those above it. One call, as far as the script is concerned.
pub(crate) fn make_folder(kernel: &mut Kernel, by: Caller, path: &Path) -> Answer<()> {
    kernel.followed = false;
    let mut at = ROOT;
    for part in path.components() {
        let std::path::Component::Normal(name) = part else { continue };
        let name = name.to_str().ok_or(Errno::ILSEQ)?;
        at = match kernel.tree.find(at, name) {
            Some(node) => kernel.enter(at, node, 0)?,
            None => {
                let node = kernel.tree.make(at, name, Body::Folder(Folder::default()))?;
                kernel.tell(by, &Effect::Made { folder: at, name, node });
                node
            }
        };
    }
    Ok(())
}

/// Takes a folder away with all that is in it. One call, as far as the script is concerned.
pub(crate) fn remove_tree(kernel: &mut Kernel, by: Caller, path: &Path) -> Answer<()> {
    kernel.followed = false;
    let (folder, name, node) = kernel.walk(path)?;
    remove_all(kernel, by, folder, &name, node.ok_or(Errno::NOENT)?)
}

fn remove_all(kernel: &mut Kernel, by: Caller, folder: Node, name: &str, node: Node) -> Answer<()> {
    let inside: Vec<(String, Node)> = match &kernel.tree.inodes[node].body {
        Body::Folder(inside) => inside.names.iter().map(|(n, node)| (n.clone(), *node)).collect(),
        Body::File(_) | Body::Link(_) => Vec::new(),
    };
    for (name, inner) in inside {
        remove_all(kernel, by, node, &name, inner)?;
    }
    let is_folder = matches!(kernel.tree.inodes[node].body, Body::Folder(_));
    kernel.tree.unlink(folder, name, is_folder)?;
    kernel.tell(by, &Effect::Removed { folder, name, node });
    Ok(())
}

pub(crate) fn list(kernel: &mut Kernel, path: &Path) -> Answer<Vec<(String, Sort)>> {
    let (within, _, node) = kernel.walk(path)?;
    let node = kernel.enter(within, node.ok_or(Errno::NOENT)?, 0)?;
    let folder = kernel.tree.folder(node)?;
    Ok(folder
        .names
        .iter()
        .map(|(name, node)| (name.clone(), kernel.tree.facts(*node).sort))
        .collect())
}

/// Syncs a file, unless that sync is the one left out.
pub(crate) fn sync_file(
    kernel: &mut Kernel,
    node: Node,
    point: SyncPoint,
    fault: Option<Errno>,
) -> Answer<()> {
    if let Some(error) = fault {
        kernel.tree.fail_to_sync(node);
        return Err(error);
    }
    if kernel.without == Some(point) || kernel.plant == Some(Plant::NoSync) {
        return Ok(());
    }
    kernel.tree.sync_file(node)
}

/// Syncs a folder, unless that sync is the one left out.
pub(crate) fn sync_folder(
    kernel: &mut Kernel,
    node: Node,
    point: SyncPoint,
    fault: Option<Errno>,
) -> Answer<()> {
    if let Some(error) = fault {
        return Err(error);
    }
    if kernel.without != Some(point) && kernel.plant != Some(Plant::NoSync) {
        kernel.tree.sync_folder(node);
    }
    Ok(())
}
