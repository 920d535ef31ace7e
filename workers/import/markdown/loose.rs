//! A blank line before every bold label at the beginning of a line. Without one, markdown takes `**VERIFY:**` after a list for the
//! rest of its last item, and few who write it mean that.

/// A text with such blank lines, and where they were put in.
#[derive(Debug)]
pub(super) struct Loose {
    /// The text.
    pub(super) text: String,
    /// Where a line end was put in: the place in the new text.
    added: Vec<usize>,
}

impl Loose {
    /// The text with its labels apart.
    pub(super) fn of(source: &str) -> Self {
        let mut text = String::with_capacity(source.len() + 64);
        let mut added = Vec::new();
        let mut after_words = false;
        for line in source.split_inclusive('\n') {
            let label = line.starts_with("**") || line.starts_with("__");
            if label && after_words {
                added.push(text.len());
                text.push('\n');
            }
            text.push_str(line);
            after_words = !line.trim().is_empty();
        }
        Self { text, added }
    }

    /// The place in the source of a place in the text.
    pub(super) fn original(&self, at: usize) -> usize {
        at - self.added.partition_point(|added| *added < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_lead_back_to_the_source() {
        let source = "- a\n**B**\nc\n\n**D**\n  **e**\n__f__";
        let loose = Loose::of(source);
        assert_eq!(loose.text, "- a\n\n**B**\nc\n\n**D**\n  **e**\n\n__f__");
        for sign in ['a', 'B', 'c', 'D', 'e', 'f'] {
            let at = loose.text.find(sign).unwrap();
            assert_eq!(loose.original(at), source.find(sign).unwrap(), "{sign}");
        }
    }
}
