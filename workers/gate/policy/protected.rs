//! What may change only when the order names it: files that decide what is run, and by whom. Tables, and one question.
//!
//! What can make a run of the tests show what is not so is for a person to name, in `order.json`: a spec is an agent's word,
//! and so is what the test stage froze. For the rest (CI, lock files) the spec's word is enough, and a person reads it there.
//!
//! The table always holds; `[policy] protected` adds to it, and a word there that begins with `!` takes away from it.

use globset::{GlobBuilder, GlobMatcher};

use super::manifest;
use super::runner::Runner;
use crate::error::{Error, Result};

/// Why a path is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It decides what runs after us: CI, hooks, who must review.
    Ci,
    /// It is ours.
    Ours,
    /// It can make a test run show what it does not show.
    Runner,
    /// The test command runs it, or reads from it what to run.
    Command,
    /// It is code that a test runner loads by itself. A frozen one was there when the tests failed, and is let through.
    TestCode,
    /// It says which code of other people is taken in.
    Lock,
    /// `[policy] protected` names it.
    Configured,
}

impl Why {
    /// Reads on from "is".
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ci => "a CI or review file",
            Self::Ours => "shopfloor's own or git's configuration",
            Self::Runner => "configuration of a test runner or build",
            Self::Command => "what the test command runs",
            Self::TestCode => "code that a test runner loads by itself",
            Self::Lock => "a lock file, and none of its manifests was declared",
            Self::Configured => "protected by [policy] in shopfloor.toml",
        }
    }

    /// True when a spec's word is not enough.
    pub(super) fn is_a_persons(self) -> bool {
        match self {
            Self::Ours | Self::Runner | Self::Command | Self::TestCode => true,
            Self::Ci | Self::Lock | Self::Configured => false,
        }
    }

    /// What is wrong with a change of `path` that nobody let happen, reading on from the path.
    pub(super) fn fault(self, path: &str) -> String {
        let word = self.word();
        match self.is_a_persons() {
            false => format!("is protected ({word}) and was not declared"),
            true => format!(
                "is protected ({word}): only a person lets it change, by `\"files\": [{path:?}]` in order.json"
            ),
        }
    }
}

/// Who named what.
#[derive(Debug)]
pub(super) struct Words {
    /// The spec's files: an agent's word.
    pub(super) spec: Vec<String>,
    /// The files in `order.json`: a person's word.
    pub(super) person: Vec<String>,
    /// What RED froze.
    pub(super) frozen: Vec<String>,
}

impl Words {
    /// The files that the order named, whoever did.
    pub(super) fn declared(&self) -> impl Iterator<Item = &String> {
        self.spec.iter().chain(&self.person)
    }
}

/// `*` stays within a name, `**` crosses folders.
const TABLE: &[(Why, &[&str])] = &[
    (
        Why::Ci,
        &[
            ".github/**",
            ".gitlab-ci.yml",
            ".gitlab/**",
            ".ci/**",
            ".circleci/**",
            ".forgejo/**",
            ".gitea/**",
            ".woodpecker.{yml,yaml}",
            ".woodpecker/**",
            ".drone.{yml,yaml}",
            ".buildkite/**",
            ".teamcity/**",
            ".semaphore/**",
            ".builds/**",
            ".build.yml",
            ".cirrus.{yml,star}",
            ".travis.yml",
            "{.,}appveyor.{yml,yaml}",
            "azure-pipelines*.{yml,yaml}",
            ".azure-pipelines/**",
            ".azuredevops/**",
            "bitbucket-pipelines.yml",
            "cloudbuild.{yml,yaml}",
            "buildspec.{yml,yaml}",
            "**/Jenkinsfile",
            ".pre-commit-config.yaml",
            ".husky/**",
            "{.,}lefthook.{yml,yaml,toml}",
            ".githooks/**",
            "{,docs/}CODEOWNERS",
        ],
    ),
    (
        Why::Ours,
        &[
            "shopfloor.toml",
            "shopfloor-prompts/**",
            "work-orders/**",
            ".gitmodules",
            "**/.gitattributes",
        ],
    ),
    (
        Why::Runner,
        &[
            "**/.config/nextest.toml",
            "**/.cargo/config{,.toml}",
            "**/build.rs",
            "**/{,.}pytest.{ini,toml}",
            "**/tox.{ini,toml}",
            "**/setup.cfg",
            "**/noxfile.py",
            "**/{site,user}customize.py",
            "**/jest.config.*",
            "**/jest.setup.*",
            "**/vite{st,}.config.*",
            "**/vitest.{setup,workspace}.*",
            "**/.mocharc*",
            "**/karma.conf.*",
            "**/ava.config.*",
            "**/playwright.config.*",
            "**/cypress.config.*",
            "**/.rspec",
            "**/phpunit.xml{,.dist}",
        ],
    ),
    (Why::TestCode, &["**/conftest.py"]),
];

