//! Recorded reports, cut, garbled and shuffled: nothing panics, and a cut alone never makes a failed test pass.
//!
//! What holds, exactly: of every beginning of a report, (1) if the run read from it is complete, no test that fails in the
//! whole report passes in it; (2) complete or not, the same holds where no test printed what a report looks like, for names
//! that only one test has.

use std::collections::BTreeSet;

use proptest::prelude::*;
use shopfloor::report::{TestId, TestRun};

use super::adapters::everything;
use super::{Recorded, is_broken};

/// The report itself: the file, where there is one.
fn report(recorded: &Recorded) -> &str {
    recorded.file.as_deref().unwrap_or(&recorded.output)
}

fn with_report(recorded: &Recorded, text: String) -> Recorded {
    let mut changed = recorded.clone();
    match &mut changed.file {
        Some(file) => *file = text,
        None => changed.output = text,
    }
    changed
}

fn boundary(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Tests in these print lines of a report themselves, so a cut may leave the forged line as the last word.
fn prints_reports(recorded: &Recorded) -> bool {
    ["libtest/nocapture", "unittest/f", "unittest/b", "unittest/not"]
        .iter()
        .any(|name| recorded.name.starts_with(name))
}

/// Failed in the whole and passed in the part.
fn turned<'a>(whole: &'a TestRun, part: &TestRun) -> BTreeSet<&'a TestId> {
    let passed = part.passed();
    whole.failed().into_iter().filter(|id| passed.contains(id)).collect()
}

fn check_beginning(recorded: &Recorded, whole: &TestRun, at: usize) {
    let text = report(recorded);
    let Ok(part) = with_report(recorded, text[..at].to_owned()).read() else { return };
    if part.adapter != whole.adapter {
        return;
    }
    let turned = turned(whole, &part);
    let scene = || format!("{} cut at {at}: {}\n{turned:?}", recorded.name, part.line());
    assert!(turned.is_empty() || !part.complete(), "a complete run from a part: {}", scene());
    let only = turned.iter().any(|id| {
        let again = id.again(2);
        !whole.tests.contains_key(&again) && !prints_reports(recorded)
    });
    assert!(!only, "{}", scene());
}

#[test]
fn a_report_that_ends_after_any_line_makes_no_failed_test_pass() {
    for recorded in everything() {
        let Ok(whole) = recorded.read() else { continue };
        let text = report(&recorded).to_owned();
        let ends = text.match_indices('\n').flat_map(|(at, _)| [at, at + 1]);
        // One long line has its places too.
        let places = text.match_indices(['>', '}']).map(|(at, _)| at + 1);
        let step = 1 + text.matches(['>', '}']).count() / 100;
        for at in ends.chain(places.step_by(step)) {
            check_beginning(&recorded, &whole, at);
        }
    }
}

#[test]
fn a_report_whose_beginning_was_not_kept_is_never_complete() {
    for recorded in everything().into_iter().filter(|recorded| recorded.file.is_none()) {
        let report = shopfloor::report::Report {
            choice: shopfloor::report::Choice::Auto,
            command: &recorded.command,
            folder: super::FOLDER,
            output: &recorded.output,
            cut: true,
            file: None,
            exit: recorded.exit,
        };
        let Ok(run) = report.read() else { continue };
        assert!(is_broken(&run), "{}: {}", recorded.name, run.line());
    }
}

/// One way to spoil a text.
#[derive(Debug, Clone)]
enum Spoil {
    Cut(usize),
    CutHead(usize),
    Flip(usize, char),
    Twice(usize),
    Without(usize),
    Swap(usize, usize),
    Insert(usize, String),
}

fn spoils() -> impl Strategy<Value = Vec<Spoil>> {
    let at = any::<prop::sample::Index>().prop_map(|index| index.index(1_000_000));
    let words = prop::sample::select(vec![
        "running 3 tests",
        "test a ... ok",
        "test result: ok. 1 passed; 0 failed; 0 ignored",
        "failures:",
        "---- a stdout ----",
        "<testcase name='a'>",
        "</testsuite>",
        "<![CDATA[",
        "&x;",
        "ok 1 - a",
        "    ok 1 - a",
        "1..4",
        "  ---",
        "}",
        "Bail out!",
        "a (b.C.a) ... ok",
        "Ran 3 tests in 0s",
        "{\"Action\":\"pass\",\"Package\":\"p\",\"Test\":\"T\"}",
        "{\"testResults\":[]}",
        "\u{1b}[",
        "error: x",
    ]);
    let one = prop_oneof![
        at.clone().prop_map(Spoil::Cut),
        at.clone().prop_map(Spoil::CutHead),
        (at.clone(), any::<char>()).prop_map(|(at, c)| Spoil::Flip(at, c)),
        at.clone().prop_map(Spoil::Twice),
        at.clone().prop_map(Spoil::Without),
        (at.clone(), at.clone()).prop_map(|(a, b)| Spoil::Swap(a, b)),
        (at, words).prop_map(|(at, words)| Spoil::Insert(at, words.to_owned())),
    ];
    prop::collection::vec(one, 1..6)
}

fn spoil(text: &str, how: &Spoil) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let count = lines.len().max(1);
    match how {
        Spoil::Cut(at) => return text[..boundary(text, at % (text.len() + 1))].to_owned(),
        Spoil::CutHead(at) => return text[boundary(text, at % (text.len() + 1))..].to_owned(),
        Spoil::Flip(at, c) => {
            let mut chars: Vec<char> = text.chars().collect();
            if !chars.is_empty() {
                let at = at % chars.len();
                chars[at] = *c;
            }
            return chars.into_iter().collect();
        }
        Spoil::Twice(at) if !lines.is_empty() => {
            lines.insert(at % count, lines[at % count].clone());
        }
        Spoil::Without(at) if !lines.is_empty() => drop(lines.remove(at % count)),
        Spoil::Swap(a, b) if !lines.is_empty() => lines.swap(a % count, b % count),
        Spoil::Insert(at, words) => {
            lines.insert(at % count % (lines.len() + 1), format!("{words}\n"));
        }
        _ => {}
    }
    lines.concat()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_spoiled_report_panics_whatever_it_is_taken_for(
        which in any::<prop::sample::Index>(), spoils in spoils(), word in 0..8_usize,
    ) {
        let all = everything();
        let recorded = which.get(&all);
        let text = spoils.iter().fold(report(recorded).to_owned(), |text, how| spoil(&text, how));
        let spoiled = with_report(recorded, text);
        let choice = shopfloor::report::Adapter::ALL.get(word).map_or(
            shopfloor::report::Choice::Auto,
            |adapter| shopfloor::report::Choice::Set(*adapter),
        );
        if let Ok(run) = spoiled.read_as(choice) {
            prop_assert!(run.executed() >= run.passed().len() as u64);
            drop(run.line());
        }
    }

    #[test]
    fn a_report_cut_anywhere_makes_no_failed_test_pass(
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(),
    ) {
        let all = everything();
        let recorded = which.get(&all);
        if let Ok(whole) = recorded.read() {
            let text = report(recorded);
            check_beginning(recorded, &whole, boundary(text, at.index(text.len() + 1)));
        }
    }
}
