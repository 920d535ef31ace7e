//! Secrets in texts: keys, tokens, passwords. Where they stand, and texts without them. Pure; the rules are those of
//! gitleaks, kept by others.
//!
//! The crate `secrets_scanner` carries them as TOML and matches them. It is handed only the rules whose keywords occur,
//! since making all of them ready takes seconds.

mod hide;

use std::sync::LazyLock;

use secrets_scanner::rules::BUNDLED_RULES;
use secrets_scanner::{ScanConfig, Scanner};
use toml::{Table, Value};

use crate::error::{Error, Kind, Result};

pub use hide::{Lines, forms_hidden, forms_hidden_in, hidden, hide_in};

/// Where a secret stands in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The name of the rule that found it.
    pub(crate) rule: String,
    /// Its first line, from 1.
    pub(crate) line: usize,
    /// Its last line.
    pub(crate) end_line: usize,
    /// Its first byte.
    pub(crate) from: usize,
    /// The byte after its last one.
    pub(crate) to: usize,
}

impl Place {
    /// True when a rule guessed.
    pub(crate) fn is_guess(&self) -> bool {
        is_guess(&self.rule)
    }
}

/// True for the rule that goes by names and looks, and not by a form that somebody gave to their keys.
pub(crate) fn is_guess(rule: &str) -> bool {
    rule == GUESS
}

/// The rules of this other tool came over without the filters that belong to them: `passwd_entry(line,` is a password
/// to them. They are left out.
const LEFT_OUT: &str = "kingfisher.";

/// A rule that guesses by the names and looks of things, and not by a form that somebody gave to their keys.
const GUESS: &str = "generic-api-key";

/// What a match must have besides its rule's form.
type Asked = fn(&[u8]) -> bool;

/// What a match must have besides, by rule. The first is what gitleaks itself asks for, in its program and not in its
/// rules; the second would take every commit id for a token in a file that names the company.
const ASKED: [(&str, Asked); 2] = [
    (GUESS, |found| found.iter().any(u8::is_ascii_digit)),
    ("sourcegraph-access-token", |found| found.windows(4).any(|part| part == b"sgp_")),
];

static RULES: LazyLock<Result<Table, String>> = LazyLock::new(|| {
    let mut table: Table = BUNDLED_RULES.parse().map_err(|error| format!("{error}"))?;
    // Its list of files that nobody need look into would be a list of places to hide in.
    if let Some(Value::Table(allowed)) = table.get_mut("allowlist") {
        allowed.remove("paths");
    }
    let rules = table.get_mut("rules").and_then(Value::as_array_mut);
    let rules = rules.ok_or_else(|| "there are no rules in it".to_owned())?;
    rules.retain(|rule| !word(rule, "id").starts_with(LEFT_OUT));
    rules.iter_mut().filter_map(Value::as_table_mut).for_each(as_upstream);
    Ok(table)
});

/// Makes a rule mean to the crate what it means to gitleaks.
fn as_upstream(rule: &mut Table) {
    // Unless said otherwise the secret is the first group; the crate would take all that matched, and measure the
    // randomness of a name along with that of its value.
    if rule.get("regex").and_then(Value::as_str).is_some_and(groups) {
        rule.entry("secretGroup").or_insert(Value::Integer(1));
    }
    // Stop words are looked for in the secret; the crate would look for them in the name before it too, where it finds
    // `token`. On their own they have the secret for their target.
    let Some(Value::Array(exceptions)) = rule.get_mut("allowlists") else { return };
    let mut apart = Vec::new();
    for exception in exceptions.iter_mut().filter_map(Value::as_table_mut) {
        let any = exception.get("condition").and_then(Value::as_str) != Some("AND");
        if any && let Some(words) = exception.remove("stopwords") {
            apart.push(Value::Table(Table::from_iter([("stopwords".to_owned(), words)])));
        }
    }
    exceptions.extend(apart);
}

/// What finds the secrets of `text`, and of no text with other keywords.
pub(crate) fn scanner_for(text: &[u8]) -> Result<Scanner> {
    ready(&rules_for(&String::from_utf8_lossy(text).to_lowercase())?)
}

/// Makes rules ready, as TOML.
fn ready(rules: &str) -> Result<Scanner> {
    let scanner = Scanner::from_toml(rules).map_err(|error| unfit(&error))?;
    // No marker in a file lets a secret through, and nothing but places is taken from what is found.
    Ok(scanner.with_config(ScanConfig::proxy()))
}

/// The secrets in `bytes`. The rules of some kinds of file go by `path`.
pub(crate) fn places(scanner: &Scanner, path: &str, bytes: &[u8]) -> Vec<Place> {
    let found = scanner.scan_bytes(path, bytes).into_iter().filter(|finding| {
        let (from, to) = (finding.secret_start_offset, finding.secret_end_offset);
        let asked = ASKED.iter().find(|(rule, _)| *rule == finding.rule_id);
        asked.is_none_or(|(_, fits)| fits(bytes.get(from..to).unwrap_or_default()))
    });
    let places = found.map(|finding| Place {
        line: finding.line,
        end_line: finding.end_line,
        from: finding.secret_start_offset,
        to: finding.secret_end_offset,
        rule: finding.rule_id,
    });
    places.collect()
}

/// The rules of which a keyword occurs in `text` (in small letters), and those without one.
fn rules_for(text: &str) -> Result<String> {
    let mut table = RULES.as_ref().map_err(|error| unfit(error))?.clone();
    if let Some(rules) = table.get_mut("rules").and_then(Value::as_array_mut) {
        rules.retain(|rule| {
            let keywords = rule.get("keywords").and_then(Value::as_array);
            let mut keywords = keywords.into_iter().flatten().filter_map(Value::as_str).peekable();
            keywords.peek().is_none() || keywords.any(|word| text.contains(&word.to_lowercase()))
        });
    }
    toml::to_string(&table).map_err(|error| unfit(&error))
}

fn word<'a>(rule: &'a Value, key: &str) -> &'a str {
    rule.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// True when a regular expression has a group that captures. `[(]` would count as one too; the crate then refuses the
/// rule, and a test makes all rules ready.
fn groups(expression: &str) -> bool {
    let mut letters = expression.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '(' if letters.peek() != Some(&'?') => return true,
            _ => {}
        }
    }
    false
}

fn unfit(error: &dyn std::fmt::Display) -> Error {
    Error::new(Kind::Failed, format!("failed to make the rules for secrets ready: {error}"))
        .hint("this is a mistake of shopfloor's: report it with this message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_can_be_made_ready() {
        let rules = RULES.as_ref().unwrap();
        assert!(rules["rules"].as_array().unwrap().len() > 200);
        Scanner::from_toml(&toml::to_string(rules).unwrap()).unwrap();
    }
}
