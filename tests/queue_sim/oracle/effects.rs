//! What may be done to the disk, and by whom. What the queue does is judged; what people do by hand is remembered.

use super::account::Account;
use super::{Area, Asked, Effect, Oracle, TakenBack};
use crate::queue_sim::tree::{Body, Node, Tree};
use crate::queue_sim::world::Caller;

impl Oracle {
    /// The queue did something.
    pub(super) fn by_queue(&mut self, tree: &Tree, by: Caller, effect: &Effect<'_>) {
        match effect {
            Effect::Followed { .. } => {}
            Effect::Made { folder, name, .. } => self.made(tree, *folder, name),
            Effect::Removed { folder, name, node } => self.removed(tree, by, *folder, name, *node),
            Effect::Renamed { from, to, node, replaced } => {
                self.renamed(tree, by, *from, *to, *node, *replaced);
            }
            Effect::Exchanged { from, to, node, there } => {
                self.exchanged(tree, *from, *to, *node, *there);
            }
            Effect::Wrote { node } => self.wrote(tree, by, *node),
            Effect::Cut { node, before } => self.cut_off(tree, by, *node, before),
        }
        let touched = match effect {
            Effect::Made { folder, .. }
            | Effect::Removed { folder, .. }
            | Effect::Followed { folder, .. } => *folder,
            Effect::Renamed { to, .. } | Effect::Exchanged { to, .. } => to.0,
            Effect::Wrote { node } | Effect::Cut { node, .. } => tree.inodes[*node].parent,
        };
        let step = self.step;
        if let Some(account) = self.accounts.get_mut(&touched) {
            account.watch(tree, step);
        }
    }

    fn made(&mut self, tree: &Tree, folder: Node, name: &str) {
        match self.area(tree, folder) {
            Area::Outside => self.blame(13, format!("made {}/{name}", tree.path_of(folder))),
            Area::Queue if name != ".floor" => {
                self.blame(13, format!("made {name} in the folder of the orders"));
            }
            Area::Queue | Area::Order(_) | Area::Floor(_) => {}
        }
    }

    fn removed(&mut self, tree: &Tree, by: Caller, folder: Node, name: &str, node: Node) {
        let asked = self.asked[by.slot].clone();
        match self.area(tree, folder) {
            Area::Outside | Area::Queue => {
                let path = tree.path_of(folder);
                self.blame(
                    if folder == self.queue { 16 } else { 13 },
                    format!("removed {path}/{name}"),
                );
            }
            Area::Floor(part) => {
                if ["", "archive", "sessions"].contains(&part.as_str()) {
                    self.blame(16, format!("removed {name} in .floor/{part}"));
                }
            }
            Area::Order(order) if order != folder => {
                self.blame(16, format!("removed {name} inside a folder of an order"));
            }
            Area::Order(order) => {
                let stands = tree.find(order, ".state");
                self.removed_in(order, name, node, stands, asked.as_ref());
            }
        }
    }

    /// `stands` is the `.state` of the order.
    fn removed_in(
        &mut self,
        order: Node,
        name: &str,
        node: Node,
        stands: Option<Node>,
        asked: Option<&Asked>,
    ) {
        let Some(account) = self.accounts.get_mut(&order) else { return };
        let of = account.name.clone();
        if name == ".hold" {
            account.hold = None;
        }
        // Who copied or restored a whole folder in the middle of a swap wrote both words: one of them is. And who takes the
        // journal away takes what it knew of a move with it.
        let wrote_both = account.touched.place || stands.is_some() && stands == account.old_by_hand;
        let known = !wrote_both && !account.touched.journal;
        match name {
            ".state.next" | ".state.old" if account.edit == Some(node) && known => {
                self.blame(12, format!("what a person wrote into .state of {of} was thrown away"));
            }
            ".state.next" | ".state.old" => {}
            next if next.starts_with(".hold.next") => {}
            ".hold" => {
                let wanted = matches!(asked, Some(Asked::Unhold { id, .. }) if *id == of);
                if !wanted {
                    self.blame(
                        12,
                        format!("the hold of {of} was taken away, and nobody asked for it"),
                    );
                }
            }
            _ => self.blame(16, format!("{name} of {of} was removed")),
        }
    }

