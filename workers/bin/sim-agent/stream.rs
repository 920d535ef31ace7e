//! Claude Code's stream-json protocol: messages in, events out, one result per message.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, Write as _};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shopfloor::verdict::Testimony;

use crate::job::Job;
use crate::options::Options;
use crate::scenario::{Act, Mischief};
use crate::{LABEL, alone, mischief, work};

/// What comes in.
enum Message {
    User(String),
    Interrupt(String),
}

/// One running session.
struct Talk<'a> {
    options: &'a Options,
    messages: Receiver<Message>,
    early: VecDeque<String>,
    titles: BTreeMap<String, String>,
    results: u64,
    cost: f64,
}

/// How a turn went on.
enum Turned {
    Over,
    Exit(u8),
}

/// Why nothing more is said: nobody listens.
fn unheard(error: &std::io::Error) -> String {
    format!("failed to print: {error}")
}

/// Answers messages until there are no more. The value is the exit code: that of the last result.
pub(crate) fn run(options: &Options) -> Result<u8, String> {
    std::thread::sleep(options.pace.time(options.scenario.startup_ms, "startup"));
    let (to, messages) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if let Some(message) = read(&line)
                && to.send(message).is_err()
            {
                return;
            }
        }
    });
    let mut talk = Talk {
        options,
        messages,
        early: VecDeque::new(),
        titles: BTreeMap::new(),
        results: 0,
        cost: 0.0,
    };
    while let Some(text) = talk.next_message()? {
        if let Turned::Exit(code) = talk.turn(&text)? {
            return Ok(code);
        }
    }
    Ok(0)
}

fn read(line: &str) -> Option<Message> {
    let value: Value = serde_json::from_str(line).ok()?;
    match value["type"].as_str()? {
        "user" => {
            let content = &value["message"]["content"];
            let blocks = || content.as_array().into_iter().flatten();
            let texts = || blocks().filter_map(|block| block["text"].as_str()).collect::<String>();
            Some(Message::User(content.as_str().map_or_else(texts, str::to_owned)))
        }
        "control_request" if value["request"]["subtype"] == "interrupt" => {
            Some(Message::Interrupt(value["request_id"].as_str()?.to_owned()))
        }
        _ => None,
    }
}

fn print(event: &Value) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{event}").and_then(|()| out.flush()).map_err(|error| unheard(&error))
}

