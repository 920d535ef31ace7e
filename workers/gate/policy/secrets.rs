//! Secrets among the lines an order added. What is found never leaves this file: at most its first characters do.

use secrets_scanner::Scanner;

use super::content::lines;
use crate::error::Result;
use crate::secrets::{self, Place};

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

/// The secrets on new lines, one for each line at most.
pub(super) fn find(texts: &[Text]) -> Result<Vec<Secret>> {
    let texts: Vec<(&Text, Vec<u8>)> = texts
        .iter()
        .filter(|text| text.new.contains(&true))
        .map(|text| (text, focused(text)))
        .collect();
    let all: Vec<u8> = texts.iter().flat_map(|(_, bytes)| [bytes, &b"\n"[..]].concat()).collect();
    let scanner = secrets::scanner_for(&all)?;
    Ok(texts.iter().flat_map(|(text, bytes)| in_one(&scanner, text, bytes)).collect())
}

fn in_one(scanner: &Scanner, text: &Text, bytes: &[u8]) -> Vec<Secret> {
    let mut found_here: Vec<Secret> = Vec::new();
    for place in secrets::places(scanner, &text.path, bytes) {
        let found = bytes.get(place.from..place.to).unwrap_or_default();
        let guess = place.is_guess();
        let is_new = (place.line..=place.end_line)
            .any(|line| text.new.get(line.saturating_sub(1)).copied().unwrap_or(true));
        if !is_new || (guess && text.no_guessing) {
            continue;
        }
        let (path, begins) = (text.path.clone(), begins(found));
        let Place { line, rule, .. } = place;
        let secret = Secret { path, line, rule, begins };
        match found_here.iter_mut().find(|other| other.line == secret.line) {
            Some(other) if secrets::is_guess(&other.rule) => *other = secret,
            Some(_) => {}
            None => found_here.push(secret),
        }
    }
    found_here.sort_by_key(|secret| secret.line);
    found_here
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