/// A lock file's name, and the manifests from which its tool writes it.
const LOCKS: &[(&str, &[&str])] = &[
    ("Cargo.lock", &["Cargo.toml"]),
    ("package-lock.json", &["package.json"]),
    ("npm-shrinkwrap.json", &["package.json"]),
    ("pnpm-lock.yaml", &["package.json", "pnpm-workspace.yaml"]),
    ("yarn.lock", &["package.json"]),
    ("bun.lock", &["package.json"]),
    ("bun.lockb", &["package.json"]),
    ("deno.lock", &["deno.json", "deno.jsonc", "package.json"]),
    ("poetry.lock", &["pyproject.toml"]),
    ("uv.lock", &["pyproject.toml"]),
    ("pdm.lock", &["pyproject.toml"]),
    ("pylock.toml", &["pyproject.toml"]),
    ("Pipfile.lock", &["Pipfile"]),
    ("go.sum", &["go.mod"]),
    ("go.work.sum", &["go.work", "go.mod"]),
    ("Gemfile.lock", &["Gemfile"]),
    ("composer.lock", &["composer.json"]),
    ("mix.lock", &["mix.exs"]),
    ("pubspec.lock", &["pubspec.yaml"]),
    ("Package.resolved", &["Package.swift"]),
    ("Podfile.lock", &["Podfile"]),
    ("packages.lock.json", &["Directory.Packages.props"]),
    ("gradle.lockfile", &["build.gradle", "build.gradle.kts"]),
    ("flake.lock", &["flake.nix"]),
    (".terraform.lock.hcl", &["main.tf", "versions.tf", "providers.tf"]),
];

/// The patterns that hold for one project.
#[derive(Debug)]
pub(super) struct Protected {
    table: Vec<(Why, GlobMatcher)>,
    /// In the order of the file; the last that fits decides. False takes away.
    configured: Vec<(bool, GlobMatcher)>,
    runner: Runner,
}

impl Protected {
    /// The table, the words of `[policy] protected`, and what the test command runs.
    pub(super) fn new(configured: &[String], runner: Runner) -> Result<Self> {
        let mut table = Vec::new();
        for (why, words) in TABLE {
            for word in *words {
                table.push((*why, pattern(word, "protected")?));
            }
        }
        let read = |word: &String| match word.strip_prefix('!') {
            Some(word) => Ok((false, pattern(word, "protected")?)),
            None => Ok((true, pattern(word, "protected")?)),
        };
        let configured = configured.iter().map(read).collect::<Result<_>>()?;
        Ok(Self { table, configured, runner })
    }

    /// Why `path` is protected; `None` when it is not.
    pub(super) fn why(&self, path: &str) -> Option<Why> {
        match self.configured.iter().rev().find(|(_, glob)| glob.is_match(path)) {
            Some((true, _)) => return Some(Why::Configured),
            Some((false, _)) => return None,
            None => {}
        }
        if self.runner.runs(path) {
            return Some(Why::Command);
        }
        if manifests(path).is_some() {
            return Some(Why::Lock);
        }
        self.table.iter().find(|(_, glob)| glob.is_match(path)).map(|(why, _)| *why)
    }

