//! What somebody changed afterwards is found, and the gate is named with the reason.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use crate::gates::git;

const RECORD: &str = "evidence/record.jsonl";

/// Two orders that landed together; beta is the one that is tampered with.
struct Scene {
    house: House,
    beta: Job,
    recorded: Recorded,
}

impl Scene {
    async fn new() -> Self {
        let house = named().await;
        let alpha = ready_to_land(&house, "alpha").await;
        let beta = ready_to_land(&house, "beta").await;
        house.union(&[&beta, &alpha]).await.iter().for_each(passed);
        let recorded = recorded(&house, &beta).await;
        Self { house, beta, recorded }
    }

    fn git(&self, args: &[&str]) -> String {
        git(&self.house.project(), args)
    }

    /// Changes the last line of a gate in the record.
    fn line(&self, gate: &str, change: impl Fn(&mut Value)) {
        let text = self.beta.read(RECORD);
        let mut lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let before = lines.clone();
        change(lines.iter_mut().rev().find(|line| line["gate"] == gate).unwrap());
        assert_ne!(before, lines, "the line of {gate} was to be changed");
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.beta.paper(RECORD, &text);
    }

    /// Changes all runs of a gate, in the record and in their transcripts.
    fn runs(&self, gate: &str, field: &str, from: &str, to: &str, change: impl Fn(&mut Value)) {
        self.line(gate, |line| {
            for run in line["runs"].as_array_mut().unwrap() {
                change(run);
                let name = run["transcript"].as_str().unwrap().to_owned();
                let text = self.beta.read(&name);
                let (from, to) = (format!("\n{field}: {from}\n"), format!("\n{field}: {to}\n"));
                self.beta.paper(&name, &text.replace(&from, &to));
            }
        });
    }

    /// The commit of beta, made anew with `path` as `text`, on the same parent; all branches follow.
    fn forge(&self, path: &str, text: &str) -> String {
        let was = self.git(&["rev-parse", "shopfloor/beta"]);
        self.git(&["checkout", "--quiet", "--detach", &was]);
        fs::write(self.house.project().join(path), text).unwrap();
        self.git(&["add", path]);
        self.git(&["commit", "--quiet", "--amend", "--no-edit"]);
        let forged = self.git(&["rev-parse", "HEAD"]);
        self.git(&["checkout", "--quiet", "main"]);
        for branch in ["beta", "ready"] {
            self.git(&["update-ref", &format!("refs/heads/shopfloor/{branch}"), &forged]);
        }
        forged
    }

    /// Makes the record say that it landed as this commit.
    fn claims(&self, forged: &str) {
        self.line("union", |line| {
            let was = line["landed"].as_str().unwrap()[..10].to_owned();
            let words = line["line"].as_str().unwrap().replace(&was, &forged[..10]);
            (line["landed"], line["line"]) = (json!(forged), json!(words));
        });
    }

    /// Verify, and what each gate says.
    async fn finds(&self, gate: &str, outcome: Agreement, part: &str) -> Option<String> {
        let all = verified(&self.house, &self.recorded).await;
        let found = all.iter().find(|again| again.gate == gate).unwrap();
        let fits = found.outcome == outcome && found.line.contains(part);
        (!fits).then(|| format!("wanted {gate} {}: {part}\n{all:#?}", outcome.word()))
    }
}

type Trick = fn(&Scene);

