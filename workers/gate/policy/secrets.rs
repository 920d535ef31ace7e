//! Secrets among the lines an order added: keys, tokens, passwords. Pure; the rules are those of gitleaks, kept by others.
//!
//! The crate `secrets_scanner` carries them as TOML and matches them. We hand it only the rules whose keywords occur,
//! since making all of them ready takes seconds. What is found never leaves this file: at most its first characters do.

use std::sync::LazyLock;

use secrets_scanner::rules::BUNDLED_RULES;
use secrets_scanner::{ScanConfig, Scanner};
use toml::{Table, Value};

use super::content::lines;
use crate::error::{Error, Kind, Result};

/// A changed file as far as secrets may stand in it.
#[derive(Debug)]
pub(super) struct Text {
    /// Relative to the repository.
    pub(super) path: String,
    /// What it holds now.
    pub(super) content: Vec<u8>,
    /// For each line: is it new?
    pub(super) new: Vec<bool>,
    /// No rule may guess: a file full of random-looking text that nobody writes by hand (binary, lock file).
    pub(super) no_guessing: bool,
}

/// A place that holds a secret, and as much of it as may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Secret {
    /// The file.
    pub(super) path: String,
    /// The line, from 1.
    pub(super) line: usize,
    /// The name of the rule.
    pub(super) rule: String,
    /// Its first characters: four at most, and never more than a quarter of it.
    pub(super) begins: String,
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

/// The secrets on new lines, one for each line at most.
pub(super) fn find(texts: &[Text]) -> Result<Vec<Secret>> {
    let texts: Vec<(&Text, Vec<u8>)> = texts
        .iter()
        .filter(|text| text.new.contains(&true))
        .map(|text| (text, focused(text)))
        .collect();
    let all: Vec<u8> = texts.iter().flat_map(|(_, bytes)| [bytes, &b"\n"[..]].concat()).collect();
    let rules = rules_for(&String::from_utf8_lossy(&all).to_lowercase())?;
    let scanner = Scanner::from_toml(&rules).map_err(|error| unfit(&error))?;
    // No marker in a file lets a secret through, and nothing but places is taken from what is found.
    let scanner = scanner.with_config(ScanConfig::proxy());
    Ok(texts.iter().flat_map(|(text, bytes)| in_one(&scanner, text, bytes)).collect())
}

fn in_one(scanner: &Scanner, text: &Text, bytes: &[u8]) -> Vec<Secret> {
    let mut secrets: Vec<Secret> = Vec::new();
    for finding in scanner.scan_bytes(&text.path, bytes) {
        let (from, to) = (finding.secret_start_offset, finding.secret_end_offset);
        let found = bytes.get(from..to).unwrap_or_default();
        let asked = ASKED.iter().find(|(rule, _)| *rule == finding.rule_id);
        let guess = finding.rule_id == GUESS;
        let is_new = (finding.line..=finding.end_line)
            .any(|line| text.new.get(line.saturating_sub(1)).copied().unwrap_or(true));
        if !is_new || asked.is_some_and(|(_, fits)| !fits(found)) || (guess && text.no_guessing) {
            continue;
        }
        let (path, rule) = (text.path.clone(), finding.rule_id);
        let secret = Secret { path, line: finding.line, rule, begins: begins(found) };
        match secrets.iter_mut().find(|other| other.line == secret.line) {
            Some(other) if other.rule == GUESS => *other = secret,
            Some(_) => {}
            None => secrets.push(secret),
        }
    }
    secrets.sort_by_key(|secret| secret.line);
    secrets
}

/// As much of a secret as may be shown: four characters at most, and no more than a quarter.
fn begins(found: &[u8]) -> String {
    let text = String::from_utf8_lossy(found);
    let most = (text.chars().count() / 4).min(4);
    text.chars().take(most).collect()
}

/// The content with its line numbers, in which only the new lines and the ones beside them are left: a name may stand
/// on an old line, and its value on a new one.
fn focused(text: &Text) -> Vec<u8> {
    let is_new = |at: Option<usize>| at.and_then(|at| text.new.get(at)).copied().unwrap_or(false);
    let mut kept = Vec::new();
    for (at, line) in lines(&text.content).enumerate() {
        let near = is_new(Some(at)) || is_new(at.checked_sub(1)) || is_new(Some(at + 1));
        // Not empty: rules look past white space for a value.
        kept.extend_from_slice(if near { line } else { b"#" });
        kept.push(b'\n');
    }
    kept
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

    fn text(path: &str, content: &str) -> Text {
        let content = content.as_bytes().to_vec();
        let new = vec![true; lines(&content).count()];
        Text { path: path.to_owned(), content, new, no_guessing: false }
    }

    /// What looks like a key of GitHub's, and stands nowhere in the repository.
    fn key() -> String {
        ["ghp", "_", "aB3dE5gH7jK9mN1pQ3rS", "5tU7wX9zA1cD3fG5"].concat()
    }

    #[test]
    fn every_rule_can_be_made_ready() {
        let rules = RULES.as_ref().unwrap();
        assert!(rules["rules"].as_array().unwrap().len() > 200);
        Scanner::from_toml(&toml::to_string(rules).unwrap()).unwrap();
    }

    #[test]
    fn a_secret_is_found_with_its_line_and_shown_by_four_characters() {
        let found = find(&[text("a.sh", &format!("one\nexport X={}\n", key()))]).unwrap();
        let begins = "ghp_".to_owned();
        let rule = "github-pat".to_owned();
        assert_eq!(found, [Secret { path: "a.sh".to_owned(), line: 2, rule, begins }]);
    }

    #[test]
    fn old_lines_do_not_count_and_their_names_do() {
        let mut old = text("a.sh", &format!("{}\nmore\n", key()));
        old.new[0] = false;
        assert_eq!(find(&[old]).unwrap(), []);
        let value = ["q8Zr2", "Lx0Vw7", "Tn4Yb6", "Kd1Pm9"].concat();
        let mut beside = text("a.py", &format!("x = 1\napi_token = \\\n\"{value}\"\n"));
        beside.new = vec![false, false, true, false];
        let content = String::from_utf8(focused(&beside)).unwrap();
        assert!(content.starts_with("#\napi_token"), "{content}");
    }

    #[test]
    fn no_marker_and_no_kind_of_file_hides_a_secret() {
        for path in ["a.svg", "vendor/github.com/a.go", "jquery.min.js", "Cargo.lock", "go.mod"] {
            let content = format!("{} # gitleaks:allow secrets-scanner:allow\n", key());
            assert_eq!(find(&[text(path, &content)]).unwrap().len(), 1, "{path}");
        }
    }

    #[test]
    fn guesses_want_a_digit_and_are_not_made_in_binaries_and_lock_files() {
        let value = ["q8Zr2", "Lx0Vw7", "Tn4Yb6", "Kd1Pm9"].concat();
        let line = format!("api_token = \"{value}\"\n");
        assert_eq!(find(&[text("a.py", &line)]).unwrap().len(), 1);
        let words =
            "let access_token = read_from_environment_of_process(name);\nkey, commutative \n";
        assert_eq!(find(&[text("a.rs", words)]).unwrap(), []);
        let mut lock = text("a.lock", &line);
        lock.no_guessing = true;
        assert_eq!(find(&[lock]).unwrap(), []);
    }

    #[test]
    fn a_short_secret_is_not_half_shown() {
        assert_eq!(begins(b"abcdefgh"), "ab");
        assert_eq!(begins(b"abc"), "");
        assert_eq!(begins("äöüßäöüßäöüßäöüßäöüß".as_bytes()), "äöüß");
    }
}
