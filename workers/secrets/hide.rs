//! Texts without the secrets in them, for everything that is kept or shown: logs, events, journals, streams, papers.
//!
//! Each rule is made ready by itself the first time one of its keywords occurs, and kept: a log line must cost next to
//! nothing. What is not found is not hidden; a key without a form, in a sentence without a word for it, is just text.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use secrets_scanner::Scanner;
use serde_json::Value as Json;
use toml::{Table, Value};

use super::{Place, RULES, is_guess, places, ready, word};

/// How often a text is looked through: one look tells no more than so many findings.
const LOOKS: usize = 20;

/// The most lines of a private key.
const KEY_LINES: u32 = 120;

/// What stands in the place of a private key.
const KEY: &str = "[hidden: private-key]";

/// A text without the secrets that any rule finds, guesses too.
pub fn hidden(text: &str) -> Cow<'_, str> {
    in_text(text, true)
}

/// A text without secrets of a known form. For texts that somebody goes on with: a guess may hide what is none.
pub fn forms_hidden(text: &str) -> Cow<'_, str> {
    in_text(text, false)
}

/// The same of a file. What is no text stays as it is.
pub fn forms_hidden_in(bytes: Vec<u8>) -> Vec<u8> {
    match str::from_utf8(&bytes).map(forms_hidden) {
        Ok(Cow::Owned(clean)) => clean.into_bytes(),
        Ok(Cow::Borrowed(_)) | Err(_) => bytes,
    }
}

/// Hides the secrets in all texts of a JSON value. True when there were any.
pub fn hide_in(value: &mut Json) -> bool {
    match value {
        Json::String(text) => match hidden(text) {
            Cow::Borrowed(_) => false,
            Cow::Owned(clean) => {
                *text = clean;
                true
            }
        },
        Json::Array(all) => all.iter_mut().fold(false, |any, value| hide_in(value) | any),
        Json::Object(all) => all.iter_mut().fold(false, |any, (_, value)| hide_in(value) | any),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// A stream of lines: a private key has many of them, and its middle has no mark.
#[derive(Debug, Default)]
pub struct Lines {
    /// So many lines more may belong to a key that has begun.
    key: AtomicU32,
}

impl Lines {
    /// The next line without the secrets in it, guesses too.
    pub fn next<'l>(&self, line: &'l str) -> Cow<'l, str> {
        let left = self.key.load(Ordering::Relaxed);
        if left > 0 {
            let more = if line.contains("-----END") { 0 } else { left - 1 };
            self.key.store(more, Ordering::Relaxed);
            return Cow::Borrowed(KEY);
        }
        let begins = line.trim_start().starts_with("-----BEGIN") && line.contains("PRIVATE KEY");
        if begins && !line.contains("-----END") {
            self.key.store(KEY_LINES, Ordering::Relaxed);
            return Cow::Borrowed(KEY);
        }
        hidden(line)
    }
}

fn in_text(text: &str, guess: bool) -> Cow<'_, str> {
    let mut clean = Cow::Borrowed(text);
    for _ in 0..LOOKS {
        let found = find(&clean, guess);
        if found.is_empty() {
            break;
        }
        clean = Cow::Owned(without(&clean, found));
    }
    clean
}

/// The text with each place replaced by the name of its rule.
fn without(text: &str, mut found: Vec<Place>) -> String {
    // Where two overlap, the one that begins first and is longest stands for both.
    found.sort_by_key(|place| (place.from, usize::MAX - place.to));
    let mut clean = String::with_capacity(text.len());
    let mut at = 0;
    for place in found {
        let from = (0..=place.from).rev().find(|&from| text.is_char_boundary(from)).unwrap_or(0);
        let to = (place.to..text.len()).find(|&to| text.is_char_boundary(to));
        let to = to.unwrap_or(text.len());
        if from >= at {
            clean.push_str(&text[at..from]);
            clean.push_str(&format!("[hidden: {}]", place.rule));
        }
        at = at.max(to);
    }
    clean.push_str(&text[at..]);
    clean
}

fn find(text: &str, guess: bool) -> Vec<Place> {
    let Some(all) = &*ALL else { return Vec::new() };
    let hits = all.keywords.find_overlapping_iter(text);
    let rules: BTreeSet<usize> = hits.map(|hit| all.rule_of[hit.pattern().as_usize()]).collect();
    let rules = rules.into_iter().map(|at| &all.rules[at]);
    let found = rules.filter(|rule| guess || !rule.guess).filter_map(Rule::ready);
    let mut found: Vec<Place> =
        found.flat_map(|scanner| places(scanner, "", text.as_bytes())).collect();
    found.extend(cut_key(text));
    // What was hidden already is not hidden again.
    found.retain(|place| {
        let secret = text.get(place.from..place.to).unwrap_or_default();
        place.from < place.to && !secret.contains("[hidden:") && !secret.starts_with("hidden:")
    });
    found
}

/// A private key whose end was cut off, as it is where only so much of a text is shown.
fn cut_key(text: &str) -> Option<Place> {
    let begin = text.find("-----BEGIN")?;
    let head = &text[begin..];
    let label = head.find("PRIVATE KEY")?;
    let from = begin + label + head[label..].find("-----")? + 5;
    let body = text[from..]
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || b"+/=\\ \r\n\t".contains(b));
    let length = body.count();
    let rule = "private-key".to_owned();
    (length >= 40).then(|| Place { rule, line: 1, end_line: 1, from, to: from + length })
}

