//! REVIEW, cheat by cheat, and beside each the honest work that looks most like it.

use super::*;

/// One pair: what `cheat` does is refused with a line that holds `why`; what `twin` does passes with one that holds `told`.
async fn pair(
    house: &House,
    name: &str,
    (cheat, why): (impl FnOnce(&mut Job), &str),
    (twin, told): (impl FnOnce(&mut Job), &str),
) {
    let mut job = house.order(&format!("{name}-cheat")).await;
    cheat(&mut job);
    expect(&house.check(Gate::Policy, &job).await, "fail", why);
    let mut job = house.order(&format!("{name}-twin")).await;
    twin(&mut job);
    expect(&house.check(Gate::Policy, &job).await, "pass", told);
}

/// A spec that declares these files.
fn declares(job: &Job, files: &[&str]) {
    let files: String = files.iter().map(|file| format!("- `{file}`\n")).collect();
    job.paper("work-order.md", &format!("# A\n## Files\n{files}"));
}

fn bytes(job: &Job, path: &str, bytes: &[u8]) {
    let path = job.bench.path.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// What looks like a key of GitHub's. It is put together here, so that no file holds one.
fn key() -> String {
    ["ghp", "_", "aB3dE5gH7jK9mN1pQ3rS", "5tU7wX9zA1cD3fG5"].concat()
}

/// What looks like a private key.
fn private_key() -> String {
    let line = "MIIEpAIBAAKCAQEA0vOQKj6cJYvYGcP5nY4Y5nI1qM8YrW8yXz3Jm2T9\n".repeat(4);
    let dashes = "-".repeat(5);
    let kind = ["RSA PRIV", "ATE KEY"].concat();
    format!("{dashes}BEGIN {kind}{dashes}\n{line}{dashes}END {kind}{dashes}\n")
}

#[tokio::test]
async fn files_that_decide_what_runs_must_be_declared_and_most_by_a_person() {
    let house = House::new().await;
    house.commit(".travis.yml", "script: make test\n");
    house.commit("old.txt", "x\n");
    for (name, path) in [("github", ".github/workflows/ci.yml"), ("circle", ".circleci/config.yml")]
    {
        pair(
            &house,
            name,
            (|job| job.work(path, "x = 1\n"), "and was not declared"),
            (
                |job| {
                    declares(job, &[path]);
                    job.work(path, "x = 1\n");
                },
                "protected, and let through",
            ),
        )
        .await;
    }
    for (name, path) in [
        ("script", "run-tests.sh"),
        ("ours", "shopfloor.toml"),
        ("queue", "work-orders/more/order.json"),
        ("attributes", "src/.gitattributes"),
        ("nextest", ".config/nextest.toml"),
        ("cargo", ".cargo/config.toml"),
        ("build", "crates/a/build.rs"),
        ("pytest", "pytest.ini"),
        ("hook", "sitecustomize.py"),
        ("jest", "web/jest.config.js"),
        ("vitest", "web/vitest.config.ts"),
    ] {
        pair(
            &house,
            name,
            (
                |job| {
                    // A spec is an agent's word.
                    declares(job, &["src/", "crates/**", "web", path]);
                    job.work(path, "x = 1\n");
                },
                "only a person lets it change",
            ),
            (
                |job| {
                    job.request.files = vec![path.to_owned()];
                    job.work(path, "x = 1\n");
                },
                "protected, and let through",
            ),
        )
        .await;
    }
    let remove = |job: &Job, path: &str| std::fs::remove_file(job.bench.path.join(path)).unwrap();
    pair(
        &house,
        "removed",
        (|job| remove(job, ".travis.yml"), "is protected (a CI or review file)"),
        (|job| remove(job, "old.txt"), "1 file"),
    )
    .await;
}

#[tokio::test]
async fn a_lock_file_changes_with_its_manifest() {
    let house = House::new().await;
    house.commit("Cargo.toml", "[package]\n");
    house.commit("Cargo.lock", "version = 4\n");
    let long = |job: &Job, path: &str| job.work(path, &"\"a\": 1,\n".repeat(6_000));
    pair(
        &house,
        "lock",
        (|job| job.work("Cargo.lock", "version = 3\n"), "is protected (a lock file"),
        (
            |job| {
                declares(job, &["Cargo.toml", "src/lib.rs"]);
                job.work("Cargo.toml", "[package]\n[dependencies]\n");
                job.work("Cargo.lock", "version = 4\n[[package]]\n");
            },
            "2 files",
        ),
    )
    .await;
    pair(
        &house,
        "long",
        (|job| long(job, "web/data.json"), "6000 lines were added and removed"),
        (
            |job| {
                job.request.files = vec!["web/package.json".to_owned()];
                long(job, "web/package-lock.json");
            },
            "0 lines changed",
        ),
    )
    .await;
}

#[tokio::test]
async fn a_conftest_is_the_test_stages_to_write() {
    let house = House::new().await;
    let mut job = house.tested("alpha").await;
    job.work("tests/conftest.py", "import pytest\n");
    let red = house.check(Gate::Red, &job).await;
    assert!(red.check.passed(), "{red:?}");
    job.frozen = red.proof;
    expect(&house.check(Gate::Policy, &job).await, "pass", "tests/conftest.py");
    job.work("conftest.py", "import pytest\n");
    let report = house.check(Gate::Policy, &job).await;
    expect(&report, "fail", "`conftest.py` is protected (code that a test runner loads by itself)");
}

#[tokio::test]
async fn drift_is_named_and_refused_only_where_that_is_wanted() {
    let house = House::with(|config| config.policy.drift = shopfloor::config::Drift::Refuse).await;
    pair(
        &house,
        "drift",
        (
            |job| {
                declares(job, &["src/alpha"]);
                job.work("src/alpha", "x\n");
                job.work("src/beta", "x\n");
            },
            "drift: 1 file not declared (src/beta)",
        ),
        (
            |job| {
                declares(job, &["src/alpha"]);
                job.work("src/alpha", "x\n");
                for path in ["tests/alpha.rs", "docs/alpha.md", "CHANGELOG.md", "src/lib.rs"] {
                    job.work(path, "x\n");
                }
            },
            "5 files",
        ),
    )
    .await;
    let house = House::new().await;
    let job = house.order("told").await;
    declares(&job, &["src/alpha"]);
    (0..5).for_each(|n| job.work(&format!("other/{n}"), "x\n"));
    let report = house.check(Gate::Policy, &job).await;
    let all = "drift: 5 files not declared (other/0, other/1, other/2, other/3, other/4)";
    expect(&report, "pass", all);
    assert!(
        job.read("EVIDENCE.md").contains(all) && job.read("evidence/record.jsonl").contains(all)
    );
}

#[tokio::test]
async fn programs_must_be_declared() {
    let house = House::new().await;
    pair(
        &house,
        "elf",
        (|job| bytes(job, "bin/tool", b"\x7fELF\x02\x01\x01\0\0"), "is an ELF program"),
        (|job| job.work("bin/tool", "#!/bin/sh\nexec true\n"), "1 file"),
    )
    .await;
    let mut program = vec![0; 0x80];
    program[..2].copy_from_slice(b"MZ");
    program[0x3c] = 0x40;
    program[0x40..0x44].copy_from_slice(b"PE\0\0");
    pair(
        &house,
        "windows",
        (|job| bytes(job, "tests/a.dat", &program), "is a Windows program and was not declared"),
        (|job| job.work("notes.txt", "MZ is what a DOS program begins with.\n"), "1 file"),
    )
    .await;
    pair(
        &house,
        "mach",
        (|job| bytes(job, "tool", b"\xcf\xfa\xed\xfe\0"), "is a Mach-O program"),
        (
            |job| {
                declares(job, &["fixtures/tool"]);
                bytes(job, "fixtures/tool", b"\xcf\xfa\xed\xfe\0");
            },
            "1 file",
        ),
    )
    .await;
}

#[tokio::test]
async fn a_large_file_is_refused_where_the_order_made_it_large() {
    let house = House::new().await;
    house.commit("large.txt", &"x".repeat(2_000_000));
    house.commit("line.txt", "x\n");
    pair(
        &house,
        "picture",
        (|job| bytes(job, "logo.png", &[0; 300 * 1024]), "300 KiB; a new binary may have 256"),
        (|job| bytes(job, "logo.png", &[0; 200 * 1024]), "1 file"),
    )
    .await;
    pair(
        &house,
        "declared",
        (
            |job| {
                declares(job, &["logo.png"]);
                bytes(job, "logo.png", &[0; 2_000_000]);
            },
            "a new file may have 1024",
        ),
        (
            |job| {
                declares(job, &["logo.png"]);
                bytes(job, "logo.png", &[0; 300 * 1024]);
            },
            "1 file",
        ),
    )
    .await;
    pair(
        &house,
        "grown",
        (|job| job.work("line.txt", &"x".repeat(2_000_000)), "a new file may have 1024"),
        (|job| job.work("large.txt", &"y".repeat(2_000_000)), "1 file"),
    )
    .await;
}

#[tokio::test]
async fn secrets_are_refused_and_the_names_of_secrets_are_not() {
    let house = House::new().await;
    house.commit("old.sh", &format!("export OLD={}\n", key()));
    pair(
        &house,
        "key",
        (
            |job| job.work("src/a.py", &format!("import os\nTOKEN = \"{}\"\n", key())),
            "`src/a.py` holds what looks like a secret (line 2, rule github-pat, begins with `ghp_`)",
        ),
        (|job| job.work("src/a.py", "import os\nTOKEN = os.environ[\"GITHUB_TOKEN\"]\n"), "1 file"),
    )
    .await;
    pair(
        &house,
        "picture",
        (|job| job.work("logo.svg", &format!("<!-- {} -->", private_key())), "rule private-key"),
        (|job| job.work("key.pub", &private_key().replace("RSA PRIVATE", "PUBLIC")), "1 file"),
    )
    .await;
    let password = ["Vw7T", "n4Yb6Kd", "1Pm9q8Zr"].concat();
    let wide = |text: &str| -> Vec<u8> {
        format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    pair(
        &house,
        "wide",
        (|job| bytes(job, "a.txt", &wide(&format!("one\n{}\n", key()))), "line 2"),
        (|job| bytes(job, "a.txt", &wide("one\ntwo\n")), "1 file"),
    )
    .await;
    pair(
        &house,
        "binary",
        (
            |job| bytes(job, "a.db", format!("\0\0row\0{}\0", key()).as_bytes()),
            "looks like a secret",
        ),
        (|job| bytes(job, "a.db", format!("\0\0row\0api_key={password}\0").as_bytes()), "1 file"),
    )
    .await;
    pair(
        &house,
        "moved",
        (|job| job.work("old.sh", &format!("export NEW={}\n", key())), "begins with `ghp_`"),
        (
            |job| {
                std::fs::remove_file(job.bench.path.join("old.sh")).unwrap();
                job.work("new.sh", &format!("true\n  export OLD={}\n", key()));
            },
            "2 files",
        ),
    )
    .await;
    pair(
        &house,
        "guess",
        (|job| job.work("c.toml", &format!("password = \"{password}\"\n")), "rule generic-api-key"),
        (|job| job.work("c.toml", "password = \"${PASSWORD}\"\ntoken = \"changeme\"\n"), "1 file"),
    )
    .await;
}

#[tokio::test]
async fn only_a_person_lets_a_secret_through() {
    let house = House::new().await;
    let marked = format!("{} # gitleaks:allow secrets-scanner:allow\n", key());
    let lets = |job: &mut Job, value: serde_json::Value| {
        job.request.more.insert("secrets_may_appear".to_owned(), value);
    };
    pair(
        &house,
        "marker",
        (|job| job.work("tests/keys/a.txt", &marked), "looks like a secret"),
        (
            |job| {
                lets(job, serde_json::json!(["tests/keys/*"]));
                job.work("tests/keys/a.txt", &marked);
            },
            "1 likely secret let through by order.json (tests/keys/a.txt)",
        ),
    )
    .await;
    let mut job = house.order("other").await;
    lets(&mut job, serde_json::json!(["tests/keys/a.txt"]));
    job.work("src/b.txt", &marked);
    expect(&house.check(Gate::Policy, &job).await, "fail", "`src/b.txt` holds");
    lets(&mut job, serde_json::json!("src/b.txt"));
    let report = house.check(Gate::Policy, &job).await;
    expect(&report, "could-not-run", "secrets_may_appear");
    assert!(mend(&report).contains("[\"tests/keys/example.pem\"]"), "{report:?}");
}

#[tokio::test]
async fn a_secret_that_was_found_is_written_down_nowhere() {
    let house = House::new().await;
    let job = house.order("alpha").await;
    job.work("a.sh", &format!("export X={}\n", key()));
    let report = house.check(Gate::Policy, &job).await;
    let written = [
        format!("{report:?}"),
        findings(&report).to_owned(),
        job.read("EVIDENCE.md"),
        job.read("evidence/record.jsonl"),
    ];
    for text in written {
        assert!(text.contains("begins with `ghp_`"), "{text}");
        assert!(!text.contains(&key()[..5]), "more than four characters are shown: {text}");
    }
}

#[tokio::test]
async fn conflict_markers_are_refused_and_headings_are_not() {
    let house = House::new().await;
    let set = "<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n";
    house.commit("cases.txt", set);
    pair(
        &house,
        "rst",
        (|job| job.work("a.rst", &format!("Title\n=======\n{set}")), "conflict markers (line 3)"),
        (
            |job| job.work("a.rst", "Title\n=======\n\n>>>>>>> quoted\n\n    <<<<<<< a\n    =======\n    >>>>>>> b\n"),
            "1 file",
        ),
    )
    .await;
    pair(
        &house,
        "old",
        (|job| job.work("cases.txt", &format!("{set}<<<<<<<\n=======\n>>>>>>> mine\n")), "line 6"),
        (|job| job.work("cases.txt", &format!("more\n{set}")), "1 file"),
    )
    .await;
}

#[tokio::test]
async fn what_cannot_stand_in_another_checkout_is_refused() {
    let house = House::new().await;
    let link = |job: &Job, target: &str, path: &str| {
        std::os::unix::fs::symlink(target, job.bench.path.join(path)).unwrap();
    };
    pair(
        &house,
        "link",
        (|job| link(job, "../../secrets", "out"), "leaves the repository"),
        (|job| link(job, "lib.txt", "in"), "1 file"),
    )
    .await;
    pair(
        &house,
        "case",
        (|job| job.work("LIB.txt", "x\n"), "`LIB.txt` differs only in case from `lib.txt`"),
        (|job| job.work("lib2.txt", "x\n"), "1 file"),
    )
    .await;
    pair(
        &house,
        "folder",
        (|job| job.work("Tests/other.sh", "true\n"), "differs only in case from `tests`"),
        (|job| job.work("tests/other.sh", "true\n"), "1 file"),
    )
    .await;
    pair(
        &house,
        "name",
        (|job| job.work("a\u{1b}[2Kb", "x\n"), "control characters"),
        (|job| job.work("ein Häuschen 日本.txt", "x\n"), "1 file"),
    )
    .await;
    pair(
        &house,
        "unseen",
        (|job| job.work("gpj.\u{202e}exe", "x\n"), "that are not seen"),
        (|job| job.work("שלום.txt", "x\n"), "1 file"),
    )
    .await;

    let job = house.order("submodule").await;
    let mut scene = house.scene(&job).await;
    let head = git(&job.bench.path, &["rev-parse", "HEAD"]);
    let entry = format!("160000,{head},vendored");
    git(&job.bench.path, &["update-index", "--add", "--cacheinfo", &entry]);
    scene.tree = Some(git(&job.bench.path, &["write-tree"]));
    let report = house.gates.check(Gate::Policy, &scene, &Stop::new()).await;
    expect(&report, "fail", "`vendored` is a submodule");
    let job = house.order("vendored").await;
    job.work("vendored/lib.txt", "x\n");
    expect(&house.check(Gate::Policy, &job).await, "pass", "1 file");
}

#[tokio::test]
async fn calling_a_text_binary_hides_nothing() {
    let house = House::with(|config| config.policy.max_lines = 50).await;
    house.commit(".gitattributes", "*.dat binary\n");
    pair(
        &house,
        "lines",
        (|job| job.work("a.dat", &"line\n".repeat(60)), "lines were added and removed"),
        (|job| job.work("a.dat", &"line\n".repeat(40)), "1 file"),
    )
    .await;
    pair(
        &house,
        "key",
        (|job| job.work("a.dat", &format!("{}\n", key())), "looks like a secret"),
        (|job| job.work("a.dat", "a key\n"), "1 file"),
    )
    .await;
}
