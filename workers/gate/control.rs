//! The control: the order's tests, each with a failure put at its end. Where one of them passes, something between the test
//! and us says "passed" whatever the test does: code that ends the process with 0, a report that was printed beforehand, an
//! assertion that can't fail, a hook that turns failures over. Pure.
//!
//! A language is known by the ending of a file's name. What is not known gets no control, and the gate's line says so.

mod javascript;
mod python;
mod rust;
mod shell;

use std::collections::BTreeSet;

use super::allowance::stands_in;
use super::importing::is_of;
use super::old_tests::is_test_path;
use crate::report::{TestId, TestOutcome, TestRun, Tool, WITHIN};

/// The endings of JavaScript and TypeScript.
const SCRIPTS: [&str; 8] = ["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx"];
/// What the failures say.
const WORDS: &str = "shopfloor control: a test that has come to its end fails here";

/// One file of tests with a failure at the end of each.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) path: String,
    /// What it holds with the failures in it.
    pub(super) text: String,
    fails: Fails,
}

/// Which tests of a file fail now.
#[derive(Debug, PartialEq, Eq)]
enum Fails {
    /// Those of these functions.
    Functions(BTreeSet<String>),
    /// All.
    All,
    /// The one that is called after the file.
    File,
}

impl Control {
    /// The control of a file; `None` where its language is not known, or it has no test of a known form. `tool` runs the
    /// tests, where the command says which.
    pub(super) fn of(path: &str, content: &[u8], tool: Option<Tool>) -> Option<Self> {
        let text = std::str::from_utf8(content).ok()?;
        let of_functions = |(text, names)| (text, Fails::Functions(names));
        let (text, fails) = match path.rsplit('.').next()? {
            "rs" => of_functions(rust::failing(text)?),
            "py" => of_functions(python::failing(text)?),
            ending if SCRIPTS.contains(&ending) => (javascript::failing(text, tool)?, Fails::All),
            "sh" => (shell::failing(text)?, Fails::File),
            _ => return None,
        };
        Some(Self { path: path.to_owned(), text, fails })
    }

    /// True when the test must fail in the control.
    fn covers(&self, id: &TestId) -> bool {
        let (suite, name) = id.as_str().rsplit_once(WITHIN).unwrap_or(("", id.as_str()));
        match &self.fails {
            Fails::File => name == self.path,
            // Most reports of JavaScript tell no file.
            Fails::All => !suite.contains('/') || is_of(id, &self.path),
            Fails::Functions(names) => {
                // `module::function`, `method[parameter]`
                let function = name.split('[').next().unwrap_or(name);
                let function = function.rsplit("::").next().unwrap_or(function);
                let own = stands_in(id, &self.path) || is_of(id, &self.path);
                names.contains(function) && own
            }
        }
    }
}

/// True for a file of tests whose names do not tell the file.
pub(super) fn is_nameless_test(path: &str) -> bool {
    SCRIPTS.contains(&path.rsplit('.').next().unwrap_or_default()) && is_test_path(path)
}

/// The controls of these files: paths and contents. Where names tell no file, as most of JavaScript do, all files of tests
/// must have one.
pub(super) fn of_files(files: &[(&str, Vec<u8>)], tool: Option<Tool>) -> Vec<Control> {
    let mut controls: Vec<Control> =
        files.iter().filter_map(|(path, content)| Control::of(path, content, tool)).collect();
    let known = |path: &str| controls.iter().any(|control| control.path == path);
    if files.iter().any(|(path, _)| is_nameless_test(path) && !known(path)) {
        controls.retain(|control| control.fails != Fails::All);
    }
    controls
}

/// Those of `new` that must fail in the control.
pub(super) fn covered(controls: &[Control], new: &[TestId]) -> Vec<TestId> {
    new.iter().filter(|id| controls.iter().any(|control| control.covers(id))).cloned().collect()
}

/// Those of `covered` that pass all the same.
pub(super) fn passing(covered: &[TestId], run: &TestRun) -> Vec<TestId> {
    let passes = |id: &&TestId| run.tests.get(*id) == Some(&TestOutcome::Passed);
    covered.iter().filter(passes).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_covers_the_tests_whose_end_it_knows() {
        let rust = "#[test]\nfn doubles() {\n    assert!(true);\n}\n";
        let python = "class A(unittest.TestCase):\n    def test_x(self):\n        pass\n";
        let of = |path: &str, text: &str| Control::of(path, text.as_bytes(), None);
        let controls =
            [of("tests/alpha.rs", rust).unwrap(), of("tests/test_alpha.py", python).unwrap()];
        let id = TestId::new;
        let own = [
            id("alpha (tests/alpha.rs)", "inner::doubles"),
            id("probe::alpha", "doubles"),
            id("tests.test_alpha.A", "test_x"),
            id("test_alpha.A", "test_x[1-2]"),
        ];
        assert_eq!(covered(&controls, &own), own);
        let others = [
            id("alpha (tests/alpha.rs)", "made_by_a_macro"),
            id("beta (tests/beta.rs)", "doubles"),
            id("tests.test_beta.A", "test_x"),
        ];
        assert_eq!(covered(&controls, &others), []);
        let shell = [of("tests/alpha.sh", "true\n").unwrap()];
        assert_eq!(covered(&shell, &[id("", "tests/alpha.sh"), id("", "tests/beta.sh")]).len(), 1);
        assert_eq!(of("tests/alpha.rb", "true\n"), None);
    }
}
