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

use super::{Place, SECTIONS, Section, is_guess, places, scanner_of};

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
        let text = line.trim();
        if text.starts_with("-----BEGIN")
            && text.contains("PRIVATE KEY")
            && !text.contains("-----END")
        {
            self.key.store(KEY_LINES, Ordering::Relaxed);
            return Cow::Borrowed(KEY);
        }
        // Lines of several streams may come in turns: what looks like no part of a key is not one, and a key that ends may
        // not be the one that began last.
        let left = self.key.load(Ordering::Relaxed);
        self.key.store(left.saturating_sub(1), Ordering::Relaxed);
        if left > 0 && (text.starts_with("-----END") || is_of_a_key(text)) {
            return Cow::Borrowed(KEY);
        }
        hidden(line)
    }
}

/// True for a line that may stand in the midst of a private key.
fn is_of_a_key(line: &str) -> bool {
    let long = line.len() >= 16 || line.ends_with('=');
    long && line.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
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
    let meant = hits.filter(|hit| may_be_meant(text, hit.start(), hit.end()));
    let rules: BTreeSet<usize> = meant.map(|hit| all.rule_of[hit.pattern().as_usize()]).collect();
    let rules = rules.into_iter().map(|at| &all.rules[at]);
    let found = rules.filter(|rule| guess || !is_guess(rule.section.id)).filter_map(Rule::ready);
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

/// Words that stand beside a secret. Every other word as short as these is a part of one.
const BESIDE: [&str; 2] = ["api", "key"];

/// A secret with a word of its own in it is no shorter.
const SHORTEST: usize = 12;

/// False for a word of two or three letters in the midst of plain text: `sk` in `task`. It is a part of what it is looked
/// for, and that is long and has a digit in it.
fn may_be_meant(text: &str, from: usize, to: usize) -> bool {
    let bytes = text.as_bytes();
    let word = &text[from..to];
    if word.len() > 3 || BESIDE.iter().any(|beside| word.eq_ignore_ascii_case(beside)) {
        return true;
    }
    let blank = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`".contains(byte);
    let start = bytes[..from].iter().rposition(blank).map_or(0, |at| at + 1);
    let end = bytes[to..].iter().position(blank).map_or(bytes.len(), |at| to + at);
    end - start >= SHORTEST && bytes[start..end].iter().any(u8::is_ascii_digit)
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
    section: &'static Section,
    scanner: OnceLock<Option<Scanner>>,
}

impl Rule {
    /// Ready to match. `None` for one that can't be made ready; a test sees to it that there is none.
    fn ready(&self) -> Option<&Scanner> {
        let make = || scanner_of(&[self.section]).ok();
        self.scanner.get_or_init(make).as_ref()
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
    let (mut rules, mut keywords, mut rule_of) = (Vec::new(), Vec::new(), Vec::new());
    // Rules without a word go by the name of a file.
    for section in SECTIONS.iter().filter(|section| !section.keywords.is_empty()) {
        keywords.extend(section.keywords.iter().copied());
        rule_of.resize(keywords.len(), rules.len());
        rules.push(Rule { section, scanner: OnceLock::new() });
    }
    let keywords = AhoCorasickBuilder::new().ascii_case_insensitive(true).build(&keywords).ok()?;
    Some(All { keywords, rule_of, rules })
});

/// Makes all rules ready and has each look once: what they take is taken then, and counts for no text. How many there are.
#[cfg(any(test, fuzzing))]
pub(crate) fn make_all_ready() -> usize {
    let rules = ALL.iter().flat_map(|all| &all.rules);
    let ready = rules.filter_map(Rule::ready);
    ready.inspect(|scanner| drop(places(scanner, "", b"a = \"b\""))).count()
}

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
        assert_eq!(make_all_ready(), all.rules.len());
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
        // Two streams, line by line.
        let both = all.lines().flat_map(|line| [line, line]).chain(["after"]);
        let shown: Vec<String> = both.map(|line| lines.next(line).into_owned()).collect();
        assert!(shown[..10].iter().all(|line| line == KEY) && shown[10] == "after", "{shown:?}");
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
