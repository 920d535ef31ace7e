//! Small deeds on the files of the machine's own folder, where nobody else writes.

use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use crate::error::{Error, Result};

/// Opens a file to read, or to write as well, without following a last link or waiting for anybody.
pub(super) fn open(path: &Path, write: bool, make: bool) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let mut options = File::options();
    options.read(true).write(write).create_new(make).mode(0o600);
    options.custom_flags(flags.cast_signed()).open(path)
}

/// Takes a file away. False when there was none.
pub(super) fn remove(path: &Path) -> Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("remove", path, error)),
    }
}

/// Makes a folder and those above it, for us alone. Fine when it is there.
pub(super) fn make_folder(path: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(path).map_err(|error| Error::io("create", path, error))
}

/// The names in a folder that are text; none when there is no such folder. An error half-way is an error: a list that
/// broke off must not pass for a short one.
pub(super) fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    each_name(folder, |name| names.push(name.to_owned()))?;
    Ok(names)
}

/// Goes over the same names without keeping them.
pub(super) fn each_name(folder: &Path, mut with: impl FnMut(&str)) -> Result<()> {
    let failed = |error| Error::io("list", folder, error);
    let entries = loop {
        match std::fs::read_dir(folder) {
            Ok(entries) => break entries,
            // Unlike the opening of a file, the library does not try this again by itself.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
    };
    for entry in entries {
        if let Some(name) = entry.map_err(failed)?.file_name().to_str() {
            with(name);
        }
    }
    Ok(())
}
