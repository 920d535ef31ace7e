//! How many tests a run executed, as far as its output says. Pure.
//!
//! Only the question "were there any at all?" is answered here: a runner that ran nothing often exits with 0.

/// The number of tests that the output of known runners says were executed; `None` when no known runner spoke.
/// Understood: libtest, nextest, pytest, unittest, node's runner, go, jest and vitest.
pub(super) fn executed(output: &str) -> Option<u64> {
    let plain = without_escapes(output);
    let mut total = None;
    let mut announced = Vec::new();
    let mut finished = Vec::new();
    for line in plain.lines().map(str::trim_end) {
        if let Some(count) = libtest_begins(line) {
            announced.push(count);
        } else if let Some(count) = libtest_ends(line) {
            finished.push(count);
        } else if let Some(count) = other(line) {
            total = Some(total.unwrap_or(0) + count);
        }
    }
    // Ignored tests are announced and not executed: the closing lines know better, where every run has one.
    let complete = finished.len() >= announced.len();
    let libtest = if complete { finished } else { announced };
    if !libtest.is_empty() {
        total = Some(total.unwrap_or(0) + libtest.iter().sum::<u64>());
    }
    total
}

/// `running 3 tests`
fn libtest_begins(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("running ")?;
    let count = rest.strip_suffix(" tests").or_else(|| rest.strip_suffix(" test"))?;
    count.parse().ok()
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`
fn libtest_ends(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("test result: ")?;
    let counts = rest.split_once(". ")?.1;
    Some(
        number_before(counts, "passed").unwrap_or(0) + number_before(counts, "failed").unwrap_or(0),
    )
}

fn other(line: &str) -> Option<u64> {
    let bare = line.trim_start();
    None.or_else(|| pytest(bare))
        .or_else(|| unittest(bare))
        .or_else(|| node(bare))
        .or_else(|| go(line))
        .or_else(|| jest(bare))
        .or_else(|| nextest(bare))
}

/// `==== 1 failed, 2 passed in 0.12s ====`, with `-q` without the bars; `no tests ran in 0.01s`.
fn pytest(line: &str) -> Option<u64> {
    let bare = line.trim_matches('=').trim();
    if bare.starts_with("no tests ran") {
        return Some(0);
    }
    let (counts, time) = bare.rsplit_once(" in ")?;
    if !time.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut words = counts.split([',', ' ']).filter(|word| !word.is_empty());
    if !words.next()?.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let known =
        ["passed", "failed", "error", "errors", "xfailed", "xpassed", "skipped", "deselected"];
    if !known.contains(&words.next()?) {
        return None;
    }
    let ran = ["passed", "failed", "error", "errors", "xfailed", "xpassed"];
    Some(ran.iter().filter_map(|word| number_before(counts, word)).sum())
}

/// `Ran 3 tests in 0.001s`
fn unittest(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("Ran ")?;
    let (count, rest) = rest.split_once(' ')?;
    (rest.starts_with("test in ") || rest.starts_with("tests in ")).then(|| count.parse().ok())?
}

/// `# tests 3` (TAP) or `ℹ tests 3` (spec)
fn node(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("# tests ").or_else(|| line.strip_prefix("ℹ tests "))?;
    rest.trim().parse().ok()
}

/// `ok  <tab>pkg<tab>0.1s`, `FAIL<tab>pkg<tab>0.1s`, `?   <tab>pkg<tab>[no test files]`: packages are counted, not tests.
fn go(line: &str) -> Option<u64> {
    let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
    match *fields.as_slice() {
        ["?", _, "[no test files]"] => Some(0),
        ["ok", _, ..] if line.ends_with("[no tests to run]") => Some(0),
        ["ok" | "FAIL", package, _, ..] if !package.is_empty() => Some(1),
        _ => None,
    }
}

/// `Tests:       1 failed, 2 passed, 3 total` (jest), `Tests  2 passed (2)` (vitest), and their words for nothing.
fn jest(line: &str) -> Option<u64> {
    if line.starts_with("No tests found, exiting") || line.starts_with("No test files found") {
        return Some(0);
    }
    let counts = line.strip_prefix("Tests:").or_else(|| line.strip_prefix("Tests "))?;
    let ran: Vec<u64> =
        ["passed", "failed"].iter().filter_map(|word| number_before(counts, word)).collect();
    let skipped =
        ["total", "skipped", "todo"].iter().any(|word| number_before(counts, word).is_some());
    (!ran.is_empty() || skipped).then(|| ran.iter().sum())
}

/// `Summary [   0.005s] 3 tests run: 3 passed, 0 skipped`, `error: no tests to run`
fn nextest(line: &str) -> Option<u64> {
    if line.starts_with("error: no tests to run") {
        return Some(0);
    }
    let counts = line.strip_prefix("Summary [")?.split_once(']')?.1;
    number_before(counts, "tests").or_else(|| number_before(counts, "test"))
}

/// The number that stands before `word`: 2 for `passed` in `1 failed, 2 passed`.
fn number_before(text: &str, word: &str) -> Option<u64> {
    let words: Vec<&str> =
        text.split([' ', ',', ';', ':']).filter(|word| !word.is_empty()).collect();
    let at = words.iter().position(|found| *found == word)?;
    words.get(at.checked_sub(1)?)?.parse().ok()
}

/// The text without terminal escape sequences, and without control characters other than newline and tab.
pub(super) fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_escape(&mut rest),
            '\n' | '\t' => plain.push(c),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

fn skip_escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.next() {
        // CSI: parameters, then one final character.
        Some('[') => while rest.next_if(|c| !('@'..='~').contains(c) && *c != '\n').is_some() {},
        // OSC: up to BEL or ESC \.
        Some(']') => while rest.next_if(|c| !['\u{7}', '\u{1b}', '\n'].contains(c)).is_some() {},
        _ => return,
    }
    if rest.peek().is_some_and(|c| *c != '\n') {
        rest.next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_runner_is_counted() {
        let cases: [(&str, Option<u64>); 19] = [
            ("", None),
            ("PASS: everything is fine\n", None),
            ("running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored\n", Some(0)),
            ("running 2 tests\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored\n", Some(2)),
            ("running 1 test\ntest result: ok. 0 passed; 0 failed; 1 ignored\n", Some(0)),
            ("running 3 tests\ntest a ... ", Some(3)),
            (
                "running 0 tests\ntest result: ok. 0 passed; 0 failed\n   Doc-tests x\nrunning 1 test\ntest result: ok. 1 passed; 0 failed\n",
                Some(1),
            ),
            ("==== no tests ran in 0.01s ====\n", Some(0)),
            ("==== 1 failed, 2 passed, 1 skipped in 0.12s ====\n", Some(3)),
            ("2 skipped in 0.12s\n", Some(0)),
            ("Ran 0 tests in 0.000s\n\nNO TESTS RAN\n", Some(0)),
            ("Ran 12 tests in 0.001s\n\nOK\n", Some(12)),
            ("# tests 0\n# pass 0\n", Some(0)),
            ("ℹ tests 4\n", Some(4)),
            ("?   \ta/b\t[no test files]\nok  \ta/c\t0.1s [no tests to run]\n", Some(0)),
            ("?   \ta/b\t[no test files]\nok  \ta/c\t0.1s\nFAIL\ta/d\t0.2s\n", Some(2)),
            ("No tests found, exiting with code 1\n", Some(0)),
            ("Tests:       1 failed, 2 passed, 3 total\n", Some(3)),
            ("     Summary [   0.005s] 3 tests run: 3 passed, 0 skipped\n", Some(3)),
        ];
        for (output, expected) in cases {
            assert_eq!(executed(output), expected, "{output:?}");
        }
    }

    #[test]
    fn colours_hide_nothing() {
        let coloured = "\u{1b}[1mrunning\u{1b}[0m 0 tests\n\u{1b}]0;title\u{7}test result: ok. 0 passed; 0 failed\n";
        assert_eq!(executed(coloured), Some(0));
        assert_eq!(without_escapes("a\u{1b}[31mb\u{1b}[0m\r\nc\u{1b}"), "ab\nc");
    }

    #[test]
    fn one_runner_with_tests_is_enough() {
        assert_eq!(executed("running 0 tests\n# tests 3\n"), Some(3));
    }
}
