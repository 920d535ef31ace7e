//! The readers on texts that nobody meant for them: they may refuse a line, and never panic or hang.

use std::fmt::Write as _;

use proptest::prelude::*;
use shopfloor::import::{self, Known, Reading, Source};

/// Pieces that plans, items, issues and roadmaps are made of, and what breaks them.
const PIECES: [&str; 58] = [
    "## Phase 1: A\n",
    "## Phase 2 [PARALLEL]\n",
    "### Phase A\n",
    "**Phase 3: B**\n",
    "Phase 4\n---\n",
    "##Phase 5\n",
    "- [ ] 1.1 A",
    "- [x] 1.2 B",
    "* [~] **1.3** C",
    "  - [ ] 1.1.1 D",
    "\t- [-] 2.1 E",
    "1. [!] Task 2.2: F",
    "-[ ] G",
    "- [",
    "- [ ] ",
    "[?] ",
    "(depends: 1.1)",
    "(depends: 1.1-1.3, Phase 2",
    "(depends on x#1)",
    "((",
    "))",
    "  - Depends on: 1.2\n",
    "**Execution Note:** Tasks 1.1-1.3 are [SEQUENTIAL] - x\n",
    "**Execution Note:** [PARALLEL]",
    "[SEQUENTIAL]",
    "**VERIFY:**\n",
    "```\n",
    "~~~",
    "`",
    "``",
    "~~",
    "**",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "\t",
    "    ",
    "> ",
    "<!-- ",
    "-->",
    "| a |\n|---|\n",
    "---\n",
    "...\n",
    "id: X-1\n",
    "title: T\n",
    "blocked_by:\n- X-2\n",
    "status: [\n",
    "a: &a [*a]\n",
    "? ",
    "{\"title\": \"a\"}\n",
    "[{\"number\": 1, \"title\": \"depends on #1\"}]",
    "depends on #2, #3",
    "requires X-9\n",
    "\u{feff}",
    "é\u{301}\u{202e}",
    "99999999999999999999.1",
    "\0",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => "[ -~]{0,12}",
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn all(text: &str) -> [Reading; 5] {
    let source = Source { file: "f", origin: "f", key: "k", text };
    [
        import::markdown::read(&source),
        import::work_item::read(&source),
        import::github::read(&source),
        import::jsonl::read(&source),
        import::roadmap::read(&source),
    ]
}

/// What is told must be found in the text.
fn check(reading: &Reading, text: &str) {
    let lines = text.split('\n').count();
    let told = reading.unusable.iter().chain(&reading.set_aside).chain(&reading.remarks);
    for told in told {
        let line = text.split('\n').nth(told.spot.line - 1);
        assert!(line.is_some(), "{} of {lines} lines", told.spot);
        assert!(told.spot.column <= line.unwrap().chars().count() + 1, "{}", told.spot);
    }
    for wish in &reading.wishes {
        assert!(!wish.title.trim().is_empty() && !wish.title.contains(['\n', '\r']), "{wish:?}");
        assert!(wish.title.chars().count() <= import::TITLE_LIMIT);
        assert!((1..=lines).contains(&wish.spot.line), "{wish:?}");
    }
    assert_eq!(reading.totals.tasks, reading.wishes.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_a_reader_panic_and_every_place_is_in_the_text(text in text()) {
        for reading in &all(&text) {
            check(reading, &text);
        }
    }

    #[test]
    fn front_matter_of_any_kind_is_read_or_refused(inside in text(), after in text()) {
        let text = format!("---\nid: X-1\n{inside}\n---\n{after}");
        let reading = import::work_item::read(&Source { file: "f", origin: "f", key: "k", text: &text });
        check(&reading, &text);
        prop_assert_eq!(reading.wishes.len() + reading.unusable.len(), 1);
    }

    #[test]
    fn what_was_read_resolves_or_is_refused_and_the_same_again_is_the_same(text in text()) {
        for reading in all(&text) {
            let readings = [reading];
            let told = |known: &Known| match import::resolve(&readings, known, true) {
                Ok(plan) => {
                    let ids: Vec<&str> = plan.orders.iter().map(|(id, _)| id.as_str()).collect();
                    let mut apart = ids.clone();
                    apart.sort_unstable();
                    apart.dedup();
                    assert_eq!(apart.len(), ids.len());
                    format!("{ids:?}")
                }
                Err(faults) => {
                    assert!(!faults.is_empty());
                    format!("{faults:?}")
                }
            };
            prop_assert_eq!(told(&Known::default()), told(&Known::default()));
        }
    }
}

#[test]
fn deep_and_long_texts_take_no_longer_than_they_must() {
    let begun = std::time::Instant::now();
    for text in [
        "> ".repeat(20_000),
        "- ".repeat(20_000),
        "[".repeat(100_000),
        "(depends: ".repeat(20_000),
        "`".repeat(50_000),
        (1..400).fold(String::new(), |mut text, long| {
            let _infallible = write!(text, "{} ", "`".repeat(long));
            text
        }),
        format!("- [ ] 1.1 {}\n", "(depends: 1.1) ".repeat(10_000)),
        format!("---\nid: x\ntitle: t\na: {}\n---\n", "[".repeat(100_000)),
        format!(
            "---\nid: x\ntitle: t\n{}---\n",
            (0..9_000).fold(String::new(), |mut text, nth| {
                let _infallible = writeln!(text, "k{nth}: v");
                text
            })
        ),
        format!(
            "[{{\"number\":1,\"title\":\"t\",\"body\":\"{}\"}}]",
            "depends on #2 ".repeat(20_000)
        ),
        "[".repeat(100_000) + &"]".repeat(100_000),
        "{\"title\":\"a\"}\n".repeat(20_000),
    ] {
        for reading in all(&text) {
            drop(reading);
        }
    }
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}
