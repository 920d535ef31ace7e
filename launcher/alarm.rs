//! What a person at the launcher should know at once: a stage that pauses, and a disk too full to begin anything new.
//! Each is told when it begins and when it is over, not at every look.

use std::collections::BTreeMap;
use std::time::Duration;

use shopfloor::floor::{self, Floor};
use shopfloor::stages::STAGES;

use crate::voice::{Voice, line};

/// How often to look.
const LOOK: Duration = Duration::from_secs(1);

/// What is wrong at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wrong {
    /// Stages that pause: why, and what a person does about it.
    pauses: BTreeMap<String, (String, String)>,
    /// MiB that are free, when that is too little.
    full: Option<u64>,
}

/// Looks again and again, and tells what has changed.
pub(crate) async fn watch(floor: Floor, free_mib: u64, voice: Voice) {
    let mut before = Wrong::default();
    loop {
        let now = look(&floor, free_mib);
        tell(&before, &now, free_mib, voice);
        before = now;
        tokio::time::sleep(LOOK).await;
    }
}

fn look(floor: &Floor, free_mib: u64) -> Wrong {
    let breakers = STAGES.into_iter().filter_map(|stage| floor.breaker(stage.name));
    let pauses = breakers.map(|breaker| (breaker.stage, (breaker.why, breaker.mend)));
    let mib = floor::free_bytes(floor.root()) / (1024 * 1024);
    Wrong { pauses: pauses.collect(), full: (mib < free_mib).then_some(mib) }
}

fn tell(before: &Wrong, now: &Wrong, free_mib: u64, voice: Voice) {
    for (stage, (why, mend)) in &now.pauses {
        if before.pauses.get(stage).is_none_or(|(known, _)| known != why) {
            voice.warn(format_args!(
                "the {stage} stage pauses: {}\n  mend: {}\n  It is tried again by itself.",
                line(why, 300),
                line(mend, 300)
            ));
        }
    }
    for stage in before.pauses.keys().filter(|stage| !now.pauses.contains_key(*stage)) {
        voice.remark(format_args!("the {stage} stage goes on"));
    }
    match (before.full, now.full) {
        (None, Some(mib)) => voice.warn(format_args!(
            "nothing new is begun: {mib} MiB are free on the queue's file system, and {free_mib} MiB are kept free\n  \
             mend: free some space, or lower [limits] free_mib; nothing is lost, and it goes on by itself"
        )),
        (Some(_), None) => voice.remark("there is room on the disk again: the work goes on"),
        _ => {}
    }
}
