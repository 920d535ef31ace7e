//! Every sync of the queue by its name. `docs/queue-on-disk.md` says what each is for.

/// Declares the points, with their names as text.
macro_rules! sync_points {
    ($($(#[doc = $doc:literal])+ $point:ident,)+) => {
        /// One place where the queue syncs a file or a folder.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum SyncPoint { $($(#[doc = $doc])+ $point,)+ }

        impl SyncPoint {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$point,)+];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$point => stringify!($point),)+ }
            }
        }
    };
}

sync_points! {
    /// The entries that were appended to a journal (fdatasync): a move is made, a claim is ours.
    Journal,
    /// The folder of an order whose journal was just made, before its first entry.
    JournalName,
    /// The queue's folder, before the first entry that is added to the journal of a new order: whoever made it may have
    /// died before that, or was a person.
    FirstName,
    /// A journal that somebody else wrote, before its last move is applied.
    JournalRead,
    /// `.state.next`, before the entry of its move.
    StateNext,
    /// The folder of an order after `.state` was swapped.
    StateName,
    /// A `.state` that a person wrote, before that is put on record.
    EditedState,
    /// The folder of an order whose `.state` a person wrote.
    EditedName,
    /// `.hold.next`.
    HoldNext,
    /// The folder of an order after the rename to `.hold`.
    HoldName,
    /// The folder of an order after `.hold` was taken away.
    Unhold,
    /// `.lock` of a new order.
    NewLock,
    /// `order.json` of a new order.
    NewRequest,
    /// `.hold` of a new order.
    NewHold,
    /// `events.jsonl` of a new order.
    NewJournal,
    /// `.state` of a new order.
    NewState,
    /// The folder of a new order, built aside.
    NewFolder,
    /// The queue's folder after a new order was renamed into it.
    NewName,
    /// The queue's folder after several new orders were renamed into it.
    NewNames,
    /// The queue's folder after orders that were made together were taken back.
    TakenBack,
    /// The month's folder in the archive after an order was renamed into it.
    ArchivedName,
    /// The folder of all months in the archive, before an order is renamed into one of them.
    ArchiveMonth,
    /// The queue's folder after an order was renamed into the archive.
    ArchivedFrom,
    /// `queue.json`.
    Identity,
    /// `.floor/` after the rename to `queue.json`.
    IdentityName,
    /// `.floor/` of a new queue.
    InitFloor,
    /// The folder of a new queue.
    InitQueue,
    /// The file of the trial of a file system.
    TrialFile,
    /// The folder of the trial of a file system.
    TrialFolder,
}

impl SyncPoint {
    /// The point of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|point| point.name() == name)
    }

    /// True where content and length are all that matters, and not the file's times (fdatasync).
    pub fn is_data(self) -> bool {
        self == Self::Journal
    }
}

impl std::fmt::Display for SyncPoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
