//! A template that was taken out to be changed: its text, and which built-in it was made from.
//!
//! The first line of such a file says so: `{# shopfloor prompt, made from the built-in <fingerprint> #}`. It is no part of
//! the template. A file without it is one that a person wrote from nothing.

use super::fingerprint;

const BEGIN: &str = "{# shopfloor prompt, made from the built-in ";
const END: &str = " #}";

/// A project's own template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ejected {
    /// The fingerprint of the built-in it was made from.
    pub made_from: Option<String>,
    /// Its text.
    pub text: String,
}

impl Ejected {
    /// A built-in as it is taken out.
    pub fn of(built_in: &str) -> Self {
        Self { made_from: Some(fingerprint(built_in)), text: built_in.to_owned() }
    }

    /// Reads a file.
    pub fn parse(file: &str) -> Self {
        let (first, rest) = file.split_once('\n').unwrap_or((file, ""));
        let made_from =
            first.trim_end().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        match made_from {
            Some(made_from) => {
                Self { made_from: Some(made_from.to_owned()), text: rest.to_owned() }
            }
            None => Self { made_from: None, text: file.to_owned() },
        }
    }

    /// The file's content.
    pub fn file(&self) -> String {
        match &self.made_from {
            Some(made_from) => format!("{BEGIN}{made_from}{END}\n{}", self.text),
            None => self.text.clone(),
        }
    }

    /// True when the built-in is another one by now than the one it was made from.
    pub fn is_outdated(&self, built_in: &str) -> bool {
        self.made_from.as_ref().is_some_and(|made_from| *made_from != fingerprint(built_in))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_out_is_read_back_the_same_and_knows_what_it_was_made_from() {
        let ejected = Ejected::of("one\ntwo\n");
        assert_eq!(Ejected::parse(&ejected.file()), ejected);
        assert!(!ejected.is_outdated("one\ntwo\n") && ejected.is_outdated("one\n"));
        let own = Ejected::parse("{# a remark #}\nmine");
        assert_eq!((own.made_from.as_deref(), own.text.as_str()), (None, "{# a remark #}\nmine"));
        assert!(!own.is_outdated("anything"));
    }
}