/// One rule.
struct Rule {
    guess: bool,
    toml: String,
    scanner: OnceLock<Option<Scanner>>,
}

impl Rule {
    /// Ready to match. `None` for one that can't be made ready; a test sees to it that there is none.
    fn ready(&self) -> Option<&Scanner> {
        self.scanner.get_or_init(|| ready(&self.toml).ok()).as_ref()
    }
}

/// All rules that look into texts, and who is asked at which word.
struct All {
    keywords: AhoCorasick,
    /// The rule of each keyword.
    rule_of: Vec<usize>,
    rules: Vec<Rule>,
}

static ALL: LazyLock<Option<All>> = LazyLock::new(|| {
    let table = RULES.as_ref().ok()?;
    let (mut rules, mut keywords, mut rule_of) = (Vec::new(), Vec::new(), Vec::new());
    for rule in table.get("rules")?.as_array()? {
        let words = rule.get("keywords").and_then(Value::as_array);
        let words = words.into_iter().flatten().filter_map(Value::as_str);
        let before = keywords.len();
        keywords.extend(words.map(str::to_owned));
        rule_of.resize(keywords.len(), rules.len());
        if keywords.len() == before {
            // Rules without a word go by the name of a file.
            continue;
        }
        let mut alone: Table = table.clone();
        alone.insert("rules".to_owned(), Value::Array(vec![rule.clone()]));
        let guess = is_guess(word(rule, "id"));
        let toml = toml::to_string(&alone).ok()?;
        rules.push(Rule { guess, toml, scanner: OnceLock::new() });
    }
    let keywords = AhoCorasickBuilder::new().ascii_case_insensitive(true).build(&keywords).ok()?;
    Some(All { keywords, rule_of, rules })
});

#[cfg(test)]
mod tests {
    use super::*;

    /// What looks like a key of GitHub's, and stands nowhere in the repository.
    fn key() -> String {
        ["ghp", "_", "aB3dE5gH7jK9mN1pQ3rS", "5tU7wX9zA1cD3fG5"].concat()
    }

    fn guessed() -> String {
        ["q8Zr2", "Lx0Vw7", "Tn4Yb6", "Kd1Pm9"].concat()
    }

    #[test]
    fn every_rule_can_be_made_ready_by_itself() {
        let all = ALL.as_ref().unwrap();
        assert!(all.rules.len() > 200);
        assert_eq!(
            all.rule_of.len(),
            all.rule_of.iter().filter(|&&at| at < all.rules.len()).count()
        );
        // One in ten here; all of them together are made ready beside the rules.
        assert!(all.rules.iter().step_by(10).all(|rule| rule.ready().is_some()));
    }

    #[test]
    fn a_key_is_hidden_and_the_text_around_it_stays() {
        let text = format!("äö pushed with {} to main", key());
        assert_eq!(hidden(&text), "äö pushed with [hidden: github-pat] to main");
        let twice = format!("{0} and {0}", key());
        assert_eq!(forms_hidden(&twice), "[hidden: github-pat] and [hidden: github-pat]");
        let plain = "the key of the story is that access to the API was denied";
        assert!(matches!(hidden(plain), Cow::Borrowed(same) if same == plain));
    }

    #[test]
    fn a_guess_is_hidden_where_it_is_shown_only_and_stays_where_it_is_worked_with() {
        let text = format!("api_token = \"{}\"", guessed());
        assert_eq!(hidden(&text), "api_token = \"[hidden: generic-api-key]\"");
        assert_eq!(forms_hidden(&text), text);
    }

    #[test]
    fn more_than_one_look_tells_are_all_hidden() {
        let text: String = (0..3000).map(|_| format!("{}\n", key())).collect();
        assert!(!hidden(&text).contains("ghp_"));
    }

    #[test]
    fn a_private_key_is_hidden_whole_in_lines_in_one_text_and_cut_off() {
        let body = ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj"; 3];
        let (begin, end) =
            (["-----BEGIN ", "PRIVATE KEY-----"].concat(), "-----END PRIVATE KEY-----");
        let all = format!("{begin}\n{}\n{end}", body.join("\n"));
        assert!(!hidden(&all).contains("MIIE"), "{}", hidden(&all));
        let cut = format!("it prints {begin} {} and", body[0]);
        assert!(!hidden(&cut).contains("MIIE"), "{}", hidden(&cut));
        let lines = Lines::default();
        let shown: Vec<String> =
            all.lines().chain(["after"]).map(|line| lines.next(line).into_owned()).collect();
        assert_eq!(shown, [KEY, KEY, KEY, KEY, KEY, "after"]);
        let told = format!("a file with {begin} in it is refused");
        assert_eq!(lines.next(&told), told, "a word about keys is no key");
    }

    #[test]
    fn every_text_of_a_json_value_is_gone_through() {
        let mut value = serde_json::json!({"a": [1, {"b": key()}], "c": "plain"});
        assert!(hide_in(&mut value));
        assert_eq!(
            value,
            serde_json::json!({"a": [1, {"b": "[hidden: github-pat]"}], "c": "plain"})
        );
        assert!(!hide_in(&mut value));
    }
}