    fn renamed(
        &mut self,
        tree: &Tree,
        by: Caller,
        from: (Node, &str),
        to: (Node, &str),
        node: Node,
        replaced: Option<Node>,
    ) {
        let asked = self.asked[by.slot].clone();
        let (source, target) = (self.area(tree, from.0), self.area(tree, to.0));
        match (source, target) {
            (Area::Outside, _) | (_, Area::Outside) => {
                self.blame(13, format!("renamed {} to {}", from.1, to.1));
            }
            (Area::Order(one), Area::Order(two)) if one == two && one == from.0 => {
                self.renamed_in(tree, one, from.1, to.1, replaced, asked.as_ref());
            }
            (Area::Floor(part), Area::Queue) if part == "tmp" => self.arrived(tree, to.1, node),
            (Area::Queue, Area::Floor(part)) => {
                self.left(by.slot, from.1, node, &part, asked.as_ref());
            }
            (Area::Floor(one), Area::Floor(two)) => {
                let hints = ["ready", "waiting", "tmp", "run", "workers", "rolls", "line"];
                let fine = |part: &String| hints.contains(&part.as_str());
                let identity = two.is_empty() && to.1 == "queue.json";
                if !(fine(&one) && (fine(&two) || identity)) {
                    self.blame(16, format!("renamed .floor/{one}/{} to {two}/{}", from.1, to.1));
                }
            }
            (one, two) => {
                self.blame(16, format!("renamed {} of {one:?} to {} of {two:?}", from.1, to.1));
            }
        }
    }

    fn renamed_in(
        &mut self,
        tree: &Tree,
        order: Node,
        from: &str,
        to: &str,
        replaced: Option<Node>,
        asked: Option<&Asked>,
    ) {
        let disturbed = self.disturbed;
        let Some(account) = self.accounts.get_mut(&order) else { return };
        let of = account.name.clone();
        match (from, to) {
            (".state.next", ".state.old") => {}
            (".state.old", ".state") => {
                let word = account.word(tree).unwrap_or_default().to_owned();
                let recorded = account.book.state.clone();
                let put_back = account.edit.is_some() && account.edit == tree.find(order, ".state");
                if word != recorded && !put_back && !account.touched.journal {
                    let what =
                        format!("{of} was put into {word:?}, and its journal says {recorded:?}");
                    self.blame(18, what);
                } else if replaced.is_some() && account.edit == replaced {
                    let what = format!(
                        "what a person wrote into .state of {of} was overwritten by {word}"
                    );
                    self.blame(12, what);
                }
            }
            (next, ".hold") if next.starts_with(".hold.next") => {
                account.hold = None;
                let wanted = matches!(asked, Some(Asked::Hold { id, .. }) if *id == of);
                if !wanted && !account.ever_touched && !disturbed {
                    let why = tree.bytes_of(order, ".hold").unwrap_or_default();
                    let why = String::from_utf8_lossy(why).into_owned();
                    self.blame(15, format!("{of} was put on hold, and nothing was wrong: {why}"));
                }
            }
            _ => self.blame(16, format!("{from} of {of} was renamed to {to}")),
        }
    }

    fn exchanged(
        &mut self,
        tree: &Tree,
        from: (Node, &str),
        to: (Node, &str),
        new: Node,
        old: Node,
    ) {
        let Some(account) = self.accounts.get(&to.0) else {
            return self.blame(16, format!("{} and {} changed places", from.1, to.1));
        };
        let (of, recorded) = (account.name.clone(), account.book.state.clone());
        if (from.1, to.1) != (".state.old", ".state") {
            return self.blame(16, format!("{} and {} of {of} changed places", from.1, to.1));
        }
        // One that puts a person's file back is fine; it is the person's word that stands there then.
        let word = account.word(tree).unwrap_or_default();
        if account.touched.journal || account.by_hand == Some(new) {
            return;
        }
        if account.edit != Some(new) && account.edit != Some(old) && word != recorded {
            let what = format!("{of} was put into {word:?}, and its journal says {recorded:?}");
            self.blame(18, what);
        }
    }

    /// A new order was put into the queue.
    fn arrived(&mut self, tree: &Tree, name: &str, node: Node) {
        let mut account = Account::new(name, node);
        account.reread(tree);
        account.request = tree.bytes_of(node, "order.json").unwrap_or_default().to_vec();
        if account.book.state != "NEW" || account.word(tree) != Some("NEW") {
            self.blame(11, format!("{name} came into the queue half built"));
        }
        account.watch(tree, self.step);
        account.watch_place(true, self.step);
        self.accounts.insert(node, account);
    }

    /// An order was taken out of the queue.
    fn left(&mut self, slot: usize, name: &str, node: Node, part: &str, asked: Option<&Asked>) {
        let step = self.step;
        let Some(account) = self.accounts.get_mut(&node) else {
            return self.blame(16, format!("{name} was moved to .floor/{part}, and is no order"));
        };
        account.watch_place(false, step);
        match asked {
            Some(Asked::Archive { id, .. }) if part == "archive" && *id == name => {
                account.archived.get_or_insert(false);
            }
            Some(Asked::CreateAll { ids }) if part == "tmp" && ids.iter().any(|id| id == name) => {
                if account.known {
                    self.blame(1, format!("{name} was taken back after it was acknowledged"));
                }
                self.accounts.remove(&node);
                let (name, slot) = (name.to_owned(), Some(slot));
                self.taken_back.push(TakenBack { node, name, slot });
            }
            _ => {
                self.blame(
                    1,
                    format!("{name} was moved to .floor/{part}, and nobody asked for it"),
                );
            }
        }
    }

