//! Waiting for what the library does asynchronously.

use shopfloor::error::{Error, Kind, Result};

/// Waits for a future: `shopfloor` itself needs no more than one thread for that.
pub(crate) fn wait_for<T>(future: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Error::new(Kind::Failed, "failed to start the machinery for waiting").caused_by(error)
    })?;
    Ok(runtime.block_on(future))
}

/// The mark of what `shopfloor` itself starts.
pub(crate) fn cookie() -> String {
    format!("launcher/{}", std::process::id())
}
