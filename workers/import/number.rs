//! The numbers that tasks are called by: `2.1`, `4.1.3`, `1.2a`, and ranges and lists of them.

use std::fmt;

/// A task's number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Number {
    parts: Vec<u32>,
    letter: Option<char>,
}

/// What words name: one task, or all between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// One task.
    One(Number),
    /// From the first to the last, both included.
    Range(Number, Number),
}

impl Number {
    /// The number that `text` begins with, and what follows it.
    pub(super) fn begins(text: &str) -> Option<(Self, &str)> {
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            // Nobody counts tasks with more than six digits; a date or a hash is no number.
            if digits == 0 || digits > 6 || parts.len() == 8 {
                return None;
            }
            parts.push(rest[..digits].parse().ok()?);
            rest = &rest[digits..];
            match rest.strip_prefix('.') {
                Some(after) if after.starts_with(|c: char| c.is_ascii_digit()) => rest = after,
                _ => break,
            }
        }
        let mut chars = rest.chars();
        let letter = chars.next().filter(char::is_ascii_lowercase);
        let letter = letter.filter(|_| !chars.as_str().starts_with(char::is_alphanumeric));
        if let Some(letter) = letter {
            return Some((Self { parts, letter: Some(letter) }, &rest[1..]));
        }
        (!rest.starts_with(char::is_alphanumeric)).then_some((Self { parts, letter }, rest))
    }

    /// Reads a number that is the whole text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::begins(text).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number)
    }

    /// How many parts it has: 2 for `2.1`.
    pub(super) fn depth(&self) -> usize {
        self.parts.len()
    }

    /// True when it begins with all of the other: 4.1.2 is within 4.1.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.parts.starts_with(&other.parts)
    }

    /// Its first part: the phase, as a rule.
    pub(super) fn first(&self) -> u32 {
        self.parts.first().copied().unwrap_or_default()
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.parts.iter().map(u32::to_string).collect();
        f.write_str(&parts.join("."))?;
        self.letter.map_or(Ok(()), |letter| write!(f, "{letter}"))
    }
}

impl Named {
    /// How many parts its first number has.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::One(number) | Self::Range(number, _) => number.depth(),
        }
    }

    /// True when it names this task.
    pub(super) fn names(&self, number: &Number) -> bool {
        match self {
            Self::One(one) => one == number,
            // 3.1-3.4 has 3.2.1 in it as well.
            Self::Range(first, last) => {
                first <= number && (number <= last || number.is_within(last))
            }
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(number) => number.fmt(f),
            Self::Range(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

/// The tasks named by `text`, from its beginning: `3.1-3.4`, `1.1, 1.3 and 1.4`, `2.1 through 2.3`, `1.1/1.2`. And what follows them.
pub(super) fn list(text: &str) -> (Vec<Named>, &str) {
    let mut named = Vec::new();
    let mut rest = text;
    loop {
        let at = skip_words(rest, &["tasks", "task", "and", "&", ",", ";", "/", "+"]);
        let Some((first, after)) = Number::begins(at) else { return (named, rest) };
        rest = after;
        let to = skip_words(after, &["through", "until", "to", "..", "–", "—", "-"]);
        let range = (to.len() < after.trim_start().len()).then(|| Number::begins(to)).flatten();
        match range {
            Some((last, after)) => {
                // 3.1-4 is 3.1-3.4: the last part counts on.
                let last = match (first.depth(), last.depth()) {
                    (long, 1) if long > 1 => first.with_last(last.first()),
                    _ => last,
                };
                named.push(Named::Range(first, last));
                rest = after;
            }
            None => named.push(Named::One(first)),
        }
    }
}

impl Number {
    fn with_last(&self, last: u32) -> Self {
        let mut parts = self.parts.clone();
        if let Some(part) = parts.last_mut() {
            *part = last;
        }
        Self { parts, letter: None }
    }
}

/// The text after any of these words, in any letters.
fn skip_words<'a>(text: &'a str, words: &[&str]) -> &'a str {
    let mut rest = text.trim_start();
    'again: loop {
        for word in words {
            if let Some(start) = rest.get(..word.len())
                && start.eq_ignore_ascii_case(word)
            {
                let after = &rest[word.len()..];
                let letters = word.starts_with(|c: char| c.is_ascii_alphabetic());
                if letters && after.starts_with(char::is_alphabetic) {
                    continue;
                }
                rest = after.trim_start();
                continue 'again;
            }
        }
        return rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let (named, rest) = list(text);
        let named: Vec<String> = named.iter().map(ToString::to_string).collect();
        format!("{} |{rest}", named.join(" "))
    }

    #[test]
    fn numbers_are_read_and_what_only_looks_like_one_is_not() {
        for good in ["1", "2.1", "4.10.3", "1.2a"] {
            assert_eq!(Number::parse(good).unwrap().to_string(), good);
        }
        for bad in ["", "a", "1.", "1.a", "2.1abc", "3x5", "20260301x", "1.2345678", "1..2"] {
            assert_eq!(Number::parse(bad), None, "{bad}");
        }
        assert_eq!(Number::begins("2.1: x").unwrap().1, ": x");
        assert_eq!(Number::begins("2. x").unwrap().1, ". x");
        assert!(Number::parse("2.9") < Number::parse("2.10"));
    }

    #[test]
    fn lists_and_ranges_are_read_up_to_the_first_other_word() {
        assert_eq!(told("3.1-3.4 are"), "3.1-3.4 | are");
        assert_eq!(told("1.1, 1.3, and 1.4 all"), "1.1 1.3 1.4 | all");
        assert_eq!(told("Task 2.1 through 2.3"), "2.1-2.3 |");
        assert_eq!(told("3.1-4, 5.1 – 5.2"), "3.1-3.4 5.1-5.2 |");
        assert_eq!(told("the auth module"), " |the auth module");
        assert_eq!(told("1.1 - reason"), "1.1 | - reason");
    }

    #[test]
    fn a_range_has_what_stands_under_its_last_number() {
        let (named, _) = list("3.1-3.4");
        let has = |text| named[0].names(&Number::parse(text).unwrap());
        assert_eq!(
            ["3.1", "3.2.5", "3.4.1", "3.5", "2.9", "3.10"].map(has),
            [true, true, true, false, false, false]
        );
    }
}
