//! Bugs that are planted, in the machine or in an actor, to see that the oracle sees them: one for each promise it judges.

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    /// A new order is said to be in its place, and is not.
    LosesOrders,
    /// A worker sends an order where its stage does not lead.
    FarMove,
    /// Everybody looks dead to everybody else.
    DeadToAll,
    /// A journal reads as it was one entry ago.
    OldJournal,
    /// A lock is given to everybody who asks.
    LocksForAll,
    /// A move is written down twice.
    TwiceOver,
    /// Nothing is synced.
    NoSync,
    /// Markers are not made.
    NoMarkers,
    /// One setback too many is told.
    Miscounts,
    /// Nobody sees that an order is on hold.
    BlindToHolds,
    /// `.state` is written in its place.
    InPlace,
    /// Whoever locks an order takes its hold away.
    Unholds,
    /// All files look like the same one.
    OneStamp,
    /// Symbolic links are followed.
    FollowsLinks,
    /// The undertaker says that all is ended, and ended nothing.
    NoUndertaker,
    /// A write comes to its end and is told as failed, and can't be taken back.
    LateError,
    /// Whoever removes a file removes another as well.
    Shreds,
    /// The queue is asked for another move than was meant.
    OtherMove,
    /// Another word is written than was to be.
    OtherWord,
}

impl Plant {
    /// Each with the promises one of which has to be seen broken.
    pub(crate) const ALL: [(Self, &'static [u8]); 19] = [
        (Self::LosesOrders, &[1]),
        (Self::FarMove, &[2]),
        (Self::DeadToAll, &[3]),
        (Self::OldJournal, &[4, 5]),
        (Self::LocksForAll, &[3, 5]),
        (Self::TwiceOver, &[6]),
        (Self::NoSync, &[1, 7]),
        (Self::NoMarkers, &[8]),
        (Self::Miscounts, &[9]),
        (Self::BlindToHolds, &[10]),
        (Self::InPlace, &[11]),
        (Self::Unholds, &[12]),
        (Self::OneStamp, &[12, 18]),
        (Self::FollowsLinks, &[13]),
        (Self::NoUndertaker, &[14]),
        (Self::LateError, &[15]),
        (Self::Shreds, &[16]),
        (Self::OtherMove, &[17]),
        (Self::OtherWord, &[18]),
    ];

    /// Promises that are broken as well and would be seen first.
    pub(crate) fn hides(self) -> &'static [u8] {
        match self {
            Self::TwiceOver => &[4],
            _ => &[],
        }
    }
}
