//! How accounts are parked, tried and opened again.

use super::*;

fn floor() -> (tempfile::TempDir, Accounts) {
    let folder = tempfile::tempdir().unwrap();
    let accounts = Accounts::of(&Floor::of_queue(folder.path()));
    (folder, accounts)
}

fn cause(fault: Fault, until: Option<u64>) -> Cause<'static> {
    Cause { fault, why: "w", until, by_hand: false }
}

fn park(accounts: &Accounts, cause: Cause<'_>, now: u64) -> Parked {
    accounts.park("work", cause, &Limits::default(), now, 0.5).unwrap()
}

#[test]
fn a_limit_parks_until_its_time_and_then_one_worker_alone_finds_out() {
    let (_folder, accounts) = floor();
    assert!(matches!(accounts.enter("work", 10), Ok(Entry::Open)));
    let parked = park(&accounts, cause(Fault::UsageLimit, Some(100)), 10);
    assert_eq!((parked.until, parked.told, parked.count), (Some(100), true, 1));
    // Another process, later.
    let others = Accounts { folder: accounts.folder.clone() };
    assert_eq!(others.shut("work", 99), Some(parked));
    assert!(matches!(others.enter("work", 99), Ok(Entry::Shut(_))));
    assert!(matches!(others.enter("private", 99), Ok(Entry::Open)));
    let Ok(Entry::Probe(probe)) = accounts.enter("work", 100) else { panic!("no probe") };
    assert!(matches!(others.enter("work", 100), Ok(Entry::Shut(_))), "one at a time");
    drop(probe);
    assert!(matches!(others.enter("work", 100), Ok(Entry::Probe(_))));
    assert!(accounts.resume("work").unwrap() && !accounts.resume("work").unwrap());
    assert!(matches!(others.enter("work", 100), Ok(Entry::Open)));
}

#[test]
fn who_finds_that_it_works_does_not_open_what_was_parked_meanwhile() {
    let (_folder, accounts) = floor();
    park(&accounts, cause(Fault::UsageLimit, Some(100)), 10);
    let Ok(Entry::Probe(probe)) = accounts.enter("work", 100) else { panic!("no probe") };
    // A turn of another worker, begun long before, comes to a limit that lasts longer.
    let newer = park(&accounts, cause(Fault::UsageLimit, Some(900)), 101);
    assert!(!accounts.works("work", &probe).unwrap());
    assert_eq!(accounts.shut("work", 102), Some(newer));
    drop(probe);
    let Ok(Entry::Probe(probe)) = accounts.enter("work", 900) else { panic!("no probe") };
    assert!(accounts.works("work", &probe).unwrap());
    assert!(!accounts.works("work", &probe).unwrap(), "once");
    assert!(matches!(accounts.enter("work", 900), Ok(Entry::Open)));
}

#[test]
fn of_a_refused_login_and_a_limit_found_at_one_moment_neither_is_lost() {
    for round in 0..50 {
        let (_folder, accounts) = floor();
        std::thread::scope(|scope| {
            for found in [cause(Fault::Login, None), cause(Fault::RateLimit, None)] {
                let accounts = accounts.clone();
                scope.spawn(move || park(&accounts, found, 10));
            }
        });
        let parked = accounts.parked("work").unwrap();
        assert_eq!((parked.until, parked.fault.as_str()), (None, "login"), "round {round}");
    }
}

#[test]
fn a_limit_that_is_found_again_without_a_time_is_no_news() {
    let (_folder, accounts) = floor();
    let first = park(&accounts, cause(Fault::RateLimit, None), 1000);
    let limits = Limits::default();
    let again = accounts.park("work", cause(Fault::RateLimit, None), &limits, 1001, 1.0).unwrap();
    assert_eq!(again, first);
}

#[test]
fn a_time_that_a_clock_wrote_which_jumped_since_holds_nothing() {
    let (_folder, accounts) = floor();
    park(&accounts, cause(Fault::UsageLimit, Some(2_000_000_100)), 2_000_000_000);
    assert!(matches!(accounts.enter("work", 1_800_000_000), Ok(Entry::Probe(_))));
}

