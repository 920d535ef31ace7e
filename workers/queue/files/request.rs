//! `order.json`: what is asked for. People write it; the queue only reads it, once it is made.

use super::folder::{Content, OrderFolder, REQUEST};
use crate::error::Result;
use crate::order::{Due, Priority, Request};

/// The most bytes of a request.
const LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// Reads the request. None at all is one whose title is the id. The inner error says what is wrong with it and where.
pub(super) fn read(folder: &OrderFolder) -> Result<Result<Request, String>> {
    let path = folder.path_of(REQUEST);
    Ok(match folder.read(REQUEST, LIMIT_BYTES)? {
        Content::Missing => Ok(Request::titled(folder.id.as_str())),
        Content::Fault(why) => Err(format!("{} {why}", path.display())),
        Content::Bytes(bytes, _) => Request::parse(&bytes)
            .map_err(|error| format!("{}: {}", path.display(), error.in_one_line())),
    })
}

/// How soon it is wanted and until when; normal and open when the request can't be read.
pub(super) fn wanted(folder: &OrderFolder) -> Result<(Priority, Option<Due>)> {
    Ok(read(folder)?.map_or_else(|_| Default::default(), |request| (request.priority, request.due)))
}
