//! Waiting for what the library does asynchronously.

use shopfloor::error::{Error, Kind, Result};
use shopfloor::stop::Stop;
use tokio::signal::unix::{SignalKind, signal};

/// Waits for a future: `shopfloor` itself needs no more than one thread for that.
pub(crate) fn wait_for<T>(future: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Error::new(Kind::Failed, "failed to start the machinery for waiting").caused_by(error)
    })?;
    Ok(runtime.block_on(future))
}

/// Ctrl-C, TERM and a closed terminal are requests to stop, which `hears` hands on. To be called where there is a runtime.
pub(crate) fn listen(stop: &Stop, hears: fn(&Stop)) -> Result<()> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let mut asked = signal(kind).map_err(|error| {
            Error::new(Kind::Failed, "failed to listen to signals").caused_by(error)
        })?;
        let stop = stop.clone();
        tokio::spawn(async move {
            while asked.recv().await.is_some() {
                hears(&stop);
            }
        });
    }
    Ok(())
}

/// The mark of what `shopfloor` itself starts.
pub(crate) fn cookie() -> String {
    format!("launcher/{}", std::process::id())
}
