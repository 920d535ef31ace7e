//! The rules of the protocol that a model may be without, one by one: each must be missed by the checker.

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// An order is acknowledged only when its place in the queue's folder is synced.
    pub(super) place_is_synced: bool,
    /// A worker works only under a claim that is synced.
    pub(super) claim_is_synced: bool,
    /// A claim gets a generation above every earlier one.
    pub(super) generations_go_on: bool,
    /// A claim's mark is made before its entry is written.
    pub(super) mark_comes_first: bool,
    /// The marker is taken away when the claim is on record, not before.
    pub(super) marker_goes_last: bool,
    /// A move is accepted only with the generation and the worker of the open claim, in the state it was claimed in.
    pub(super) claim_is_checked: bool,
    /// A move's entry is written before `.state` is renamed.
    pub(super) journal_comes_first: bool,
    /// A move's entry is synced before `.state` is renamed and the move reported.
    pub(super) move_is_synced: bool,
    /// Before a move is redone by somebody else its entry is synced.
    pub(super) redo_is_synced: bool,
    /// What a person wrote is synced before it is put on record.
    pub(super) edit_is_synced: bool,
    /// A move is redone only over a `.state` that a move has replaced, and never over one that a person wrote.
    pub(super) redo_heeds_the_file: bool,
    /// Every `.state` that any move has replaced is known for an old one, not only the last.
    pub(super) old_files_are_known: bool,
    /// The `.state` that a move replaces is synced before the move is on record, so that no older one comes back.
    pub(super) replaced_is_synced: bool,
    /// A rename lets a `.state` stand that was written meanwhile.
    pub(super) rename_heeds_the_file: bool,
    /// Only the dead lose their orders, not those that have been silent for long.
    pub(super) only_the_dead_lose: bool,
    /// What a dead worker left running is ended before its orders are handed on.
    pub(super) processes_end_first: bool,
    /// A claim looks whether the order is on hold.
    pub(super) holds_are_heeded: bool,
}

impl Rules {
    /// All of them: those of the product.
    pub(super) const ALL: Self = Self {
        place_is_synced: true,
        claim_is_synced: true,
        generations_go_on: true,
        mark_comes_first: true,
        marker_goes_last: true,
        claim_is_checked: true,
        journal_comes_first: true,
        move_is_synced: true,
        redo_is_synced: true,
        edit_is_synced: true,
        redo_heeds_the_file: true,
        old_files_are_known: true,
        replaced_is_synced: true,
        rename_heeds_the_file: true,
        only_the_dead_lose: true,
        processes_end_first: true,
        holds_are_heeded: true,
    };
}
