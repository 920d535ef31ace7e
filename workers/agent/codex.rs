//! Codex: by its app-server, one process a session and one turn an order; where there is none, by `codex exec`, one
//! process a turn in one thread.
//!
//! Written against Codex 0.169.0. Error codes and field names are matched, and the words of a message only where
//! there is no code (`codex exec` has none).

use std::time::Duration;

use super::driver::Driver;
use super::pipes::{Came, End, Pipes, Records};
use super::setup::Setup;
use super::speaker::Spoken;
use super::talk::Then;
use super::{Session, SessionPlan};
use crate::awake;
use crate::error::{Error, Kind, Result};
use crate::process::Ended;

mod app_server;
mod command_line;
mod exec;
mod fault;
mod home;
mod item;
mod limit;
mod message;
mod usage;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;

use app_server::AppServer;
use command_line::Prepared;
use exec::ExecSession;

/// The version this was written against. Another one is told about, and tried.
pub(super) const WRITTEN_AGAINST: &str = "0.169.0";
/// How long the app-server may take until its thread is open. It takes a fifth of a second on a machine at rest.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// The agent.
#[derive(Debug)]
pub struct Codex {
    setup: Setup,
    exec_only: bool,
}

/// Why the app-server did not open a thread.
enum NotOpened {
    /// This Codex has no app-server: how it ended.
    NotThere(String),
    /// It has one, and this went wrong.
    Failed(Error),
}

impl Codex {
    /// `exec_only`: the app-server is not tried.
    pub(super) fn new(setup: Setup, exec_only: bool) -> Self {
        Self { setup, exec_only }
    }

    fn exec(&self, plan: &SessionPlan, told: Option<&str>) -> Result<Box<dyn Session>> {
        let prepared = Prepared::new(&self.setup, plan)?;
        Ok(Box::new(ExecSession::new(prepared, &self.setup, plan, told)))
    }

    async fn app_server(&self, plan: &SessionPlan) -> Result<Box<dyn Session>, NotOpened> {
        let prepared = Prepared::new(&self.setup, plan).map_err(NotOpened::Failed)?;
        let program = prepared.app_server(&self.setup);
        let records = Records::open(&plan.dir).map_err(NotOpened::Failed)?;
        let mut server = AppServer::new(prepared, self.setup.model.clone(), plan);
        let mut pipes = Pipes::start(&program, records).map_err(NotOpened::Failed)?;
        match self.shake_hands(&mut pipes, &mut server).await {
            Ok(()) => Ok(Box::new(Spoken::new(pipes, server))),
            Err(not_opened) => {
                let (_how, _left_over) = pipes.end(Duration::ZERO).await;
                Err(not_opened)
            }
        }
    }

    /// Talks until there is a thread to give turns to.
    async fn shake_hands(
        &self,
        pipes: &mut Pipes,
        server: &mut AppServer,
    ) -> Result<(), NotOpened> {
        let timer = awake::sleep(HANDSHAKE);
        tokio::pin!(timer);
        loop {
            server.send_to(pipes);
            if let Some(opened) = server.opened() {
                return opened.map_err(|why| NotOpened::Failed(self.failed(&why)));
            }
            let came = tokio::select! {
                came = pipes.next() => came,
                () = &mut timer => {
                    let why = format!("it did not open a thread within {} s", HANDSHAKE.as_secs());
                    return Err(NotOpened::Failed(self.failed(&why)));
                }
            };
            match came {
                Came::Line(line) => {
                    // Nothing is given yet that could be killed.
                    let (Then::GoOn | Then::Kill(_)) = server.listen(&line);
                }
                Came::End(end) => return Err(self.ended(end, server.answered())),
                Came::Remark(_) | Came::Odd(_) | Came::Sign => {}
            }
        }
    }

    fn ended(&self, end: End, answered: bool) -> NotOpened {
        let End { how, ended, complaint } = end;
        // A command line that it does not understand; older ones took the word for a prompt, and wanted a terminal.
        let not_there = ended == Ended::Exit(2) && complaint.contains("unrecognized subcommand")
            || complaint.contains("not a terminal");
        if !answered && not_there {
            return NotOpened::NotThere(how);
        }
        NotOpened::Failed(self.failed(&format!("it ended ({how}): {complaint}")))
    }

    fn failed(&self, why: &str) -> Error {
        let name = &self.setup.name;
        Error::new(Kind::Environment, format!("failed to open a session of agent {name}: {why}"))
            .hint(format!("mend [agent.{name}] in shopfloor.toml, or try `codex exec` by hand"))
    }
}

impl Driver for Codex {
    const TAKES_TURNS: bool = true;

    fn setup(&self) -> &Setup {
        &self.setup
    }

    async fn start(&self, plan: SessionPlan) -> Result<Box<dyn Session>> {
        if self.exec_only {
            return self.exec(&plan, None);
        }
        match self.app_server(&plan).await {
            Ok(session) => Ok(session),
            Err(NotOpened::NotThere(how)) if plan.caps.tokens => Err(self.failed(&format!(
                "it has no app-server ({how}), and `codex exec` does not tell what a turn uses: tokens can't be limited"
            ))),
            Err(NotOpened::NotThere(how)) => {
                let told = format!("this codex has no app-server ({how}): `codex exec` is used");
                self.exec(&plan, Some(&told))
            }
            Err(NotOpened::Failed(error)) => Err(error),
        }
    }
}
