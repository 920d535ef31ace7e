//! `next`, `plan` and `why`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::TypedValueParser as _;
use shopfloor::stages::STAGES;

/// `next`
#[derive(Debug, Args)]
#[command(after_help = "\
Orders in progress come first, then those that are tried again, then what is ready, then what only waits for the files or
the group of another one. Orders that wait for needs or for a phase are not listed: `shopfloor why ID`, `shopfloor plan`.
Exit code 4 when there is nothing.

Examples:
  shopfloor next
  shopfloor next 3 --stage implement
  shopfloor next --json            the shape is in docs/commands.md")]
pub(crate) struct Next {
    /// How many
    #[arg(value_name = "N", default_value_t = 10)]
    pub(crate) most: usize,
    /// Only what this stage would take: spec, test, implement, playtest, commit
    #[arg(long, value_name = "STAGE", value_parser = stage)]
    pub(crate) stage: Option<String>,
    /// The same as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `why`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shopfloor why crafting-queue")]
pub(crate) struct Why {
    /// The order
    pub(crate) id: String,
    /// The same as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `plan`
#[derive(Debug, Args)]
#[command(after_help = "\
Tiers are what can run side by side: each waits only for earlier ones. The critical path is the longest way through.
Nothing is changed, and a plan file is not imported by this.

Examples:
  shopfloor plan --queue                the orders of the queue, which is what it does without a file
  shopfloor plan docs/plans/next.md     a plan file as `import markdown` would read it
  shopfloor plan --dot | dot -Tsvg > plan.svg")]
pub(crate) struct Plan {
    /// A plan file [default: the queue]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The orders of the queue, and its folder where it is not the usual one
    #[arg(
        long, value_name = "DIR", num_args = 0..=1, default_missing_value = "", conflicts_with = "file",
        value_parser = clap::builder::OsStringValueParser::new().map(PathBuf::from)
    )]
    pub(crate) queue: Option<PathBuf>,
    /// The same as JSON
    #[arg(long, conflicts_with = "dot")]
    pub(crate) json: bool,
    /// The graph in the language of graphviz
    #[arg(long)]
    pub(crate) dot: bool,
}

fn stage(text: &str) -> Result<String, String> {
    let known = STAGES.into_iter().find(|s| [s.name, s.worker, s.flag].contains(&text));
    let names = || STAGES.map(|stage| stage.name).join(", ");
    let unknown = || format!("there is no stage {text:?}; the stages are {}", names());
    known.map(|stage| stage.name.to_owned()).ok_or_else(unknown)
}
