//! `run` and `batches`

use std::path::PathBuf;

use clap::Args;
use shopfloor::lifecycle::Lifecycle;
use shopfloor::state::State;

use super::{Batches, state};

/// `run`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shopfloor run item-stacking crafting-queue --lifecycle design    specs and tests of these two
  shopfloor run item-stacking --until PLAYTEST
  shopfloor run item-stacking --json | jq '.orders[\"item-stacking\"].state'

Exactly these orders are driven, and no others, by workers that are started for it and end with it. An order that fails does not
stop the rest. All must be in one lifecycle: design (NEW to TESTS_PRE), build (IMPL to REVIEW), verify (PLAYTEST), release (COMMIT to
READY_FOR_REVIEW). With --lifecycle they go to its end (design: IMPL), without to READY_FOR_REVIEW; --until says another state.
Refused while a launcher runs on the queue. Exit code 0 when all have arrived, 100 when not.")]
pub(crate) struct Run {
    /// The orders
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
    /// The lifecycle they are in: design, build, verify, release
    #[arg(long, value_name = "NAME", value_parser = lifecycle)]
    pub(crate) lifecycle: Option<Lifecycle>,
    /// The state to stop at
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub(crate) until: Option<State>,
    #[command(flatten)]
    pub(crate) batches: Batches,
    /// The agent of every stage, as named in shopfloor.toml
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Print what became of each order as JSON, by id
    #[arg(long)]
    pub(crate) json: bool,
    /// Stop, as at Ctrl-C, when stdin closes: whoever started us is gone.
    #[arg(long, hide = true)]
    pub(crate) launched: bool,
    /// The folder of the worker programs [default: where shopfloor itself is]
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) workers_dir: Option<PathBuf>,
}

/// `batches`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shopfloor batches
  shopfloor batches 1f6c                   one batch, by the beginning of its session's id
  shopfloor batches --json

The pages are in work-orders/.floor/sessions/<session>/: summary.md, tasks/<order> links, integration.md.")]
pub(crate) struct Batch {
    /// Show this batch's page
    pub(crate) session: Option<String>,
    /// How many of the newest
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) last: usize,
    /// All facts as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn lifecycle(text: &str) -> Result<Lifecycle, String> {
    Lifecycle::called(text).map_err(|error| error.in_one_line())
}