    /// Why a change of `path` is refused, as far as nobody let it happen.
    pub(super) fn refused(&self, path: &str, words: &Words) -> Option<Why> {
        // A symlink or a file in the place of a protected folder stands for what is in it.
        let why = self.why(path).or_else(|| self.why(&format!("{path}/x")))?;
        let names = |named: &String| named == path || self.names_folder(named, path);
        let named = match why.is_a_persons() {
            true => words.person.iter().any(names),
            false => words.declared().any(names),
        };
        let let_through = match why {
            Why::Lock => words.declared().any(|named| writes(named, path)),
            Why::TestCode => words.frozen.iter().any(|frozen| frozen == path),
            Why::Ci | Why::Ours | Why::Runner | Why::Command | Why::Configured => false,
        };
        (!named && !let_through).then_some(why)
    }

    /// What was changed inside a manifest that is a person's to change, and no person named that manifest.
    pub(super) fn part(
        &self,
        path: &str,
        before: Option<&[u8]>,
        now: Option<&[u8]>,
        words: &Words,
    ) -> Option<String> {
        let freed = matches!(
            self.configured.iter().rev().find(|(_, glob)| glob.is_match(path)),
            Some((false, _))
        );
        if freed || words.person.iter().any(|named| named == path) {
            return None;
        }
        manifest::fault(path, before, now, &self.runner.node_words)
    }

    /// A folder counts as a name for what is in it only when all of it is protected: `.github/`, not `src/`.
    fn names_folder(&self, named: &str, path: &str) -> bool {
        let folder = named.trim_end_matches('*').trim_end_matches('/');
        let holds = path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        holds && self.why(&format!("{folder}/any name")).is_some()
    }
}

/// The manifests of a lock file; `None` when it is none.
pub(super) fn manifests(path: &str) -> Option<&'static [&'static str]> {
    let name = path.rsplit('/').next().unwrap_or(path);
    LOCKS.iter().find(|(lock, _)| *lock == name).map(|(_, manifests)| *manifests)
}

/// True when `declared` is a manifest from which the lock file at `lock` is written: in its folder, or in a member's below.
fn writes(declared: &str, lock: &str) -> bool {
    let folder = lock.rsplit_once('/').map_or("", |(folder, _)| folder);
    let below = match folder {
        "" => Some(declared),
        _ => declared.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')),
    };
    let name = declared.rsplit('/').next().unwrap_or(declared);
    below.is_some() && manifests(lock).is_some_and(|manifests| manifests.contains(&name))
}

