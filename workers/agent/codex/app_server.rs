//! The app-server's side of a session: a thread that is opened once, and a turn of it for each order.
//!
//! A plain state machine from lines to events and requests, without a process.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::event::{AgentEvent, Finished, Retry};
use super::super::fault::{Fault, Found};
use super::super::pipes::{End, Pipes};
use super::super::schema;
use super::super::speaker::Speaker;
use super::super::talk::{Talk, Then};
use super::super::{SessionPlan, Turn};
use super::command_line::{Prepared, workplace, writable};
use super::limit::Limits;
use super::message::{self, Message, text};
use super::usage::Meter;
use super::{fault, item};

mod notice;
mod opening;

use opening::Phase;

/// How long the app-server may take to end what commands a turn has left running.
const SWEEP: Duration = Duration::from_secs(5);

/// A turn that is over, and what it left running is being ended.
#[derive(Debug)]
struct Sweep {
    /// The number of the request.
    request: u64,
    /// What is told when that is done.
    finished: AgentEvent,
    /// It is told by then in any case.
    until: Instant,
}

/// The turn under way, in the app-server's terms.
#[derive(Debug, Default)]
struct Under {
    /// The number of the request that began it.
    request: u64,
    /// Its id, once it was told.
    id: Option<String>,
    /// It is to be interrupted as soon as its id is known.
    drop: bool,
    /// The model's last words.
    words: String,
    /// Tool calls that were not allowed.
    denied: usize,
}

/// One session with an app-server.
#[derive(Debug)]
pub(super) struct AppServer {
    talk: Talk,
    prepared: Prepared,
    model: Option<String>,
    brief: String,
    dir: String,
    phase: Phase,
    answered: bool,
    /// The thread's sandbox, as the configuration makes it.
    sandbox: Value,
    /// Program, version and model, for the log.
    who: String,
    turn: Option<Under>,
    sweep: Option<Sweep>,
    meter: Meter,
    limits: Limits,
    requests: u64,
    to_send: VecDeque<Value>,
}

impl AppServer {
    /// Nothing is said yet; [`AppServer::send_to`] begins.
    pub(super) fn new(prepared: Prepared, model: Option<String>, plan: &SessionPlan) -> Self {
        let mut server = Self {
            talk: Talk::new(&plan.nonce),
            prepared,
            model,
            brief: plan.brief.clone(),
            dir: plan.dir.display().to_string(),
            phase: Phase::new(),
            answered: false,
            sandbox: Value::Null,
            who: String::new(),
            turn: None,
            sweep: None,
            meter: Meter::default(),
            limits: Limits::default(),
            requests: 0,
            to_send: VecDeque::new(),
        };
        server.begin();
        server
    }

    /// Sends what is waiting to be sent.
    pub(super) fn send_to(&mut self, pipes: &Pipes) {
        while let Some(text) = self.to_send() {
            pipes.send(text);
        }
    }

    /// Takes one line of its output.
    pub(super) fn listen(&mut self, line: &[u8]) -> Then {
        let Some(message) = message::read(line) else {
            self.talk.count("not JSON");
            return Then::GoOn;
        };
        self.talk.spoke();
        match message {
            Message::Reply { id, answer } => {
                self.answered = true;
                self.reply(id, answer)
            }
            Message::Notice { method, params } => self.notice(&method, &params),
            Message::Request { id, method } => self.refuse(&id, &method),
            Message::Odd => self.talk.take(AgentEvent::Unknown("no method".to_owned())),
        }
    }

    fn request(&mut self, method: &str, params: &Value) -> u64 {
        self.requests += 1;
        let id = self.requests;
        self.to_send.push_back(json!({"id": id, "method": method, "params": params}));
        id
    }

    fn reply(&mut self, id: u64, answer: Result<Value, String>) -> Then {
        if self.opened().is_none() {
            self.opening_reply(id, answer);
            return Then::GoOn;
        }
        if self.sweep.as_ref().is_some_and(|sweep| sweep.request == id) {
            return self.swept();
        }
        let begun = self.turn.as_mut().filter(|turn| turn.request == id);
        match (begun, answer) {
            (Some(_), Err(error)) => self.finish(Some(fault::of_words("turn/start", &error))),
            (Some(turn), Ok(answer)) => {
                let begun = text(&answer, "/turn/id");
                turn.id.get_or_insert_with(|| begun.to_owned());
                self.interrupt_if_wanted();
                Then::GoOn
            }
            // The answer to an interruption; one that failed came too late.
            (None, _) => Then::GoOn,
        }
    }

