//! The text of `cargo test`, and the JSON lines of libtest that nextest can write.
//!
//! The suite of a text is the binary with its source, `probe (src/lib.rs)`, `it (tests/it.rs)`, `probe (doc)`: the hash in
//! the file's name is left out. Test names stand without ` - should panic`; doc tests without their line number, and several
//! of one item are told apart by the order of their lines. JSON lines carry nextest's own suites: `probe::it`.
//!
//! It can't tell: which test aborted when tests ran in parallel (names come only with results); two packages of one
//! workspace that both have `tests/it.rs`; with `-q`, the names of tests that passed. Without `--no-fail-fast` the binaries
//! after the first failing one are not run. A binary without libtest's harness counts as one test, its exit status.

use super::build;
use super::input::Input;
use super::libtest_block::Block;
use super::name::TestId;
use super::outcome::{FailureKind, TestOutcome};
use super::tally::Tally;
use super::tool::Tool;

/// The one test of a binary that has no harness.
const NO_HARNESS: &str = "(exit status)";

/// Reads the text; false when there is nothing of the form in it.
pub(super) fn read(input: &Input<'_>, tally: &mut Tally) -> bool {
    if super::libtest_json::read(input, tally) {
        return true;
    }
    tally.build_failed = build::of_cargo(input.text, input.folder);
    let mut reader = Reader::default();
    for line in input.whole_lines(tally) {
        reader.line(line, tally);
    }
    reader.cut_line(input.cut_line());
    reader.end_suite(tally);
    if reader.first_failure && !reader.told_all && !selects_one(input.command) {
        tally.stopped(
            "cargo stops at the first failing test binary; add --no-fail-fast to the command",
        );
    }
    reader.found || tally.build_failed.is_some()
}

/// `running 3 tests`
pub(super) fn begins(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("running ")?;
    rest.strip_suffix(" tests").or_else(|| rest.strip_suffix(" test"))?.parse().ok()
}

#[derive(Default)]
struct Reader {
    suite: Option<String>,
    /// A block was closed in this suite.
    suite_told: bool,
    /// This suite's process failed.
    suite_failed: bool,
    block: Option<Block>,
    found: bool,
    first_failure: bool,
    told_all: bool,
}

impl Reader {
    fn line(&mut self, line: &str, tally: &mut Tally) {
        if self.block.as_ref().is_some_and(Block::quotes) {
            // The words of failed tests: whatever stands in them was printed by a test.
            if self.block.as_mut().is_some_and(|block| block.line(line)) {
                self.end_block(tally);
            }
        } else if let Some(suite) = suite_of(line) {
            self.end_suite(tally);
            self.suite = Some(suite);
            self.found = true;
        } else if line.starts_with("error: ") && line.contains(" failed, to rerun pass ") {
            self.first_failure = true;
            self.suite_failed = true;
        } else if is_list_of_failed(line) {
            self.told_all = true;
        } else if let Some(how) = died(line) {
            let suite = self.suite.as_deref().unwrap_or("a test binary");
            tally.broken(format!("{suite} died in the middle: {how}"));
        } else if let Some(block) = &mut self.block {
            if block.line(line) {
                self.end_block(tally);
            }
        } else if let Some(count) = begins(line) {
            self.block = Some(Block::new(count));
            self.found = true;
        } else if line.starts_with("test result: ") {
            tally.broken("a test result stands where no tests began");
        }
    }

    /// A test that was announced when everything ended.
    fn cut_line(&mut self, line: &str) {
        if let Some(block) = self.block.as_mut().filter(|_| line.ends_with(" ... ")) {
            block.line(line);
        }
    }

    fn end_block(&mut self, tally: &mut Tally) {
        if let Some(block) = self.block.take() {
            self.suite_told = true;
            block.tell(self.suite.as_deref().unwrap_or_default(), tally);
        }
    }

    fn end_suite(&mut self, tally: &mut Tally) {
        self.end_block(tally);
        if let Some(suite) = self.suite.take().filter(|_| !self.suite_told) {
            let outcome = match self.suite_failed {
                true => TestOutcome::failed(FailureKind::Unclear, "the binary failed"),
                false => TestOutcome::Passed,
            };
            tally.remark(format!("{suite} has no test harness: its exit status is all it tells"));
            tally.test(TestId::new(&suite, NO_HARNESS), outcome);
        }
        self.suite_told = false;
        self.suite_failed = false;
    }
}

