//! `order.json`: what is asked for. People write it; the queue only reads it, once it is made.

use super::folder::{Content, OrderFolder, REQUEST};
use crate::error::Result;
use crate::order::{Priority, Request};

/// The most bytes of a request.
const LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// Reads the request. None at all is one whose title is the id. The inner error says what is wrong with it and where.
pub(super) fn read(folder: &OrderFolder) -> Result<Result<Request, String>> {
    let path = folder.path_of(REQUEST);
    Ok(match folder.read(REQUEST, LIMIT_BYTES)? {
        Content::Missing => Ok(Request::titled(folder.id.as_str())),
        Content::Fault(why) => Err(format!("{} {why}", path.display())),
        Content::Bytes(bytes, _) => {
            Request::parse(&bytes).map_err(|error| format!("{}: {error}", path.display()))
        }
    })
}

/// How soon it is wanted; normal when the request can't be read.
pub(super) fn priority(folder: &OrderFolder) -> Result<Priority> {
    Ok(read(folder)?.map_or_else(|_| Priority::default(), |request| request.priority))
}
