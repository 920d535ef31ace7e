//! The simulation as a part of the suite: some thousand histories, and that it is what it says it is.

use clap::Parser as _;
use shopfloor::queue::files::machine::SyncPoint;

use super::cast::Cast;
use super::cli::{self, Arguments};
use super::draw::{self, Weather};
use super::history::{Playing, play};
use super::mutations::UNSEEN;
use super::planted::Plant;
use super::script::Script;
use super::season::Season;

/// The first seed of the histories played with every change.
const SEED: u64 = 20_261_120;

fn season(weather: Weather, histories: u64) -> Season {
    Season {
        first_seed: SEED,
        histories,
        jobs: 2,
        weather,
        playing: Playing::default(),
        to_first: true,
    }
}

/// Plays a script and gives its calls when a promise was broken.
pub(super) fn fails(script: &Script) -> Option<String> {
    let played = play(script, Playing { traced: true, ..Playing::default() }, &Cast::new());
    let broken = played.broken?;
    Some(format!(
        "promise {}: {}\n{script}{}",
        broken.promise,
        broken.what,
        played.trace.join("\n")
    ))
}

#[test]
fn some_thousand_histories_break_no_promise() {
    for weather in [Weather::Mixed, Weather::Cuts] {
        let outcome = season(weather, 1500).play();
        if let Some((seed, broken)) = outcome.failed.first() {
            let script = draw::script(*seed, weather);
            panic!("seed {seed}, {weather:?}: {broken:?}\n{}", fails(&script).unwrap_or_default());
        }
        let counts = outcome.counts;
        // A season in which nothing happens shows nothing.
        assert!(counts.claims > 500 && counts.moves > 100 && counts.cuts > 300, "{counts:?}");
        assert!(counts.kills > 100 && counts.errors > 100 && counts.by_hand > 300, "{counts:?}");
        assert!(counts.recovered > 20 && counts.switches > 2000, "{counts:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_history_call_by_call() {
    let casts = [Cast::new(), Cast::new()];
    let traced = Playing { traced: true, ..Playing::default() };
    for seed in SEED..SEED + 40 {
        let script = draw::script(seed, Weather::Mixed);
        let [one, two] = casts.each_ref().map(|cast| play(&script, traced, cast));
        assert_eq!(one.trace, two.trace, "seed {seed}");
        assert_eq!(one.hash, two.hash, "seed {seed}");
        let untraced = play(&script, Playing::default(), &casts[0]);
        assert_eq!(
            untraced.hash, one.hash,
            "seed {seed}: it is another history when it is looked at"
        );
    }
}

#[test]
fn a_planted_bug_is_seen_for_each_promise_that_is_judged() {
    let flags = ["queue-sim", "--seed", "20261120", "--histories", "3000", "--plants"];
    let said = cli::run(&Arguments::parse_from(flags));
    assert_eq!(said.code, 0, "{}", said.text);
    for promise in 1..=18 {
        let planted = Plant::ALL.iter().any(|(_, promises)| promises.contains(&promise));
        assert!(planted, "nothing is planted for promise {promise}");
    }
}

#[test]
fn the_sync_of_a_journal_that_is_left_out_is_missed_after_a_power_cut() {
    let playing = Playing { without: Some(SyncPoint::Journal), ..Playing::default() };
    let outcome = Season { playing, ..season(Weather::Cuts, 500) }.play();
    let (_, broken) = outcome.failed.first().unwrap();
    assert!([1, 5, 7].contains(&broken.promise), "{broken:?}");
}

#[test]
fn what_need_not_be_missed_stands_in_the_docs_with_its_reason() {
    let docs = include_str!("../../docs/queue-on-disk.md");
    for (point, reason) in UNSEEN {
        let line = docs.lines().find(|line| line.starts_with(&format!("- `{point}`:")));
        assert!(line.is_some_and(|line| line.contains(reason)), "{point}: {reason}");
    }
}

#[test]
fn a_failing_history_is_told_small_with_its_seed_its_promise_and_its_calls() {
    let flags = ["queue-sim", "--seed", "20261120", "--histories", "60", "--cuts", "--tell", "1"];
    let arguments = Arguments::parse_from(flags.into_iter().chain(["--without-sync", "Journal"]));
    let said = cli::run(&arguments);
    assert_eq!(said.code, 1, "{}", said.text);
    for part in ["PROMISE", "BROKEN", "again: queue-sim --seed", "its calls:", "per second"] {
        assert!(said.text.contains(part), "{part} is missing:\n{}", said.text);
    }
    let small = said.text.lines().take_while(|line| *line != "its calls:").count();
    assert!(small < 25, "the script is long:\n{}", said.text);
    let wrong = Arguments::parse_from(["queue-sim", "--without-sync", "Nothing"]);
    assert_eq!(cli::run(&wrong).code, 2);
}
