//! Inputs to begin with: recorded reports, streams and plans from the tests' fixtures, files of a folder of data where there
//! is one, and small ones that stand here.

use std::path::{Path, PathBuf};

use super::reports::way;

/// The largest file that is taken: longer ones make each try slow and teach nothing more.
const LIMIT_BYTES: usize = 64 * 1024;

fn plain(seeds: &[&str]) -> Vec<Vec<u8>> {
    seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect()
}

/// The files under a folder whose path holds one of these words, in the order of their names.
fn files(folder: &Path, words: &[&str]) -> Vec<(PathBuf, Vec<u8>)> {
    let all = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
    let wanted = |path: &Path| words.iter().any(|word| path.to_string_lossy().contains(word));
    all.map(walkdir::DirEntry::into_path)
        .filter(|path| path.is_file() && wanted(path))
        .filter_map(|path| {
            let mut bytes = std::fs::read(&path).ok()?;
            bytes.truncate(LIMIT_BYTES);
            Some((path, bytes))
        })
        .collect()
}

fn contents(files: Vec<(PathBuf, Vec<u8>)>) -> impl Iterator<Item = Vec<u8>> {
    files.into_iter().map(|(_, bytes)| bytes)
}

fn with_first(first: u8, bytes: &[u8]) -> Vec<u8> {
    [&[first], bytes].concat()
}

pub(super) fn names(_: &Path, _: Option<&Path>) -> Vec<Vec<u8>> {
    plain(&[
        "item-stacking",
        "a.b_c-1",
        "x.lock",
        "Item stacking: phase 2",
        "4711-123456-0badc0de",
        "1b4e28ba-2fa1-4d2b-883f-0016d3cca427",
        "TESTS_PRE",
        "critical",
        "2026-12-01",
        "2026-12-01T12:00:00Z",
        "1764590400",
        "1h 30m",
        "5.1764590400.item-stacking",
        "5.1764590400-1764590500.item-stacking",
        "IMPL.5.1764590400.item-stacking",
        "12.item-stacking",
    ])
}

pub(super) fn states(_: &Path, _: Option<&Path>) -> Vec<Vec<u8>> {
    plain(&["NEW\n", "IMPL", "TESTS_PRE\r\n", "READY_FOR_REVIEW \t\n\n", "\u{feff}IMPL\n", "impl"])
}

pub(super) fn identities(_: &Path, _: Option<&Path>) -> Vec<Vec<u8>> {
    plain(&[
        r#"{"format":1,"queue":"1b4e28ba-2fa1-4d2b-883f-0016d3cca427","host":"h"}"#,
        r#"{"format":2,"queue":"{1b4e28ba-2fa1-4d2b-883f-0016d3cca427}","host":""}"#,
    ])
}

pub(super) fn journals(_: &Path, _: Option<&Path>) -> Vec<Vec<u8>> {
    let create = r#"{"v":1,"seq":1,"e":"create","gen":0,"to":"NEW","at":7,"id":"a"}"#;
    let claim = r#"{"v":1,"seq":2,"e":"claim","gen":1,"wid":"1-2-00000003","sid":"1b4e28ba-2fa1-4d2b-883f-0016d3cca427","from":"NEW","at":8}"#;
    let advance = r#"{"v":1,"seq":3,"e":"advance","gen":1,"wid":"1-2-00000003","from":"NEW","to":"TESTS_PRE","why":"specified","at":9,"ino":5,"mtime":6}"#;
    let release = r#"{"v":1,"seq":3,"e":"release","gen":1,"from":"NEW","class":"work","due":99,"why":"not \"done\"","at":9}"#;
    let manual = r#"{"v":1,"seq":2,"e":"manual","gen":0,"from":"NEW","to":"IMPL","why":"a person wrote .state","at":8}"#;
    let lines = |lines: &[&str]| lines.join("\n").into_bytes();
    vec![
        lines(&[create]),
        lines(&[create, claim, advance]),
        lines(&[create, claim, release]),
        lines(&[create, manual]),
    ]
}

pub(super) fn requests(_: &Path, _: Option<&Path>) -> Vec<Vec<u8>> {
    plain(&[
        r#"{"title": "what is wanted"}"#,
        r#"{"title":"t","body":"b\n","priority":"high","needs":["a","b@IMPL"],"files":["src/a.rs"],"labels":["x"],"weight":2}"#,
        r#"{"title":"t","priority":3,"phase":2,"phase_parallel":true,"phase_over":1,"needs_met":true,"group":"g","group_reason":"r","sequence":4}"#,
        r#"{"title":"t","due":"2026-12-01T12:00:00Z","external_id":"e","source":"plan.md","more":{"a":[1,2.5,null]}}"#,
    ])
}

