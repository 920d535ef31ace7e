//! When all is over and everybody has recovered: nothing is forgotten, and `.state` and journal agree.

use super::{Account, Oracle};
use crate::queue_sim::tree::{Node, Tree};

/// True for a state that some stage takes orders in.
pub(crate) fn taken(state: &str) -> bool {
    ["NEW", "TESTS_PRE", "IMPL", "TESTS_POST", "REVIEW", "PLAYTEST", "COMMIT"].contains(&state)
}

impl Oracle {
    /// Nobody does anything any more: recovery and a sweep are through.
    pub(crate) fn at_rest(&mut self, tree: &Tree, step: u64) {
        self.step = step;
        let nodes: Vec<Node> = self.accounts.keys().copied().collect();
        for node in nodes {
            let account = self.accounts[&node].clone();
            let here = tree.find(self.queue, &account.name) == Some(node);
            let put_away = self.in_archive(tree, node);
            let by_hand = account.removed || account.touched.place;
            let somewhere = here || put_away || by_hand;
            if account.known && !somewhere {
                self.blame(1, format!("{} was acknowledged and is nowhere", account.name));
            }
            if here && tree.find(node, ".hold").is_none() {
                self.is_at_rest(tree, &account);
            }
        }
    }

    fn is_at_rest(&mut self, tree: &Tree, account: &Account) {
        let name = &account.name;
        // Who can't be locked waits for a person: a link stands where the lock should be, or a folder.
        let lock = tree.find(account.node, ".lock");
        if lock.is_some_and(|lock| tree.file(lock).is_none()) {
            return;
        }
        if account.edit.is_some_and(|edit| tree.find(account.node, ".state") != Some(edit)) {
            self.blame(12, format!("what a person wrote into .state of {name} is gone"));
        }
        if let Some(open) = &account.book.open {
            return self
                .blame(8, format!("{name} is still claimed by {}, which is dead", open.worker));
        }
        if account.word(tree) != Some(account.book.state.as_str()) {
            let (word, state) = (account.word(tree), &account.book.state);
            return self
                .blame(18, format!("{name} stands in {word:?}, and its journal says {state}"));
        }
        let state = &account.book.state;
        if taken(state) && !self.has_marker(tree, name, state) {
            self.blame(8, format!("{name} waits in {state} and nothing tells of it"));
        }
    }

    fn has_marker(&self, tree: &Tree, name: &str, state: &str) -> bool {
        let part = |name: &str| tree.find(self.floor, name);
        let ends = |folder: Option<Node>, before: &str| {
            let folder = folder.and_then(|folder| tree.folder(folder).ok());
            folder.is_some_and(|folder| {
                folder.names.keys().any(|marker| {
                    let own = marker.strip_prefix(before);
                    own.and_then(|own| own.splitn(3, '.').nth(2)) == Some(name)
                })
            })
        };
        let ready = part("ready").and_then(|ready| tree.find(ready, state));
        let waiting = part("waiting").and_then(|waiting| tree.folder(waiting).ok());
        let mut keys = waiting.into_iter().flat_map(|waiting| waiting.names.values());
        ends(ready, "") || keys.any(|key| ends(Some(*key), &format!("{state}.")))
    }
}
