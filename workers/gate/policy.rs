//! The gate REVIEW (`policy` in the record): what an order changed stays inside what it may change.

mod binaries;
mod content;
mod drift;
mod links;
mod manifest;
mod names;
mod protected;
mod runner;
mod secrets;

use serde_json::Value;

use super::findings::counted;
use super::frozen::Frozen;
use super::scene::{Scene, Tools};
use super::spec;
use crate::check::Check;
use crate::config::{Drift, Policy};
use crate::error::{Error, Kind, Result};
use crate::workspace::{Bench, Change, ChangeKind, Workspace};
use content::Known;
use drift::Bounds;
use names::Twins;
use protected::{Protected, Words, manifests};
use runner::Runner;
use secrets::{Secret, Text};

/// The key of `order.json` under which a person names the files that may hold what looks like a secret.
const MAY_APPEAR: &str = "secrets_may_appear";
/// The most drifting paths that are named one by one.
const NAMED_MOST: usize = 20;

/// One change with what its file held and holds. Contents are `None` where there was or is no plain file.
#[derive(Debug)]
struct Touched {
    change: Change,
    before: Option<Vec<u8>>,
    now: Option<Vec<u8>>,
}

/// What an order may do, by its papers and the configuration.
#[derive(Debug)]
struct Leave<'a> {
    policy: &'a Policy,
    words: Words,
    protected: Protected,
    may_appear: Vec<globset::GlobMatcher>,
}

/// What was found: faults refuse, remarks are told.
#[derive(Debug, Default)]
struct Found {
    faults: Vec<String>,
    remarks: Vec<String>,
    lines: u64,
}

/// Looks at the changes of the scene's order.
pub(super) async fn check(tools: &Tools, scene: &Scene) -> Result<Check> {
    let (bench, tree) = match scene.work() {
        Ok(work) => work,
        Err(answer) => return Ok(answer),
    };
    let leave = Leave::of(tools, scene, bench).await?;
    let changes = tools.workspace.changes(&bench.base.tree, tree).await?;
    let mut found = Found::default();
    leave.paths(&changes, bench, &mut found);
    if changes.iter().any(|change| change.kind == ChangeKind::Added) {
        let twins = Twins::of(&tools.workspace.paths(tree).await?);
        found.faults.extend(changes.iter().filter_map(|change| twin_fault(&twins, change)));
    }
    let touched = contents(&tools.workspace, changes, bench, tree).await?;
    leave.contents(&touched, &mut found);
    let texts = texts(touched);
    let files = texts.len();
    let secrets = tokio::task::spawn_blocking(move || secrets::find(&texts)).await;
    let secrets = secrets.map_err(|error| {
        Error::new(Kind::Failed, "failed to look for secrets").caused_by(error)
    })??;
    leave.secrets(&secrets, &mut found);
    Ok(found.answer(files))
}

/// What REVIEW would refuse of `changes` because of what it decides: the faults, one line each. RED asks, so that nothing is
/// frozen that the next stage could not take back.
pub(super) async fn deciding(
    tools: &Tools,
    scene: &Scene,
    bench: &Bench,
    tree: &str,
    changes: &[Change],
) -> Result<Vec<String>> {
    let mut leave = Leave::of(tools, scene, bench).await?;
    leave.words.frozen = changes.iter().map(|change| change.path.clone()).collect();
    let mut faults = Vec::new();
    for change in changes {
        let path = change.path.as_str();
        if let Some(why) = leave.protected.refused(path, &leave.words) {
            faults.push(format!("{} {}", shown(path), why.fault(path)));
        }
        if manifest::is_one(path) {
            let before = tools.workspace.file(&bench.base.tree, path).await?;
            let now = tools.workspace.file(tree, path).await?;
            faults.extend(leave.part(path, before.as_deref(), now.as_deref()));
        }
    }
    Ok(faults)
}

/// The files of a spec that only a person may name, and has not: the faults, one line each. `declared` are the spec's files.
pub(super) async fn a_persons(
    tools: &Tools,
    scene: &Scene,
    declared: &[String],
) -> Result<Vec<String>> {
    let base = tools.workspace.base().await?;
    let test = &tools.config.project.test;
    let runner = Runner::of(&tools.workspace, &base.tree, &test.command).await?;
    let protected = Protected::new(&tools.config.policy.protected, runner)?;
    // What the test stage writes and RED freezes is let through: this is said of files, not of who changes them.
    let (person, frozen) = (scene.request.files.clone(), declared.to_vec());
    let words = Words { spec: Vec::new(), person, frozen };
    let refused = declared.iter().filter_map(|path| {
        let why = protected.refused(path, &words).filter(|why| why.is_a_persons())?;
        Some(format!("{} {}", shown(path), why.fault(path)))
    });
    Ok(refused.collect())
}

