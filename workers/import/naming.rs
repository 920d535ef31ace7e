//! Ids for orders, made of what they are called elsewhere and of their titles.

use std::collections::HashSet;

use super::words::slug;
use crate::order::OrderId;

/// The most bytes of an id that are made of words: what makes it the only one comes after.
const LONGEST: usize = 56;

/// The most bytes of the part before the title.
const LONGEST_STEM: usize = 34;

/// An id that nobody in `taken` has; it is taken then. The same words give the same id, as long as the same ids are taken.
pub(super) fn assign(stem: &str, title: &str, taken: &mut HashSet<OrderId>) -> Option<OrderId> {
    let stem = part(stem);
    let words = slug(title, LONGEST - stem.len().min(LONGEST_STEM) - 1);
    let first = match (stem.is_empty(), words.is_empty()) {
        (true, true) => "order".to_owned(),
        (true, false) => words,
        (false, true) => stem,
        // What it is called may be its title already.
        (false, false) if stem == words => stem,
        (false, false) => format!("{stem}-{words}"),
    };
    let numbers =
        (1..).map(|nth: u32| if nth == 1 { first.clone() } else { format!("{first}-{nth}") });
    let mut free = numbers.take(1_000_000).filter_map(|id| OrderId::parse(&id).ok());
    free.find(|id| taken.insert(id.clone()))
}

/// What an id can be made of: lower case, with the dots of numbers.
fn part(text: &str) -> String {
    let mut part = String::new();
    let mut chars = text.chars().flat_map(char::to_lowercase).peekable();
    while let Some(c) = chars.next() {
        let after_word = part.ends_with(|last: char| last.is_ascii_alphanumeric());
        let before_word = chars.peek().is_some_and(char::is_ascii_alphanumeric);
        match c {
            c if c.is_ascii_alphanumeric() => part.push(c),
            '.' if after_word && before_word => part.push('.'),
            _ if after_word => part.push('-'),
            _ => {}
        }
    }
    if part.len() > LONGEST_STEM {
        part = cut(&part);
    }
    part.trim_matches(['-', '.']).to_owned()
}

/// A stem that is too long keeps its end: that is where the number stands.
fn cut(part: &str) -> String {
    let number =
        part.rfind('-').map(|at| &part[at..]).filter(|tail| tail.len() < 16).unwrap_or_default();
    let room = LONGEST_STEM - number.len();
    // At a word, where that is near.
    let end = part[..room].rfind('-').filter(|end| *end > room / 2).unwrap_or(room);
    format!("{}{number}", part[..end].trim_end_matches(['-', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_where_it_comes_from_and_what_it_is() {
        let mut taken = HashSet::new();
        let mut id = |stem: &str, title: &str| assign(stem, title, &mut taken).unwrap().to_string();
        assert_eq!(
            id("plan-2.1", "Extend `the` configuration"),
            "plan-2.1-extend-the-configuration"
        );
        assert_eq!(
            id("plan-2.1", "Extend the configuration"),
            "plan-2.1-extend-the-configuration-2"
        );
        assert_eq!(id("ITEM-7", "Stack!"), "item-7-stack");
        assert_eq!(id("auth", "Auth"), "auth");
        assert_eq!(id("", "Log in"), "log-in");
        assert_eq!(id("ö", "¿?"), "order");
        assert_eq!(id("../x.lock", ""), "x.lock-2");
        let long = id(&format!("{}-12.3", "very-long-name-".repeat(9)), &"word ".repeat(50));
        assert!(long.len() <= 63 && long.contains("-12.3-word"), "{long}");
    }
}
