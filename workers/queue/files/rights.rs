//! Who besides us may write into a folder of the queue. Whoever may, gives orders to our agents and decides what becomes
//! of them: `.state` is the truth, and moving it is a person's right.

use super::folder::failed;
use super::machine::Rights;
use super::site::Site;
use crate::error::{Error, Kind, Result};

/// Who else may write into a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outsider {
    /// It belongs to this other user.
    Owner(u32),
    /// Anybody on the machine may write into it.
    Anybody,
    /// Everybody of this group may write into it.
    Group(u32),
}

impl Outsider {
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
pub(super) fn check(site: &Site) -> Result<()> {
    for folder in [site.folder.as_path(), site.floor.root()] {
        let found =
            site.machine.rights(folder).map_err(|error| failed("look at", folder, error))?;
        let Some(Rights { mode, owner, group, user }) = found else { continue };
        if let Some(outsider) = Outsider::of(mode, owner, group, user) {
            let path = folder.display();
            let what = outsider.what(user);
            let told = format!("failed to open the queue: of {path}, {what}");
            return Err(Error::new(Kind::Unfit, told).hint(outsider.mend(&path.to_string())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_else_may_write_is_named_and_a_private_group_is_nobody_else() {
        let of = |mode, owner, group| Outsider::of(mode, owner, group, 1000);
        assert_eq!(of(0o40700, 1000, 1000), None);
        assert_eq!(of(0o40755, 1000, 100), None);
        assert_eq!(of(0o40775, 1000, 1000), None, "a private group");
        assert_eq!(of(0o40775, 1000, 100), Some(Outsider::Group(100)));
        assert_eq!(of(0o41777, 1000, 100), Some(Outsider::Anybody), "sticky or not");
        assert_eq!(of(0o40700, 1, 1), Some(Outsider::Owner(1)));
        assert_eq!(Outsider::of(0o40700, 1, 1, 0), None, "root works for anybody");
        assert_eq!(Outsider::of(0o40777, 1, 1, 0), Some(Outsider::Anybody), "but not with anybody");
    }
}
