//! Any program as an agent: started once per batch, told everything on its input, and heard through result files.
//!
//! The contract is in docs/agents.md. In short: the working folder is the session's; `batch.json` there lists the
//! orders; the prompt comes on the standard input; for each finished order it leaves `results/<id>.json`.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::driver::Driver;
use super::event::AgentEvent;
use super::fault::Found;
use super::oneshot::{OneShot, Reader, Rest, Told, prepare, wall_in};
use super::pipes::{End, Records};
use super::setup::Setup;
use super::{Session, SessionPlan};
use crate::error::Result;
use crate::failure::{Fault, TurnEnd};
use crate::process::Ended;

/// The agent.
#[derive(Debug)]
pub struct Command {
    setup: Setup,
}

impl Command {
    pub(super) fn new(setup: Setup) -> Self {
        Self { setup }
    }
}

impl Driver for Command {
    const TAKES_TURNS: bool = false;

    fn setup(&self) -> &Setup {
        &self.setup
    }

    async fn start(&self, plan: SessionPlan) -> Result<Box<dyn Session>> {
        prepare(&plan)?;
        let own = BTreeMap::from([
            ("SHOPFLOOR_SESSION_DIR", OsString::from(&plan.dir)),
            ("SHOPFLOOR_STAGE", OsString::from(&plan.stage)),
            ("SHOPFLOOR_NONCE", OsString::from(&plan.nonce)),
        ]);
        let mut program = self.setup.program(self.setup.args.clone(), own, &plan)?;
        wall_in(&mut program, &plan)?;
        let records = Records::in_one(&plan.dir)?;
        Ok(Box::new(OneShot::start(&program, records, &plan, Plain::default())?))
    }
}

/// What any program prints: lines for a person, from which nothing is read.
#[derive(Debug, Default)]
struct Plain {
    told: Told,
}

impl Reader for Plain {
    fn told(&self) -> &Told {
        &self.told
    }

    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent> {
        vec![AgentEvent::Remark(String::from_utf8_lossy(line).into_owned())]
    }

    fn found(&self, _end: &End) -> Option<Found> {
        None
    }

    fn rest(&self, end: &End, any_taken: bool) -> Rest {
        Rest::all(without_result(end.ended, any_taken))
    }
}

/// How the orders without a result end, given how the process ended.
fn without_result(ended: Ended, any_taken: bool) -> TurnEnd {
    let failed = |fault, why| TurnEnd::Failed(Found::new(fault, why).gives_up(any_taken));
    match ended {
        Ended::Exit(code @ (126 | 127)) if !any_taken => failed(
            Fault::SetUp,
            format!("exit {code}: the command, or one it needs, is missing or can't be run"),
        ),
        // A shell tells by such a code that what it ran was killed.
        Ended::Exit(code @ 129..=159) => {
            failed(Fault::Ended, format!("exit {code}: killed by signal {}", code - 128))
        }
        Ended::Exit(code) => TurnEnd::Silent(format!("exited {code} and left no result")),
        Ended::Signal(signal) => failed(Fault::Ended, format!("killed by signal {signal}")),
        Ended::TimedOut | Ended::Stopped => failed(Fault::Interrupted, "ended by us".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Class;

    #[test]
    fn what_has_no_result_ends_as_the_process_did() {
        let class = |ended, taken| match without_result(ended, taken) {
            TurnEnd::Failed(failure) => Some(failure.class),
            _ => None,
        };
        assert_eq!(class(Ended::Exit(0), false), None);
        assert_eq!(class(Ended::Exit(1), false), None);
        assert_eq!(class(Ended::Exit(127), false), Some(Class::Env));
        assert_eq!(class(Ended::Exit(126), false), Some(Class::Env));
        assert_eq!(class(Ended::Exit(127), true), None);
        assert_eq!(class(Ended::Exit(137), true), Some(Class::Crash));
        assert_eq!(class(Ended::Signal(9), false), Some(Class::Crash));
    }
}
