//! Needs in the prose of an issue: `depends on #3`, `blocked by #4 and #5`, `requires ITEM-7`, `after: auth`.

use std::ops::Range;

use super::spans::prose;

/// A need that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phrase {
    /// What it names: `#3`, `owner/repo#3`, or a word.
    pub(super) name: String,
    /// Where the name stands.
    pub(super) range: Range<usize>,
    /// False for a word that may be plain English.
    pub(super) firm: bool,
}

const KEYWORDS: [&str; 7] =
    ["depends upon", "depends on", "depend on", "depends-on", "blocked by", "requires", "after:"];

/// Every need in a text. Code, quotations, comments and crossed-out words say nothing; neither does `not blocked by #3`.
pub(super) fn needs(text: &str) -> Vec<Phrase> {
    let plain = prose(text);
    let lower = plain.to_ascii_lowercase();
    let mut found: Vec<Phrase> = Vec::new();
    let mut at = 0;
    for (start, end) in keywords(&lower) {
        // Within what was read already, or taken back.
        if start < at || denied(&lower[..start]) {
            continue;
        }
        let (from, colon) = after_signs(&lower, end);
        let colon = colon || lower[..end].ends_with(':');
        at = references(&plain, from, colon, &mut found);
    }
    found
}

/// Where each keyword stands, in order.
fn keywords(lower: &str) -> Vec<(usize, usize)> {
    let begins_word =
        |at: usize| !lower[..at].ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
    let hits = KEYWORDS.iter().flat_map(|word| {
        let hits = lower.match_indices(word).filter(|(at, _)| begins_word(*at));
        hits.map(|(at, word)| (at, at + word.len()))
    });
    let mut hits: Vec<(usize, usize)> = hits.collect();
    hits.sort_unstable();
    hits
}

/// True when the words before take back what follows.
fn denied(before: &str) -> bool {
    let near = before.char_indices().rev().nth(40).map_or(before, |(at, _)| &before[at..]);
    let line = near.rsplit(['\n', '.', ';']).next().unwrap_or_default().trim_end();
    let verb = ["is", "are", "be", "was"].iter().find_map(|word| line.strip_suffix(word));
    let line = verb.unwrap_or(line).trim_end();
    ["not", "n't", "never", "no longer", "without being"].iter().any(|word| line.ends_with(word))
}

/// The place after signs and blanks, and whether a colon was among them.
fn after_signs(text: &str, at: usize) -> (usize, bool) {
    let rest = &text[at..];
    let after = rest.trim_start_matches(['*', '_', ':', ' ', '\t']);
    let signs = &rest[..rest.len() - after.len()];
    (text.len() - after.len(), signs.contains(':'))
}

/// Reads references from `at` on, and returns the place after the last of them.
fn references(plain: &str, at: usize, colon: bool, found: &mut Vec<Phrase>) -> usize {
    let mut at = at;
    let mut first = true;
    loop {
        let from = skip_to_bullet(plain, at, colon);
        let Some((name, end, sure)) = reference(plain, from) else { return at };
        let stands_alone = plain[end..].starts_with(['\n', '\r', ',', ';'])
            || plain[end..].trim_start_matches([' ', '.']).is_empty()
            || plain[end..].trim_start_matches([' ', '.']).starts_with(['\n', '\r']);
        // After a comma a word may begin the next thought.
        if !sure && !first && !colon {
            return at;
        }
        found.push(Phrase { name, range: from..end, firm: sure || (colon && stands_alone) });
        first = false;
        at = end;
        let rest = plain[at..].trim_start_matches([' ', '\t']);
        let more =
            [",", ";", "&", "and ", "or ", "+"].iter().find_map(|sign| rest.strip_prefix(sign));
        match more {
            Some(after) => {
                let after = after.trim_start();
                let after = after.strip_prefix("and ").unwrap_or(after).trim_start();
                at = plain.len() - after.len();
            }
            None if colon && rest.starts_with(['\n', '\r']) => {}
            None => return at,
        }
    }
}

