//! Who works for a stage: its agent, or several in the order in which they are asked, each with the account it uses.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{AgentConfig, Budget, Config, DriverName, Limits, Permissions};
use crate::error::{Error, Kind, Result};

/// `[account.NAME]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountConfig {
    /// Variables every agent gets that uses this account; they win over the agent's own.
    pub env: BTreeMap<String, String>,
    /// Who says that it goes on after a usage limit.
    pub resume: Resume,
}

/// Who says that an account goes on after a usage limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resume {
    /// It goes on when the limit ends.
    #[default]
    ByItself,
    /// A person, by `shopfloor resume`.
    ByHand,
}

/// An agent that works for a stage.
#[derive(Debug, Clone)]
pub struct Hire {
    /// The agent's name.
    pub name: String,
    /// The account it uses. Unless it is named, the agent's own name.
    pub account: String,
    /// A person says when the account goes on after a usage limit.
    pub by_hand: bool,
    /// The agent, as the stage and the account change it.
    pub config: AgentConfig,
}

impl Config {
    /// The agents of `stage`, the first one first: the flag's, the stage's own, the default, or the only one there is.
    /// Each is written `agent` or `agent:account`. The later ones are asked only while the accounts before them are parked.
    pub fn agents_for(&self, stage: &str, flag: Option<&str>) -> Result<Vec<Hire>> {
        let own = self.stage.get(stage);
        let listed = own.map(|own| own.agents.clone()).unwrap_or_default();
        let written = match flag {
            None if !listed.is_empty() => listed,
            _ => vec![self.agent_word(stage, flag)?],
        };
        let hires: Result<Vec<Hire>> = written.iter().map(|word| self.hire(stage, word)).collect();
        let hires = hires?;
        let mixed = hires.iter().any(|hire| hire.config.driver != hires[0].config.driver);
        if mixed && own.is_some_and(|own| own.model.is_some() || !own.args.is_empty()) {
            return Err(Error::usage(format!(
                "[stage.{stage}] model and args would go to agents of different kinds"
            ))
            .hint("set them under each [agent.NAME] instead"));
        }
        Ok(hires)
    }

    fn hire(&self, stage: &str, word: &str) -> Result<Hire> {
        let (name, account) = match word.split_once(':') {
            Some((name, account)) => (name, Some(account)),
            None => (word, None),
        };
        let Some(agent) = self.agent.get(name) else { return Err(self.no_such_agent(name)) };
        let account = account.or(agent.account.as_deref()).unwrap_or(name).to_owned();
        let mut config = agent.clone();
        let mut by_hand = false;
        if let Some(found) = self.account.get(&account) {
            config.env.extend(found.env.clone());
            by_hand = found.resume == Resume::ByHand;
        }
        if let Some(own) = self.stage.get(stage) {
            config.model = own.model.clone().or(config.model);
            config.args.extend(own.args.iter().cloned());
            config.permissions = own.permissions.unwrap_or(config.permissions);
            own.budget.enforceable(&format!("stage.{stage}.budget"), name, &config)?;
        }
        self.limits.budget.enforceable("limits.budget", name, &config)?;
        passed_on(stage, name, &config)?;
        Ok(Hire { name: name.to_owned(), account, by_hand, config })
    }

    fn no_such_agent(&self, name: &str) -> Error {
        let known = self.agent.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let told = format!("there is no agent {name:?} in shopfloor.toml (there are: {known})");
        Error::new(Kind::NotFound, told)
            .hint(format!("add a table [agent.{name}] with driver and program"))
    }

    /// What the operator wrote where one agent is named.
    fn agent_word(&self, stage: &str, flag: Option<&str>) -> Result<String> {
        let own = self.stage.get(stage).and_then(|own| own.agent.as_deref());
        let only = if self.agent.len() == 1 { self.agent.keys().next() } else { None };
        let word = flag.or(own).or(self.agent_default.as_deref()).or(only.map(String::as_str));
        if let Some(word) = word {
            return Ok(word.to_owned());
        }
        let known = self.agent.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let why = match self.agent.is_empty() {
            true => "no agent is configured".to_owned(),
            false => {
                format!("stage {stage} does not say which agent it uses (there are: {known})")
            }
        };
        Err(Error::usage(why).hint(
            "add `agent_default = \"NAME\"` and an [agent.NAME] table to shopfloor.toml, or give --agent NAME",
        ))
    }

