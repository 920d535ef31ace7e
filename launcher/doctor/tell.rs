//! What was found, told: to a tired person in a few lines each, to machines as JSON.

use anyhow::Result;
use serde_json::json;

use super::Outcome;
use super::examine::Examined;
use super::finding::{Finding, Weight};
use super::sandbox::Tried;
use crate::voice::{self, line};

/// Tells it in words.
pub(crate) fn as_text(queue: &str, outcome: &Outcome) -> Result<()> {
    let Outcome { now, mended, failed } = outcome;
    let count = |weight| now.findings.iter().filter(|finding| finding.weight == weight).count();
    let (wrong, notes) = (count(Weight::Wrong), count(Weight::Note));
    voice::result(format_args!("{queue}: {}", verdict(wrong, notes)))?;
    for finding in mended {
        voice::result(format_args!(
            "\nmended  {}\n  where  {}",
            told(&finding.what),
            finding.place
        ))?;
    }
    for why in failed {
        voice::result(format_args!("\nnot mended: {}", line(why, 400)))?;
    }
    for finding in &now.findings {
        let word = match finding.weight {
            Weight::Wrong => "WRONG ",
            Weight::Note => "note  ",
        };
        voice::result(format_args!(
            "\n{word}  {}\n  where  {}\n  do     {}",
            told(&finding.what),
            line(&finding.place, 300),
            told(&finding.mend)
        ))?;
    }
    for tried in &now.tried {
        voice::result(format_args!("\n{}", tried.told()))?;
    }
    voice::result(format_args!("\n{}", looked_at(now)))
}

/// What is wrong with the words may come from anywhere; newlines in them would break the form.
fn told(text: &str) -> String {
    line(text, 500)
}

fn verdict(wrong: usize, notes: usize) -> String {
    let things = |n: usize| if n == 1 { "1 thing".to_owned() } else { format!("{n} things") };
    let is = |n: usize| if n == 1 { "is" } else { "are" };
    match (wrong, notes) {
        (0, 0) => "nothing is wrong.".to_owned(),
        (0, n) => format!("nothing is wrong; {} {} worth knowing.", things(n), is(n)),
        (n, 0) => format!("{} {} wrong.", things(n), is(n)),
        (n, m) => {
            format!("{} {} wrong, {} {} worth knowing.", things(n), is(n), things(m), is(m))
        }
    }
}

fn looked_at(now: &Examined) -> String {
    let mut text = format!("Looked at {} orders, {} live workers", now.orders, now.workers);
    for tool in &now.tools {
        let version = tool.version.as_deref().unwrap_or("version not asked");
        text.push_str(&format!(";\n  {}: {version} ({})", tool.name, tool.path.display()));
    }
    text + "."
}

/// Tells it to machines.
pub(crate) fn as_json(queue: &str, outcome: &Outcome) -> Result<()> {
    let Outcome { now, mended, failed } = outcome;
    let all = |findings: &[Finding]| findings.iter().map(Finding::as_json).collect::<Vec<_>>();
    let tools = now
        .tools
        .iter()
        .map(|tool| json!({ "name": tool.name, "path": tool.path, "version": tool.version }));
    voice::json(&json!({
        "queue": queue,
        "healthy": !now.any_wrong(),
        "findings": all(&now.findings),
        "mended": all(mended),
        "not_mended": failed,
        "orders": now.orders,
        "workers": now.workers,
        "sandboxes": now.tried.iter().map(Tried::as_json).collect::<Vec<_>>(),
        "tools": tools.collect::<Vec<_>>(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_is_a_sentence() {
        assert_eq!(verdict(0, 0), "nothing is wrong.");
        assert_eq!(verdict(0, 1), "nothing is wrong; 1 thing is worth knowing.");
        assert_eq!(verdict(2, 0), "2 things are wrong.");
        assert_eq!(verdict(1, 2), "1 thing is wrong, 2 things are worth knowing.");
    }
}