/// After a colon the names may stand as bullets on the lines below.
fn skip_to_bullet(plain: &str, at: usize, colon: bool) -> usize {
    let rest = &plain[at..];
    let below = rest.trim_start();
    if !colon || !rest[..rest.len() - below.len()].contains('\n') {
        return at;
    }
    let Some(item) = below.strip_prefix(['-', '*', '+']) else { return at };
    let item = item.trim_start();
    let item =
        ["[ ]", "[x]", "[X]"].iter().find_map(|mark| item.strip_prefix(mark)).unwrap_or(item);
    plain.len() - item.trim_start().len()
}

/// The reference that begins at `at`: its name, its end, and whether it can be nothing else.
fn reference(plain: &str, at: usize) -> Option<(String, usize, bool)> {
    let rest = &plain[at..];
    for site in ["https://github.com/", "http://github.com/"] {
        if let Some(path) = rest.strip_prefix(site) {
            let path = path.split(|c: char| c.is_whitespace() || ")]>,;".contains(c)).next()?;
            let parts: Vec<&str> = path.split('/').collect();
            let [owner, repo, "issues" | "pull", number] = parts.as_slice() else { return None };
            let number: u64 = number.split(['#', '?']).next()?.parse().ok()?;
            return Some((format!("{owner}/{repo}#{number}"), at + site.len() + path.len(), true));
        }
    }
    let word_end =
        rest.find(|c: char| !(c.is_alphanumeric() || "-_./#@".contains(c))).unwrap_or(rest.len());
    let word = rest[..word_end].trim_end_matches(['.', '/', '-']);
    let end = at + word.len();
    if let Some((scope, number)) = word.split_once('#') {
        let number: u64 = number.parse().ok()?;
        let scoped = scope.split('/').filter(|part| !part.is_empty()).count() == 2;
        return (scope.is_empty() || scoped).then(|| (format!("{scope}#{number}"), end, true));
    }
    if let Some(number) = word
        .strip_prefix("GH-")
        .or_else(|| word.strip_prefix("gh-"))
        .and_then(|n| n.parse::<u64>().ok())
    {
        return Some((format!("#{number}"), end, true));
    }
    if !word.starts_with(|c: char| c.is_ascii_alphabetic()) || word.contains(['/', '@']) {
        return None;
    }
    let key = word.split_once('-').is_some_and(|(key, number)| {
        key.len() > 1
            && key.bytes().all(|b| b.is_ascii_uppercase())
            && number.bytes().all(|b| b.is_ascii_digit())
            && !number.is_empty()
    });
    Some((word.to_owned(), end, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let all = needs(text);
        let all =
            all.iter().map(|need| format!("{}{}", need.name, if need.firm { "" } else { "?" }));
        all.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn needs_are_found_in_prose() {
        for (text, wanted) in [
            ("Depends on #3.", "#3"),
            ("This is **blocked by** #4, #5 and #6; see #7", "#4 #5 #6"),
            ("depends on: #3", "#3"),
            ("**Depends on:** #3\n**Blocked by:** #4", "#3 #4"),
            ("Depends on:\n- #3\n- [ ] #4\n\nAnd #5", "#3 #4"),
            (
                "depends on me/tool#3 and https://github.com/me/tool/issues/8)",
                "me/tool#3 me/tool#8",
            ),
            ("requires ITEM-7", "ITEM-7"),
            ("after: auth-login", "auth-login"),
            ("After: auth, db", "auth db"),
            ("requires care, and patience", "care?"),
            ("It requires GH-12", "#12"),
            ("depends on the weather", "the?"),
        ] {
            assert_eq!(told(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_need_is_none() {
        for text in [
            "",
            "#3",
            "`depends on #3`",
            "```\ndepends on #3\n```",
            "> depends on #3",
            "<!-- depends on #3 -->",
            "~~depends on #3~~",
            "not blocked by #3",
            "It is no longer blocked by #3",
            "unblocked by #3",
            "It isn't blocked by #3",
            "depends on 3",
            "after all, #3",
        ] {
            assert_eq!(told(text), "", "{text}");
        }
    }

    #[test]
    fn a_name_knows_its_place() {
        let text = "é\nblocked by #4";
        assert_eq!(&text[needs(text)[0].range.clone()], "#4");
    }
}
