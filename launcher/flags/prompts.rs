//! `prompts`

use clap::{Args, Subcommand};

/// `prompts`
#[derive(Debug, Args)]
#[command(after_help = "\
What agents are told comes from templates: a brief for each stage, and a few that all stages have in common. A file
`shopfloor-prompts/NAME.md` beside shopfloor.toml takes the place of the built-in of that name. Templates are minijinja;
a variable that we do not give is an error. The fingerprint of each prompt as it was told is in the batch's record.

Examples:
  shopfloor prompts check
  shopfloor prompts eject implement
  shopfloor prompts diff")]
pub(crate) struct Prompts {
    #[command(subcommand)]
    pub(crate) act: PromptsAct,
}

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum PromptsAct {
    /// Write built-in templates into shopfloor-prompts/, to be changed there
    Eject(Eject),
    /// How the project's own templates differ from the built-in ones
    Diff(Named),
    /// Try every template out; says where each is from
    Check(Check),
}

/// `prompts eject`
#[derive(Debug, Args)]
pub(crate) struct Eject {
    /// Which; without a name all of them
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Also those that are there already; the old file is kept as a backup
    #[arg(long)]
    pub(crate) force: bool,
}

/// `prompts diff`
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Which; without a name all of them
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

/// `prompts check`
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The same as JSON: [{"name", "about", "from": "built-in"|"own", "file", "outdated", "fingerprint"}]
    #[arg(long)]
    pub(crate) json: bool,
}
