//! Which tests stand in which files, and the order's declared escape: `tests_may_change` in order.json. Pure.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::check::Check;
use crate::order::Request;
use crate::report::{TestId, WITHIN};

/// The field of order.json: a list of path patterns.
const FIELD: &str = "tests_may_change";

/// The test files that an order was given leave to change.
#[derive(Debug)]
pub(super) struct Allowance {
    files: GlobSet,
}

impl Allowance {
    /// What the order's own file says. The inner error is the gate's answer when that can't be read.
    pub(super) fn of(request: &Request) -> Result<Self, Check> {
        let wrong = |what: &str| {
            Check::fail(format!(
                "{FIELD} in order.json {what}: write a list of path patterns like [\"tests/old_*.rs\"]"
            ))
        };
        let mut set = GlobSetBuilder::new();
        if let Some(value) = request.more.get(FIELD) {
            let Some(patterns) = value.as_array() else { return Err(wrong("is no list")) };
            for pattern in patterns {
                let glob = pattern
                    .as_str()
                    .map(|word| GlobBuilder::new(word).literal_separator(true).build());
                match glob {
                    Some(Ok(glob)) => drop(set.add(glob)),
                    _ => return Err(wrong(&format!("holds {pattern}, which is no pattern"))),
                }
            }
        }
        set.build().map(|files| Self { files }).map_err(|error| wrong(&error.to_string()))
    }

    /// True when the file may be changed.
    pub(super) fn covers(&self, path: &str) -> bool {
        self.files.is_match(path)
    }
}

/// True when the test stands in the file `path`, as far as its name tells.
pub(super) fn stands_in(id: &TestId, path: &str) -> bool {
    let (suite, name) = id.as_str().split_once(WITHIN).unwrap_or((id.as_str(), ""));
    if suite == path {
        return true;
    }
    // libtest: `it (tests/it.rs)`, told from the package's folder.
    if let Some((_, file)) = suite.strip_suffix(')').and_then(|suite| suite.split_once(" (")) {
        return ends_with_path(path, file) || is_module_of(path, file, name);
    }
    let bare = path.rsplit_once('.').map_or(path, |(bare, _)| bare);
    let (folder, stem) = bare.rsplit_once('/').unwrap_or(("", bare));
    // pytest, unittest: `tests.test_sums.Sums`.
    let dotted = bare.replace('/', ".");
    if format!(".{suite}.").contains(&format!(".{dotted}.")) {
        return true;
    }
    // nextest: `probe::it`, or `probe` for what stands in src.
    if path.ends_with(".rs") {
        return match suite.split_once("::") {
            Some((_, last)) => folder.ends_with("tests") && last == stem,
            None => folder.starts_with("src") || folder.contains("/src"),
        };
    }
    // go: the package's import path.
    path.ends_with("_test.go") && (folder.is_empty() || ends_with_path(suite, folder))
}

/// True when `path` ends with all of `end`, from one of its names on.
fn ends_with_path(path: &str, end: &str) -> bool {
    path.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

/// True when `path` is a module of the crate whose root is `file`, and the test `name` is of that module.
fn is_module_of(path: &str, file: &str, name: &str) -> bool {
    let Some((root, _)) = file.rsplit_once('/') else { return false };
    let inside = match path.rfind(&format!("{root}/")) {
        Some(at) if at == 0 || path[..at].ends_with('/') => &path[at + root.len() + 1..],
        _ => return false,
    };
    let module = inside.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
    name.starts_with(&format!("{module}::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tests_file_is_told_from_its_name() {
        let stands = [
            ("tests/a.sh", "", "tests/a.sh"),
            ("it (tests/it.rs)", "x", "tests/it.rs"),
            ("it (tests/it.rs)", "x", "crates/a/tests/it.rs"),
            ("probe (src/lib.rs)", "sums::tests::x", "src/sums.rs"),
            ("probe (src/lib.rs)", "x", "src/lib.rs"),
            ("tests.test_sums.Sums", "test_x", "tests/test_sums.py"),
            ("probe::it", "x", "tests/it.rs"),
            ("example.org/a/sums", "TestX", "sums/sums_test.go"),
            ("web/sums.test.js > sums", "x", "web/sums.test.js"),
        ];
        for (suite, name, path) in stands {
            assert!(stands_in(&TestId::new(suite, name), path), "{suite} {path}");
        }
        let stranger = [
            ("it (tests/it.rs)", "x", "tests/other.rs"),
            ("it (tests/it.rs)", "x", "tests/bit.rs"),
            ("probe (src/lib.rs)", "sums::tests::x", "src/sum.rs"),
            ("tests.test_sums.Sums", "test_x", "tests/test_sum.py"),
            ("probe::it", "x", "tests/that.rs"),
            ("example.org/a/sums", "TestX", "other/sums_test.go"),
        ];
        for (suite, name, path) in stranger {
            assert!(!stands_in(&TestId::new(suite, name), path), "{suite} {path}");
        }
    }

    #[test]
    fn leave_that_can_not_be_read_is_said() {
        let mut request = Request::titled("x");
        assert!(!Allowance::of(&request).unwrap().covers("tests/a.rs"));
        request.more.insert(FIELD.to_owned(), serde_json::json!(["tests/a*.rs"]));
        let leave = Allowance::of(&request).unwrap();
        assert!(leave.covers("tests/ab.rs") && !leave.covers("tests/b.rs"));
        request.more.insert(FIELD.to_owned(), serde_json::json!("tests/a.rs"));
        assert!(Allowance::of(&request).unwrap_err().line().contains("is no list"));
    }
}
