//! A test program that could not be loaded: node's own words when what a file imports is not there.
//!
//! Where one program holds all tests, such a run has no report at all: it is told like a build that failed. Words of node
//! 20 (`tests/fixtures/reports/node/load-*.txt`). A package that is missing is the machine's affair and no such failure.

use super::build::BuildFailure;
use super::plain::within;

const REQUIRED: &str = "Error: Cannot find module '";
const IMPORTED: &str = "Error [ERR_MODULE_NOT_FOUND]: Cannot find module '";
const UNNAMED: &str = "SyntaxError: The requested module '";

/// Reads what node says when it can't load a file: `None` when it says nothing of the kind, or misses a package.
pub(super) fn of_node(text: &str, folder: &str) -> Option<BuildFailure> {
    let lines: Vec<&str> = text.lines().collect();
    let (at, file) = lines.iter().enumerate().find_map(|(at, line)| {
        let rest = &lines[at + 1..];
        let file = required(line, rest).or_else(|| imported(line, folder));
        let file = file.or_else(|| unnamed(line, &lines[..at]));
        file.map(|file| (at, file))
    })?;
    let mut failure = BuildFailure { by_import: true, ..BuildFailure::default() };
    let file = within(file, folder);
    if file.starts_with('/') {
        return None;
    }
    failure.files.insert(file.to_owned());
    lines[at..].iter().take(3).for_each(|line| failure.word(line));
    Some(failure)
}

/// `require` of a path: the first of the stack is who asked for it.
fn required<'a>(line: &str, rest: &[&'a str]) -> Option<&'a str> {
    let wanted = line.strip_prefix(REQUIRED)?;
    let by_path = wanted.starts_with("./") || wanted.starts_with("../");
    let stack = rest.first().is_some_and(|line| *line == "Require stack:");
    rest.get(1).filter(|_| by_path && stack)?.strip_prefix("- ")
}

/// `import` of a file of the project: its whole path is told.
fn imported<'a>(line: &'a str, folder: &str) -> Option<&'a str> {
    let (wanted, by) = line.strip_prefix(IMPORTED)?.split_once("' imported from ")?;
    (within(wanted, folder) != wanted).then_some(by)
}

/// `import` of a name that a file of the project does not have: the place stands at the top, as `file:///path:line`.
fn unnamed<'a>(line: &str, before: &[&'a str]) -> Option<&'a str> {
    let (wanted, rest) = line.strip_prefix(UNNAMED)?.split_once('\'')?;
    let by_path = wanted.starts_with("./") || wanted.starts_with("../");
    let missing = rest.contains("does not provide an export named");
    let place = before.iter().rev().find(|line| line.starts_with("file://"))?;
    let (path, number) = place.rsplit_once(':')?;
    let numbered = number.bytes().all(|b| b.is_ascii_digit());
    (by_path && missing && numbered).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> String {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(root.join("tests/fixtures/reports/node").join(name)).unwrap()
    }

    fn file(name: &str) -> Option<String> {
        let failure = of_node(&fixture(name), "/home/dev/project")?;
        assert!(failure.by_import && !failure.unplaced && !failure.message.is_empty());
        failure.files.into_iter().next()
    }

    #[test]
    fn who_imports_what_is_not_there_is_told_however_it_does_so() {
        assert_eq!(file("load-cjs.txt").as_deref(), Some("test/cjs.js"));
        assert_eq!(file("load-esm.txt").as_deref(), Some("test/esm.mjs"));
        assert_eq!(file("load-name.txt").as_deref(), Some("test/name.mjs"));
    }

    #[test]
    fn a_package_that_is_missing_is_no_file_of_the_project() {
        assert_eq!(file("load-package.txt"), None);
        let text =
            fixture("load-esm.txt").replace("/home/dev/project/src", "/usr/lib/node_modules");
        assert_eq!(of_node(&text, "/home/dev/project"), None);
        assert_eq!(of_node(&fixture("load-cjs.txt"), "/home/another"), None);
        assert_eq!(of_node("", "/home/dev/project"), None);
    }
}
