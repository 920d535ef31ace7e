//! What the app-server tells by itself, and what it means for the turn under way.

use super::*;

/// Methods that are known and have nothing to show.
const QUIET: [&str; 31] = [
    "account/login/completed",
    "account/updated",
    "hook/completed",
    "hook/started",
    "item/agentMessage/delta",
    "item/commandExecution/outputDelta",
    "item/commandExecution/terminalInteraction",
    "item/fileChange/outputDelta",
    "item/fileChange/patchUpdated",
    "item/mcpToolCall/progress",
    "item/plan/delta",
    "item/reasoning/summaryPartAdded",
    "item/reasoning/summaryTextDelta",
    "item/reasoning/textDelta",
    "mcpServer/startupStatus/updated",
    "model/verification",
    "remoteControl/status/changed",
    "serverRequest/resolved",
    "skills/changed",
    "thread/closed",
    "thread/compacted",
    "thread/environment/connected",
    "thread/environment/disconnected",
    "thread/name/updated",
    "thread/queue/changed",
    "thread/readState/changed",
    "thread/settings/updated",
    "thread/started",
    "thread/status/changed",
    "turn/diff/updated",
    "turn/plan/updated",
];

impl AppServer {
    pub(super) fn notice(&mut self, method: &str, params: &Value) -> Then {
        if self.of_another_thread(params) {
            return self.talk.take(AgentEvent::Quiet);
        }
        match method {
            "turn/started" => self.turn_started(params),
            "item/started" => self.item_started(&params["item"]),
            "item/completed" => self.item_completed(&params["item"]),
            "error" => self.error(params),
            "turn/completed" => self.turn_completed(&params["turn"]),
            "thread/tokenUsage/updated" => {
                self.meter.totals(&params["tokenUsage"]["total"]);
                self.talk.progress();
                self.talk.take(AgentEvent::Used(self.meter.so_far()))
            }
            "account/rateLimits/updated" => {
                let told = self.limits.news(params).map(AgentEvent::RateLimited);
                self.talk.take(told.unwrap_or(AgentEvent::Quiet))
            }
            "warning" | "guardianWarning" => self.remark(text(params, "/message")),
            "configWarning" | "deprecationNotice" => self.remark(text(params, "/summary")),
            "model/rerouted" => {
                let to = text(params, "/toModel");
                self.remark(&format!("another model answers: {to}"))
            }
            quiet if QUIET.contains(&quiet) => {
                // A piece of an answer: the request came off.
                if quiet.starts_with("item/") {
                    self.talk.progress();
                }
                self.talk.take(AgentEvent::Quiet)
            }
            other => self.talk.take(AgentEvent::Unknown(super::super::super::one_line(other, 60))),
        }
    }

    /// True for news of a thread that is not ours (an agent's helper).
    fn of_another_thread(&self, params: &Value) -> bool {
        let named = text(params, "/threadId");
        matches!(&self.phase, Phase::Open(thread) if !named.is_empty() && named != thread)
    }

    fn remark(&mut self, words: &str) -> Then {
        self.talk.take(AgentEvent::Remark(words.to_owned()))
    }

    fn turn_started(&mut self, params: &Value) -> Then {
        if let Some(turn) = &mut self.turn {
            turn.id.get_or_insert_with(|| text(params, "/turn/id").to_owned());
        }
        self.interrupt_if_wanted();
        self.talk.take(AgentEvent::Started(self.who.clone()))
    }

    fn item_started(&mut self, started: &Value) -> Then {
        if let Some(id) = item::tool(started) {
            let (Then::GoOn | Then::Kill(_)) = self.talk.take(AgentEvent::ToolBegan(id));
        }
        self.talk.take(item::started(started))
    }

    fn item_completed(&mut self, completed: &Value) -> Then {
        if let Some(turn) = &mut self.turn {
            turn.denied += usize::from(item::denied(completed));
            if let Some(words) = item::words(completed) {
                words.clone_into(&mut turn.words);
            }
        }
        if let Some(id) = item::tool(completed) {
            let (Then::GoOn | Then::Kill(_)) = self.talk.take(AgentEvent::ToolEnded(id));
        }
        self.talk.take(item::completed(completed))
    }

    /// An error is the turn's end only when `turn/completed` says so; until then it may be tried again.
    fn error(&mut self, params: &Value) -> Then {
        let found = fault::of_error(&params["error"]);
        match params["willRetry"].as_bool() {
            Some(true) => self.talk.take(AgentEvent::Retrying(Retry { found, delay_ms: None })),
            _ => self.remark(&found.evidence),
        }
    }

    fn turn_completed(&mut self, turn: &Value) -> Then {
        let id = text(turn, "/id");
        let other = |under: &Under| under.id.as_deref().is_some_and(|known| known != id);
        if self.turn.as_ref().is_some_and(other) {
            return self.talk.take(AgentEvent::Unknown("result of an earlier turn".to_owned()));
        }
        let failed = match text(turn, "/status") {
            "completed" => None,
            "failed" => Some(self.failure(&turn["error"])),
            status => Some(Found::new(Fault::Died, format!("turn.status {status}"))),
        };
        let items = turn["items"].as_array().into_iter().flatten();
        if let (Some(under), Some(words)) =
            (&mut self.turn, items.filter_map(item::words).next_back())
        {
            words.clone_into(&mut under.words);
        }
        self.finish(failed)
    }

    fn failure(&self, error: &Value) -> Found {
        let mut found = fault::of_error(error);
        if found.fault == Fault::UsageLimit {
            found.until = self.limits.until(text(error, "/message"), &jiff::Zoned::now());
        }
        found
    }
}
