//! Files that hold tests of the base, and what of them an order may not change. Pure.
//!
//! A file is told by its path, or by the names of the base's tests. In Rust tests also stand within the code: there, what
//! is marked with `#[cfg(test)]` or `#[test]` is meant, and the rest of the file is code as any other.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::allowance::stands_in;
use crate::report::{TestId, WITHIN};

/// Paths of tests, whatever their content. A word that is read as a pattern here is ours, and well formed.
static TEST_PATHS: LazyLock<GlobSet> = LazyLock::new(|| {
    const PATHS: &[&str] = &[
        "**/{test,tests,__tests__,snapshots,__snapshots__}/**",
        "**/tests.rs",
        "**/{test_*,*_test,tests}.py",
        "**/conftest.py",
        "**/*_test.go",
        "**/*{.,_,-}{test,spec}.{js,mjs,cjs,jsx,ts,mts,cts,tsx}",
        "{test,tests}.{js,mjs,cjs,ts,py}",
        "**/*_{spec,test}.{rb,exs,ex,dart,lua}",
        "**/{test_*,*_test}.sh",
        "**/*.bats",
        "**/*.t",
        "**/*{Test,Tests,IT,Spec}.{java,kt,scala,groovy,cs,swift,php}",
    ];
    let mut set = GlobSetBuilder::new();
    for path in PATHS {
        if let Ok(glob) = GlobBuilder::new(path).literal_separator(true).build() {
            set.add(glob);
        }
    }
    set.build().unwrap_or_default()
});

/// How much of a file is tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// All of it.
    All,
    /// Parts of it, among code (Rust).
    Parts,
    /// Nothing, as far as we can tell.
    Nothing,
}

/// True for a path that only tests have.
pub(super) fn is_test_path(path: &str) -> bool {
    TEST_PATHS.is_match(path)
}

/// How much of the file is tests of the base: `before` is what it held there, `names` are the base's tests.
pub(super) fn holds(
    path: &str,
    before: &[u8],
    mut names: &mut dyn Iterator<Item = &TestId>,
) -> Holds {
    let in_code = path.ends_with(".rs") && path.split('/').any(|folder| folder == "src");
    let told = |id: &TestId| {
        let (suite, name) = id.as_str().split_once(WITHIN).unwrap_or((id.as_str(), ""));
        // The example in a function's documentation is called after the function: it stands in code.
        stands_in(id, path) && (suite == path || !name.starts_with(suite))
    };
    if is_test_path(path) || (!in_code && Iterator::any(&mut names, told)) {
        return Holds::All;
    }
    let text = String::from_utf8_lossy(before);
    match path.ends_with(".rs") && !parts(&text).is_empty() {
        true => Holds::Parts,
        false => Holds::Nothing,
    }
}

/// The first line of the tests in `before` that does not stand in `now` any more, in its order. Empty lines and imports do
/// not count: who adds a test may need another import.
pub(super) fn lost(holds: Holds, before: &[u8], now: &[u8]) -> Option<String> {
    let (before, now) = (String::from_utf8_lossy(before), String::from_utf8_lossy(now));
    let mut there = tests_of(holds, &now).into_iter();
    let counts = |line: &&str| !line.trim().is_empty() && !is_import(line);
    let lost = |line: &&str| !there.by_ref().any(|other| other.trim_end() == line.trim_end());
    tests_of(holds, &before).into_iter().filter(counts).find(lost).map(str::to_owned)
}

/// `now` with the tests that stood among the code of `before` in place of those that stand there; `None` when they are the
/// same.
pub(super) fn with_old_parts(before: &[u8], now: &[u8]) -> Option<Vec<u8>> {
    let (before, now) = (String::from_utf8_lossy(before), String::from_utf8_lossy(now));
    let old = tests_of(Holds::Parts, &before);
    let parts = parts(&now);
    if old == tests_of(Holds::Parts, &now) {
        return None;
    }
    let first = parts.first().map(|part| part.start);
    let of_tests: HashSet<usize> = parts.into_iter().flatten().collect();
    let mut lines = Vec::new();
    for (at, line) in now.lines().enumerate() {
        if Some(at) == first {
            lines.extend(old.iter().copied());
        }
        if !of_tests.contains(&at) {
            lines.push(line);
        }
    }
    if first.is_none() {
        lines.extend(old);
    }
    Some((lines.join("\n") + "\n").into_bytes())
}

