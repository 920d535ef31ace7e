//! What shopfloor.toml says about an agent, and the program a driver starts for a session.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::SessionPlan;
use crate::config::AgentConfig;
use crate::error::{Error, Kind, Result};
use crate::process::Program;

/// What shopfloor.toml says about one agent.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    /// Its name.
    pub(super) name: String,
    /// Its program: a name to look up, or a path that does not depend on where we stand.
    program: OsString,
    /// The operator's further arguments.
    pub(super) args: Vec<String>,
    /// The model to ask for.
    pub(super) model: Option<String>,
    /// The operator's variables, as written.
    env: BTreeMap<String, String>,
    /// Its work is simulated.
    pub(super) simulated: bool,
}

impl Setup {
    pub(super) fn new(name: &str, config: &AgentConfig, folder: &Path) -> Result<Self> {
        if config.program.trim().is_empty() {
            return Err(Error::usage(format!("[agent.{name}] program is empty"))
                .hint("name a program in PATH, or give its path"));
        }
        let program = if config.program.contains('/') {
            // An absolute path replaces the folder.
            std::path::absolute(folder.join(&config.program))
                .map_err(|error| Error::io("find", Path::new(&config.program), error))?
                .into_os_string()
        } else {
            OsString::from(&config.program)
        };
        Ok(Self {
            name: name.to_owned(),
            program,
            args: config.args.clone(),
            model: config.model.clone(),
            env: config.env.clone(),
            simulated: config.simulated,
        })
    }

    /// The program for one session. `own` is the driver's environment; what the operator wrote wins over it.
    pub(super) fn program(
        &self,
        args: Vec<String>,
        own: BTreeMap<&'static str, OsString>,
        plan: &SessionPlan,
    ) -> Result<Program> {
        let mut env: BTreeMap<OsString, OsString> =
            own.into_iter().map(|(name, value)| (name.into(), value)).collect();
        for (name, written) in &self.env {
            env.insert(name.into(), self.value(name, written)?);
        }
        Ok(Program {
            program: self.program.clone(),
            args: args.into_iter().map(OsString::from).collect(),
            dir: plan.dir.clone(),
            env,
            cookie: plan.cookie.clone(),
            gives_way: false,
            kept: true,
            wall: crate::process::Wall::None,
        })
    }

    /// `"${NAME}"` as a whole is our own variable NAME; anything else is itself.
    fn value(&self, name: &str, written: &str) -> Result<OsString> {
        let Some(ours) = written.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
            return Ok(written.into());
        };
        std::env::var_os(ours).ok_or_else(|| {
            Error::new(
                Kind::Environment,
                format!(
                    "failed to start agent {}: its {name} is taken from ${{{ours}}}, and that is not set",
                    self.name
                ),
            )
            .hint(format!(
                "set {ours} where the worker is started, or change [agent.{}] env in shopfloor.toml",
                self.name
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DriverName;

    fn setup(program: &str, env: &[(&str, &str)]) -> Setup {
        let config = AgentConfig {
            driver: DriverName::Command,
            program: program.to_owned(),
            args: Vec::new(),
            model: None,
            version: None,
            env: env.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect(),
            simulated: false,
        };
        Setup::new("x", &config, Path::new("/conf")).unwrap()
    }

    #[test]
    fn a_relative_path_is_taken_from_the_config_folder_and_a_name_is_looked_up() {
        assert_eq!(setup("claude", &[]).program, "claude");
        assert_eq!(setup("./bin/agent", &[]).program, "/conf/bin/agent");
        assert_eq!(setup("/usr/bin/agent", &[]).program, "/usr/bin/agent");
    }

    #[test]
    fn only_a_whole_value_is_taken_from_our_environment_and_a_missing_one_is_named() {
        let setup = setup("x", &[]);
        assert_eq!(setup.value("A", "plain ${PATH}").unwrap(), "plain ${PATH}");
        assert_eq!(setup.value("A", "${PATH}").unwrap(), std::env::var_os("PATH").unwrap());
        let error = setup.value("A", "${NO_SUCH_VARIABLE_HERE}").unwrap_err();
        assert_eq!(error.kind(), Kind::Environment);
        assert!(error.to_string().contains("NO_SUCH_VARIABLE_HERE"), "{error}");
        assert!(error.next_step().is_some());
    }
}
