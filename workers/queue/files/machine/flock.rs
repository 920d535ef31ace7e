//! flock(2), and nothing else here. The only module that names the crate `fs2`, by full path, since std's own
//! `File::lock` methods have the same names.
//!
//! Only "would block" means that somebody else holds a lock; every other refusal is an error.

use std::fs::File;
use std::io;

use super::Locking;

/// Locks `file` unless somebody else has it; true when it is ours now.
pub(super) fn attempt(file: &File, how: Locking) -> io::Result<bool> {
    loop {
        let locked = match how {
            Locking::Exclusive => fs2::FileExt::try_lock_exclusive(file),
            Locking::Shared => fs2::FileExt::try_lock_shared(file),
        };
        match locked {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Gives the lock back.
pub(super) fn give_back(file: &File) -> io::Result<()> {
    fs2::FileExt::unlock(file)
}
