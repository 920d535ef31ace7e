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

#[cfg(any(test, fuzzing))]
pub(crate) use hide::make_all_ready;
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

/// One rule as it stands in the crate's text. The text is cut into its rules by their headings: reading all of it as TOML
/// takes longer than most programs of ours run.
#[derive(Debug)]
struct Section {
    id: &'static str,
    keywords: Vec<&'static str>,
    text: &'static str,
}

/// What begins a rule.
const HEADING: &str = "\n[[rules]]\n";

static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(|| {
    let sections = BUNDLED_RULES.split(HEADING).skip(1).filter_map(|text| {
        let line =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
        let id = line("id")?.trim_matches('"');
        let keywords = line("keywords").unwrap_or_default();
        // Words in quotes, of which none has a quote in it.
        let keywords = keywords.split('"').skip(1).step_by(2).collect();
        (!id.starts_with(LEFT_OUT)).then_some(Section { id, keywords, text })
    });
    sections.collect()
});

/// What holds for all rules: the text before the first one.
static SHARED: LazyLock<Result<Table, String>> = LazyLock::new(|| {
    let text = BUNDLED_RULES.split(HEADING).next().unwrap_or_default();
    let mut table: Table = text.parse().map_err(|error| format!("{error}"))?;
    // Its list of files that nobody need look into would be a list of places to hide in.
    if let Some(Value::Table(allowed)) = table.get_mut("allowlist") {
        allowed.remove("paths");
    }
    Ok(table)
});

/// A scanner that goes by these rules.
fn scanner_of(sections: &[&Section]) -> Result<Scanner> {
    let mut table = SHARED.as_ref().map_err(|error| unfit(error))?.clone();
    let mut rules = Vec::new();
    for section in sections {
        let text = format!("{HEADING}{}", section.text);
        let mut read: Table = text.parse().map_err(|error| unfit(&error))?;
        let Some(Value::Array(read)) = read.remove("rules") else { continue };
        rules.extend(read);
    }
    rules.iter_mut().filter_map(Value::as_table_mut).for_each(as_upstream);
    table.insert("rules".to_owned(), Value::Array(rules));
    let text = toml::to_string(&table).map_err(|error| unfit(&error))?;
    let scanner = Scanner::from_toml(&text).map_err(|error| unfit(&error))?;
    // No marker in a file lets a secret through, and nothing but places is taken from what is found.
    Ok(scanner.with_config(ScanConfig::proxy()))
}

/// Makes a rule mean to the crate what it means to gitleaks.
fn as_upstream(rule: &mut Table) {
    // Unless said otherwise the secret is the first group; the crate would take all that matched, and measure the
    // randomness of a name along with that of its value.
    if rule.get("regex").and_then(Value::as_str).is_some_and(groups) {
        rule.entry("secretGroup").or_insert(Value::Integer(1));
    }
    // `\w`, `\d`, `\s` and `\b` are of ASCII there. Of all alphabets they would take seven times the memory.
    if let Some(Value::String(regex)) = rule.get_mut("regex") {
        *regex = of_ascii(regex);
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
    let text = String::from_utf8_lossy(text).to_lowercase();
    let occurs = |word: &&str| text.contains(&word.to_lowercase());
    let asked = |one: &&Section| one.keywords.is_empty() || one.keywords.iter().any(occurs);
    scanner_of(&SECTIONS.iter().filter(asked).collect::<Vec<_>>())
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

/// A regular expression whose classes are those of ASCII, as they are in Go.
fn of_ascii(expression: &str) -> String {
    let (mut out, mut inside) = (String::with_capacity(expression.len()), false);
    let mut letters = expression.chars();
    while let Some(letter) = letters.next() {
        let escaped = if letter == '\\' { letters.next() } else { None };
        match (letter, escaped) {
            ('\\', Some('w')) if inside => out.push_str("0-9A-Za-z_"),
            ('\\', Some('d')) if inside => out.push_str("0-9"),
            ('\\', Some('s')) if inside => out.push_str("\\t\\n\\f\\r "),
            ('\\', Some('w')) => out.push_str("[0-9A-Za-z_]"),
            ('\\', Some('d')) => out.push_str("[0-9]"),
            ('\\', Some('s')) => out.push_str("[\\t\\n\\f\\r ]"),
            ('\\', Some('b')) if !inside => out.push_str("(?-u:\\b)"),
            _ => {
                inside = match letter {
                    '[' => true,
                    ']' => false,
                    _ => inside,
                };
                out.push(letter);
                out.extend(escaped);
            }
        }
    }
    out
}

fn unfit(error: &dyn std::fmt::Display) -> Error {
    Error::new(Kind::Failed, format!("failed to make the rules for secrets ready: {error}"))
        .hint("this is a mistake of shopfloor's: report it with this message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_a_rule_are_those_of_ascii() {
        assert_eq!(of_ascii(r"\b(a[\w-]{3})\s\."), r"(?-u:\b)(a[0-9A-Za-z_-]{3})[\t\n\f\r ]\.");
        assert_eq!(of_ascii(r"[\[\d]\d\\w"), r"[\[0-9][0-9]\\w");
        assert_eq!(of_ascii(r"[^\s'`]\S+"), r"[^\t\n\f\r '`]\S+");
    }

    #[test]
    fn every_rule_can_be_made_ready_and_none_is_lost_where_the_text_is_cut() {
        let whole: Table = BUNDLED_RULES.parse().unwrap();
        let word = |rule: &Value| rule["id"].as_str().unwrap().to_owned();
        let words = |rule: &Value| -> Vec<String> {
            let words = rule.get("keywords").and_then(Value::as_array).into_iter().flatten();
            words.map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        let rules = whole["rules"].as_array().unwrap().iter();
        let known: Vec<_> = rules.map(|rule| (word(rule), words(rule))).collect();
        let known: Vec<_> = known.into_iter().filter(|(id, _)| !id.starts_with(LEFT_OUT)).collect();
        let cut: Vec<_> = SECTIONS
            .iter()
            .map(|one| {
                (one.id.to_owned(), one.keywords.iter().map(|&word| word.to_owned()).collect())
            })
            .collect();
        assert!(known.len() > 200);
        assert_eq!(cut, known);
        scanner_of(&SECTIONS.iter().collect::<Vec<_>>()).unwrap();
    }
}
