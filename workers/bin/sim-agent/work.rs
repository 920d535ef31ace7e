//! The work itself: files in the worktree, papers on the desk, commands run.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use shopfloor::verdict::{Testimony, Verdict};

use crate::job::Job;
use crate::scenario::{Act, Mischief, Scenario};
use crate::{LABEL, honest, mischief};

/// What was done, one line each, and what is said about it.
#[derive(Debug)]
pub(crate) struct Done {
    /// Tools "called": a name and what it was called with.
    pub(crate) calls: Vec<(&'static str, String)>,
    /// The result; `None` when it gives none.
    pub(crate) testimony: Option<Testimony>,
}

/// The act for `job`: the scenario's, or honest work. One that says no work of its own does the honest work too.
pub(crate) fn act_for(scenario: &Scenario, job: &Job) -> Result<Act, String> {
    let act = scenario.pick(job)?.cloned().unwrap_or_default();
    let idle = act.misbehave == Some(Mischief::Lie) || act.verdict == Verdict::Blocked;
    if act.works() || idle {
        return Ok(act);
    }
    Ok(honest::fill_in(act, job))
}

/// Does what `act` says and makes its result.
pub(crate) fn perform(act: &Act, job: &Job) -> Result<Done, String> {
    let mut calls = Vec::new();
    if act.misbehave != Some(Mischief::Lie) {
        write_tree(act, job, &mut calls)?;
        let output = run_commands(act, job, &mut calls)?;
        for (name, content) in &act.papers {
            let content = filled(content, job).replace("{{output}}", &output);
            write(&job.desk, name, &content)?;
            calls.push(("Write", job.desk.join(name).display().to_string()));
        }
    }
    if act.misbehave == Some(Mischief::TamperTests) {
        calls.push(("Edit", mischief::weaken_a_test(job)?));
    }
    Ok(Done { calls, testimony: testimony(act, job) })
}

fn write_tree(act: &Act, job: &Job, calls: &mut Vec<(&'static str, String)>) -> Result<(), String> {
    if act.files.is_empty() && act.append.is_empty() && act.insert.is_empty() {
        return Ok(());
    }
    let tree = job.worktree()?;
    for (name, content) in &act.files {
        let name = filled(name, job);
        write(tree, &name, &filled(content, job))?;
        calls.push(("Write", tree.join(name).display().to_string()));
    }
    for (name, more) in &act.append {
        let (name, more) = (filled(name, job), filled(more, job));
        let before = std::fs::read_to_string(tree.join(&name)).unwrap_or_default();
        if !before.contains(&more) {
            write(tree, &name, &(before + &more))?;
        }
        calls.push(("Edit", tree.join(name).display().to_string()));
    }
    for (name, (known, new)) in &act.insert {
        let name = filled(name, job);
        let path = tree.join(&name);
        let before = std::fs::read_to_string(&path)
            .map_err(|error| format!("failed to read {}: {error}", path.display()))?;
        let after = inserted(&before, &filled(known, job), &filled(new, job))
            .ok_or_else(|| format!("{} has no line {known:?}", path.display()))?;
        write(tree, &name, &after)?;
        calls.push(("Edit", path.display().to_string()));
    }
    Ok(())
}

/// `text` with the line `new` after its line `known`; as it is when it has `new` already, `None` when it has no `known`.
fn inserted(text: &str, known: &str, new: &str) -> Option<String> {
    if text.lines().any(|line| line == new) {
        return Some(text.to_owned());
    }
    let mut lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| *line == known)?;
    lines.insert(at + 1, new);
    Some(lines.join("\n") + "\n")
}

fn run_commands(
    act: &Act,
    job: &Job,
    calls: &mut Vec<(&'static str, String)>,
) -> Result<String, String> {
    let mut output = String::new();
    for argv in &act.run {
        let words: Vec<String> = argv.iter().map(|word| filled(word, job)).collect();
        let Some((program, args)) = words.split_first() else { continue };
        let dir = job.worktree.as_deref().unwrap_or(&job.desk);
        let ran = Command::new(program)
            .args(args)
            .current_dir(dir)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("failed to run {program}: {error}"))?;
        output += &format!(
            "$ {}\n{}{}[{}]\n",
            words.join(" "),
            String::from_utf8_lossy(&ran.stdout),
            String::from_utf8_lossy(&ran.stderr),
            ran.status
        );
        calls.push(("Bash", words.join(" ")));
    }
    if let Some(name) = &act.capture {
        write(&job.desk, name, &output)?;
    }
    Ok(output)
}

fn testimony(act: &Act, job: &Job) -> Option<Testimony> {
    let order = match act.misbehave {
        Some(Mischief::NoResult) => return None,
        Some(Mischief::WrongOrder) => format!("not-{}", job.order),
        _ => job.order.clone(),
    };
    let why = match act.why.as_str() {
        "" => format!("{LABEL}: {} of {}", job.stage, job.order),
        why => format!("{LABEL}: {}", filled(why, job)),
    };
    Some(Testimony {
        order,
        generation: job.generation,
        nonce: job.nonce.clone(),
        verdict: act.verdict,
        why,
        artifacts: act.artifacts.clone(),
        denied: act.denied.clone(),
    })
}

/// `{{id}}`, `{{title}}` and `{{stage}}` in a scenario's text.
pub(crate) fn filled(text: &str, job: &Job) -> String {
    text.replace("{{id}}", &job.order)
        .replace("{{title}}", &job.title)
        .replace("{{stage}}", &job.stage)
}

/// Writes a file below `folder`, with the folders above it.
pub(crate) fn write(folder: &Path, name: &str, content: &str) -> Result<(), String> {
    let path = folder.join(name);
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(&path, content))
        .map_err(|error| format!("failed to write {}: {error}", path.display()))
}

/// Notes one simulated model call, in one write, so that several processes may share the file.
pub(crate) fn count_call(calls: Option<&Path>, job: &Job) -> Result<(), String> {
    let Some(path) = calls else { return Ok(()) };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let line = format!("{} {} {}\n", now.unwrap_or_default().as_millis(), job.stage, job.order);
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(line.as_bytes()))
        .map_err(|error| format!("failed to write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_put_after_the_known_one_and_only_once() {
        let once = inserted("a\nb\n", "a", "new").unwrap();
        assert_eq!(once, "a\nnew\nb\n");
        assert_eq!(inserted(&once, "a", "new").unwrap(), once);
        assert_eq!(inserted("a\n", "c", "new"), None);
    }
}
