//! `docs/faults.md` against the tree: each fault case is there once, and each test that it names exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// How many cases there are.
const CASES: usize = 108;

/// How a case is brought about: K kill, P power cut, E error of a system call, F malformed content, S a story.
fn kind(number: usize) -> char {
    match number {
        1..=5 => 'K',
        6..=9 => 'P',
        21..=35 => 'E',
        39..=41 => 'F',
        _ => 'S',
    }
}

/// A test of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    /// With every run of all tests.
    Always,
    /// When it is asked for.
    WhenAsked,
}

/// One case as the page has it.
#[derive(Debug, Default)]
struct Case {
    number: usize,
    kind: char,
    /// Its lines: what shows it, what is open, why it can't be shown.
    lines: Vec<String>,
}

/// The cases of the page, in its order. `**12.** S: ...` begins one; its lines begin with `- `.
fn cases(page: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in page.lines() {
        let head = line.strip_prefix("**").and_then(|rest| rest.split_once(".** "));
        if let Some((number, rest)) = head {
            let number = number.parse().unwrap_or(0);
            let kind = rest.chars().next().filter(|_| rest.chars().nth(1) == Some(':'));
            cases.push(Case { number, kind: kind.unwrap_or('?'), lines: Vec::new() });
        } else if line.starts_with("## ") {
            // What stands between two groups belongs to no case.
            cases.push(Case::default());
        } else if let (Some(text), Some(case)) = (line.strip_prefix("- "), cases.last_mut()) {
            case.lines.push(text.to_owned());
        }
    }
    cases.retain(|case| case.kind != char::default());
    cases
}

/// The names of tests in the code of one file, and whether they run always.
fn tests_in(code: &str) -> BTreeMap<String, Run> {
    let mut tests = BTreeMap::new();
    let mut attributes: Vec<&str> = Vec::new();
    for line in code.lines().map(str::trim) {
        if line.starts_with("#[") {
            attributes.push(line);
            continue;
        }
        let words = line.trim_start_matches("async ").strip_prefix("fn ");
        let is_test = |attribute: &&str| {
            attribute.starts_with("#[test") || attribute.starts_with("#[tokio::test")
        };
        if let Some(rest) = words.filter(|_| attributes.iter().any(is_test)) {
            let name = rest.split(['(', '<']).next().unwrap_or_default().to_owned();
            let ignored = attributes.iter().any(|attribute| attribute.starts_with("#[ignore"));
            tests.insert(name, if ignored { Run::WhenAsked } else { Run::Always });
        }
        if !line.starts_with("//") {
            attributes.clear();
        }
    }
    tests
}

/// The scenarios that the contract runs in every world: they are no tests by themselves.
fn contract(code: &str) -> BTreeMap<String, Run> {
    let list = code.split("contract![").nth(1).and_then(|rest| rest.split("];").next());
    let names = list.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| (name.to_owned(), Run::Always)).collect()
}

/// How the test `file::name` is run, if there is one.
fn known(house: &Path, named: &str) -> Option<Run> {
    let (file, name) = named.split_once("::")?;
    let read = |file: &str| fs::read_to_string(house.join(file)).ok();
    let tests = match file {
        "tests/contract/scenarios.rs" => contract(&read("tests/contract/mod.rs")?),
        _ => tests_in(&read(file)?),
    };
    // A scenario that the contract runs must be there as well.
    read(file)?.contains(&format!("fn {name}")).then(|| tests.get(name).copied())?
}