/// What is done, the gate that must tell it, how, and a part of the reason.
const TRICKS: &[(&str, Trick, &str, Agreement, &str)] = &[
    (
        "a verdict is turned",
        |s| s.line("red", |line| line["outcome"] = json!("fail")),
        "red",
        Agreement::Disagree,
        "the order is finished, and the record says fail",
    ),
    (
        "a verdict is no word",
        |s| s.line("green", |line| line["outcome"] = json!("passed")),
        "green",
        Agreement::Disagree,
        "which is no outcome",
    ),
    (
        "an exit code is changed",
        |s| s.line("red", |line| line["runs"][1]["exit"] = json!(0)),
        "red",
        Agreement::Disagree,
        "exit",
    ),
    (
        "an exit code is changed in word and number",
        |s| {
            s.line("green", |line| {
                line["runs"][0]["exit"] = json!(3);
                line["runs"][0]["ended"] = json!("exit 3");
            });
        },
        "green",
        Agreement::Disagree,
        "differ: ended",
    ),
    (
        "the name of a new test is changed",
        |s| s.line("red", |line| line["new"]["ids"] = json!(["tests/other.sh"])),
        "red",
        Agreement::Disagree,
        "the new tests are not those of the record: 1 new test (tests/beta.sh)",
    ),
    (
        "a new test is added",
        |s| {
            s.line("green", |line| {
                line["new"] = json!({"total": 2, "ids": ["tests/beta.sh", "tests/gamma.sh"]});
            });
        },
        "green",
        Agreement::Disagree,
        "the new tests are not those of the record",
    ),
    (
        "the counts of a line are changed",
        |s| s.line("green", |line| line["counts"]["passed"] = json!(7)),
        "green",
        Agreement::Disagree,
        "not what its own runs say: counts",
    ),
    (
        "the counts of a run are changed",
        |s| s.line("union", |line| line["runs"][0]["counts"]["skipped"] = json!(1)),
        "union",
        Agreement::Disagree,
        "differ: counts",
    ),
    (
        "the counts are changed wherever they stand",
        |s| {
            let (from, to) = ("2 passed, 0 failed, 0 skipped", "7 passed, 0 failed, 0 skipped");
            s.runs("green", "counts", from, to, |run| run["counts"]["passed"] = json!(7));
            s.line("green", |line| line["counts"]["passed"] = json!(7));
        },
        "green",
        Agreement::Disagree,
        "the record counts 7 passed, 0 failed, 0 skipped, and there are 2 passed",
    ),
    (
        "the counts are changed wherever they stand, and the environment with them",
        |s| {
            let (from, to) = ("2 passed, 0 failed, 0 skipped", "7 passed, 0 failed, 0 skipped");
            s.runs("green", "counts", from, to, |run| run["counts"]["passed"] = json!(7));
            s.line("green", |line| {
                line["counts"]["passed"] = json!(7);
                line["environment"] = json!("00");
            });
        },
        "green",
        Agreement::CouldNotRun,
        "there are 2 passed, 0 failed, 0 skipped, in another environment",
    ),
    (
        "the counts of a base are changed wherever they stand",
        |s| {
            let (from, to) = ("1 passed, 0 failed, 0 skipped", "9 passed, 0 failed, 0 skipped");
            s.runs("red", "counts", from, to, |run| {
                if run["place"] == "base" {
                    run["counts"]["passed"] = json!(9);
                }
            });
        },
        "baseline",
        Agreement::Disagree,
        "the record counts other tests on the base",
    ),
    (
        "the tree of a line is changed",
        |s| {
            s.line("green", |line| line["tree"] = json!(s.recorded.frozen));
        },
        "green",
        Agreement::Disagree,
        "not what its own runs say: tree",
    ),
    (
        "the tree is changed wherever it stands",
        |s| {
            let tree = s.git(&["rev-parse", "main^{tree}"]);
            let was = s.recorded.approved.clone().unwrap();
            s.runs("green", "tree", &was, &tree, |run| run["tree"] = json!(tree));
            s.line("green", |line| line["tree"] = json!(tree));
        },
        "green",
        Agreement::Disagree,
        "not the one that the journal approved",
    ),
    (
        "the base of GREEN is changed",
        |s| {
            s.line("green", |line| {
                line["base"] = json!("0123456789012345678901234567890123456789");
            });
        },
        "baseline",
        Agreement::CouldNotRun,
        "the base 0123456789 is not in the repository",
    ),
    (
        "the base of RED is another commit",
        |s| {
            let other = s.git(&["rev-parse", "main~1"]);
            s.line("red", |line| line["base"] = json!(other));
        },
        "red",
        Agreement::Disagree,
        "kept on another base",
    ),
    (
        "the base of UNION's work is another commit",
        |s| {
            let other = s.git(&["rev-parse", "main~1"]);
            s.line("union", |line| line["base"] = json!(other));
        },
        "union",
        Agreement::Disagree,
        "not the one that GREEN passed on",
    ),
    (
        "another proof is named",
        |s| s.line("red", |line| line["proof"] = json!("00")),
        "red",
        Agreement::Disagree,
        "is not the journal's",
    ),
    (
        "another kind of proof is claimed",
        |s| s.line("red", |line| line["basis"] = json!("red-by-build")),
        "red",
        Agreement::Disagree,
        "the record stands on red-by-build, and it fails by named tests",
    ),
    (
        "another adapter is claimed",
        |s| s.line("green", |line| line["adapter"] = json!("junit")),
        "green",
        Agreement::Disagree,
        "was read by junit, this one by tap",
    ),
    (
        "a line is made one of another order",
        |s| s.line("green", |line| line["order"] = json!("alpha")),
        "green",
        Agreement::Disagree,
        "of the order alpha",
    ),
    (
        "a line is made an old one, which says little",
        |s| s.line("green", |line| line["v"] = json!(1)),
        "green",
        Agreement::CouldNotRun,
        "of version 1, which says too little",
    ),
    (
        "the runs of a pass are taken away",
        |s| {
            s.line("green", |line| {
                let fields = line.as_object_mut().unwrap();
                for name in ["runs", "ended", "command", "counts"] {
                    fields.remove(name);
                }
                fields.insert("transcripts".to_owned(), json!([]));
            });
        },
        "green",
        Agreement::Disagree,
        "the record says pass, and its own runs do not: nothing was run",
    ),
    (
        "another command is claimed",
        |s| s.line("red", |line| line["command"] = json!("true")),
        "red",
        Agreement::Disagree,
        "not what its own runs say: command",
    ),
    (
        "a transcript is gone",
        |s| fs::remove_file(s.beta.papers.join("evidence/2-green-1.txt")).unwrap(),
        "green",
        Agreement::Disagree,
        "the transcript evidence/2-green-1.txt is not there",
    ),
    (
        "a transcript is that of another run",
        |s| {
            let other = s.beta.read("evidence/2-green-1.txt");
            s.beta.paper("evidence/1-red-1.txt", &other);
        },
        "red",
        Agreement::Disagree,
        "differ: gate",
    ),
    (
        "a transcript says another end",
        |s| {
            let text = s.beta.read("evidence/2-green-2.txt");
            s.beta.paper("evidence/2-green-2.txt", &text.replace("ended: exit 0", "ended: exit 1"));
        },
        "green",
        Agreement::Disagree,
        "differ: ended",
    ),
    (
        "a line of the record is gone",
        |s| {
            let text = s.beta.read(RECORD);
            let kept = text.lines().filter(|line| !line.contains("\"gate\":\"green\""));
            s.beta.paper(RECORD, &kept.map(|line| format!("{line}\n")).collect::<String>());
        },
        "green",
        Agreement::Disagree,
        "its record has no line of the gate green",
    ),
    (
        "the whole record is gone",
        |s| fs::remove_file(s.beta.papers.join(RECORD)).unwrap(),
        "union",
        Agreement::Disagree,
        "its record has no line of the gate union",
    ),
    (
        "the list of frozen tests is edited",
        |s| {
            let list = s.beta.read("evidence/frozen.json");
            s.beta.paper("evidence/frozen.json", &list.replace("tests/beta.sh", "tests/base.sh"));
        },
        "red",
        Agreement::Disagree,
        "was changed",
    ),
    (
        "the list of frozen tests is gone",
        |s| fs::remove_file(s.beta.papers.join("evidence/frozen.json")).unwrap(),
        "green",
        Agreement::Disagree,
        "was removed",
    ),
    (
        "the branch names another commit",
        |s| drop(s.git(&["update-ref", "refs/heads/shopfloor/beta", "main"])),
        "union",
        Agreement::Disagree,
        "and shopfloor/beta is at",
    ),
    (
        "the branch is gone",
        |s| drop(s.git(&["update-ref", "-d", "refs/heads/shopfloor/beta"])),
        "union",
        Agreement::Disagree,
        "there is no branch shopfloor/beta",
    ),
    (
        "the line of finished work lost it",
        |s| drop(s.git(&["update-ref", "refs/heads/shopfloor/ready", "main"])),
        "union",
        Agreement::Disagree,
        "neither on shopfloor/ready nor on the base branch",
    ),
    (
        "the commit is amended",
        |s| drop(s.forge("src/beta", "something else\n")),
        "union",
        Agreement::Disagree,
        "and shopfloor/beta is at",
    ),
    (
        "the commit is amended and the record made to fit",
        |s| {
            let forged = s.forge("src/beta", "something else\n");
            s.claims(&forged);
        },
        "union",
        Agreement::Disagree,
        "is not the change that GREEN passed on: src/beta differ",
    ),
    (
        "a test is weakened in the commit and the record made to fit",
        |s| {
            let forged = s.forge("tests/beta.sh", "true\n");
            s.claims(&forged);
        },
        "union",
        Agreement::Disagree,
        "is not the change that GREEN passed on: tests/beta.sh differ",
    ),
    (
        "the words of the record name another commit",
        |s| s.line("union", |line| line["line"] = json!("landed as 0123456789 on main")),
        "union",
        Agreement::Disagree,
        "the words of the record do not name",
    ),
    (
        "the commit is said to be somebody else's",
        |s| {
            s.line("union", |line| {
                let fields = line.as_object_mut().unwrap();
                fields.remove("landed");
                fields.insert("held_by".to_owned(), json!(s.git(&["rev-parse", "main"])));
            });
        },
        "union",
        Agreement::Disagree,
        "does not hold the order's change",
    ),
    (
        "what was tested is said to be another commit",
        |s| {
            let (commit, tree) =
                (s.git(&["rev-parse", "main"]), s.git(&["rev-parse", "main^{tree}"]));
            let was = s.git(&["rev-parse", "shopfloor/ready"]);
            let old = s.git(&["rev-parse", "shopfloor/ready^{tree}"]);
            s.runs("union", "tree", &old, &tree, |run| run["tree"] = json!(tree));
            s.runs("union", "commit", &was, &commit, |run| run["commit"] = json!(commit));
        },
        "union",
        Agreement::Disagree,
        "is not what landed",
    ),
    (
        "the snapshots are gone",
        |s| {
            for name in
                s.git(&["for-each-ref", "--format=%(refname)", "refs/shopfloor/snapshot"]).lines()
            {
                s.git(&["update-ref", "-d", name]);
            }
        },
        "green",
        Agreement::CouldNotRun,
        "keeps no tree",
    ),
    (
        "shopfloor.toml names another command",
        |s| {
            for gate in ["red", "green", "union"] {
                s.runs(gate, "command", "sh run-tests.sh", "sh old-tests.sh", |run| {
                    run["argv"] = json!(["sh", "old-tests.sh"]);
                });
                s.line(gate, |line| line["command"] = json!("sh old-tests.sh"));
            }
        },
        "red",
        Agreement::CouldNotRun,
        "it was tested by `sh old-tests.sh`",
    ),
];

