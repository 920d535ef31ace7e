//! From a place in a text to a line and a column that a person's editor finds.

use serde::Serialize;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub struct Spot {
    /// The file, as a person would type it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl std::fmt::Display for Spot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The lines of one text.
#[derive(Debug)]
pub struct Lines<'a> {
    file: &'a str,
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    /// The lines of `text`, which stands in `file`.
    pub fn new(file: &'a str, text: &'a str) -> Self {
        let after = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(after.map(|(at, _)| at + 1)).collect();
        Self { file, text, starts }
    }

    /// Line and column of the byte `at`; of the last place when there is no such byte.
    pub fn spot(&self, at: usize) -> Spot {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= at).saturating_sub(1);
        let start = self.starts[line];
        // A byte order mark is no column of an editor.
        let before = self.text[start..at].trim_start_matches('\u{feff}');
        Spot { file: self.file.to_owned(), line: line + 1, column: before.chars().count() + 1 }
    }

    /// The line that holds the byte `at`, without its end.
    pub fn line(&self, at: usize) -> &'a str {
        let line = self.starts.partition_point(|start| *start <= at).saturating_sub(1);
        self.text[self.starts[line]..].lines().next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_in_lines_and_characters() {
        let lines = Lines::new("f", "\u{feff}é b\r\ncd\n");
        let told = |at| lines.spot(at).to_string();
        assert_eq!([told(0), told(3), told(5), told(6)], ["f:1:1", "f:1:1", "f:1:2", "f:1:3"]);
        assert_eq!([told(9), told(11), told(999)], ["f:2:1", "f:2:3", "f:3:1"]);
        assert_eq!((lines.line(7), lines.line(10), lines.line(99)), ("\u{feff}é b", "cd", ""));
    }
}