#[test]
fn a_login_and_a_bill_wait_for_a_person() {
    for fault in [Fault::Login, Fault::Billing] {
        let (_folder, accounts) = floor();
        assert_eq!(park(&accounts, cause(fault, Some(100)), 10).until, None);
        assert!(matches!(accounts.enter("work", u64::MAX), Ok(Entry::Shut(_))));
    }
    let (_folder, accounts) = floor();
    let by_hand = Cause { by_hand: true, ..cause(Fault::UsageLimit, Some(100)) };
    assert_eq!(park(&accounts, by_hand, 10).until, None);
}

#[test]
fn without_a_time_a_limit_is_looked_at_by_policy() {
    let (_folder, accounts) = floor();
    let parked = park(&accounts, cause(Fault::UsageLimit, None), 1000);
    assert_eq!((parked.until, parked.told), (Some(1000 + 1800), false));
    let (_folder, accounts) = floor();
    let mut ends = Vec::new();
    let mut now = 1000;
    for _ in 0..4 {
        let until = park(&accounts, cause(Fault::RateLimit, None), now).until.unwrap();
        ends.push(until - now);
        now = until;
    }
    assert_eq!(ends, [30, 60, 120, 240]);
}

#[test]
fn a_limit_that_is_always_just_over_is_not_asked_every_second() {
    let (_folder, accounts) = floor();
    let mut now = 1000;
    let mut waits = Vec::new();
    for _ in 0..4 {
        let until = park(&accounts, cause(Fault::UsageLimit, Some(now + 1)), now).until.unwrap();
        waits.push(until - now);
        now = until;
    }
    assert_eq!(waits, [1, 30, 60, 120]);
    // One that has passed by the time we heard of it is tried soon, and not as if no time had been told.
    let (_folder, accounts) = floor();
    let mut now = 1000;
    let mut waits = Vec::new();
    for _ in 0..3 {
        let until = park(&accounts, cause(Fault::UsageLimit, Some(now)), now).until.unwrap();
        waits.push(until - now);
        now = until;
    }
    assert_eq!(waits, [30, 60, 120]);
    // One in the far future is asked again after a week.
    let (_folder, accounts) = floor();
    let parked = park(&accounts, cause(Fault::UsageLimit, Some(4_000_000_000)), 1000);
    assert_eq!((parked.until, parked.told), (Some(1000 + LONGEST_SECS), false));
}

#[test]
fn two_workers_that_find_the_same_limit_count_it_once_and_do_not_shorten_it() {
    let (_folder, accounts) = floor();
    park(&accounts, cause(Fault::UsageLimit, Some(500)), 10);
    let again = park(&accounts, cause(Fault::UsageLimit, Some(400)), 11);
    assert_eq!((again.until, again.count, again.since), (Some(500), 1, 10));
    // A refused login on top of it is a person's.
    assert_eq!(park(&accounts, cause(Fault::Login, None), 12).until, None);
    assert_eq!(park(&accounts, cause(Fault::UsageLimit, Some(900)), 13).until, None);
}

#[test]
fn a_file_that_cannot_be_read_keeps_the_account_parked() {
    let (_folder, accounts) = floor();
    fs::create_dir_all(&accounts.folder).unwrap();
    fs::write(accounts.folder.join("work.json"), "{half").unwrap();
    let Ok(Entry::Shut(parked)) = accounts.enter("work", u64::MAX) else { panic!("open") };
    assert!(parked.why.contains("can't be read"), "{parked:?}");
    assert_eq!(accounts.all().len(), 1);
    assert!(accounts.resume("work").unwrap());
}

#[test]
fn no_name_leaves_the_folder() {
    let (folder, accounts) = floor();
    accounts.park("../../x/y", cause(Fault::Login, None), &Limits::default(), 1, 0.5).unwrap();
    assert!(accounts.parked("../../x/y").is_some());
    let inside = folder.path().join(".floor/accounts");
    assert_eq!(fs::read_dir(inside).unwrap().count(), 1);
}
