//! `import`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `import`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shopfloor import markdown docs/plans/*.md --dry-run     count first, touch nothing
  shopfloor import work-items docs/items/                  every .md below the folder
  shopfloor import github me/tool                         by the gh command
  gh issue list --json number,title,body,labels | shopfloor import github -
  shopfloor import jsonl backlog.jsonl --release          ready at once

Everything is taken in, or nothing: a need on something that is nowhere, a circle of needs, a name that stands twice or a full
disk leaves the queue as it was. The orders are on hold (reason: imported) until you release them; the same import again changes
nothing, and with --release it releases what it took in before. What is done or skipped in the file becomes no order, and
nothing waits for it. docs/import.md has what is read of each shape.")]
pub(crate) struct Import {
    /// What the files are
    #[arg(value_enum)]
    pub(crate) shape: Shape,
    /// Files, folders, - for stdin; for github also OWNER/REPO
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Only say what would be taken in; nothing is touched
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not leave the orders on hold
    #[arg(long)]
    pub(crate) release: bool,
    /// Leave out a need on what is neither in the files nor in the queue, instead of refusing
    #[arg(long)]
    pub(crate) drop_missing: bool,
    /// Print totals, orders and every line that could not be used as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// Plans: ## Phase 1, - [ ] 1.1 task, (depends: 1.1), **Execution Note:**
    Markdown,
    /// One file each: YAML front matter, then markdown
    WorkItems,
    /// What gh issue list --json number,title,body,labels prints
    Github,
    /// One JSON object a line: the fields of order.json
    Jsonl,
    /// A bullet list: every bullet is an order
    Roadmap,
}

impl Shape {
    /// Its name on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::WorkItems => "work-items",
            Self::Github => "github",
            Self::Jsonl => "jsonl",
            Self::Roadmap => "roadmap",
        }
    }
}