impl<'a> Leave<'a> {
    async fn of(tools: &'a Tools, scene: &Scene, bench: &Bench) -> Result<Self> {
        let policy = &tools.config.policy;
        // GREEN has the word on a list that was tampered with; here it only lets nothing through.
        let list = match &scene.frozen {
            Some(proof) => Frozen::load(&scene.papers, proof)?.ok(),
            None => None,
        };
        let words = Words {
            spec: spec::declared_of(scene)?,
            person: scene.request.files.clone(),
            frozen: list.into_iter().flat_map(|list| list.files).map(|file| file.path).collect(),
        };
        let command = &tools.config.project.test.command;
        let runner = Runner::of(&tools.workspace, &bench.base.tree, command).await?;
        let protected = Protected::new(&policy.protected, runner)?;
        let may_appear = may_appear(scene.request.more.get(MAY_APPEAR))?;
        Ok(Self { policy, words, protected, may_appear })
    }

    /// The fault of a manifest in which a part was changed that only a person may change.
    fn part(&self, path: &str, before: Option<&[u8]>, now: Option<&[u8]>) -> Option<String> {
        let part = self.protected.part(path, before, now, &self.words)?;
        Some(format!(
            "{} has {part} changed, which decides what a test run shows: only a person lets it change, by \
             `\"files\": [{path:?}]` in order.json",
            shown(path)
        ))
    }

    /// What can be said of the paths alone.
    fn paths(&self, changes: &[Change], bench: &Bench, found: &mut Found) {
        let mut protected = Vec::new();
        for change in changes {
            let path = change.path.as_str();
            let mut fault = |why: &str| found.faults.push(format!("{} {why}", shown(path)));
            if change.kind == ChangeKind::Added
                && let Some(why) = names::odd(path)
            {
                fault(why);
            }
            if change.special
                && change.kind != ChangeKind::Deleted
                && let Some(why) = links::fault(path, &bench.path)
            {
                fault(&why);
            }
            match self.protected.refused(path, &self.words) {
                Some(why) => fault(&why.fault(path)),
                None if self.protected.why(path).is_some() => protected.push(path),
                None => {}
            }
        }
        if !protected.is_empty() {
            found.remarks.push(format!("protected, and let through: {}", named(&protected)));
        }
        self.drift(changes, found);
    }

    fn drift(&self, changes: &[Change], found: &mut Found) {
        let declared: Vec<String> = self.words.declared().cloned().collect();
        let bounds = match Bounds::new(&declared, &self.words.frozen, &self.policy.allowed) {
            Ok(bounds) => bounds,
            Err(error) => return found.faults.push(error.to_string()),
        };
        let paths = changes.iter().map(|change| change.path.as_str());
        // A lock file drifts with its manifest: it is protected, and that is the stricter question.
        let drift: Vec<&str> =
            paths.filter(|path| !bounds.hold(path) && manifests(path).is_none()).collect();
        let told = || format!("{} not declared ({})", counted(drift.len(), "file"), named(&drift));
        match self.policy.drift {
            _ if drift.is_empty() => {}
            Drift::Refuse => found.faults.push(format!("drift: {}", told())),
            Drift::Tell if declared.is_empty() => {
                found.remarks.push("no files were declared".to_owned());
            }
            Drift::Tell => found.remarks.push(format!("drift: {}", told())),
        }
    }

    /// What can be said of the contents, secrets apart.
    fn contents(&self, touched: &[Touched], found: &mut Found) {
        let known = known(touched);
        for file in touched {
            let (path, kind) = (file.change.path.as_str(), file.change.kind);
            found.lines += changed_lines(file, &known);
            let Some(now) = &file.now else { continue };
            let sizes = (file.before.as_ref().map(Vec::len), now.len());
            found.faults.extend(self.part(path, file.before.as_deref(), file.now.as_deref()));
            let declared = self.words.declared().any(|named| named == path);
            let why = binaries::fault(now, file.before.as_deref(), declared, self.policy)
                .or_else(|| binaries::too_large(sizes, self.policy.max_file_kib, "file"));
            found.faults.extend(why.map(|why| format!("{} {why}", shown(path))));
            let frozen = self.words.frozen.iter().any(|frozen| frozen == path);
            if kind != ChangeKind::Deleted
                && !content::binary(now)
                && !frozen
                && let Some(line) = content::conflict(now, &known.new_lines(now))
            {
                found.faults.push(format!("{} holds conflict markers (line {line})", shown(path)));
            }
        }
        if found.lines > self.policy.max_lines {
            let (is, most) = (found.lines, self.policy.max_lines);
            found
                .faults
                .push(format!("{is} lines were added and removed; one order may change {most}"));
        }
    }

    fn secrets(&self, secrets: &[Secret], found: &mut Found) {
        let may = |secret: &&Secret| self.may_appear.iter().any(|glob| glob.is_match(&secret.path));
        let (named_ones, faults): (Vec<&Secret>, Vec<&Secret>) = secrets.iter().partition(may);
        for secret in faults {
            let begins = match secret.begins.as_str() {
                "" => String::new(),
                begins => format!(", begins with `{}`", begins.escape_debug()),
            };
            found.faults.push(format!(
                "{} holds what looks like a secret (line {}, rule {}{begins})",
                shown(&secret.path),
                secret.line,
                secret.rule
            ));
        }
        if !named_ones.is_empty() {
            let mut paths: Vec<&str> = named_ones.iter().map(|secret| &*secret.path).collect();
            paths.dedup();
            let count = counted(named_ones.len(), "likely secret");
            let files = named(&paths);
            found.remarks.push(format!("{count} let through by order.json ({files})"));
        }
    }
}

