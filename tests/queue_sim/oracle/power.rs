//! What has to be there after a power cut: everything that was acknowledged.

use super::Oracle;
use super::account::{Account, Touched};
use crate::queue_sim::tree::{Node, Tree};

impl Oracle {
    /// The power is cut, and this is what is left.
    pub(crate) fn after_cut(&mut self, tree: &Tree, step: u64) {
        self.step = step;
        self.workers.iter_mut().for_each(|worker| (worker.lives, worker.buried) = (false, true));
        self.asked.iter_mut().for_each(|asked| *asked = None);
        let nodes: Vec<Node> = self.accounts.keys().copied().collect();
        for node in nodes {
            let Some(mut account) = self.accounts.remove(&node) else { continue };
            if self.is_left(tree, &mut account) {
                self.accounts.insert(node, account);
            }
        }
        for one in std::mem::take(&mut self.taken_back) {
            let there = tree.find(self.queue, &one.name) == Some(one.node);
            if there && one.slot.is_none() && !self.sync_failed {
                self.blame(
                    7,
                    format!("{} was not made, as the queue said, and is there again", one.name),
                );
            }
        }
        // What people made by hand and nobody acknowledged may be there or not.
        let names = tree.folder(self.queue).map(|folder| folder.names.clone()).unwrap_or_default();
        for (name, node) in names {
            if name != ".floor" && tree.folder(node).is_ok() && !self.accounts.contains_key(&node) {
                let mut account = Account { ever_touched: true, ..Account::new(&name, node) };
                account.touched.state = true;
                account.reread(tree);
                account.watch(tree, step);
                account.watch_place(true, step);
                self.accounts.insert(node, account);
            }
        }
    }

    /// Judges one order. False when it is rightly gone.
    fn is_left(&mut self, tree: &Tree, account: &mut Account) -> bool {
        let (name, node) = (account.name.clone(), account.node);
        let here = tree.find(self.queue, &name) == Some(node);
        let put_away = self.in_archive(tree, node);
        let free =
            account.touched.place || account.touched.made || account.removed || !account.known;
        let right = match account.archived {
            None => here,
            Some(false) => here || put_away,
            Some(true) => put_away,
        };
        if !right && !free {
            self.blame(
                1,
                format!("{name} was acknowledged, and after the power cut it is not where it was"),
            );
        }
        if !here && !put_away {
            return false;
        }
        (account.archived, account.removed) = (put_away.then_some(true), false);
        self.content_is_left(tree, account);
        // Cut short in the middle of a swap, what a person wrote stands beside: it comes back.
        let state =
            account.edit.is_some() || account.is_swapped_out(tree) || account.is_either(tree);
        account.touched = Touched { state, ..Touched::default() };
        account.watch(tree, self.step);
        account.watch_place(here, self.step);
        true
    }

    fn content_is_left(&mut self, tree: &Tree, account: &mut Account) {
        let (name, touched) = (account.name.clone(), account.touched);
        let journal = tree.bytes_of(account.node, "events.jsonl").unwrap_or_default();
        let (was, was_damaged) = (account.book.highest, account.book.damaged);
        account.reread(tree);
        let trusted = account.known && !touched.journal && !touched.place && !touched.made;
        if trusted && !journal.starts_with(&account.sealed) {
            let has = journal.len();
            let promise = if account.book.highest < account.generation { 5 } else { 7 };
            let sealed = account.sealed.len();
            self.blame(promise, format!("{sealed} bytes of the journal of {name} were acknowledged, {has} are left and they differ (generation {was} before)"));
        }
        if trusted && account.book.damaged && !was_damaged {
            self.blame(7, format!("the journal of {name} is damaged after the power cut"));
        }
        if trusted && !touched.request && !account.request.is_empty() {
            let left = tree.bytes_of(account.node, "order.json").unwrap_or_default();
            if left != account.request {
                self.blame(7, format!("order.json of {name} was lost or torn"));
            }
        }
        if let Some(held) =
            account.hold.filter(|_| !touched.hold && !touched.place && !touched.made)
            && tree.find(account.node, ".hold").is_some() != held
        {
            self.blame(7, format!("the hold of {name}, or its end ({held}), was lost"));
        }
        self.reason_is_left(tree, account);
        let word = account.word(tree).map(str::to_owned);
        let agrees = word.as_ref().is_none_or(|word| *word == account.book.state)
            || account.to_be_applied(tree);
        let by_hand = touched.state || touched.journal || touched.place || touched.made;
        account.edit = None;
        if agrees || account.is_either(tree) {
            return;
        }
        if by_hand {
            account.edit = tree.find(account.node, ".state");
        } else if account.known {
            let recorded = &account.book.state;
            self.blame(
                7,
                format!(
                    "{name} stands in {word:?} after the power cut, and its journal says {recorded}"
                ),
            );
        }
    }

    fn reason_is_left(&mut self, tree: &Tree, account: &Account) {
        let left = tree.bytes_of(account.node, ".hold").unwrap_or_default();
        let by_hand = account.touched.hold || account.touched.place || account.touched.made;
        if account.hold == Some(true) && !by_hand && left != account.reason {
            let name = &account.name;
            self.blame(7, format!("the reason of the hold of {name} was lost or torn"));
        }
    }

    /// True for a folder that is in the archive.
    pub(super) fn in_archive(&self, tree: &Tree, node: Node) -> bool {
        let archive = tree.find(self.floor, "archive");
        let months = archive.and_then(|archive| tree.folder(archive).ok());
        let mut months = months.into_iter().flat_map(|months| months.names.values());
        months.any(|month| {
            tree.folder(*month).is_ok_and(|month| month.names.values().any(|there| *there == node))
        })
    }
}
