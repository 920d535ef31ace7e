//! Why a report could not be read: nobody's fault but the set-up's, and never a pass.

use super::adapter::Adapter;
use super::tool::Tool;

/// Why there is no run to speak of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The adapter found nothing of its form.
    #[error("found no {} report in {place}", adapter.word())]
    Nothing {
        /// Who looked.
        adapter: Adapter,
        /// Where: "the output" or "the report file".
        place: &'static str,
        /// The tool, where the command told it.
        tool: Option<Tool>,
    },
    /// There is something of its form, and it can't be read.
    #[error("the {} report can't be read: {why}", adapter.word())]
    Malformed {
        /// Who looked.
        adapter: Adapter,
        /// What is wrong with it.
        why: String,
    },
}

impl Unreadable {
    /// What a person does about it.
    pub fn mend(&self) -> String {
        match self {
            Self::Nothing { tool: Some(tool), .. } => {
                format!("{}: {}", tool.name(), tool.advice())
            }
            Self::Nothing { adapter, .. } => format!(
                "let the command write a {} report to its output or to report_path, or choose another report under [project.test]",
                adapter.word()
            ),
            Self::Malformed { .. } => {
                "run the command by hand and look at its report; choose another report under [project.test] if it is of another form".to_owned()
            }
        }
    }
}
