//! Trying a template out before an agent is told by it: it is filled in with facts of every kind, and what an agent must be
//! told to give a result that counts has to be in what comes out.

use std::collections::BTreeMap;

use minijinja::{Value, context};

use super::prompts::{Template, fill};
use crate::stage::Stage;

const NONCE: &str = "n0nce4trial";

/// Tries `text` in the place of `template`. The error is a sentence.
pub(super) fn try_out(template: &Template, stages: &[Stage], text: &str) -> Result<(), String> {
    let stage = stages.iter().any(|stage| stage.name == template.name);
    for (values, wanted) in scenes(template, stage) {
        let told = fill(text, values).map_err(|error| fault(&error))?;
        if told.trim().is_empty() {
            return Err("nothing is left of it when it is filled in".to_owned());
        }
        for want in wanted {
            if !told.contains(&want.text) {
                return Err(format!("it does not tell {}", want.what));
            }
        }
    }
    Ok(())
}

fn fault(error: &minijinja::Error) -> String {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.line() {
        Some(line) => format!("{what}, line {line}"),
        None => what,
    }
}

/// What has to be in a prompt.
struct Want {
    text: String,
    what: &'static str,
}

fn want(text: impl Into<String>, what: &'static str) -> Want {
    Want { text: text.into(), what }
}

/// Data of others between the marks of the session, as a template has to put it.
fn marked(data: &str, what: &'static str) -> Want {
    want(format!("<<<{NONCE}\n{data}\n{NONCE}>>>"), what)
}

/// The facts that a template is tried with, and what has to come out.
fn scenes(template: &Template, is_stage: bool) -> Vec<(Value, Vec<Want>)> {
    let nonce = NONCE;
    let (id, generation) = ("an-order", 4242_u64);
    let named = || {
        vec![
            want(id, "the order's id"),
            want(generation.to_string(), "the order's generation"),
            want(nonce, "the session's nonce"),
        ]
    };
    match template.name {
        _ if is_stage => {
            let values = context! { project => "/the/project", test_command => "run tests", nonce };
            vec![(values, Vec::new())]
        }
        "rules" => {
            let values = context! { project => "/the/project", test_command => "run tests", nonce };
            let marks = "the marks around what others wrote, `<<<{{ nonce }}` and `{{ nonce }}>>>`";
            vec![(
                values,
                vec![want(format!("<<<{nonce}"), marks), want(format!("{nonce}>>>"), marks)],
            )]
        }
        "instructions" => {
            let values = context! { file => "AGENTS.md", text => "Be kind.\n", nonce };
            vec![(
                values,
                vec![marked(
                    "Be kind.",
                    "`text` alone between `<<<{{ nonce }}` and `{{ nonce }}>>>`, each on a line of its own",
                )],
            )]
        }
        "turn" => [true, false].map(|full| turn(full, named())).into(),
        "fix" => vec![again("findings", named())],
        "repair" => vec![again("instead", named())],
        "result" => {
            let mut wanted = named();
            wanted.push(want("verdict", "the result's `verdict`"));
            vec![(context! { id, generation, nonce }, wanted)]
        }
        _ => {
            let wanted = vec![
                want(nonce, "the session's nonce"),
                want("results/", "the folder `results/`"),
                want("verdict", "the result's `verdict`"),
            ];
            vec![(context! { nonce, limit => 1000 }, wanted)]
        }
    }
}

/// One more turn of the same order. `data` is the variable for what went wrong.
fn again(data: &'static str, mut wanted: Vec<Want>) -> (Value, Vec<Want>) {
    let facts = context! {
        id => "an-order", generation => 4242_u64, nonce => NONCE, stage => "test", gate => "red",
        desk => "/the/desk", worktree => Value::from("/the/tree"),
    };
    let own = Value::from(BTreeMap::from([(data, "it is red")]));
    let values = context! { ..facts, ..own };
    wanted.push(want("/the/desk", "the desk"));
    wanted.push(marked(
        "it is red",
        "what went wrong alone between `<<<{{ nonce }}` and `{{ nonce }}>>>`, each on a line of its own",
    ));
    (values, wanted)
}

/// An order with everything, and one with nothing that may be missing.
fn turn(full: bool, mut wanted: Vec<Want>) -> (Value, Vec<Want>) {
    let optional = |text: &str| if full { Value::from(text) } else { Value::from(()) };
    let (papers, leaves): (Vec<&str>, Vec<&str>) =
        if full { (vec!["feedback.md"], vec!["note.md"]) } else { (Vec::new(), Vec::new()) };
    let values = context! {
        id => "an-order", generation => 4242_u64, nonce => NONCE, stage => "test",
        desk => "/the/desk", worktree => optional("/the/tree"), base => optional("abc"),
        title => "The title", body => "The body", papers, leaves, read_only => full,
    };
    wanted.push(want("/the/desk", "the desk"));
    wanted.push(marked(
        "The title\n\nThe body",
        "`title`, an empty line and `body` between `<<<{{ nonce }}` and `{{ nonce }}>>>`, each on a line of its own",
    ));
    if full {
        wanted.push(want("/the/tree", "the worktree"));
        wanted.push(want("note.md", "what is to be left on the desk"));
    }
    (values, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::STAGES;

    #[test]
    fn the_built_in_templates_tell_all_that_has_to_be_told() {
        for template in Template::all(&STAGES) {
            assert_eq!(try_out(&template, &STAGES, template.text), Ok(()), "{}", template.name);
        }
    }

    #[test]
    fn a_turn_without_a_mark_or_a_number_is_refused() {
        let refused = |from: &str, to: &str| {
            let text = Template::TURN.text.replace(from, to);
            assert_ne!(text, Template::TURN.text, "{from} is not in the template");
            try_out(&Template::TURN, &STAGES, &text).unwrap_err()
        };
        assert!(refused("<<<{{ nonce }}\n", "").contains("between"));
        assert!(refused("{{ nonce }}>>>", "").contains("between"));
        assert!(refused("Generation: {{ generation }}", "").contains("generation"));
        assert!(refused("Desk: {{ desk }}", "").contains("desk"));
        assert!(refused("{{ leaves | join(\", \") }}", "something").contains("left on the desk"));
    }

    #[test]
    fn an_empty_template_is_refused() {
        assert!(try_out(&Template::of_stage(&STAGES[0]), &STAGES, "\n").is_err());
    }
}
