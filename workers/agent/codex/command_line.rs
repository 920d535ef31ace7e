//! How Codex is started for a batch that nobody watches: arguments, environment, folders.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::super::enclosed::enclose;
use super::super::home::Home as WorkerHome;
use super::super::setup::Setup;
use super::super::{SessionPlan, Turn};
use super::home::Home;
use crate::config::Permissions;
use crate::error::{Error, Result};
use crate::process::Program;

/// The operator's variable that holds a key. The app-server is told it in a message and keeps it in memory.
pub(super) const KEY: &str = "CODEX_API_KEY";

/// The driver's own settings, which what the operator writes in `args` wins over.
///
/// Nothing is sent home or fetched at the start (plugins and apps ask three hosts). Nobody is asked, and nobody else
/// is put to work. The repository's instructions and settings are not read; those of a project that is not trusted
/// Codex leaves alone by itself. Commands keep our PATH (a login shell would make its own) and get no variable whose
/// name says key, secret or token. What they may write to is said with every turn.
const OWN: [&str; 15] = [
    "analytics.enabled=false",
    "features.plugins=false",
    "features.apps=false",
    "features.multi_agent=false",
    "features.goals=false",
    "web_search=\"disabled\"",
    "check_for_update_on_startup=false",
    "history.persistence=\"none\"",
    "skills.bundled.enabled=false",
    "project_doc_max_bytes=0",
    "allow_login_shell=false",
    "shell_environment_policy.ignore_default_excludes=false",
    "approval_policy=\"never\"",
    "sandbox_workspace_write.exclude_slash_tmp=true",
    "sandbox_workspace_write.exclude_tmpdir_env_var=true",
];
/// The wall that Codex puts around the commands of its model.
const WALL: &str = "sandbox_mode=\"workspace-write\"";
/// None: ours stands and holds the whole of Codex, or one of the operator's.
const NO_WALL: &str = "sandbox_mode=\"danger-full-access\"";
/// A key that we hand over is not written to disk.
const FORGETS: &str = "cli_auth_credentials_store=\"ephemeral\"";

/// A session's folders and environment.
#[derive(Debug)]
pub(super) struct Prepared {
    program: Program,
    /// Where Codex keeps its state.
    pub(super) home: Home,
    /// The session's folder for temporary files.
    pub(super) tmp: PathBuf,
    /// The key to log in with, where the operator gave one.
    pub(super) key: Option<String>,
    /// True behind walls of ours, in which it can't put up its own.
    walled: bool,
}

impl Prepared {
    pub(super) fn new(setup: &Setup, plan: &SessionPlan) -> Result<Self> {
        let tmp = plan.dir.join("tmp");
        std::fs::create_dir_all(&tmp).map_err(|error| Error::io("create", &tmp, error))?;
        let own: BTreeMap<&'static str, OsString> = BTreeMap::from([
            ("TERM", "dumb".into()),
            ("NO_COLOR", "1".into()),
            ("LANG", "C.UTF-8".into()),
            ("TMPDIR", tmp.clone().into_os_string()),
        ]);
        let mut program = setup.program(Vec::new(), own, plan)?;
        let named = program.env.get(OsStr::new("CODEX_HOME")).map(PathBuf::from);
        let home = Home::new(&plan.dir, named)?;
        program.env.insert("CODEX_HOME".into(), home.path.clone().into_os_string());
        WorkerHome::of(&mut program, plan)?;
        // What the agent's commands inherit holds no key.
        let key = program.env.remove(OsStr::new(KEY));
        let key = key.map(|key| key.to_string_lossy().into_owned());
        enclose(&mut program, plan, &[tmp.clone(), home.path.clone()])?;
        Ok(Self { program, home, tmp, key, walled: plan.walls.is_some() })
    }

    /// `codex app-server`.
    pub(super) fn app_server(&self, setup: &Setup) -> Program {
        let mut args = vec!["app-server".to_owned()];
        self.settings(setup, &mut args);
        args.extend(setup.args.iter().cloned());
        self.with(args)
    }

    /// `codex exec` for one turn, in a thread that there is already or in a new one. It reads its prompt from its
    /// input.
    pub(super) fn exec(
        &self,
        setup: &Setup,
        turn: &Turn,
        thread: Option<&str>,
        schema: &Path,
    ) -> Program {
        let mut args: Vec<String> =
            ["exec", "--json", "--skip-git-repo-check"].map(str::to_owned).to_vec();
        self.settings(setup, &mut args);
        if let Some(model) = &setup.model {
            args.extend(["-m".to_owned(), model.clone()]);
        }
        for folder in writable(turn).into_iter().chain([self.tmp.as_path()]) {
            args.extend(["--add-dir".to_owned(), folder.display().to_string()]);
        }
        args.extend(["--output-schema".to_owned(), schema.display().to_string()]);
        args.extend(setup.args.iter().cloned());
        if let Some(thread) = thread {
            args.extend(["resume".to_owned(), thread.to_owned()]);
        }
        args.push("-".to_owned());
        let mut program = self.with(args);
        workplace(turn).clone_into(&mut program.dir);
        if let Some(key) = &self.key {
            program.env.insert(KEY.into(), key.into());
        }
        program
    }

    fn settings(&self, setup: &Setup, args: &mut Vec<String>) {
        let forgets = self.home.own.then_some(FORGETS);
        let wall = match setup.permissions {
            Permissions::Work if !self.walled => WALL,
            Permissions::Work | Permissions::Full => NO_WALL,
        };
        for setting in OWN.into_iter().chain([wall]).chain(forgets) {
            args.extend(["-c".to_owned(), setting.to_owned()]);
        }
    }

    fn with(&self, args: Vec<String>) -> Program {
        let args = args.into_iter().map(OsString::from).collect();
        Program { args, ..self.program.clone() }
    }
}

/// The folders of a turn that its agent may write to.
pub(super) fn writable(turn: &Turn) -> Vec<&Path> {
    turn.worktree.as_deref().into_iter().chain([turn.desk.as_path()]).collect()
}

/// The folder a turn's work is done in.
pub(super) fn workplace(turn: &Turn) -> &Path {
    turn.worktree.as_deref().unwrap_or(&turn.desk)
}