impl Found {
    fn answer(self, files: usize) -> Check {
        if let [first, rest @ ..] = self.faults.as_slice() {
            let why = match rest.len() {
                0 => first.clone(),
                more => format!("{first} (and {more} more)"),
            };
            let list: String = self.faults.iter().map(|fault| format!("- {fault}\n")).collect();
            let text = format!(
                "The change leaves what this order may do:\n\n{list}\nTake these changes back. What has to stay must be \
                 named: a file under the files of `{}`; what decides about test runs, by a person in order.json.\n",
                spec::SPEC
            );
            return Check::fail_with(why, text);
        }
        let lines = counted(usize::try_from(self.lines).unwrap_or(usize::MAX), "line");
        let mut line = format!("{}, {lines} changed", counted(files, "file"));
        for remark in self.remarks {
            line.push_str("; ");
            line.push_str(&remark);
        }
        Check::pass(line)
    }
}

fn twin_fault(twins: &Twins, change: &Change) -> Option<String> {
    let twin = (change.kind == ChangeKind::Added).then(|| twins.twin(&change.path)).flatten()?;
    Some(format!("{} differs only in case from {}", shown(&change.path), shown(twin)))
}

/// Lines added and removed. A lock file is written by a tool and has no lines to read; a text that some attribute calls
/// binary has its lines all the same.
fn changed_lines(file: &Touched, known: &Known<'_>) -> u64 {
    if manifests(&file.change.path).is_some() {
        return 0;
    }
    match (file.change.added, &file.now) {
        (None, Some(now)) if !content::binary(now) => {
            known.new_lines(now).iter().filter(|new| **new).count() as u64
        }
        (added, _) => added.unwrap_or(0) + file.change.removed.unwrap_or(0),
    }
}

async fn contents(
    workspace: &Workspace,
    changes: Vec<Change>,
    bench: &Bench,
    tree: &str,
) -> Result<Vec<Touched>> {
    let mut touched = Vec::new();
    for change in changes {
        let before = match change.kind {
            ChangeKind::Added => None,
            ChangeKind::Modified | ChangeKind::Deleted => {
                workspace.file(&bench.base.tree, &change.path).await?
            }
        };
        let now = match change.kind {
            ChangeKind::Deleted => None,
            ChangeKind::Added | ChangeKind::Modified => workspace.file(tree, &change.path).await?,
        };
        touched.push(Touched { change, before, now });
    }
    Ok(touched)
}

fn known(touched: &[Touched]) -> Known<'_> {
    Known::of(touched.iter().filter_map(|file| file.before.as_deref()))
}

/// The changed files as texts to look for secrets in.
fn texts(touched: Vec<Touched>) -> Vec<Text> {
    let known_lines = known(&touched);
    let new: Vec<Vec<bool>> = touched
        .iter()
        .map(|file| file.now.as_deref().map(|now| known_lines.new_lines(now)).unwrap_or_default())
        .collect();
    let text = |(file, new): (Touched, Vec<bool>)| {
        let now = file.now.unwrap_or_default();
        let path = file.change.path;
        let wide = now.starts_with(b"\xff\xfe") || now.starts_with(b"\xfe\xff");
        let no_guessing = manifests(&path).is_some() || (content::binary(&now) && !wide);
        let content = content::as_utf8(now);
        // The lines of UTF-16 were not told apart: all of them count as new.
        let new = if wide { vec![true; content::lines(&content).count()] } else { new };
        Text { path, content, new, no_guessing }
    };
    touched.into_iter().zip(new).map(text).collect()
}

/// The files that a person named in `order.json`.
fn may_appear(value: Option<&Value>) -> Result<Vec<globset::GlobMatcher>> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let words: Option<Vec<&str>> =
        value.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
    let words = words.ok_or_else(|| {
        Error::usage(format!("failed to read {MAY_APPEAR} in order.json: it is no list of paths"))
            .hint(format!("write it like \"{MAY_APPEAR}\": [\"tests/keys/example.pem\"]"))
    })?;
    words.iter().map(|word| protected::pattern(word, MAY_APPEAR)).collect()
}

fn shown(path: &str) -> String {
    format!("`{}`", path.escape_debug())
}

fn named(paths: &[&str]) -> String {
    let mut text: Vec<String> =
        paths.iter().take(NAMED_MOST).map(|path| path.escape_debug().to_string()).collect();
    if paths.len() > NAMED_MOST {
        text.push(format!("and {} more", paths.len() - NAMED_MOST));
    }
    text.join(", ")
}
