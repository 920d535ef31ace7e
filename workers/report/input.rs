//! What an adapter is given to read.

use super::tally::Tally;

/// One text with what is known about the run it came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    /// The report, or the output, without terminal escapes.
    pub(super) text: &'a str,
    /// The folder that the command ran in: paths are told from here.
    pub(super) folder: &'a str,
    /// The command.
    pub(super) command: &'a [String],
}

impl<'a> Input<'a> {
    /// The lines that have an end. A last line without one may be half a line, and half a line may say something else than
    /// the whole one: it is not read.
    pub(super) fn whole_lines(&self, tally: &mut Tally) -> impl Iterator<Item = &'a str> + use<'a> {
        let end = self.text.rfind('\n').map_or(0, |at| at + 1);
        if !self.text[end..].trim().is_empty() {
            tally.remark("the last line has no end: it was cut off, or the command does so");
        }
        self.text[..end].lines()
    }

    /// The last line, where it has no end.
    pub(super) fn cut_line(&self) -> &'a str {
        let end = self.text.rfind('\n').map_or(0, |at| at + 1);
        &self.text[end..]
    }
}
