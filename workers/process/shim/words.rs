//! What a stage of the shim is told on its command line.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::WORD;
use super::line::Ends;
use crate::process::fence::Fence;

/// Which stage it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    Guard,
    Keeper,
    Starter,
}

/// Everything a stage is told. It stands in one argument, as JSON; the program and its arguments follow as they are.
#[derive(Debug, Clone)]
pub(in crate::process) struct Words {
    pub(super) stage: Stage,
    pub(super) told: Told,
    /// The program and its arguments.
    pub(super) program: Vec<OsString>,
}

/// What the stages pass on to each other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Told {
    /// The worker's ends of the line.
    pub(super) ends: Ends,
    /// Who started this stage: 0 for the guard, which does not need to know.
    pub(super) parent: u32,
    /// True when the program is a sandbox of its own, which passes on no signals.
    pub(super) walled: bool,
    /// What the starter confines itself to.
    pub(super) fence: Option<Fence>,
}

impl Words {
    /// For the guard of a program with these ends of a line.
    pub(in crate::process) fn new(
        ends: Ends,
        walled: bool,
        fence: Option<Fence>,
        program: Vec<OsString>,
    ) -> Self {
        Self { stage: Stage::Guard, told: Told { ends, parent: 0, walled, fence }, program }
    }

    /// The arguments of a stage, behind [`WORD`].
    pub(super) fn read(args: Vec<OsString>) -> Option<Self> {
        let mut args = args.into_iter();
        let told = args.next()?;
        let (stage, told) = serde_json::from_str::<(Stage, Told)>(told.to_str()?).ok()?;
        let program: Vec<OsString> = args.collect();
        (!program.is_empty()).then_some(Self { stage, told, program })
    }

    /// The same for the next stage, which this process starts.
    pub(super) fn next(&self, stage: Stage) -> Self {
        let told = Told { parent: std::process::id(), ..self.told.clone() };
        Self { stage, told, program: self.program.clone() }
    }

    /// The arguments it is started with.
    pub(in crate::process) fn args(&self) -> Vec<OsString> {
        let told = serde_json::to_string(&(self.stage, &self.told)).unwrap_or_default();
        let own = [OsString::from(WORD), OsString::from(told)];
        own.into_iter().chain(self.program.iter().cloned()).collect()
    }

    /// A command that is this stage; environment, folder and streams are ours.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command.args(self.args()).arg0(match self.stage {
            Stage::Guard => "shopfloor-guard",
            Stage::Keeper => "shopfloor-keeper",
            Stage::Starter => "shopfloor-starter",
        });
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt as _;

    #[test]
    fn a_stage_reads_what_the_one_before_it_was_told_and_arguments_stay_as_they_are() {
        let odd = OsString::from_vec(vec![0xff, b' ', b'"']);
        let words = Words::new(Ends::default(), true, None, vec!["sh".into(), odd.clone()]);
        let read = Words::read(words.next(Stage::Keeper).args().split_off(1)).unwrap();
        assert_eq!((read.stage, read.told.parent), (Stage::Keeper, std::process::id()));
        assert!(read.told.walled);
        assert_eq!(read.program, ["sh".into(), odd]);
        assert!(Words::read(vec!["x".into()]).is_none() && Words::read(Vec::new()).is_none());
    }
}