#[tokio::test]
async fn every_way_of_tampering_is_told_by_the_gate_it_touches() {
    let scene = Scene::new().await;
    let before = Before::of(&scene);
    let mut wrong = Vec::new();
    for (name, trick, gate, outcome, part) in TRICKS {
        trick(&scene);
        if let Some(told) = scene.finds(gate, *outcome, part).await {
            wrong.push(format!("{name}: {told}"));
        }
        before.put_back(&scene);
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), TRICKS.len(), wrong.join("\n"));
    // All is put back, and nothing of what was found stays.
    let all = verified(&scene.house, &scene.recorded).await;
    agree(&all, ["(tests/beta.sh)", "(tests/beta.sh)", "the line it landed with"]);
}

/// The papers and refs as they were.
struct Before {
    papers: Vec<(PathBuf, Vec<u8>)>,
    refs: String,
}

impl Before {
    fn of(scene: &Scene) -> Self {
        let files = ["evidence"].map(|name| scene.beta.papers.join(name));
        let files = files.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
        let papers = files.map(|file| file.unwrap().path());
        let papers = papers.map(|path| (path.clone(), fs::read(&path).unwrap())).collect();
        let refs = scene.git(&["for-each-ref", "--format=update %(refname) %(objectname)"]);
        Self { papers, refs }
    }

