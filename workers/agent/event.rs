//! What any agent tells, in one model: each driver turns its program's lines into these, and [`super::talk`] listens.
//!
//! A driver matches on types, codes and field names, never on the words of a message where there is a code. A type it
//! does not know becomes [`AgentEvent::Unknown`], which is counted and never fails anything.

use serde_json::Value;

use super::Usage;
use super::fault::Found;

/// One thing told.
#[derive(Debug, PartialEq)]
pub(super) enum AgentEvent {
    /// A turn begins. The text says who speaks: program, version, model.
    Started(String),
    /// The model wrote something.
    Text(String),
    /// The model calls a tool: the tool, and what it is to do.
    ToolCall(String),
    /// A tool came to an end that is worth a line: it failed, or it was not allowed.
    ToolResult(String),
    /// A tool of this id runs.
    ToolBegan(String),
    /// It does not any more.
    ToolEnded(String),
    /// What the turn has used so far, at least.
    Used(Usage),
    /// A remark of the program itself.
    Remark(String),
    /// A request to the model failed and will be made again.
    Retrying(Retry),
    /// The account's limit is near, or reached. What it means for a turn, the turn's end says.
    RateLimited(String),
    /// The turn is over.
    Finished(Box<Finished>),
    /// Known, and nothing to show.
    Quiet,
    /// Not known: its name.
    Unknown(String),
}

/// One retry of the program's own.
#[derive(Debug, PartialEq)]
pub(super) struct Retry {
    /// Why the request failed.
    pub(super) found: Found,
    /// How long it waits before it tries again, in milliseconds, where it says so.
    pub(super) delay_ms: Option<f64>,
}

/// The end of a turn.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Finished {
    /// What went wrong. `None` means that the program tells of nothing, which is not yet a success.
    pub(super) failed: Option<Found>,
    /// The structured result.
    pub(super) output: Option<Value>,
    /// The last words of the model, where they are not the result.
    pub(super) words: String,
    /// Tool calls that were not allowed.
    pub(super) denied: usize,
    /// What the turn used.
    pub(super) usage: Usage,
}
