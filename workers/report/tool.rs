//! The tools whose reports are known: told from the command, and how each is brought to write a report.

use std::path::Path;

/// A tool that runs tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `cargo test`
    CargoTest,
    /// `cargo nextest run`
    Nextest,
    /// `pytest`, `python -m pytest`
    Pytest,
    /// `python -m unittest`
    Unittest,
    /// `go test`
    Go,
    /// `node --test`
    NodeTest,
    /// `vitest`
    Vitest,
    /// `jest`
    Jest,
}

/// Words that stand before the tool itself.
const WRAPPERS: [&str; 16] = [
    "env", "npx", "pnpm", "yarn", "bunx", "uv", "poetry", "pdm", "rye", "hatch", "run", "exec",
    "nice", "time", "timeout", "dlx",
];

impl Tool {
    /// The tool a command runs; `None` for a script, a make target, `npm test`: those are known by their output.
    pub fn of(command: &[String]) -> Option<Self> {
        let mut words = command.iter().map(|word| word.as_str());
        while let Some(word) = words.next() {
            let name = word.rsplit('/').next().unwrap_or(word);
            let rest: Vec<&str> = words.clone().collect();
            match name {
                "cargo" => return Self::of_cargo(&rest),
                "cargo-nextest" => return Some(Self::Nextest),
                "pytest" | "py.test" => return Some(Self::Pytest),
                "go" => return (rest.first() == Some(&"test")).then_some(Self::Go),
                "node" | "nodejs" => return rest.contains(&"--test").then_some(Self::NodeTest),
                "vitest" => return Some(Self::Vitest),
                "jest" => return Some(Self::Jest),
                name if name.starts_with("python") || name.starts_with("pypy") => {
                    return Self::of_python(&rest);
                }
                name if WRAPPERS.contains(&name) => {}
                _ if word.starts_with('-') || word.contains('=') => {}
                _ if word.starts_with(|c: char| c.is_ascii_digit()) => {}
                _ => return None,
            }
        }
        None
    }

    fn of_cargo(rest: &[&str]) -> Option<Self> {
        match *rest.iter().find(|word| !word.starts_with(['-', '+']))? {
            "test" | "t" => Some(Self::CargoTest),
            "nextest" => Some(Self::Nextest),
            _ => None,
        }
    }

    fn of_python(rest: &[&str]) -> Option<Self> {
        let at = rest.iter().position(|word| *word == "-m")?;
        match *rest.get(at + 1)? {
            "pytest" => Some(Self::Pytest),
            "unittest" => Some(Self::Unittest),
            _ => None,
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::CargoTest => "cargo test",
            Self::Nextest => "nextest",
            Self::Pytest => "pytest",
            Self::Unittest => "unittest",
            Self::Go => "go test",
            Self::NodeTest => "node's runner",
            Self::Vitest => "vitest",
            Self::Jest => "jest",
        }
    }

    /// Variables that make it write a report, without a change to the command. A value whose name ends in `OPTS`, `OPTIONS`
    /// or `FLAGS` is joined with a space to what the environment already holds. The report comes into `report_file`, or
    /// (cargo, nextest, go) stands in the output.
    pub fn environment(self, report_file: &Path) -> Vec<(&'static str, String)> {
        let file = report_file.display().to_string();
        match self {
            Self::CargoTest => vec![
                ("CARGO_TERM_COLOR", "never".to_owned()),
                ("CARGO_TERM_PROGRESS_WHEN", "never".to_owned()),
            ],
            // Its JUnit needs a profile in the repository; these lines it writes for anybody who asks.
            Self::Nextest => vec![
                ("NEXTEST_EXPERIMENTAL_LIBTEST_JSON", "1".to_owned()),
                ("NEXTEST_MESSAGE_FORMAT", "libtest-json".to_owned()),
            ],
            Self::Pytest => {
                let option = format!("--junitxml={file}");
                let quoted = shlex::try_quote(&option).map(|quoted| quoted.into_owned());
                quoted.map(|value| vec![("PYTEST_ADDOPTS", value)]).unwrap_or_default()
            }
            Self::Go => vec![("GOFLAGS", "-json".to_owned())],
            Self::NodeTest => vec![("NODE_OPTIONS", node_options(&file))],
            Self::Unittest | Self::Vitest | Self::Jest => Vec::new(),
        }
    }