    /// The first agent that `stage` uses.
    pub fn agent_for(&self, stage: &str, flag: Option<&str>) -> Result<(String, AgentConfig)> {
        let first = self.agents_for(stage, flag)?.into_iter().next();
        first.map(|hire| (hire.name, hire.config)).ok_or_else(|| self.no_such_agent(""))
    }

    /// The limits as they hold in `stage`.
    pub fn limits_for(&self, stage: &str) -> Limits {
        let mut limits = self.limits.clone();
        if let Some(own) = self.stage.get(stage) {
            limits.turn_timeout = own.turn_timeout.unwrap_or(limits.turn_timeout);
            limits.session_timeout = own.session_timeout.unwrap_or(limits.session_timeout);
            limits.idle_timeout = own.idle_timeout.unwrap_or(limits.idle_timeout);
            limits.tool_idle_timeout = own.tool_idle_timeout.unwrap_or(limits.tool_idle_timeout);
        }
        limits
    }

    /// What `stage` may use by its own table.
    pub fn budget_of(&self, stage: &str) -> Budget {
        self.stage.get(stage).map(|own| own.budget).unwrap_or_default()
    }

    /// Refuses names that nothing answers to, and limits that are none. `path` is for the message.
    pub(super) fn check_agents(&self, path: &std::path::Path) -> Result<()> {
        let path = path.display();
        self.limits.budget.check("limits.budget")?;
        let mut words: Vec<(String, &str)> = Vec::new();
        for (stage, own) in &self.stage {
            own.budget.check(&format!("stage.{stage}.budget"))?;
            if own.agent.is_some() && !own.agents.is_empty() {
                return Err(Error::usage(format!(
                    "{path}: [stage.{stage}] has both agent and agents"
                ))
                .hint("keep agents: the first one works, the others while its account is parked"));
            }
            let named = own.agent.iter().chain(&own.agents);
            words.extend(named.map(|word| (format!("[stage.{stage}]"), word.as_str())));
        }
        words.extend(self.agent_default.iter().map(|word| ("agent_default".to_owned(), &**word)));
        for (whose, word) in &words {
            let name = word.split(':').next().unwrap_or_default();
            if !self.agent.contains_key(name) {
                return Err(Error::usage(format!(
                    "{path}: {whose} names the agent {name:?}, and there is no [agent.{name}]"
                ))
                .hint(format!("add a table [agent.{name}], or name one that is there")));
            }
            if word.ends_with(':') {
                return Err(Error::usage(format!("{path}: {whose} names no account in {word:?}"))
                    .hint("write it like claude:work"));
            }
        }
        let of_words = words.iter().filter_map(|(_, word)| Some(word.split_once(':')?.1));
        let of_agents = self
            .agent
            .iter()
            .flat_map(|(name, agent)| agent.account.as_deref().into_iter().chain([name.as_str()]));
        let used: Vec<&str> = of_words.chain(of_agents).collect();
        match self.account.keys().find(|account| !used.contains(&account.as_str())) {
            None => Ok(()),
            Some(account) => Err(Error::usage(format!(
                "{path}: [account.{account}] is used by no agent"
            ))
            .hint(format!(
                "name it: account = \"{account}\" under an [agent.NAME], or agents = [\"NAME:{account}\"] under a stage"
            ))),
        }
    }
}

/// Refuses what the driver has no way to pass on to its program.
fn passed_on(stage: &str, name: &str, config: &AgentConfig) -> Result<()> {
    let table = format!("[stage.{stage}] or [agent.{name}]");
    let full = config.permissions != Permissions::default();
    match config.driver {
        DriverName::Claude | DriverName::Codex | DriverName::CodexExec => Ok(()),
        DriverName::Opencode | DriverName::Gemini | DriverName::Qwen if full => Err(Error::usage(
            format!("{table} permissions: its program has no sandbox to do without"),
        )
        .hint(
            "take the line out: it may do what its user may, and what the stage's sandbox allows",
        )),
        DriverName::Opencode | DriverName::Gemini | DriverName::Qwen => Ok(()),
        DriverName::Command => {
            let wanted = [("model", config.model.is_some()), ("permissions", full)];
            match wanted.into_iter().find(|(_, wanted)| *wanted) {
                None => Ok(()),
                Some((key, _)) => Err(Error::usage(format!(
                    "{table} {key}: the command driver has no way to pass it on"
                ))
                .hint("say it in the agent's args")),
            }
        }
    }
}
