//! Who besides us may write into a folder of the queue. Whoever may, gives orders to our agents and decides what becomes
//! of them: `.state` is the truth, and moving it is a person's right.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::folder::failed;
use crate::error::{Error, Kind, Result};
use crate::floor::Floor;

/// What is wrong with the rights of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// It belongs to this other user.
    Owner(u32),
    /// Anybody on the machine may write into it.
    Anybody,
    /// Everybody of this group may write into it.
    Group(u32),
}

impl Opening {
    /// What is wrong with a folder of this mode, owner and group, for `user`. Root works for anybody. The private group of
    /// a user (it has the user's number, and nobody else is in it) is the user.
    pub fn of(mode: u32, owner: u32, group: u32, user: u32) -> Option<Self> {
        match () {
            () if user != 0 && owner != user => Some(Self::Owner(owner)),
            () if mode & 0o002 != 0 => Some(Self::Anybody),
            () if mode & 0o020 != 0 && group != owner => Some(Self::Group(group)),
            () => None,
        }
    }

    /// A sentence.
    pub fn what(&self, user: u32) -> String {
        match self {
            Self::Owner(owner) => format!("it belongs to user {owner}, and you are user {user}"),
            Self::Anybody => "anybody on this machine may write into it".to_owned(),
            Self::Group(group) => format!("everybody of group {group} may write into it"),
        }
    }

    /// What a person does about it. `path` as the person would type it.
    pub fn mend(&self, path: &str) -> String {
        match self {
            Self::Owner(_) => {
                format!("give it to the user that runs the workers: sudo chown -R USER {path}")
            }
            Self::Anybody => format!("chmod o-w {path}"),
            Self::Group(_) => format!("chmod g-w {path}"),
        }
    }
}

/// Refuses (kind `Unfit`) a queue that others may write. Each order's folder is for its owner alone, whoever made it.
pub(super) fn check(queue: &Path, floor: &Floor) -> Result<()> {
    let user = rustix::process::geteuid().as_raw();
    for folder in [queue, floor.root()] {
        let found = folder.metadata().map_err(|error| failed("look at", folder, error))?;
        if let Some(opening) = Opening::of(found.mode(), found.uid(), found.gid(), user) {
            let path = folder.display();
            let what = opening.what(user);
            let told = format!("failed to open the queue: of {path}, {what}");
            return Err(Error::new(Kind::Unfit, told).hint(opening.mend(&path.to_string())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_else_may_write_is_named_and_a_private_group_is_nobody_else() {
        let of = |mode, owner, group| Opening::of(mode, owner, group, 1000);
        assert_eq!(of(0o40700, 1000, 1000), None);
        assert_eq!(of(0o40755, 1000, 100), None);
        assert_eq!(of(0o40775, 1000, 1000), None, "a private group");
        assert_eq!(of(0o40775, 1000, 100), Some(Opening::Group(100)));
        assert_eq!(of(0o41777, 1000, 100), Some(Opening::Anybody), "sticky or not");
        assert_eq!(of(0o40700, 1, 1), Some(Opening::Owner(1)));
        assert_eq!(Opening::of(0o40700, 1, 1, 0), None, "root works for anybody");
        assert_eq!(Opening::of(0o40777, 1, 1, 0), Some(Opening::Anybody), "but not with anybody");
    }
}