    /// Nobody is here to be asked: whatever it wants to know or to be allowed, it is told so.
    fn refuse(&mut self, id: &Value, method: &str) -> Then {
        let error = json!({"code": -32601, "message": "nobody can answer here"});
        self.to_send.push_back(json!({"id": id, "error": error}));
        if let Some(turn) = &mut self.turn {
            turn.denied += 1;
        }
        self.talk.take(AgentEvent::ToolResult(format!("it asked for {method}, and was refused")))
    }

    /// What the commands of a turn may write to: what the configuration says, and the order's own folders. `None`
    /// leaves it to the configuration, which has another kind of wall, or none.
    fn wall(&self, turn: &Turn) -> Option<Value> {
        if text(&self.sandbox, "/type") != "workspaceWrite" {
            return None;
        }
        let mut wall = self.sandbox.clone();
        let mut roots = wall["writableRoots"].as_array().cloned().unwrap_or_default();
        let own = writable(turn).into_iter().chain([self.prepared.tmp.as_path()]);
        roots.extend(own.map(|folder| shown(folder).into()));
        wall["writableRoots"] = roots.into();
        Some(wall)
    }

    fn interrupt_if_wanted(&mut self) {
        let Phase::Open(thread) = &self.phase else { return };
        let Some(turn) = self.turn.as_mut().filter(|turn| turn.drop) else { return };
        let Some(id) = turn.id.clone() else { return };
        turn.drop = false;
        let params = json!({"threadId": thread, "turnId": id});
        self.request("turn/interrupt", &params);
    }

    /// The turn is over, as far as the model is concerned. A command that it has left running lives on in Codex, also
    /// after an interruption: it is ended before the turn's end is told, so that it can't reach into what comes next.
    fn finish(&mut self, failed: Option<Found>) -> Then {
        let Some(under) = self.turn.take() else {
            return self.talk.take(AgentEvent::Unknown("turn/completed without a turn".to_owned()));
        };
        let output = item::output(&under.words);
        let finished = AgentEvent::Finished(Box::new(Finished {
            failed,
            words: if output.is_some() { String::new() } else { under.words },
            output,
            denied: under.denied,
            usage: self.meter.turn(),
        }));
        let Phase::Open(thread) = &self.phase else { return self.talk.take(finished) };
        let params = json!({"threadId": thread});
        let request = self.request("thread/backgroundTerminals/clean", &params);
        self.sweep = Some(Sweep { request, finished, until: Instant::now() + SWEEP });
        Then::GoOn
    }

    /// What the turn left running is ended, or can't be.
    fn swept(&mut self) -> Then {
        match self.sweep.take() {
            Some(sweep) => self.talk.take(sweep.finished),
            None => Then::GoOn,
        }
    }
}

impl Speaker for AppServer {
    fn talk(&mut self) -> &mut Talk {
        &mut self.talk
    }

    fn hear(&mut self, line: &[u8]) -> Then {
        self.listen(line)
    }

    fn tell(&mut self, turn: &Turn) {
        let Phase::Open(thread) = &self.phase else { return };
        let mut params = json!({
            "threadId": thread,
            "input": [{"type": "text", "text": turn.prompt, "text_elements": []}],
            "cwd": shown(workplace(turn)),
            "outputSchema": schema::result(),
        });
        if let Some(wall) = self.wall(turn) {
            params["sandboxPolicy"] = wall;
        }
        for folder in writable(turn) {
            self.prepared.home.reaches(folder);
        }
        let request = self.request("turn/start", &params);
        self.turn = Some(Under { request, ..Under::default() });
    }

    fn tell_interruption(&mut self) {
        if let Some(turn) = &mut self.turn {
            turn.drop = true;
        }
        self.interrupt_if_wanted();
    }

    fn to_send(&mut self) -> Option<String> {
        Some(format!("{}\n", self.to_send.pop_front()?))
    }

    fn ended(&mut self, end: &End) {
        // The turn's end was told before.
        let (Then::GoOn | Then::Kill(_)) = self.swept();
        self.talk.ended(&end.how, end.ended, &end.complaint);
    }

    fn deadline(&mut self) -> Option<Instant> {
        let swept = self.sweep.as_ref().map(|sweep| sweep.until);
        swept.or_else(|| self.talk.patience_ends())
    }

    fn at_deadline(&mut self) -> Then {
        if self.sweep.is_some() { self.swept() } else { self.talk.out_of_patience() }
    }

    fn clear(&mut self) {
        self.prepared.home.clear();
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests;
