//! Claude Code over its stream-json protocol: one process a session, one message a turn.
//!
//! Written against Claude Code 2.1.328. Everything here matches on codes and field names, never on the text of a
//! message, and takes a missing field for its default: texts and fields change between versions.

use std::ffi::OsString;

use super::driver::Driver;
use super::enclosed::enclose;
use super::home::Home;
use super::pipes::{Pipes, Records};
use super::setup::Setup;
use super::speaker::Spoken;
use super::{Session, SessionPlan};
use crate::error::Result;

mod command_line;
mod conversation;
mod event;
mod outcome;
mod usage;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;

/// The version this was written against.
pub(super) const WRITTEN_AGAINST: &str = "2.1.328";

/// The agent.
#[derive(Debug)]
pub struct Claude {
    setup: Setup,
}

impl Claude {
    pub(super) fn new(setup: Setup) -> Self {
        Self { setup }
    }
}

impl Driver for Claude {
    const TAKES_TURNS: bool = true;

    fn setup(&self) -> &Setup {
        &self.setup
    }

    async fn start(&self, plan: SessionPlan) -> Result<Box<dyn Session>> {
        let tmp = command_line::make_tmp(&plan.dir)?;
        let args = command_line::args(&self.setup, &plan);
        let env = command_line::environment(OsString::from(tmp));
        let mut program = self.setup.program(args, env, &plan)?;
        let home = Home::of(&mut program, &plan)?;
        if let Some(person) = std::env::var_os("HOME").filter(|_| !self.setup.simulated) {
            home.bring_login(person.as_ref(), ".claude", ".credentials.json")?;
        }
        if plan.walls.is_some() {
            // Root may let it run without its own questions then, if the operator's arguments say so.
            program.env.entry("IS_SANDBOX".into()).or_insert("1".into());
        }
        enclose(&mut program, &plan, &[])?;
        let pipes = Pipes::start(&program, Records::open(&plan.dir)?)?;
        Ok(Box::new(Spoken::new(pipes, conversation::Conversation::new(&plan))))
    }
}