fn tests_of(holds: Holds, text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    match holds {
        Holds::All => lines,
        Holds::Parts => parts(text).into_iter().flatten().map(|at| lines[at]).collect(),
        Holds::Nothing => Vec::new(),
    }
}

fn is_import(line: &str) -> bool {
    let bare = line.trim_start();
    ["use ", "pub use ", "import ", "from ", "} from ", "#include", "using "]
        .iter()
        .any(|word| bare.starts_with(word))
        || bare.contains("require(")
}

/// The lines (from 0) of a Rust text that are compiled for tests only: from the first attribute of an item to its end, as
/// rustfmt sets it: the closing brace stands as far from the left as the item.
fn parts(text: &str) -> Vec<Range<usize>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if !marks_test(lines[at]) {
            at += 1;
            continue;
        }
        let attached = |line: &&&str| {
            let bare = line.trim_start();
            bare.starts_with("#[") || bare.starts_with("///")
        };
        let above = lines[..at].iter().rev().take_while(attached).count();
        let below = lines[at..].iter().take_while(attached).count();
        let end = end_of_item(&lines, at + below.max(1));
        parts.push(at - above..end);
        at = end;
    }
    parts
}

/// `#[cfg(test)]`, `#[cfg(all(test, unix))]`, `#[test]`, `#[tokio::test(flavor = "x")]`
fn marks_test(line: &str) -> bool {
    let Some(attribute) = line.trim_start().strip_prefix("#[") else { return false };
    let path: String =
        attribute.chars().take_while(|c| c.is_alphanumeric() || ['_', ':'].contains(c)).collect();
    let words = || attribute.split(|c: char| !c.is_alphanumeric() && c != '_');
    match path.as_str() {
        "cfg" => words().any(|word| word == "test") && !attribute.contains("not(test"),
        path => path.rsplit("::").next() == Some("test"),
    }
}

