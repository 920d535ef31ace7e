//! What the fuzzer looks at in this room: the lines that Codex prints, as an app-server and as `codex exec --json`.

use super::app_server::AppServer;
use super::command_line::Prepared;
pub(crate) use super::exec::fuzzed::stream as exec;
use crate::agent::fuzzed::{self, NONCE};
use crate::agent::setup::Setup;
use crate::agent::speaker::Speaker as _;
use crate::agent::talk::Then;
use crate::config::{AgentConfig, DriverName};

/// One session with an app-server; orders are given as soon as it is open.
pub(crate) fn app_server(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let model = Some("m".to_owned());
    let config = AgentConfig { model, ..AgentConfig::new(DriverName::Codex, "codex") };
    let mut plan = fuzzed::plan();
    folder.path().clone_into(&mut plan.dir);
    let setup = Setup::new("x", &config, folder.path()).expect("a set-up");
    let prepared = Prepared::new(&setup, &plan).expect("a home");
    let mut server = AppServer::new(prepared, config.model, &plan);
    let mut turns = fuzzed::Turns::default();
    for line in data.split(|byte| *byte == b'\n') {
        let then = server.hear(line);
        while let Some(sent) = server.to_send() {
            assert!(sent.ends_with('\n'));
        }
        turns.heard(server.talk(), NONCE);
        if then != Then::GoOn {
            return;
        }
        if matches!(server.opened(), Some(Ok(()))) && !server.talk().in_turn() {
            let turn = turns.next();
            assert!(server.talk().begin(&turn));
            server.tell(&turn);
        }
    }
}
