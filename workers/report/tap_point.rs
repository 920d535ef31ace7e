//! One test point of TAP: `not ok 3 - name # TODO why`.

/// What was read of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) ok: bool,
    pub(super) number: Option<u64>,
    pub(super) name: String,
    pub(super) directive: Option<Directive>,
    /// Its subtests follow in braces.
    pub(super) braced: bool,
    /// No line told it: its subtests were read and it never came.
    pub(super) unfinished: bool,
}

/// What changes the meaning of a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Directive {
    Skip(String),
    Todo(String),
}

/// True for a line that is a test point.
pub(super) fn is_point(line: &str) -> bool {
    Point::parse(line.trim_start_matches(' ')).is_some_and(|point| point.number.is_some())
}

impl Point {
    /// The point that should have ended a group and did not come.
    pub(super) fn unfinished(name: String) -> Self {
        Self { ok: false, number: None, name, directive: None, braced: false, unfinished: true }
    }

    /// True when it failed and does count.
    pub(super) fn fails(&self) -> bool {
        !self.ok && self.directive.is_none()
    }

    pub(super) fn parse(bare: &str) -> Option<Self> {
        let (ok, rest) = match bare.strip_prefix("not ok") {
            Some(rest) => (false, rest),
            None => (true, bare.strip_prefix("ok")?),
        };
        if !rest.is_empty() && !rest.starts_with(' ') {
            return None;
        }
        let rest = rest.trim();
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = rest.split_at(digits);
        if digits > 0 && !rest.is_empty() && !rest.starts_with(' ') {
            return None;
        }
        let number = number.parse().ok();
        let rest = rest.trim_start();
        let rest = rest.strip_prefix("- ").unwrap_or(if rest == "-" { "" } else { rest });
        let (rest, braced) = match rest.strip_suffix('{') {
            Some(before) if before.is_empty() || before.ends_with(' ') => (before.trim_end(), true),
            _ => (rest, false),
        };
        let (name, directive) = directive(rest);
        let name = match (unescape(name.trim()), number) {
            (name, Some(number)) if name.is_empty() => format!("test {number}"),
            (name, _) => name,
        };
        Some(Self { ok, number, name, directive, braced, unfinished: false })
    }
}

/// Splits off the directive: `#` before it is not escaped. Other words behind a `#` belong to the name; a time does not.
fn directive(text: &str) -> (&str, Option<Directive>) {
    for (at, _) in text.match_indices('#') {
        let escaped = text[..at].bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1;
        let apart = at == 0 || text[..at].ends_with(' ');
        if escaped || !apart {
            continue;
        }
        let words = text[at + 1..].trim();
        let (word, why) = words.split_once(' ').unwrap_or((words, ""));
        let why = unescape(why.trim());
        match word.to_ascii_lowercase().as_str() {
            "skip" | "skipped" | "skip:" => return (&text[..at], Some(Directive::Skip(why))),
            "todo" | "todo:" => return (&text[..at], Some(Directive::Todo(why))),
            word if word.starts_with("time=") => return (&text[..at], None),
            _ => {}
        }
    }
    (text, None)
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.next_if(|next| c == '\\' && ['\\', '#'].contains(next));
        plain.push(next.unwrap_or(c));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> (bool, Option<u64>, String, Option<Directive>, bool) {
        let point = Point::parse(line).unwrap();
        (point.ok, point.number, point.name, point.directive, point.braced)
    }

    #[test]
    fn a_point_has_a_number_a_name_and_what_it_means() {
        let skip = |why: &str| Some(Directive::Skip(why.to_owned()));
        let todo = |why: &str| Some(Directive::Todo(why.to_owned()));
        let cases = [
            ("ok 1 - adds", (true, Some(1), "adds", None, false)),
            ("not ok 12 adds", (false, Some(12), "adds", None, false)),
            ("ok", (true, None, "", None, false)),
            ("ok 3", (true, Some(3), "test 3", None, false)),
            ("ok 2 # skip no net", (true, Some(2), "test 2", skip("no net"), false)),
            ("not ok 3 - a # TODO later", (false, Some(3), "a", todo("later"), false)),
            ("ok 3 - a # SKIP", (true, Some(3), "a", skip(""), false)),
            (r"ok 1 - a \# TODO \\ b", (true, Some(1), r"a # TODO \ b", None, false)),
            ("ok 1 - issue # 12", (true, Some(1), "issue # 12", None, false)),
            ("not ok 1 - f.js # time=10.20ms {", (false, Some(1), "f.js", None, true)),
            ("ok 1 - -", (true, Some(1), "-", None, false)),
        ];
        for (line, (ok, number, name, directive, braced)) in cases {
            assert_eq!(read(line), (ok, number, name.to_owned(), directive, braced), "{line}");
        }
        for line in ["okay", "not okay 1", "ok1", "ok 1st", "# ok 1 - fake", ""] {
            assert_eq!(Point::parse(line), None, "{line}");
        }
    }
}
