//! The kernel's own rules for a process and all it starts (Landlock): what it may read and what it may write.

use std::path::PathBuf;

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
};
use serde::{Deserialize, Serialize};

/// What a program may read and write; it may do neither anywhere else. Rules can only allow: what is to be hidden must not
/// lie in a folder that may be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// May be read and run, with everything below.
    pub read: Vec<PathBuf>,
    /// May be written as well.
    pub write: Vec<PathBuf>,
}

impl Fence {
    /// Confines this process for good, and whatever it becomes or starts. Why it can't be, in words, when the kernel does not
    /// know enough of it: writing, truncating and moving files are the least that must be held (ABI 3, Linux 6.2).
    /// Where it can, signals and abstract sockets end at the fence too (ABI 6).
    pub(super) fn close_in(&self) -> Result<(), String> {
        let told = |error: &dyn std::fmt::Display| format!("Landlock refused: {error}");
        let (least, known) = (ABI::V3, ABI::V7);
        let ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(least))
            .map_err(|error| told(&error))?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(known))
            .map_err(|error| told(&error))?
            .scope(Scope::from_all(known))
            .map_err(|error| told(&error))?;
        let created = ruleset
            .create()
            .map_err(|error| told(&error))?
            .add_rules(path_beneath_rules(&self.read, AccessFs::from_read(known)))
            .map_err(|error| told(&error))?
            .add_rules(path_beneath_rules(&self.write, AccessFs::from_all(known)))
            .map_err(|error| told(&error))?;
        let status = created.restrict_self().map_err(|error| told(&error))?;
        match status.ruleset {
            RulesetStatus::NotEnforced => Err("this kernel has no Landlock".to_owned()),
            RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        }
    }
}
