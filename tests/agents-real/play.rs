//! The demo's play for a scripted model: what an order wants at a stage, as one shell command that does it.
//!
//! The work is that of `launcher/demo/scenario.toml`, where the simulated agent has it from too. Here the model asks for it, and
//! a real program carries it out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Mutex;

use serde::Deserialize;

use super::Reply;
use super::model::fact;

/// As far as a play of honest work needs it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Act {
    order: Option<String>,
    stage: Option<String>,
    verdict: Option<String>,
    misbehave: Option<String>,
    files: BTreeMap<String, String>,
    papers: BTreeMap<String, String>,
    insert: BTreeMap<String, (String, String)>,
    run: Vec<Vec<String>>,
    capture: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Scenario {
    act: Vec<Act>,
}

/// One turn's facts, as the request tells them.
struct Told {
    stage: String,
    order: String,
    desk: String,
    tree: String,
}

/// The play. What it was asked for once it has had done; then comes the result.
#[derive(Debug)]
pub(super) struct Play {
    acts: Vec<Act>,
    worked: Mutex<BTreeSet<(String, String, String)>>,
}

impl Play {
    /// The demo's.
    pub(super) fn of_the_demo() -> Self {
        let text = include_str!("../../launcher/demo/scenario.toml");
        let scenario: Scenario = toml::from_str(text).unwrap();
        Self { acts: scenario.act, worked: Mutex::new(BTreeSet::new()) }
    }

    /// What the model says to a request: the work of the turn that was told last, and then its result.
    pub(super) fn reply(&self, body: &str) -> Reply {
        let told = |name: &str| fact(body, name);
        let turn = (told("Stage"), told("Order"), told("Generation"));
        let first = self.worked.lock().unwrap().insert(turn.clone());
        let (stage, order, _) = turn;
        match first {
            true => Reply::Work(self.command(&Told {
                stage,
                order,
                desk: told("Desk"),
                tree: told("Worktree"),
            })),
            false => Reply::Result,
        }
    }

    fn command(&self, told: &Told) -> String {
        let mut whole = Act::default();
        let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|w| w == is);
        for act in &self.acts {
            let honest = act.misbehave.is_none() && act.verdict.as_deref() != Some("needs_work");
            if honest && fits(&act.order, &told.order) && fits(&act.stage, &told.stage) {
                // What is mended later is right at once.
                whole.files.extend(act.files.clone());
                whole.papers.extend(act.papers.clone());
                whole.insert.extend(act.insert.clone());
                whole.run.clone_from(&act.run);
                whole.capture.clone_from(&act.capture);
            }
        }
        script(&whole, told)
    }
}

/// The command. Paths are those of temporary folders and names of a Rust project: no word of them has a quote in it.
fn script(act: &Act, told: &Told) -> String {
    let Told { order, desk, tree, .. } = told;
    let mut script = "set -e\n".to_owned();
    for (name, text) in &act.files {
        write(&mut script, &format!("{tree}/{name}"), text);
    }
    for (name, (known, new)) in &act.insert {
        let line = format!(
            "grep -qx '{new}' {tree}/{name} || sed -i 's|^{known}$|&\\n{new}|' {tree}/{name}\n"
        );
        script.push_str(&line);
    }
    if let Some(capture) = &act.capture {
        writeln!(script, "cd {tree}; : > {desk}/{capture}").unwrap();
        for argv in &act.run {
            let words = shlex::try_join(argv.iter().map(String::as_str)).unwrap();
            let echo = shlex::try_quote(&words).unwrap();
            writeln!(script, "{{ printf '$ %s\\n' {echo}; {words}; }} >> {desk}/{capture} 2>&1")
                .unwrap();
        }
    }
    for (name, text) in &act.papers {
        let text = text.replace("{{id}}", order).replace("{{title}}", order);
        let path = format!("{desk}/{name}");
        match (text.split_once("{{output}}"), &act.capture) {
            (Some((before, after)), Some(capture)) => {
                write(&mut script, &path, before);
                writeln!(script, "cat {desk}/{capture} >> {path}").unwrap();
                append(&mut script, &path, after);
            }
            _ => write(&mut script, &path, &text),
        }
    }
    script
}

fn write(script: &mut String, path: &str, text: &str) {
    let folder = path.rsplit_once('/').unwrap().0;
    writeln!(script, "mkdir -p {folder}; : > {path}").unwrap();
    append(script, path, text);
}

fn append(script: &mut String, path: &str, text: &str) {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    writeln!(script, "cat >> {path} <<'END_OF_TEXT'\n{text}{end}END_OF_TEXT").unwrap();
}
