//! The steps from a started app-server to a thread that takes turns.

use super::super::WRITTEN_AGAINST;
use super::*;

/// How far the thread is.
#[derive(Debug)]
pub(super) enum Phase {
    /// A request is under way without whose answer there is no thread: its number, and what it is for.
    Opening(u64, Step),
    /// There is one: its id.
    Open(String),
    /// There will be none.
    Failed(String),
}

/// The steps to a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Initialize,
    Login,
    Thread,
}

impl Phase {
    /// Nothing has been asked yet.
    pub(super) fn new() -> Self {
        Self::Opening(0, Step::Initialize)
    }
}

impl AppServer {
    /// Says hello.
    pub(super) fn begin(&mut self) {
        let version = env!("CARGO_PKG_VERSION");
        let params = json!({
            "clientInfo": {"name": "shopfloor", "title": null, "version": version},
            // To end what a turn has left running counts as experimental.
            "capabilities": {"experimentalApi": true},
        });
        self.step(Step::Initialize, "initialize", &params);
    }

    /// True once it has answered anything.
    pub(in super::super) fn answered(&self) -> bool {
        self.answered
    }

    /// Whether there is a thread, once that is known; an error says why there is none.
    pub(in super::super) fn opened(&self) -> Option<Result<(), String>> {
        match &self.phase {
            Phase::Opening(..) => None,
            Phase::Open(_) => Some(Ok(())),
            Phase::Failed(why) => Some(Err(why.clone())),
        }
    }

    /// Takes a reply while there is no thread yet.
    pub(super) fn opening_reply(&mut self, id: u64, answer: Result<Value, String>) {
        let Phase::Opening(awaited, step) = self.phase else { return };
        if awaited == id {
            match answer {
                Ok(answer) => self.next_step(step, &answer),
                Err(error) => self.phase = Phase::Failed(error),
            }
        }
    }

    fn step(&mut self, step: Step, method: &str, params: &Value) {
        self.phase = Phase::Opening(self.request(method, params), step);
    }

    fn next_step(&mut self, step: Step, answer: &Value) {
        if step == Step::Initialize {
            self.to_send.push_back(json!({"method": "initialized"}));
            if let Some(key) = self.prepared.key.clone() {
                let login = json!({"type": "apiKey", "apiKey": key});
                return self.step(Step::Login, "account/login/start", &login);
            }
        }
        if step != Step::Thread {
            let params = json!({
                "cwd": self.dir,
                "model": self.model,
                "developerInstructions": self.brief,
                "ephemeral": true,
            });
            return self.step(Step::Thread, "thread/start", &params);
        }
        let thread = text(answer, "/thread/id");
        if thread.is_empty() {
            self.phase = Phase::Failed("it opened a thread without an id".to_owned());
            return;
        }
        self.phase = Phase::Open(thread.to_owned());
        self.sandbox = answer["sandbox"].clone();
        let version = text(answer, "/thread/cliVersion");
        self.who = format!("codex {version} with model {}", text(answer, "/model"));
        if version != WRITTEN_AGAINST {
            self.talk.warn(&format!(
                "this is codex {version}; the driver was written against {WRITTEN_AGAINST}"
            ));
        }
    }
}
