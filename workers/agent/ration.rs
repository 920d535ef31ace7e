//! How much of what an agent prints is passed on: an agent that floods must not flood our log.

use std::time::{Duration, Instant};

use super::{Said, one_line};

/// Lines shown per second.
const SHOWN: u32 = 20;
/// Signs of life without text per second.
const SIGNS: u32 = 5;
/// Characters of a line that is shown.
const WIDTH: usize = 240;

/// What may still be passed on in the current second.
#[derive(Debug)]
pub(super) struct Ration {
    since: Instant,
    shown: u32,
    signs: u32,
}

impl Ration {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), shown: 0, signs: 0 }
    }

    /// What is told of a line (or of a sign of life without one), if anything. At least one thing a second gets
    /// through, so that nobody takes a flood for silence.
    pub(super) fn heard(&mut self, text: Option<&str>) -> Option<Said> {
        if self.since.elapsed() >= Duration::from_secs(1) {
            *self = Self::new();
        }
        let text = text.map(|text| one_line(text.trim(), WIDTH)).filter(|text| !text.is_empty());
        if text.is_some() && self.shown < SHOWN {
            self.shown += 1;
            return Some(Said::Heard(text));
        }
        self.signs += 1;
        (self.signs <= SIGNS).then_some(Said::Heard(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_shown_as_a_few_lines_and_fewer_signs_of_life() {
        let mut ration = Ration::new();
        let told: Vec<Said> = (0..10_000).filter_map(|_| ration.heard(Some("x"))).collect();
        let shown = told.iter().filter(|said| matches!(said, Said::Heard(Some(_)))).count();
        // A second may turn while we count.
        assert!((20..=40).contains(&shown), "{shown}");
        assert!(told.len() <= 50, "{}", told.len());
    }

    #[test]
    fn an_empty_line_is_a_sign_of_life() {
        assert_eq!(Ration::new().heard(Some(" \t")), Some(Said::Heard(None)));
    }
}