/// The line after the item that begins at `begin`.
fn end_of_item(lines: &[&str], begin: usize) -> usize {
    let Some(line) = lines.get(begin) else { return lines.len() };
    let indent = |line: &str| line.len() - line.trim_start().len();
    let bare = line.trim_end();
    let balanced = bare.matches('{').count() == bare.matches('}').count();
    if bare.ends_with(';') || (bare.ends_with('}') && balanced) {
        return begin + 1;
    }
    let closes =
        |other: &&str| other.trim_start().starts_with('}') && indent(other) == indent(line);
    let end = lines[begin + 1..].iter().position(closes);
    end.map_or(lines.len(), |end| begin + 1 + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "use a::b;\n\npub fn one() -> u8 {\n    1\n}\n\n/// Tests.\n#[cfg(test)]\n#[expect(x)]\nmod tests {\n    \
        use super::one;\n\n    #[test]\n    fn one_is_one() {\n        assert_eq!(one(), 1);\n    }\n}\n\npub fn two() -> u8 {\n    2\n}\n";

    fn kind(path: &str, text: &str, names: &[(&str, &str)]) -> Holds {
        let names: Vec<TestId> =
            names.iter().map(|(suite, name)| TestId::new(suite, name)).collect();
        holds(path, text.as_bytes(), &mut names.iter())
    }

    #[test]
    fn test_files_are_known_by_their_paths_and_code_is_not_taken_for_one() {
        for path in [
            "tests/a.sh",
            "crates/a/tests/it/main.rs",
            "src/page/tests.rs",
            "pkg/test_page.py",
            "tests.py",
            "test.js",
            "web/page.test.tsx",
            "web/page-spec.mjs",
            "pkg/page_test.go",
            "src/test/java/A.java",
            "src/main/PageTest.kt",
            "a/__snapshots__/x.snap",
        ] {
            assert!(is_test_path(path), "{path}");
        }
        for path in [
            "src/lib.rs",
            "src/test_runner.rs",
            "src/latest.py",
            "src/contest.js",
            "spec/api.yaml",
            "run-tests.sh",
            "test.sh",
            "cmd/testing.go",
        ] {
            assert!(!is_test_path(path), "{path}");
        }
    }

    #[test]
    fn test_files_are_known_by_the_names_of_tests_and_documented_code_is_none() {
        assert_eq!(kind("check/a.sh", "true\n", &[("", "check/a.sh")]), Holds::All);
        assert_eq!(kind("check/a.py", "", &[("check.a.Sums", "test_x")]), Holds::All);
        assert_eq!(kind("src/a.py", "", &[("src.a", "src.a.double")]), Holds::Nothing);
        assert_eq!(kind("src/lib.rs", CODE, &[("probe (src/lib.rs)", "one")]), Holds::Parts);
        assert_eq!(kind("src/lib.rs", "pub fn one() {}\n", &[("probe", "x")]), Holds::Nothing);
        assert_eq!(kind("check/it.rs", "", &[("it (check/it.rs)", "x")]), Holds::All);
    }

    #[test]
    fn lines_of_tests_may_be_added_and_none_may_go() {
        let all =
            |now: &str| lost(Holds::All, b"import a\n\ncheck one\ncheck two\n", now.as_bytes());
        assert_eq!(all("import a, b\ncheck one\nmore\n\ncheck two  \nmore\n"), None);
        assert_eq!(all("import a\ncheck one\n"), Some("check two".to_owned()));
        assert_eq!(all("check two\ncheck one\n"), Some("check two".to_owned()), "in their order");
    }

    #[test]
    fn among_code_only_the_tests_must_stay() {
        let now = |from: &str, to: &str| {
            lost(Holds::Parts, CODE.as_bytes(), CODE.replace(from, to).as_bytes())
        };
        assert_eq!(now("    1\n", "    0 + 1\n"), None);
        assert_eq!(now("use super::one;", "use super::*;"), None);
        assert_eq!(now("    #[test]", "    #[test]\n    fn more() {}\n\n    #[test]"), None);
        assert!(now("assert_eq!(one(), 1)", "assert!(true)").is_some());
        assert!(now("#[cfg(test)]", "#[cfg(any())]").is_some());
        assert!(now("    #[test]\n", "    #[test]\n    #[ignore]\n").is_none(), "told as skipped");
    }

    #[test]
    fn the_old_tests_are_put_among_the_new_code() {
        let now =
            CODE.replace("    1\n", "    0 + 1\n").replace("assert_eq!(one(), 1)", "assert!(true)");
        let put = with_old_parts(CODE.as_bytes(), now.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(put).unwrap(), CODE.replace("    1\n", "    0 + 1\n"));
        assert_eq!(with_old_parts(CODE.as_bytes(), CODE.replace("2\n", "3\n").as_bytes()), None);
        let none = with_old_parts(CODE.as_bytes(), b"pub fn one() {}\n").unwrap();
        assert!(String::from_utf8(none).unwrap().contains("fn one_is_one"));
    }

    #[test]
    fn what_is_not_for_tests_is_no_part() {
        for text in
            ["#[cfg(not(test))]\nfn a() {\n}\n", "#[testing]\nfn a() {}\n", "fn test() {}\n"]
        {
            assert!(parts(text).is_empty(), "{text}");
        }
        let only = |text: &str| parts(text).first().map(|part| (part.start, part.end));
        assert_eq!(only("#[tokio::test(x = \"y\")]\nasync fn a() {\n}\nfn b() {}\n"), Some((0, 3)));
        assert_eq!(only("#[cfg(test)]\nmod tests;\nfn b() {}\n"), Some((0, 2)));
    }
}
