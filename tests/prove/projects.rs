//! Published packages with tests of their own: functions and their tests are taken away, and an agent puts back first the
//! tests and then the code. What RED and GREEN name is compared with what was taken.
//!
//! The packages come from their registries when this runs, by each ecosystem's own tool, and are never kept. Where one
//! can't be fetched its row says SKIPPED and why. The agent is a script: SIMULATED.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::row;
use crate::house::{House, WORKERS, shown};

/// One package, and what is taken out of it.
struct Package {
    name: &'static str,
    /// Brings the package into a folder: the package's own folder, and the test command with its variables.
    fetch: fn(&Path) -> Result<Fetched, String>,
    /// Words that are written otherwise first, so that what is taken away is whole lines: file, from, to.
    rewrite: &'static [(&'static str, &'static str, &'static str)],
    orders: &'static [Taken],
}

/// A package on the disk.
struct Fetched {
    folder: PathBuf,
    /// Lines for `[project.test]`.
    test: String,
}

/// A function that was taken away with its tests.
struct Taken {
    id: &'static str,
    tests: &'static [Cut],
    code: &'static [Cut],
    /// What RED must stand on.
    basis: &'static str,
    /// Names of tests, or parts of them, that GREEN must call new; each new name must hold one of them.
    new: &'static [&'static str],
}

