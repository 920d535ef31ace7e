//! What an agent says about one order: testimony, never a move.

use serde::{Deserialize, Serialize};

use crate::order::OrderId;

/// The most bytes a result may have.
pub const RESULT_LIMIT_BYTES: usize = 256 * 1024;

/// The agent's word about one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The stage's work is there (for playtest: APPROVED).
    Done,
    /// The work of an earlier stage must be mended first (for playtest: NEEDS_WORK).
    NeedsWork,
    /// The agent can't go on, and says why.
    Blocked,
}

impl Verdict {
    /// The word as it stands in a result.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NeedsWork => "needs_work",
            Self::Blocked => "blocked",
        }
    }
}

/// One result, as an agent leaves it in `results/<order>.json` or as its structured output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testimony {
    /// The order it speaks of.
    pub order: String,
    /// The generation of the claim it was given under.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// The session's secret word: a result without it was not written for this session.
    pub nonce: String,
    /// What it says.
    pub verdict: Verdict,
    /// Why, in its own words.
    #[serde(default)]
    pub why: String,
    /// Files it left on the order's desk.
    #[serde(default)]
    pub artifacts: Vec<String>,
    /// What it was not allowed to do, and what became of the work without it. Empty when nothing was denied.
    #[serde(default)]
    pub denied: String,
}

/// Why a result does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is not a result at all: the reason.
    Unreadable(String),
    /// It speaks of another order than the one it was asked about.
    WrongOrder(String),
    /// It was written for an earlier claim.
    WrongGeneration(u64),
    /// It does not know this session's nonce.
    WrongNonce,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "it can't be read: {why}"),
            Self::WrongOrder(order) => write!(f, "it speaks of another order, {order:?}"),
            Self::WrongGeneration(given) => {
                write!(f, "it is for generation {given}, not for this claim")
            }
            Self::WrongNonce => f.write_str("its nonce is not this session's"),
        }
    }
}

impl Testimony {
    /// Reads a result and checks that it is about `order`, under `generation`, for this session's `nonce`.
    pub fn read(
        bytes: &[u8],
        order: &OrderId,
        generation: u64,
        nonce: &str,
    ) -> Result<Self, Refusal> {
        if bytes.len() > RESULT_LIMIT_BYTES {
            return Err(Refusal::Unreadable(format!(
                "it has more than {RESULT_LIMIT_BYTES} bytes"
            )));
        }
        let said: Self = serde_json::from_slice(bytes)
            .map_err(|error| Refusal::Unreadable(error.to_string()))?;
        said.check(order, generation, nonce)
    }

    /// True when tool calls that were not allowed are no reason to doubt it: it says what became of the work without
    /// them, or it does not say that the work is done.
    pub fn explains_denials(&self) -> bool {
        self.verdict != Verdict::Done || !self.denied.trim().is_empty()
    }

    /// Checks a result that is already parsed.
    pub fn check(self, order: &OrderId, generation: u64, nonce: &str) -> Result<Self, Refusal> {
        if self.nonce != nonce {
            return Err(Refusal::WrongNonce);
        }
        if self.order != order.as_str() {
            return Err(Refusal::WrongOrder(self.order.chars().take(80).collect()));
        }
        if self.generation != generation {
            return Err(Refusal::WrongGeneration(self.generation));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_counts_only_for_its_order_generation_and_nonce() {
        let id = OrderId::parse("a").unwrap();
        let text = br#"{"order":"a","gen":2,"nonce":"n","verdict":"needs_work","why":"x"}"#;
        assert_eq!(Testimony::read(text, &id, 2, "n").unwrap().verdict, Verdict::NeedsWork);
        assert_eq!(Testimony::read(text, &id, 3, "n"), Err(Refusal::WrongGeneration(2)));
        assert_eq!(Testimony::read(text, &id, 2, "m"), Err(Refusal::WrongNonce));
        let other = OrderId::parse("b").unwrap();
        assert!(matches!(Testimony::read(text, &other, 2, "n"), Err(Refusal::WrongOrder(_))));
    }

    #[test]
    fn prose_wrong_case_and_half_a_file_are_unreadable() {
        let id = OrderId::parse("a").unwrap();
        let whole = r#"{"order":"a","gen":1,"nonce":"n","verdict":"done"}"#;
        assert!(Testimony::read(whole.as_bytes(), &id, 1, "n").is_ok());
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        for bad in [
            "",
            "done",
            &deep,
            &format!("```json\n{whole}\n```"),
            &format!("Here it is: {whole}"),
            &format!("{whole}{}", " ".repeat(RESULT_LIMIT_BYTES)),
            r#"{"order":"a","#,
            r#"{"order":"a","gen":1,"nonce":"n","verdict":"DONE"}"#,
        ] {
            assert!(matches!(
                Testimony::read(bad.as_bytes(), &id, 1, "n"),
                Err(Refusal::Unreadable(_))
            ));
        }
    }
}
