//! What a person at the launcher should know at once: a stage that pauses, an account that is parked, and a disk too full to begin anything new.
//! Each is told when it begins and when it is over, not at every look.

use std::collections::BTreeMap;
use std::time::Duration;

use shopfloor::accounts::Accounts;
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
    /// Accounts that are parked: how that is told, what was seen, and what a person does about it.
    parked: BTreeMap<String, [String; 3]>,
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
    let parked = Accounts::of(floor).all().into_iter().map(|parked| {
        let mend = match parked.until {
            Some(_) => "nothing: it goes on by itself".to_owned(),
            None => format!("mend it, then `shopfloor resume {}`", parked.account),
        };
        (parked.account.clone(), [parked.told(), parked.why, mend])
    });
    let mib = floor::free_bytes(floor.root()) / (1024 * 1024);
    let full = (mib < free_mib).then_some(mib);
    Wrong { pauses: pauses.collect(), parked: parked.collect(), full }
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
    for (account, [told, why, mend]) in &now.parked {
        if before.parked.get(account).is_none_or(|[known, ..]| known != told) {
            let why = line(why, 300);
            voice.warn(format_args!("the account {told}\n  seen: {why}\n  mend: {mend}"));
        }
    }
    for account in before.parked.keys().filter(|account| !now.parked.contains_key(*account)) {
        voice.remark(format_args!("the account {account} works again"));
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