/// The suite that a line of cargo's opens.
fn suite_of(line: &str) -> Option<String> {
    let bare = line.trim_start();
    if bare.len() == line.len() {
        return None;
    }
    if let Some(package) = bare.strip_prefix("Doc-tests ") {
        return Some(format!("{} (doc)", package.trim()));
    }
    let rest = bare.strip_prefix("Running ")?;
    if let Some(command) = rest.strip_prefix('`') {
        // `cargo test -v` shows the command instead of the source; rustc's own commands are shown too.
        let program = command.split(['`', ' ']).next().unwrap_or_default();
        return program.contains("/deps/").then(|| binary(program).to_owned());
    }
    let (source, path) = rest.trim_end().strip_suffix(')')?.rsplit_once(" (")?;
    let source = source.strip_prefix("unittests").unwrap_or(source).trim();
    let name = binary(path);
    Some(if source.is_empty() { name.to_owned() } else { format!("{name} ({source})") })
}

/// The name of a test binary without its hash.
fn binary(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let name = name.strip_suffix(".exe").unwrap_or(name);
    match name.rsplit_once('-') {
        Some((stem, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            stem
        }
        _ => name,
    }
}

/// `error: 2 targets failed:`, the last words of a run that went to the end.
fn is_list_of_failed(line: &str) -> bool {
    let count = line.strip_prefix("error: ").and_then(|rest| rest.split_once(' '));
    count.is_some_and(|(number, rest)| {
        number.bytes().all(|b| b.is_ascii_digit())
            && (rest == "target failed:" || rest == "targets failed:")
    })
}

/// `(signal: 6, SIGABRT: process abort signal)` at the end of cargo's words about a process.
fn died(line: &str) -> Option<&str> {
    let bare = line.strip_prefix("  process didn't exit successfully: ")?;
    let (_, how) = bare.rsplit_once("` (")?;
    let how = how.strip_suffix(')').unwrap_or(how);
    (!how.starts_with("exit status: 101")).then_some(how)
}

/// True for a command that runs one binary: there is nothing after it.
fn selects_one(command: &[String]) -> bool {
    if Tool::of(command) != Some(Tool::CargoTest) || command.iter().any(|w| w == "--no-fail-fast") {
        return command.iter().any(|w| w == "--no-fail-fast");
    }
    let cargo = command.iter().take_while(|word| *word != "--");
    let one = ["--lib", "--doc", "--test", "--bin", "--example", "--bench"];
    let many = ["--tests", "--bins", "--examples", "--benches", "--all-targets", "--workspace"];
    let mut chosen = 0;
    for word in cargo {
        let word = word.split('=').next().unwrap_or(word);
        chosen += usize::from(one.contains(&word));
        if many.contains(&word) || word == "--all" {
            return false;
        }
    }
    chosen == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_has_no_hash_and_no_path_of_this_machine() {
        let known = [
            (
                "     Running unittests src/lib.rs (target/debug/deps/probe-9949de8168e972d0)",
                "probe (src/lib.rs)",
            ),
            ("     Running tests/it.rs (/a b/deps/it-9949de8168e972d0)", "it (tests/it.rs)"),
            ("     Running unittests (target/debug/deps/my-probe-9949de8168e972d0)", "my-probe"),
            ("     Running `/x/debug/deps/probe-9949de8168e972d0 --quiet`", "probe"),
            ("   Doc-tests probe", "probe (doc)"),
        ];
        for (line, suite) in known {
            assert_eq!(suite_of(line).as_deref(), Some(suite), "{line}");
        }
        assert_eq!(suite_of("     Running `rustc --crate-name x --out-dir target/deps`"), None);
        assert_eq!(suite_of("Running tests/it.rs (x)"), None);
    }

    #[test]
    fn only_a_command_for_one_binary_has_nothing_after_its_first_failure() {
        let one = |line: &str| selects_one(&shlex::split(line).unwrap());
        assert!(one("cargo test --lib"));
        assert!(one("cargo test --test=it -- --lib"));
        assert!(one("cargo test --no-fail-fast"));
        assert!(!one("cargo test"));
        assert!(!one("cargo test --lib --test it"));
        assert!(!one("cargo test --workspace --lib"));
        assert!(!one("sh run.sh"));
    }
}
