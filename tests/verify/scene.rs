//! Two orders that landed, and ways to change what is on record of one of them.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::gates::git;

pub(super) const RECORD: &str = "evidence/record.jsonl";

/// Two orders that landed together; beta is the one that is tampered with.
pub(super) struct Scene {
    pub(super) house: House,
    pub(super) beta: Job,
    pub(super) recorded: Recorded,
}

impl Scene {
    pub(super) async fn new() -> Self {
        let house = named().await;
        let alpha = ready_to_land(&house, "alpha").await;
        let beta = ready_to_land(&house, "beta").await;
        house.union(&[&beta, &alpha]).await.iter().for_each(passed);
        let recorded = recorded(&house, &beta).await;
        Self { house, beta, recorded }
    }

    pub(super) fn git(&self, args: &[&str]) -> String {
        git(&self.house.project(), args)
    }

    /// Changes the last line of a gate in the record.
    pub(super) fn line(&self, gate: &str, change: impl Fn(&mut Value)) {
        let text = self.beta.read(RECORD);
        let mut lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let before = lines.clone();
        change(lines.iter_mut().rev().find(|line| line["gate"] == gate).unwrap());
        assert_ne!(before, lines, "the line of {gate} was to be changed");
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.beta.paper(RECORD, &text);
    }

    /// Changes the runs of a gate that say `from`, in the record and in their transcripts.
    pub(super) fn runs(
        &self,
        gate: &str,
        field: &str,
        from: &str,
        to: &str,
        change: impl Fn(&mut Value),
    ) {
        self.line(gate, |line| {
            for run in line["runs"].as_array_mut().unwrap() {
                let name = run["transcript"].as_str().unwrap().to_owned();
                let text = self.beta.read(&name);
                let (from, to) = (format!("\n{field}: {from}\n"), format!("\n{field}: {to}\n"));
                if text.contains(&from) {
                    change(run);
                    self.beta.paper(&name, &text.replace(&from, &to));
                }
            }
        });
    }

    /// The commit of beta, made anew with `path` as `text`, on the same parent; all branches follow.
    pub(super) fn forge(&self, path: &str, text: &str) -> String {
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

    /// Verify, and what each gate says.
    pub(super) async fn finds(&self, gate: &str, outcome: Agreement, part: &str) -> Option<String> {
        let all = verified(&self.house, &self.recorded).await;
        let found = all.iter().find(|again| again.gate == gate).unwrap();
        let fits = found.outcome == outcome && found.line.contains(part);
        (!fits).then(|| format!("wanted {gate} {}: {part}\n{all:#?}", outcome.word()))
    }
}

/// The papers and refs as they were.
pub(super) struct Before {
    papers: Vec<(PathBuf, Vec<u8>)>,
    refs: String,
}

impl Before {
    pub(super) fn of(scene: &Scene) -> Self {
        let files = ["evidence"].map(|name| scene.beta.papers.join(name));
        let files = files.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
        let papers = files.map(|file| file.unwrap().path());
        let papers = papers.map(|path| (path.clone(), fs::read(&path).unwrap())).collect();
        let refs = scene.git(&["for-each-ref", "--format=update %(refname) %(objectname)"]);
        Self { papers, refs }
    }

    pub(super) fn put_back(&self, scene: &Scene) {
        for (path, bytes) in &self.papers {
            fs::write(path, bytes).unwrap();
        }
        for line in self.refs.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            scene.git(&["update-ref", words[1], words[2]]);
        }
    }
}