impl Talk<'_> {
    fn next_message(&mut self) -> Result<Option<String>, String> {
        if let Some(text) = self.early.pop_front() {
            return Ok(Some(text));
        }
        while let Ok(message) = self.messages.recv() {
            match message {
                Message::User(text) => return Ok(Some(text)),
                Message::Interrupt(id) => acknowledge(&id)?,
            }
        }
        Ok(None)
    }

    fn turn(&mut self, text: &str) -> Result<Turned, String> {
        self.init()?;
        let Some(mut job) = Job::read(text) else {
            self.tell(&format!("{LABEL}: there is no work order in this message"))?;
            self.result(text, None, &Act::default())?;
            return Ok(Turned::Over);
        };
        if job.title.is_empty() {
            job.title = self.titles.get(&job.order).cloned().unwrap_or_default();
        }
        self.titles.insert(job.order.clone(), job.title.clone());
        work::count_call(self.options.calls.as_deref(), &job)?;
        let _alone = alone::lock(self.options.alone.as_deref(), &job)?;
        let act = work::act_for(&self.options.scenario, &job)?;
        self.tell(&format!("{LABEL}: {} of {}", job.stage, job.order))?;
        let what = format!("{}/{}/{}/{}", job.stage, job.order, job.generation, job.fix);
        let time = self.options.pace.time(act.ms.unwrap_or(self.options.scenario.turn_ms), &what);
        if act.misbehave == Some(Mischief::Hang) {
            // From the first moment: it must not hear an interrupt either.
            mischief::hang();
        }
        if !self.wait(time / 2)? {
            return self.aborted();
        }
        if let Some(turned) = self.misbehave(&act)? {
            return Ok(turned);
        }
        if let Some(ms) = act.tool_ms
            && !self.silent_tool(Duration::from_millis(ms))?
        {
            return self.aborted();
        }
        if !self.wait(time / 2)? {
            return self.aborted();
        }
        let done = work::perform(&act, &job)?;
        for (tool, what) in &done.calls {
            self.call(tool, what)?;
        }
        self.result(text, done.testimony.as_ref(), &act)?;
        Ok(Turned::Over)
    }

    /// Waits, listening. False when the turn was interrupted.
    fn wait(&mut self, time: Duration) -> Result<bool, String> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.messages.recv_timeout(left) {
                Ok(Message::User(text)) => self.early.push_back(text),
                Ok(Message::Interrupt(id)) => {
                    acknowledge(&id)?;
                    return Ok(false);
                }
                Err(RecvTimeoutError::Timeout) => return Ok(true),
                // Nobody will say anything more; the turn is finished all the same.
                Err(RecvTimeoutError::Disconnected) => {
                    std::thread::sleep(left);
                    return Ok(true);
                }
            }
        }
    }

    fn misbehave(&mut self, act: &Act) -> Result<Option<Turned>, String> {
        match act.misbehave {
            Some(Mischief::Hang) => mischief::hang(),
            Some(Mischief::Crash) => mischief::crash(),
            Some(Mischief::SilentExit) => return Ok(Some(Turned::Exit(0))),
            Some(Mischief::UsageLimit) => return self.limited(act.reset_in_s).map(Some),
            Some(Mischief::Runaway) => return self.run_away().map(Some),
            Some(
                fault @ (Mischief::Login
                | Mischief::Overloaded
                | Mischief::ContextFull
                | Mischief::Refusal
                | Mischief::Truncated),
            ) => return self.failed(fault).map(Some),
            Some(Mischief::Garbage) => {
                mischief::garbage(&mut std::io::stdout().lock())
                    .map_err(|error| unheard(&error))?;
            }
            Some(Mischief::Flood) => {
                mischief::flood(act, &mut std::io::stdout().lock())
                    .map_err(|error| unheard(&error))?;
            }
            Some(Mischief::Grandchild) => mischief::leave_grandchild()?,
            Some(
                Mischief::Lie | Mischief::TamperTests | Mischief::WrongOrder | Mischief::NoResult,
            )
            | None => {}
        }
        Ok(None)
    }

    fn init(&self) -> Result<(), String> {
        print(&json!({
            "type": "system", "subtype": "init", "session_id": self.options.session,
            "cwd": std::env::current_dir().unwrap_or_default(), "model": LABEL,
            "tools": ["Bash", "Edit", "Read", "StructuredOutput", "Write"], "mcp_servers": [],
            "permissionMode": "dontAsk", "apiKeySource": "none",
            "claude_code_version": format!("{LABEL} {}", env!("CARGO_PKG_VERSION")),
        }))
    }

    fn assistant(&self, block: &Value) -> Result<(), String> {
        print(&json!({
            "type": "assistant", "session_id": self.options.session, "parent_tool_use_id": null,
            "message": {"type": "message", "role": "assistant", "model": LABEL,
                "content": [block], "usage": {"input_tokens": 1, "output_tokens": 1}},
        }))
    }

    fn tell(&self, text: &str) -> Result<(), String> {
        self.assistant(&json!({"type": "text", "text": text}))
    }

    /// A command that prints nothing while it runs. False when the turn was interrupted.
    fn silent_tool(&mut self, time: Duration) -> Result<bool, String> {
        self.begin_call("Bash", "a silent command")?;
        let on = self.wait(time)?;
        self.end_call()?;
        Ok(on)
    }

    fn call(&self, tool: &str, what: &str) -> Result<(), String> {
        self.begin_call(tool, what)?;
        self.end_call()
    }

    fn begin_call(&self, tool: &str, what: &str) -> Result<(), String> {
        let name = if tool == "Bash" { "command" } else { "file_path" };
        self.assistant(
            &json!({"type": "tool_use", "id": "toolu_sim", "name": tool, "input": {name: what}}),
        )
    }

    fn end_call(&self) -> Result<(), String> {
        print(&json!({
            "type": "user", "session_id": self.options.session,
            "message": {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_sim", "content": LABEL}]},
        }))
    }

    /// The result's fields that are the same whatever happened.
    fn plain_result(&mut self, read: u64, written: u64, usd: Option<f64>) -> Value {
        let cost = usd.unwrap_or(read as f64 * 4e-6 + written as f64 * 2e-5);
        self.cost += cost;
        self.results += 1;
        json!({
            "type": "result", "subtype": "success", "is_error": false, "num_turns": 1,
            "session_id": self.options.session, "duration_ms": 1, "duration_api_ms": 1,
            "result_index": self.results - 1, "stop_reason": "end_turn",
            "terminal_reason": "completed", "api_error_status": null, "permission_denials": [],
            "total_cost_usd": self.cost,
            "usage": {"input_tokens": read, "output_tokens": written,
                "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0},
            "model_usage_since_last_result": {LABEL: {"inputTokens": read, "outputTokens": written,
                "cacheReadInputTokens": 0, "cacheCreationInputTokens": 0, "costUSD": cost}},
        })
    }

    fn result(
        &mut self,
        prompt: &str,
        testimony: Option<&Testimony>,
        act: &Act,
    ) -> Result<(), String> {
        let read = act.tokens.unwrap_or(5_000 + prompt.len() as u64 / 4);
        let mut result = self.plain_result(read, 400, act.usd);
        let denied = json!({"tool_name": "Bash", "tool_use_id": "toolu_sim", "tool_input": {}});
        result["permission_denials"] = vec![denied; act.denials as usize].into();
        match testimony {
            Some(testimony) => {
                let output = serde_json::to_value(testimony).map_err(|error| error.to_string())?;
                result["result"] = json!(output.to_string());
                result["structured_output"] = output;
            }
            None => result["result"] = json!(format!("{LABEL}: it is all done!")),
        }
        print(&result)
    }

    fn aborted(&mut self) -> Result<Turned, String> {
        let mut result = self.plain_result(0, 0, None);
        result["subtype"] = json!("error_during_execution");
        result["is_error"] = json!(true);
        result["terminal_reason"] = json!("aborted_streaming");
        print(&result)?;
        Ok(Turned::Over)
    }

    /// Request after request, until somebody interrupts.
    fn run_away(&mut self) -> Result<Turned, String> {
        for nth in 0_u64.. {
            print(&json!({
                "type": "assistant", "session_id": self.options.session, "parent_tool_use_id": null,
                "message": {"id": format!("msg_{nth}"), "type": "message", "role": "assistant",
                    "model": LABEL, "content": [{"type": "text", "text": LABEL}],
                    "usage": {"input_tokens": 1000, "output_tokens": 1}},
            }))?;
            if !self.wait(Duration::from_millis(10))? {
                let mut result = self.plain_result(1000 * (nth + 1), 0, None);
                result["subtype"] = json!("error_during_execution");
                result["is_error"] = json!(true);
                print(&result)?;
                break;
            }
        }
        Ok(Turned::Over)
    }

    /// An error of the model, as the real one tells it.
    fn failed(&mut self, fault: Mischief) -> Result<Turned, String> {
        let (code, status, reason) = match fault {
            Mischief::Login => ("authentication_failed", json!(401), "api_error"),
            Mischief::Overloaded => ("overloaded", json!(529), "api_error"),
            Mischief::ContextFull => ("invalid_request", json!(400), "prompt_too_long"),
            Mischief::Truncated => ("max_output_tokens", Value::Null, "completed"),
            _ => ("", Value::Null, "completed"),
        };
        print(&json!({
            "type": "assistant", "session_id": self.options.session, "error": code,
            "is_api_error_message": true,
            "message": {"type": "message", "role": "assistant", "model": "<synthetic>",
                "content": [{"type": "text", "text": LABEL}]},
        }))?;
        let mut result = self.plain_result(0, 0, None);
        result["is_error"] = json!(true);
        result["api_error_status"] = status;
        result["terminal_reason"] = json!(reason);
        if fault == Mischief::Refusal {
            result["stop_reason"] = json!("refusal");
        }
        result["result"] = json!(LABEL);
        print(&result)?;
        Ok(Turned::Over)
    }

    /// The account's limit, as the real one tells it.
    fn limited(&mut self, reset_in_s: u64) -> Result<Turned, String> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let resets_at = now.unwrap_or_default().as_secs() + reset_in_s;
        print(&json!({
            "type": "rate_limit_event", "session_id": self.options.session,
            "rate_limit_info": {"status": "rejected", "resetsAt": resets_at,
                "rateLimitType": "five_hour"},
        }))?;
        let words = format!("{LABEL}: You've hit your 5-hour limit");
        print(&json!({
            "type": "assistant", "session_id": self.options.session, "error": "rate_limit",
            "is_api_error_message": true,
            "message": {"type": "message", "role": "assistant", "model": "<synthetic>",
                "content": [{"type": "text", "text": words}]},
        }))?;
        let mut result = self.plain_result(0, 0, None);
        result["is_error"] = json!(true);
        result["api_error_status"] = json!(429);
        result["api_error"] = json!("usage_limit_reached");
        result["terminal_reason"] = json!("api_error");
        result["result"] = json!(words);
        print(&result)?;
        Ok(Turned::Over)
    }
}

fn acknowledge(id: &str) -> Result<(), String> {
    print(&json!({
        "type": "control_response",
        "response": {"subtype": "success", "request_id": id, "response": {"still_queued": []}},
    }))
}