/// What is wrong with the page; nothing when all is well.
fn faults(page: &str, known: impl Fn(&str) -> Option<Run>) -> Vec<String> {
    let cases = cases(page);
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for case in &cases {
        let Case { number, kind: told, lines } = case;
        if !(1..=CASES).contains(number) || *told != kind(*number) {
            faults.push(format!("case {number} {told}: no such case"));
        }
        if !seen.insert(*number) {
            faults.push(format!("case {number} is there twice"));
        }
        let mut answers = 0;
        for line in lines {
            if let Some(rest) = line.strip_prefix("shown: `") {
                answers += 1;
                let named = rest.split('`').next().unwrap_or_default();
                match known(named) {
                    None => faults.push(format!("case {number}: there is no test {named}")),
                    Some(Run::WhenAsked) if !line.contains("when asked") => {
                        faults.push(format!("case {number}: {named} does not run by itself"));
                    }
                    Some(_) => {}
                }
            } else if ["open: ", "not here: "].iter().any(|word| line.starts_with(word)) {
                answers += 1;
                if line.len() < 30 {
                    faults.push(format!("case {number}: {line:?} is no reason"));
                }
            } else {
                faults.push(format!("case {number}: {line:?} is no answer"));
            }
        }
        if answers == 0 {
            faults.push(format!("case {number} has neither a test nor a reason"));
        }
    }
    let missing = (1..=CASES).filter(|number| !seen.contains(number));
    faults.extend(missing.map(|number| format!("case {number} is not there")));
    faults
}

#[test]
fn every_fault_case_is_on_the_page_once_with_tests_that_exist_or_a_reason() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(house.join("docs/faults.md")).unwrap();
    let found = faults(&page, |named| known(house, named));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_count_of_open_cases_on_the_page_is_right() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(house.join("docs/faults.md")).unwrap();
    let cases = cases(&page);
    let begins = |case: &Case, word: &str| case.lines.iter().any(|line| line.starts_with(word));
    let open = cases.iter().filter(|case| begins(case, "open: ")).count();
    let whole =
        cases.iter().filter(|case| begins(case, "shown: ") && !begins(case, "open: ")).count();
    let told = format!("{whole} are shown by tests, {open} are open in part or whole");
    assert!(page.contains(&told), "the page should say: {told}");
}

/// A page on which all cases are shown, but for `line` in the place of case 3's.
fn page_with(line: &str) -> String {
    let answer =
        |number| if number == 3 { line.to_owned() } else { "- shown: `a.rs::good`".to_owned() };
    let case = |n: usize| format!("**{n}.** {}: something\n{}\n", kind(n), answer(n));
    (1..=CASES).map(case).collect()
}

#[test]
fn the_check_of_the_page_sees_what_is_wrong() {
    let known = |named: &str| match named {
        "a.rs::good" => Some(Run::Always),
        "a.rs::slow" => Some(Run::WhenAsked),
        _ => None,
    };
    let found = |line: &str| faults(&page_with(line), known).len();
    assert_eq!(found("- shown: `a.rs::good`"), 0);
    assert_eq!(found("- not here: it can't be done on this kind of machine"), 0);
    assert_eq!(found("- shown: `a.rs::slow`, when asked"), 0);
    let bad = ["", "- shown: `a.rs::none`", "- shown: `a.rs::slow`", "- open: later", "- perhaps"];
    assert!(bad.iter().all(|line| found(line) > 0));
    let whole = page_with("- shown: `a.rs::good`");
    let without = whole.replace("**7.** P", "**8.** P");
    assert_eq!(faults(&without, known).len(), 2, "one is missing, one is there twice");
    assert_eq!(faults(&whole.replace("**7.** P", "**7.** K"), known).len(), 1);
}

#[test]
fn tests_are_told_from_other_functions() {
    let code = "#[test]\nfn one() {}\nfn two() {}\n#[tokio::test]\nasync fn three() {}\n\
                #[test]\n#[ignore = \"long\"]\nfn four() {}\n// #[test]\nfn five() {}\n";
    let tests = tests_in(code);
    let names: Vec<&str> = tests.keys().map(String::as_str).collect();
    assert_eq!(names, ["four", "one", "three"]);
    assert_eq!((tests["one"], tests["four"]), (Run::Always, Run::WhenAsked));
}