/// Lines of a file: from the first text up to the second. Without texts the whole file.
struct Cut(&'static str, &'static str, &'static str);

const PACKAGES: &[Package] = &[
    Package {
        name: "crate strsim 0.11.1",
        fetch: crate_strsim,
        rewrite: &[(
            "tests/lib.rs",
            "use strsim::{\n    damerau_levenshtein, hamming, jaro, jaro_winkler, levenshtein, normalized_damerau_levenshtein,\n    \
             normalized_levenshtein, osa_distance,\n};\n",
            "use strsim::damerau_levenshtein;\nuse strsim::hamming;\nuse strsim::jaro;\nuse strsim::jaro_winkler;\n\
             use strsim::levenshtein;\nuse strsim::normalized_damerau_levenshtein;\nuse strsim::osa_distance;\n\
             use strsim::normalized_levenshtein;\n",
        )],
        orders: &[
            Taken {
                id: "hamming",
                tests: &[
                    Cut("tests/lib.rs", "use strsim::hamming;\n", "use strsim::jaro;\n"),
                    Cut(
                        "tests/lib.rs",
                        "#[test]\nfn hamming_works",
                        "#[test]\nfn levenshtein_works",
                    ),
                ],
                code: &[
                    Cut(
                        "src/lib.rs",
                        "/// Calculates the number of positions in the two sequences",
                        "/// Calculates the Jaro similarity between two sequences.",
                    ),
                    Cut(
                        "src/lib.rs",
                        "    fn assert_hamming_dist",
                        "    #[test]\n    fn jaro_both_empty",
                    ),
                ],
                basis: "red-by-build",
                new: &["hamming_works"],
            },
            Taken {
                id: "osa-distance",
                tests: &[
                    Cut(
                        "tests/lib.rs",
                        "use strsim::osa_distance;\n",
                        "use strsim::normalized_levenshtein",
                    ),
                    Cut(
                        "tests/lib.rs",
                        "#[test]\nfn osa_distance_works",
                        "#[test]\nfn damerau_levenshtein",
                    ),
                ],
                code: &[
                    Cut(
                        "src/lib.rs",
                        "/// Like Levenshtein but allows for adjacent transpositions. Each substring",
                        "/* Returns the final index",
                    ),
                    Cut(
                        "src/lib.rs",
                        "    #[test]\n    fn osa_distance_empty",
                        "    #[test]\n    fn damerau_levenshtein_empty",
                    ),
                ],
                basis: "red-by-build",
                new: &["osa_distance_works"],
            },
        ],
    },
    Package {
        name: "PyPI inflection 0.5.1",
        fetch: pypi_inflection,
        rewrite: &[],
        orders: &[
            Taken {
                id: "dasherize",
                tests: &[Cut(
                    "test_inflection.py",
                    "@pytest.mark.parametrize((\"input\", \"expected\"), UNDERSCORES_TO_DASHES)",
                    "@pytest.mark.parametrize((\"string\", \"tableized\")",
                )],
                code: &[Cut("inflection/__init__.py", "def dasherize", "def humanize")],
                basis: "named",
                new: &["test_dasherize["],
            },
            Taken {
                id: "parameterize",
                tests: &[Cut(
                    "test_inflection.py",
                    "@pytest.mark.parametrize(\n    (\"some_string\", \"parameterized_string\"),\n    STRING_TO_PARAMETERIZED\n",
                    "@pytest.mark.parametrize((\"underscore\", \"human\")",
                )],
                code: &[Cut("inflection/__init__.py", "def parameterize", "def pluralize")],
                basis: "named",
                new: &["test_parameterize"],
            },
        ],
    },
    Package {
        name: "npm math-intrinsics 1.1.0",
        fetch: npm_math_intrinsics,
        rewrite: &[],
        orders: &[
            Taken {
                id: "mod",
                tests: &[
                    Cut("test/index.js", "var mod = require('../mod');\n", "var pow"),
                    Cut("test/index.js", "test('mod', ", "test('pow', "),
                ],
                code: &[Cut("mod.js", "", ""), Cut("mod.d.ts", "", "")],
                basis: "red-by-import",
                new: &["mod"],
            },
            Taken {
                id: "sign",
                tests: &[
                    Cut(
                        "test/index.js",
                        "var sign = require('../sign');\n",
                        "\nvar maxArrayLength",
                    ),
                    Cut("test/index.js", "test('sign', ", "test('"),
                ],
                code: &[Cut("sign.js", "", ""), Cut("sign.d.ts", "", "")],
                basis: "red-by-import",
                new: &["sign"],
            },
        ],
    },
];

/// The agent: it puts back what its patches hold.
const RESTORER: &str = r#"
import json, os, shutil, subprocess
batch = json.load(open("batch.json"))
for order in batch["orders"]:
    papers = os.path.join(os.environ["PATCHES"], order["id"])
    for name in {"spec": ["work-order.md"], "playtest": ["playtest-report.md"],
                 "commit": ["commit-message.md", "change-note.md"]}.get(batch["stage"], []):
        shutil.copy(os.path.join(papers, name), order["desk"])
    patch = {"test": "tests.patch", "implement": "code.patch"}.get(batch["stage"])
    if patch:
        subprocess.run(["git", "apply", os.path.join(papers, patch)], cwd=order["worktree"], check=True)
    artifacts = []
    if batch["stage"] == "playtest":
        artifacts = ["session.txt"]
        with open(os.path.join(order["desk"], "session.txt"), "w") as text:
            text.write("SIMULATED: looked at " + order["id"] + "\n")
    result = {"order": order["id"], "gen": order["gen"], "nonce": batch["nonce"], "verdict": "done",
              "why": "put back", "artifacts": artifacts}
    os.makedirs("results", exist_ok=True)
    path = os.path.join("results", order["id"])
    with open(path + ".tmp", "w") as text:
        json.dump(result, text)
    os.rename(path + ".tmp", path + ".json")
"#;

#[test]
#[ignore = "a measurement: .ci/prove gates runs it"]
fn published_packages_get_back_what_was_taken_from_them() {
    for package in PACKAGES {
        let fetched = tempfile::tempdir().unwrap();
        match (package.fetch)(fetched.path()) {
            Ok(found) => try_package(package, &found),
            Err(why) => row(package.name, &format!("SKIPPED: {why}"), true),
        }
    }
}

fn try_package(package: &Package, fetched: &Fetched) {
    let folder = tempfile::tempdir().unwrap();
    let patches = folder.path().join("patches");
    let config = format!(
        "[project.test]\n{}\ntimeout = \"5m\"\n\n[agent.restorer]\ndriver = \"command\"\nprogram = \"python3\"\n\
         args = [{:?}]\nsimulated = true\nenv = {{ PATCHES = {:?} }}\n\n[limits]\nattempts = 1\n",
        fetched.test,
        folder.path().join("restorer.py").display().to_string(),
        patches.display().to_string(),
    );
    fs::write(folder.path().join("restorer.py"), RESTORER).unwrap();
    let house = House::around(folder, &fetched.folder, &config, |project| {
        take_away(package, project, &patches);
    });
    for order in package.orders {
        let title = format!("Put back {}", order.id);
        let added = house.shopfloor(&["add", &title, "--id", order.id]);
        assert!(added.status.success(), "{}", shown(&added));
    }
    for worker in WORKERS {
        house.run(worker, &["--until-idle", "--batch-size", "5"]);
    }
    for order in package.orders {
        let (figure, good) = judge(&house, order);
        row(&format!("{}: {}", package.name, order.id), &figure, good);
        if !good {
            println!("{}", house.scene());
            println!("{}", heard(&house));
            println!("{}", shown(&house.shopfloor(&["show", order.id, "--evidence"])));
        }
    }
}

/// What the agent printed in its sessions.
fn heard(house: &House) -> String {
    let sessions = house.project().join("work-orders/.floor/sessions");
    let folders = fs::read_dir(sessions).into_iter().flatten().flatten();
    let said = folders.map(|folder| fs::read_to_string(folder.path().join("stream.txt")));
    said.filter_map(Result::ok).collect()
}

/// Takes everything away, and writes beside the project what puts each part back.
fn take_away(package: &Package, project: &Path, patches: &Path) {
    for (file, from, to) in package.rewrite {
        let text = fs::read_to_string(project.join(file)).unwrap();
        assert!(text.contains(from), "{file} of {} is another than was written for", package.name);
        fs::write(project.join(file), text.replace(from, to)).unwrap();
    }
    let cuts = || package.orders.iter().flat_map(|order| order.tests.iter().chain(order.code));
    let whole: Vec<(&str, String)> = cuts()
        .map(|Cut(file, ..)| (*file, fs::read_to_string(project.join(file)).unwrap()))
        .collect();
    let bare = |spared: &[Cut]| {
        let spared: Vec<_> = spared.iter().map(|Cut(file, from, _)| (*file, *from)).collect();
        for (file, text) in &whole {
            fs::write(project.join(file), text).unwrap();
        }
        for Cut(file, from, until) in
            cuts().filter(|Cut(file, from, _)| !spared.contains(&(file, from)))
        {
            let path = project.join(file);
            if from.is_empty() {
                fs::remove_file(path).unwrap();
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let begin = text.find(from).unwrap_or_else(|| panic!("{file} has no {from:?}"));
            let rest = &text[begin + from.len()..];
            let end = rest.find(until).unwrap_or_else(|| panic!("{file} has no {until:?}"));
            fs::write(&path, [&text[..begin], &rest[end..]].concat()).unwrap();
        }
    };
    let git = |args: &[&str]| {
        let ran = Command::new("git").args(args).current_dir(project).output().unwrap();
        assert!(ran.status.success(), "git {args:?}: {}", shown(&ran));
        ran.stdout
    };
    bare(&[]);
    git(&["add", "-A"]);
    for order in package.orders {
        let papers = patches.join(order.id);
        fs::create_dir_all(&papers).unwrap();
        for (name, spared) in [("tests.patch", order.tests), ("code.patch", order.code)] {
            bare(spared);
            git(&["add", "-A", "--intent-to-add"]);
            fs::write(papers.join(name), git(&["diff", "--binary"])).unwrap();
            bare(&[]);
            git(&["add", "-A"]);
        }
        for (name, text) in papers_of(order) {
            fs::write(papers.join(name), text).unwrap();
        }
    }
}

fn papers_of(order: &Taken) -> [(&'static str, String); 4] {
    let id = order.id;
    let files: BTreeSet<&str> = order.tests.iter().chain(order.code).map(|cut| cut.0).collect();
    let files: String = files.iter().map(|file| format!("- `{file}`\n")).collect();
    [
        (
            "work-order.md",
            format!(
                "# {id}\n\n## Goal\n\nThe function {id} is there again.\n\n## Acceptance criteria\n\n\
                 - Its published tests pass.\n\n## Files\n\n{files}\n## How to playtest\n\n1. Call it.\n"
            ),
        ),
        ("playtest-report.md", format!("SIMULATED: looked at {id}.\n\nVerdict: APPROVED\n")),
        ("commit-message.md", format!("Put back {id}\n\nSIMULATED: as it was published.\n")),
        ("change-note.md", format!("{id} is there again.\n")),
    ]
}

/// What the record says of an order, and whether that is what was taken away.
fn judge(house: &House, order: &Taken) -> (String, bool) {
    let evidence =
        fs::read_to_string(house.order(order.id).join("evidence/record.jsonl")).unwrap_or_default();
    let lines: Vec<serde_json::Value> =
        evidence.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let last = |gate: &str| {
        let found = lines.iter().rev().find(|line| line["gate"] == gate);
        found.cloned().unwrap_or_default()
    };
    let (red, green) = (last("red"), last("green"));
    let ids = green["new"]["ids"].as_array().cloned().unwrap_or_default();
    let ids: Vec<&str> = ids.iter().filter_map(serde_json::Value::as_str).collect();
    let holds = |id: &&str| order.new.iter().any(|part| id.contains(part));
    let all_meant = !ids.is_empty() && ids.iter().all(holds);
    let each_there = order.new.iter().all(|part| ids.iter().any(|id| id.contains(part)));
    let state = house.state(order.id);
    let verified = house.shopfloor(&["verify", order.id]).status.success();
    let good = state == "READY_FOR_REVIEW"
        && red["basis"] == order.basis
        && green["outcome"] == "pass"
        && all_meant
        && each_there
        && verified;
    let shown: Vec<&str> = ids.iter().take(2).copied().collect();
    let figure = format!(
        "{state}; RED {}; GREEN {} with {} new ({}); verify {}",
        red["basis"].as_str().unwrap_or("none"),
        green["outcome"].as_str().unwrap_or("none"),
        green["new"]["total"],
        shown.join(", "),
        if verified { "agrees" } else { "does not agree" },
    );
    (figure, good)
}

/// Runs a tool that brings something; its complaint when it can't.
fn bring(program: &str, args: &[&str], folder: &Path) -> Result<(), String> {
    let ran = Command::new(program).args(args).current_dir(folder).output();
    let ran = ran.map_err(|error| format!("{program} can't be started: {error}"))?;
    if ran.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("");
    Err(format!("`{program} {}`: {last}", args.join(" ")))
}

fn crate_strsim(folder: &Path) -> Result<Fetched, String> {
    let manifest = "[package]\nname = \"wants\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
                    [dependencies]\nstrsim = \"=0.11.1\"\n[workspace]\n";
    fs::create_dir(folder.join("src")).unwrap();
    fs::write(folder.join("src/lib.rs"), "").unwrap();
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    bring("cargo", &["vendor", "--quiet"], folder)?;
    let package = folder.join("vendor/strsim");
    fs::write(package.join(".gitignore"), "/target\n/Cargo.lock\n").unwrap();
    fs::remove_file(package.join(".cargo-checksum.json")).unwrap();
    let test = "command = \"cargo test --offline --no-fail-fast\"".to_owned();
    Ok(Fetched { folder: package, test })
}

fn pypi_inflection(folder: &Path) -> Result<Fetched, String> {
    let wanted = [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-binary",
        ":all:",
        "inflection==0.5.1",
    ];
    bring("python3", &["-m", "venv", "tools"], folder)?;
    let python = folder.join("tools/bin/python").display().to_string();
    bring(&python, &["-m", "pip", "install", "--quiet", "pytest==8.3.5", "setuptools"], folder)?;
    bring(&python, &wanted, folder)?;
    bring("tar", &["xzf", "inflection-0.5.1.tar.gz"], folder)?;
    let package = folder.join("inflection-0.5.1");
    fs::write(package.join(".gitignore"), "__pycache__/\n.pytest_cache/\n*.egg-info/\n").unwrap();
    let test = format!("command = [{python:?}, \"-m\", \"pytest\"]");
    Ok(Fetched { folder: package, test })
}

fn npm_math_intrinsics(folder: &Path) -> Result<Fetched, String> {
    bring("npm", &["pack", "--silent", "math-intrinsics@1.1.0"], folder)?;
    bring("tar", &["xzf", "math-intrinsics-1.1.0.tgz"], folder)?;
    let tools = folder.join("tools");
    fs::create_dir(&tools).unwrap();
    let wanted =
        ["tape@5.9.0", "es-value-fixtures@1.5.0", "for-each@0.3.3", "object-inspect@1.13.3"];
    let args = ["install", "--silent", "--no-audit", "--no-fund"];
    bring("npm", &[&args[..], &wanted[..]].concat(), &tools)?;
    let modules = tools.join("node_modules").display().to_string();
    let test = format!("command = \"node test/index.js\"\nenv = {{ NODE_PATH = {modules:?} }}");
    Ok(Fetched { folder: folder.join("package"), test })
}