    /// What a person adds to the command or to the project where variables are not enough.
    pub fn advice(self) -> &'static str {
        match self {
            Self::CargoTest => {
                "add --no-fail-fast to the command, and leave out -q: the first failing binary stops the others, and -q hides the names of the tests that passed"
            }
            Self::Nextest => {
                "add --no-fail-fast to the command; for JUnit add `[profile.default.junit] path = \"junit.xml\"` to .config/nextest.toml and set report_path = \"target/nextest/default/junit.xml\""
            }
            Self::Pytest => {
                "nothing, where PYTEST_ADDOPTS is let through; else add --junitxml=FILE to the command and set report_path = \"FILE\""
            }
            Self::Unittest => "add -v to the command: without it no test is named",
            Self::Go => "add -json to the command, where GOFLAGS is not let through",
            Self::NodeTest => {
                "add --test-reporter=tap to the command, where NODE_OPTIONS is not let through"
            }
            Self::Vitest => {
                "add --reporter=default --reporter=json --outputFile=FILE to the command and set report_path = \"FILE\""
            }
            Self::Jest => {
                "add --json --outputFile=FILE to the command and set report_path = \"FILE\""
            }
        }
    }

    /// The words of a command that make this tool stop after a failure.
    pub(super) fn stops_early(self, command: &[String]) -> bool {
        let has = |exact: &[&str], begins: &[&str]| {
            command.iter().any(|word| {
                exact.contains(&word.as_str()) || begins.iter().any(|begin| word.starts_with(begin))
            })
        };
        match self {
            Self::CargoTest | Self::Nextest | Self::NodeTest => false,
            Self::Pytest => {
                has(&["-x", "--exitfirst", "--maxfail"], &["--maxfail=", "--exitfirst="])
            }
            Self::Unittest => has(&["-f", "--failfast"], &[]),
            Self::Go => has(&["-failfast", "--failfast"], &["-failfast=true", "--failfast=true"]),
            Self::Vitest => has(&["--bail"], &["--bail="]),
            Self::Jest => has(&["-b", "--bail"], &["--bail="]),
        }
    }
}

/// What people read stays on the output, TAP goes into the file.
fn node_options(file: &str) -> String {
    let file = match file.contains([' ', '"', '\\']) {
        true => format!("\"{}\"", file.replace('\\', "\\\\").replace('"', "\\\"")),
        false => file.to_owned(),
    };
    format!(
        "--test-reporter=spec --test-reporter-destination=stdout --test-reporter=tap --test-reporter-destination={file}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<Tool> {
        Tool::of(&shlex::split(line).unwrap())
    }

    #[test]
    fn a_tool_is_known_by_its_command() {
        let known = [
            ("cargo test", Tool::CargoTest),
            ("cargo +nightly --locked t -p x", Tool::CargoTest),
            ("env A=b cargo nextest run", Tool::Nextest),
            ("/usr/bin/cargo-nextest nextest run", Tool::Nextest),
            ("pytest -q", Tool::Pytest),
            ("uv run python3.12 -B -m pytest tests", Tool::Pytest),
            ("python -m unittest -v", Tool::Unittest),
            ("timeout 10 go test ./...", Tool::Go),
            ("node --import x --test src", Tool::NodeTest),
            ("npx --yes vitest run", Tool::Vitest),
            ("./node_modules/.bin/jest", Tool::Jest),
        ];
        for (line, tool) in known {
            assert_eq!(of(line), Some(tool), "{line}");
        }
        let unknown =
            ["npm test", "sh run-tests.sh", "cargo build", "node x.js", "python t.py", ""];
        for line in unknown {
            assert_eq!(of(line), None, "{line}");
        }
    }

    #[test]
    fn a_report_file_with_a_space_in_its_path_survives_the_variable() {
        let file = Path::new("/a b/report");
        let pytest = Tool::Pytest.environment(file);
        assert_eq!(shlex::split(&pytest[0].1).unwrap(), ["--junitxml=/a b/report"]);
        let node = Tool::NodeTest.environment(file);
        assert!(node[0].1.ends_with("=\"/a b/report\""), "{node:?}");
    }
}