/// One pattern of `[policy] <key>`. Case does not count: on some machines `.GitHub` is `.github`.
pub(super) fn pattern(word: &str, key: &str) -> Result<GlobMatcher> {
    let glob = GlobBuilder::new(word)
        .literal_separator(true)
        .case_insensitive(true)
        .empty_alternates(true)
        .build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| {
        Error::usage(format!("[policy] {key} has the pattern {word:?}"))
            .caused_by(error)
            .hint("correct that pattern in shopfloor.toml")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn protected(configured: &[&str]) -> Protected {
        Protected::new(&words(configured), Runner::default()).unwrap()
    }

    fn said(spec: &[&str], person: &[&str], frozen: &[&str]) -> Words {
        Words { spec: words(spec), person: words(person), frozen: words(frozen) }
    }

    #[test]
    fn the_table_knows_what_decides_about_runs() {
        let protected = protected(&[]);
        for (path, why) in [
            (".github/workflows/a.yml", Why::Ci),
            (".GitHub/workflows/a.yml", Why::Ci),
            (".ci/run", Why::Ci),
            (".circleci/config.yml", Why::Ci),
            ("appveyor.yml", Why::Ci),
            (".appveyor.yml", Why::Ci),
            ("deploy/Jenkinsfile", Why::Ci),
            ("CODEOWNERS", Why::Ci),
            ("shopfloor.toml", Why::Ours),
            ("work-orders/next/order.json", Why::Ours),
            ("a/.gitattributes", Why::Ours),
            (".config/nextest.toml", Why::Runner),
            (".cargo/config", Why::Runner),
            ("crates/a/.cargo/config.toml", Why::Runner),
            ("build.rs", Why::Runner),
            (".pytest.ini", Why::Runner),
            ("api/setup.cfg", Why::Runner),
            ("sitecustomize.py", Why::Runner),
            ("web/jest.config.mjs", Why::Runner),
            ("vite.config.ts", Why::Runner),
            ("vitest.config.ts", Why::Runner),
            ("phpunit.xml", Why::Runner),
            ("tests/conftest.py", Why::TestCode),
            ("web/package-lock.json", Why::Lock),
        ] {
            assert_eq!(protected.why(path), Some(why), "{path}");
        }
        for path in [
            "src/shopfloor.toml",
            ".gitignore",
            "github/x",
            ".gitx/y",
            "src/build.rs.txt",
            "Cargo.toml",
        ] {
            assert_eq!(protected.why(path), None, "{path}");
        }
    }

    #[test]
    fn the_configuration_adds_and_takes_away_and_the_last_word_counts() {
        let protected = protected(&["deploy/**", "!**/build.rs", "core/build.rs"]);
        assert_eq!(protected.why("deploy/a/b"), Some(Why::Configured));
        assert_eq!(protected.why("build.rs"), None);
        assert_eq!(protected.why("core/build.rs"), Some(Why::Configured));
        let error = Protected::new(&words(&["a["]), Runner::default()).unwrap_err();
        assert!(error.to_string().contains("a[") && error.next_step().is_some(), "{error}");
    }

    #[test]
    fn a_protected_path_must_be_named_itself() {
        let protected = protected(&[]);
        let refused =
            |path: &str, named: &[&str]| protected.refused(path, &said(&[], named, &[])).is_some();
        assert!(refused("build.rs", &[]) && refused("a/build.rs", &["a", "a/**", "build.rs"]));
        assert!(!refused("build.rs", &["build.rs"]));
        assert!(!refused(".github/workflows/a.yml", &[".github/workflows/"]));
        assert!(!refused(".github/workflows/a.yml", &[".github/**"]));
        assert!(refused(".github", &[]), "a link in the folder's place");
        assert!(!refused("src/lib.rs", &[]));
    }

    #[test]
    fn a_spec_is_an_agents_word_and_lets_no_runner_change() {
        let protected = protected(&[]);
        for path in ["build.rs", "conftest.py", "pytest.ini", "shopfloor.toml"] {
            let by_spec = protected.refused(path, &said(&[path], &[], &[])).unwrap();
            assert!(
                by_spec.fault(path).contains(&format!("[\"{path}\"]` in order.json")),
                "{path}"
            );
            assert_eq!(protected.refused(path, &said(&[], &[path], &[])), None, "{path}");
        }
        assert_eq!(protected.refused(".github/x.yml", &said(&[".github/x.yml"], &[], &[])), None);
    }

    #[test]
    fn a_lock_file_goes_with_a_declared_manifest_of_its_own() {
        let protected = protected(&[]);
        let refused =
            |path: &str, named: &str| protected.refused(path, &said(&[named], &[], &[])).is_some();
        assert!(
            !refused("Cargo.lock", "Cargo.toml") && !refused("Cargo.lock", "member/Cargo.toml")
        );
        assert!(
            !refused("web/yarn.lock", "web/package.json") && !refused("a/uv.lock", "a/uv.lock")
        );
        assert!(refused("web/yarn.lock", "package.json"), "the manifest of another folder");
        assert!(refused("Cargo.lock", "src/lib.rs") && refused("go.sum", "package.json"));
    }

    #[test]
    fn frozen_test_code_is_let_through_and_frozen_ci_is_not() {
        let protected = protected(&[]);
        let frozen = said(&[], &[], &["tests/conftest.py", ".ci/run", "pytest.ini"]);
        assert_eq!(protected.refused("tests/conftest.py", &frozen), None);
        assert_eq!(protected.refused("conftest.py", &frozen), Some(Why::TestCode));
        assert_eq!(protected.refused(".ci/run", &frozen), Some(Why::Ci));
        assert_eq!(protected.refused("pytest.ini", &frozen), Some(Why::Runner));
    }
}
