//! What an agent is told: pure text from facts.
//!
//! Order text is data. It stands between delimiters that hold the session's nonce, so that it can't end itself, and
//! the prompt says that nothing inside changes the rules. A variable that a template names and we do not give is an
//! error, not an empty string.
//!
//! The templates are markdown, one file each: a stage's brief beside the stage, the others beside this file. A project may
//! put its own in their place ([`Prompts`]).

mod check;
mod ejected;
mod prompts;

use std::path::Path;

use minijinja::context;
use sha2::{Digest as _, Sha256};

use crate::error::Result;
use crate::order::{OrderId, Request};
use crate::stage::{Stage, Tree};
use crate::verdict::RESULT_LIMIT_BYTES;

pub use ejected::Ejected;
pub use prompts::{FOLDER, Prompts, Template};

/// What is true for a whole session.
#[derive(Debug, Clone)]
pub struct Setting<'a> {
    /// The templates.
    pub prompts: &'a Prompts,
    /// The project's folder.
    pub project: &'a Path,
    /// The project's test command, as a person would type it.
    pub test_command: &'a str,
    /// The session's secret word.
    pub nonce: &'a str,
    /// The project's own instructions for agents, and the file they are from.
    pub instructions: Option<(&'a str, &'a str)>,
}

/// One order's facts.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The order.
    pub id: &'a OrderId,
    /// The generation of its claim.
    pub generation: u64,
    /// What is asked for.
    pub request: &'a Request,
    /// The folder of its papers.
    pub desk: &'a Path,
    /// Its worktree, where there is one.
    pub worktree: Option<&'a Path>,
    /// The commit the worktree was made from.
    pub base: Option<&'a str>,
    /// The papers that lie on the desk.
    pub papers: &'a [String],
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Parts of a prompt, an empty line between them, however their templates begin and end.
fn joined(parts: &[String]) -> String {
    let parts: Vec<&str> = parts.iter().map(|part| part.trim_matches('\n')).collect();
    parts.join("\n\n") + "\n"
}

/// The fingerprint of a prompt as it was told: SHA-256, in hexadecimal digits.
pub fn fingerprint(prompt: &str) -> String {
    format!("{:x}", Sha256::digest(prompt.as_bytes()))
}

/// The stage's brief and the rules, told once when a session opens.
pub fn opening(stage: &Stage, setting: &Setting<'_>) -> Result<String> {
    let brief = Template::of_stage(stage);
    let values = context! {
        project => shown(setting.project),
        test_command => setting.test_command,
        nonce => setting.nonce,
    };
    let mut parts = vec![setting.prompts.render(brief, values.clone())?];
    if let Some((file, text)) = setting.instructions {
        let values = context! { file, text, nonce => setting.nonce };
        parts.push(setting.prompts.render(Template::INSTRUCTIONS, values)?);
    }
    parts.push(setting.prompts.render(Template::RULES, values)?);
    Ok(joined(&parts))
}

/// One order's turn, for an agent that gives a structured result.
pub fn turn(stage: &Stage, setting: &Setting<'_>, facts: &Facts<'_>) -> Result<String> {
    Ok(joined(&[order(stage, setting, facts)?, result(setting, facts)?]))
}

fn result(setting: &Setting<'_>, facts: &Facts<'_>) -> Result<String> {
    let (id, generation, nonce) = (facts.id.as_str(), facts.generation, setting.nonce);
    setting.prompts.render(Template::RESULT, context! { id, generation, nonce })
}

/// One order as it stands in the one prompt of a one-shot agent.
pub fn order(stage: &Stage, setting: &Setting<'_>, facts: &Facts<'_>) -> Result<String> {
    setting.prompts.render(
        Template::TURN,
        context! {
            id => facts.id.as_str(),
            stage => stage.name,
            generation => facts.generation,
            nonce => setting.nonce,
            desk => shown(facts.desk),
            worktree => facts.worktree.map(shown),
            base => facts.base,
            title => &facts.request.title,
            body => &facts.request.body,
            papers => facts.papers.to_vec(),
            leaves => stage.leaves.to_vec(),
            read_only => stage.tree == Tree::Read,
        },
    )
}

/// A fix turn: the same order again, with what the red gate found.
pub fn fix(
    stage: &Stage,
    setting: &Setting<'_>,
    facts: &Facts<'_>,
    gate: &str,
    findings: &str,
) -> Result<String> {
    let (id, generation, nonce) = (facts.id.as_str(), facts.generation, setting.nonce);
    let told = setting.prompts.render(
        Template::FIX,
        context! {
            id, generation, nonce, gate, findings,
            stage => stage.name,
            desk => shown(facts.desk),
            worktree => facts.worktree.map(shown),
        },
    )?;
    Ok(joined(&[told, result(setting, facts)?]))
}

/// The one prompt of a one-shot agent: the opening, how results are given, and every order.
pub fn one_shot(opening: &str, setting: &Setting<'_>, orders: &[String]) -> Result<String> {
    let values = context! { nonce => setting.nonce, limit => RESULT_LIMIT_BYTES };
    let mut parts = vec![opening.to_owned(), setting.prompts.render(Template::BY_FILE, values)?];
    parts.extend(orders.iter().cloned());
    Ok(joined(&parts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::STAGES;

    fn told(stage: &Stage, body: &str) -> (String, String) {
        let prompts = Prompts::built_in();
        let setting = Setting {
            prompts: &prompts,
            project: Path::new("/p"),
            test_command: "cargo test",
            nonce: "n0nce",
            instructions: Some(("AGENTS.md", "Indent with tabs.\n")),
        };
        let id = OrderId::parse("a-b").unwrap();
        let mut request = Request::titled("Title");
        body.clone_into(&mut request.body);
        let papers = ["feedback.md".to_owned()];
        let facts = Facts {
            id: &id,
            generation: 7,
            request: &request,
            desk: Path::new("/d"),
            worktree: Some(Path::new("/w")),
            base: Some("abc"),
            papers: &papers,
        };
        (opening(stage, &setting).unwrap(), turn(stage, &setting, &facts).unwrap())
    }

    #[test]
    fn every_stage_can_be_told() {
        for stage in &STAGES {
            let (opening, turn) = told(stage, "body");
            assert!(opening.contains(stage.name) && opening.contains("<<<n0nce"), "{opening}");
            for line in [
                format!("Stage: {}", stage.name).as_str(),
                "Generation: 7",
                "Desk: /d",
                "Worktree: /w",
            ] {
                assert!(turn.lines().any(|l| l == line), "{line} in {turn}");
            }
        }
    }

    #[test]
    fn templates_in_an_orders_text_are_text() {
        let (_, turn) = told(&STAGES[0], "{{ nonce }} {% raw %}");
        assert!(turn.contains("{{ nonce }} {% raw %}"));
    }

    #[test]
    fn the_projects_instructions_stand_between_marks_before_the_rules() {
        let (opening, _) = told(&STAGES[2], "body");
        let marked = "<<<n0nce\nIndent with tabs.\nn0nce>>>";
        let (at, rules) = (opening.find(marked), opening.find("## Rules of the session"));
        assert!(at.is_some() && at < rules, "{opening}");
    }

    #[test]
    fn a_fingerprint_is_the_prompts_sha_256() {
        assert!(fingerprint("").starts_with("e3b0c44298fc1c149afbf4c8996fb924"));
        assert_ne!(fingerprint("a"), fingerprint("b"));
    }
}