/// The examples of the documentation are files that people begin with.
pub(super) fn configs(fixtures: &Path, _: Option<&Path>) -> Vec<Vec<u8>> {
    let mut seeds = plain(&[
        "[project]\nbase = \"main\"\n[project.test]\nrun = \"cargo test\"\nreport = \"libtest\"\ntimeout = \"10m\"\n",
        "[agent.mine]\ndriver = \"claude\"\nprogram = \"claude\"\nargs = [\"-x\"]\nenv = { A = \"b\" }\n[stage.spec]\nagent = \"mine\"\nbatch = 3\nparallel = 2\n",
        "[limits]\nbackoff = \"30s\"\nattempts = 5\n[floor]\nsessions = 4\n[worktree]\nroot = \"/x\"\n",
    ]);
    for page in contents(files(&fixtures.join("../../docs"), &[".md"])) {
        let page = String::from_utf8_lossy(&page).into_owned();
        let examples =
            page.split("```toml\n").skip(1).filter_map(|after| after.split("```").next());
        seeds.extend(examples.map(|example| example.as_bytes().to_vec()));
    }
    seeds
}

pub(super) fn results(_: &Path, _: Option<&Path>) -> Vec<Vec<u8>> {
    plain(&[
        r#"{"order":"a","gen":3,"nonce":"n0nce","verdict":"done"}"#,
        r#"{"order":"a","gen":3,"nonce":"n0nce","verdict":"needs_work","why":"x","artifacts":["a.png"]}"#,
        r#"{"order":"b","gen":2,"nonce":"other","verdict":"blocked","why":"\u001b[1m"}"#,
    ])
}

pub(super) fn claude(fixtures: &Path, _: Option<&Path>) -> Vec<Vec<u8>> {
    contents(files(fixtures, &["claude/2.1.328/"])).collect()
}

pub(super) fn app_server(fixtures: &Path, _: Option<&Path>) -> Vec<Vec<u8>> {
    contents(files(fixtures, &["app-server-"])).collect()
}

pub(super) fn exec(fixtures: &Path, _: Option<&Path>) -> Vec<Vec<u8>> {
    contents(files(fixtures, &["codex/0.169.0/exec-"])).collect()
}

/// The adapter by its place among all, the command by its place among those of `reports`.
pub(super) fn reports(fixtures: &Path, _: Option<&Path>) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (path, bytes) in files(&fixtures.join("reports"), &["reports/"]) {
        let path = path.to_string_lossy();
        let known = [
            (".xml", 1, 1),
            (".tap", 2, 2),
            ("unittest/", 3, 1),
            ("go-", 4, 3),
            ("jest/", 5, 2),
            ("vitest/", 5, 2),
            ("pytest/", 7, 1),
            ("", 0, 0),
        ];
        let kind = known.into_iter().find(|(word, ..)| path.contains(word));
        let Some((_, adapter, command)) = kind else { continue };
        let file = matches!(adapter, 1 | 5);
        seeds.push(with_first(way(adapter, 1, command, file), &bytes));
        seeds.push(with_first(way(7, 0, command, false), &bytes));
    }
    seeds
}

pub(super) fn plans(fixtures: &Path, data: Option<&Path>) -> Vec<Vec<u8>> {
    let mut seeds = plain(&[
        "# Plan\n\n## Phase 1: Begin (parallel)\n\n- [ ] **1.1 First** in `src/a.rs`\n  - [ ] a check\n- [x] 1.2 Second (depends on 1.1)\n\n\
         ### Phase 2\n\n* [-] skipped\n1. [~] begun\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    ]);
    seeds.extend(contents(files(&fixtures.join("planning"), &[".md"])));
    seeds.extend(data.into_iter().flat_map(|data| contents(files(data, &[".md"]))));
    seeds
}

pub(super) fn backlogs(_: &Path, data: Option<&Path>) -> Vec<Vec<u8>> {
    let small = [
        "---\nid: WORK-1\ntitle: First\nstatus: open\npriority: high\ndepends_on: [WORK-2]\nlabels:\n  - a\n---\n\n# First\n\nText.\n",
        r#"[{"number":1,"title":"t","body":"Depends on #2\n- [ ] a","state":"OPEN","labels":[{"name":"bug"}],"milestone":{"title":"m"}},{"number":2,"title":"u","state":"CLOSED"}]"#,
        "{\"id\":\"a\",\"title\":\"t\",\"needs\":[\"b\"]}\n{\"id\":\"b\",\"title\":\"u\",\"priority\":\"low\"}\n",
        "# Roadmap\n\n## Now\n\n- one thing\n- [x] another: with more\n\n## Later\n\n* and this\n",
    ];
    let mut seeds: Vec<Vec<u8>> =
        small.iter().zip(0..).map(|(seed, shape)| with_first(shape, seed.as_bytes())).collect();
    for bytes in data.into_iter().flat_map(|data| contents(files(data, &["work-items", ".md"]))) {
        seeds.extend([0, 3].map(|shape| with_first(shape, &bytes)));
    }
    seeds
}
