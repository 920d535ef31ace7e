//! What `--fix` does: only what can be made again, or what is kept first. No order's own file is touched, nothing is killed.

use shopfloor::config::Config;
use shopfloor::error::Error;
use shopfloor::order::OrderId;
use shopfloor::place::Place;
use shopfloor::queue::files::FileQueue;

use super::finding::{Finding, Fix};
use crate::waiting::{cookie, wait_for};

/// Does what the findings ask for. What failed, in a sentence each.
pub(crate) fn all(findings: &[Finding], place: &Place) -> Vec<String> {
    let wanted: Vec<&Fix> = findings.iter().map(|finding| &finding.fix).collect();
    let mut failed = Vec::new();
    let mut tell =
        |deed: &str, error: &Error| failed.push(format!("{deed}: {}", error.in_one_line()));
    let queue = match place.open_queue_to_look() {
        Ok(queue) => queue,
        Err(error) => {
            tell("the queue could not be opened", &error);
            return failed;
        }
    };
    if wanted.contains(&&Fix::Index)
        && let Err(error) = queue.mend_index()
    {
        tell("the index could not be made again", &error);
    }
    let config = place.read_config().ok().flatten().unwrap_or_default();
    for fix in wanted {
        match fix {
            Fix::Never | Fix::Index => {}
            Fix::Forget(workers) => {
                for worker in workers {
                    if let Err(error) = queue.forget(worker) {
                        tell(
                            &format!(
                                "the traces of worker {} could not be cleared away",
                                worker.pid()
                            ),
                            &error,
                        );
                    }
                }
            }
            Fix::Retire(id, generation) => {
                if let Err(error) = retire(id, *generation, &config, &queue, place) {
                    tell(&format!("the worktree of {id} could not be taken away"), &error);
                }
            }
        }
    }
    failed
}

/// Takes a worktree away; what is in it is salvaged first.
fn retire(
    id: &OrderId,
    generation: u64,
    config: &Config,
    queue: &FileQueue,
    place: &Place,
) -> Result<(), Error> {
    wait_for(async {
        let workspace = place.open_workspace(config, queue, &cookie()).await?;
        workspace.retire(id, generation).await
    })?
}