    fn wrote(&mut self, tree: &Tree, by: Caller, node: Node) {
        let folder = tree.inodes[node].parent;
        if self.accounts.contains_key(&folder) {
            let is = |name: &str| tree.find(folder, name) == Some(node);
            if is("events.jsonl") {
                return self.journal_grew(tree, by, folder);
            }
            if [".state", ".hold", "order.json", ".lock"].iter().any(|name| is(name)) {
                let path = tree.path_of(node);
                self.blame(11, format!("{path} was written in its place"));
            }
        } else if self.area(tree, folder) == Area::Outside {
            self.blame(13, format!("wrote {}", tree.path_of(node)));
        }
    }

    fn cut_off(&mut self, tree: &Tree, by: Caller, node: Node, before: &[u8]) {
        let folder = tree.inodes[node].parent;
        let Some(account) = self.accounts.get_mut(&folder) else { return };
        if tree.find(folder, "events.jsonl") != Some(node) {
            return;
        }
        let left = tree.file(node).map_or(0, |file| file.bytes.len());
        let (name, good) = (account.name.clone(), account.book.good);
        let sealed = account.sealed.len();
        // What it has just written and could not sync, an actor may take back.
        let own = account.last_write.is_some_and(|(slot, from)| slot == by.slot && left >= from);
        account.reread(tree);
        if left < sealed && before.starts_with(&account.sealed) {
            self.blame(
                7,
                format!(
                    "the journal of {name} was cut to {left} bytes, {sealed} of it are acknowledged"
                ),
            );
        } else if left < good && !own {
            self.blame(16, format!("good lines of the journal of {name} were cut off"));
        }
    }

    /// A person did something by hand.
    pub(super) fn by_hand(&mut self, tree: &Tree, effect: &Effect<'_>) {
        match effect {
            Effect::Followed { .. } | Effect::Exchanged { .. } => {}
            Effect::Made { folder, name, node } => {
                self.touched(tree, *folder, name);
                self.came(tree, *folder, name, *node);
            }
            Effect::Removed { folder, name, node } => {
                self.touched(tree, *folder, name);
                self.went(*folder, *node);
            }
            Effect::Renamed { from, to, node, .. } => {
                self.touched(tree, from.0, from.1);
                self.went(from.0, *node);
                self.touched(tree, to.0, to.1);
                self.came(tree, to.0, to.1, *node);
            }
            Effect::Wrote { node } | Effect::Cut { node, .. } => {
                let folder = tree.inodes[*node].parent;
                let inside = tree.folder(folder).map(|folder| folder.names.iter());
                let mut names = inside.into_iter().flatten();
                if let Some((name, _)) = names.find(|(_, there)| *there == node) {
                    self.touched(tree, folder, name);
                }
            }
        }
    }

    /// Something came into the folder of the orders by hand.
    fn came(&mut self, tree: &Tree, folder: Node, name: &str, node: Node) {
        let step = self.step;
        if folder != self.queue || !matches!(tree.inodes[node].body, Body::Folder(_)) {
            return;
        }
        let new = !self.accounts.contains_key(&node);
        let account = self.accounts.entry(node).or_insert_with(|| Account::new(name, node));
        name.clone_into(&mut account.name);
        let made = new && tree.folder(node).is_ok_and(|inside| inside.names.is_empty());
        account.touched.made |= made;
        account.touched.place |= !made;
        (account.ever_touched, account.removed) = (true, false);
        account.reread(tree);
        account.watch(tree, step);
        account.watch_place(true, step);
    }

    /// Something left the folder of the orders by hand.
    fn went(&mut self, folder: Node, node: Node) {
        let step = self.step;
        if folder == self.queue
            && let Some(account) = self.accounts.get_mut(&node)
        {
            (account.touched.place, account.ever_touched, account.removed) = (true, true, true);
            account.watch_place(false, step);
        }
    }

    /// Something in the folder of an order was changed by hand.
    fn touched(&mut self, tree: &Tree, folder: Node, name: &str) {
        let step = self.step;
        let Some(account) = self.accounts.get_mut(&folder) else { return };
        account.ever_touched = true;
        match name {
            ".state" => {
                (account.touched.state, account.edit_recorded) = (true, false);
                // An empty one is no word yet: the first half of an `echo`.
                let written = account.word(tree).is_some();
                account.by_hand = tree.find(folder, ".state");
                account.edit = tree.find(folder, ".state").filter(|_| written);
            }
            // Written while it was swapped: nobody can tell which was first.
            ".state.old" => {
                account.touched.state = true;
                account.old_by_hand = tree.find(folder, ".state.old");
            }
            ".hold" => {
                account.touched.hold = true;
                account.hold = None;
            }
            "events.jsonl" => {
                account.touched.journal = true;
                account.sealed.clear();
                account.generation = 0;
                account.reread(tree);
            }
            "order.json" => {
                account.touched.request = true;
                account.request.clear();
            }
            _ => {}
        }
        account.watch(tree, step);
    }
}
