//! What a power cut leaves: everything that was synced, and of the rest whatever the file system may have written by then.

use fastrand::Rng;

use super::tree::{Body, Mode, Node, ROOT, Tree, Version};

impl Tree {
    /// Cuts the power. What is left is drawn from `chance`; everything that is left is durable.
    pub(crate) fn cut(&mut self, chance: &mut Rng) {
        self.cut_names(chance);
        for inode in &mut self.inodes {
            match &mut inode.body {
                Body::File(file) => {
                    let left = left_of(&file.kept, &file.versions, chance);
                    file.bytes.clone_from(&left.bytes);
                    file.mtime = left.mtime;
                    file.kept = left;
                    file.versions.clear();
                    file.dirty = true;
                }
                Body::Folder(folder) => folder.names = folder.kept.clone(),
                Body::Link(_) => {}
            }
            inode.links = 0;
            inode.opens = 0;
        }
        self.count_links(ROOT);
        self.inodes[ROOT].links = 1;
    }

    /// Which of the changes of folders are kept.
    fn cut_names(&mut self, chance: &mut Rng) {
        let pending = std::mem::take(&mut self.pending);
        // Most cuts fall between a change and its sync: all of it, none of it and all but the last are tried often.
        let (all, likely) = (pending.len(), [0, 30, 70, 95, 100][chance.usize(..5)]);
        let until = if chance.bool() { all } else { chance.usize(..=all) };
        let mut lost: Vec<usize> = Vec::new();
        for at in 0..all {
            let falls = match self.mode {
                Mode::Journal => at >= until,
                Mode::Folders | Mode::Writeback => {
                    chance.u32(..100) >= likely
                        || lost
                            .iter()
                            .any(|&earlier| pending[at].needs(&pending[earlier], self.mode))
                }
            };
            if falls {
                lost.push(at);
            }
        }
        for (at, change) in pending.iter().enumerate() {
            if !lost.contains(&at) {
                self.keep(change);
            }
        }
    }

    fn count_links(&mut self, folder: Node) {
        let Ok(inside) = self.folder(folder) else { return };
        let nodes: Vec<Node> = inside.names.values().copied().collect();
        for node in nodes {
            self.inodes[node].links += 1;
            self.inodes[node].parent = folder;
            if self.inodes[node].links == 1 {
                self.count_links(node);
            }
        }
    }
}

/// One of the things a file may be after a cut: as it was synced, as after any later write, or torn inside one.
fn left_of(kept: &Version, versions: &[Version], chance: &mut Rng) -> Version {
    let chosen = chance.usize(..=versions.len());
    let Some(last) = chosen.checked_sub(1) else { return kept.clone() };
    let before = if last == 0 { kept } else { &versions[last - 1] };
    let mut left = versions[last].clone();
    if left.bytes.len() <= before.bytes.len() {
        return left;
    }
    let torn = |chance: &mut Rng| chance.usize(before.bytes.len()..=left.bytes.len());
    match chance.u32(..4) {
        // All of it.
        0 => {}
        // Torn in the middle.
        1 => left.bytes.truncate(torn(chance)),
        // As long as it should be, but not written to its end.
        2 => {
            let from = torn(chance);
            left.bytes[from..].fill(0);
        }
        // A part of it, and of that the end not written.
        _ => {
            let (one, two) = (torn(chance), torn(chance));
            left.bytes.truncate(one.max(two));
            left.bytes[one.min(two)..].fill(0);
        }
    }
    left
}