    fn put_back(&self, scene: &Scene) {
        for (path, bytes) in &self.papers {
            fs::write(path, bytes).unwrap();
        }
        for line in self.refs.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            scene.git(&["update-ref", words[1], words[2]]);
        }
    }
}

/// A record that was good then, on a machine where it is so no more.
#[tokio::test]
async fn what_the_code_does_now_counts_and_not_what_the_record_says() {
    let house = House::with(|config| {
        let text = "[ ! -e \"$PROJECT/../broken\" ] || rm -f src/*; sh run-tests.sh";
        config.project.test.command = ["sh", "-c", text].map(str::to_owned).to_vec();
    })
    .await;
    house.commit("run-tests.sh", TAP);
    let job = ready_to_land(&house, "alpha").await;
    passed(&house.union(&[&job]).await[0]);
    let recorded = recorded(&house, &job).await;
    fs::write(house.folder.path().join("broken"), "").unwrap();
    let all = verified(&house, &recorded).await;
    let told = |at: usize| (all[at].outcome, all[at].line.as_str());
    assert_eq!(all[1].outcome, Agreement::Agree, "{all:#?}");
    assert!(
        told(2).0 == Agreement::Disagree && told(2).1.contains("changes its checkout: src/alpha"),
        "{all:#?}"
    );
    assert_eq!(told(3).0, Agreement::Disagree, "{all:#?}");
}
