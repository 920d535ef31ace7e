//! What the project's test command runs besides the tool: the scripts of the repository that it names, those that they
//! start, and the files in which a build tool finds its targets. Who may change them may make a run show anything.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::gate::old_tests::is_test_path;
use crate::workspace::Workspace;

/// The most files that are followed from one script to the next.
const MOST_SCRIPTS: usize = 32;
/// A tool, and the files it reads its targets from, wherever they lie.
const TARGETS: &[(&str, &[&str])] = &[
    ("make", &["GNUmakefile", "makefile", "Makefile"]),
    ("gmake", &["GNUmakefile", "makefile", "Makefile"]),
    ("just", &["justfile", ".justfile", "Justfile"]),
    ("task", &["Taskfile.yml", "Taskfile.yaml", "taskfile.yml", "taskfile.yaml"]),
    ("rake", &["Rakefile", "rakefile"]),
    ("invoke", &["tasks.py"]),
    ("inv", &["tasks.py"]),
    ("doit", &["dodo.py"]),
    ("ant", &["build.xml"]),
    ("mage", &["magefile.go"]),
];
/// Tools that run the scripts of a package.json.
const NODE_TOOLS: [&str; 4] = ["npm", "pnpm", "yarn", "bun"];
/// Words after which another script's path follows.
const STARTERS: [&str; 12] = [
    ".", "source", "sh", "bash", "dash", "ksh", "zsh", "python", "python3", "node", "perl", "ruby",
];
/// Words that may stand before a command.
const BEFORE: [&str; 14] = [
    "if", "then", "elif", "else", "while", "until", "do", "!", "{", "exec", "command", "time",
    "nice", "env",
];
/// Words after which a folder follows that what comes next lies in.
const ENTERS: [&str; 6] = ["cd", "-C", "--prefix", "--cwd", "--dir", "--directory"];

/// What one test command runs.
#[derive(Debug, Default)]
pub(super) struct Runner {
    scripts: BTreeSet<String>,
    targets: BTreeSet<&'static str>,
    /// The words of the command, where it runs scripts of a package.json by their names.
    pub(super) node_words: Vec<String>,
}

impl Runner {
    /// Of `command`, as the files of `tree` are.
    pub(super) async fn of(workspace: &Workspace, tree: &str, command: &[String]) -> Result<Self> {
        let words = words(command);
        let mut runner = Self::default();
        for (tool, files) in TARGETS {
            if words.iter().any(|word| name(word) == *tool) {
                runner.targets.extend(*files);
            }
        }
        if words.iter().any(|word| NODE_TOOLS.contains(&name(word))) {
            runner.node_words.clone_from(&words);
        }
        let mut open: Vec<String> = candidates(&words).into_iter().rev().collect();
        let mut seen = BTreeSet::new();
        while let Some(path) = open.pop() {
            if seen.len() >= MOST_SCRIPTS || !seen.insert(path.clone()) {
                continue;
            }
            let Some(content) = workspace.file(tree, &path).await? else {
                seen.remove(&path);
                continue;
            };
            let text = String::from_utf8_lossy(&content);
            let shell = is_shell(&path, &text);
            // Tests that the command names one by one are tests; a shell script may be both, and runs what it likes.
            if !is_test_path(&path) || shell {
                if shell {
                    let started = started(&path, &text);
                    open.extend(started.into_iter().filter(|path| !is_test_path(path)));
                }
                runner.scripts.insert(path);
            }
        }
        Ok(runner)
    }

    /// True when the command runs the file at `path`, or reads from it what to run.
    pub(super) fn runs(&self, path: &str) -> bool {
        self.scripts.contains(path) || self.targets.contains(name(path))
    }
}

fn name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// The words of a command; one that holds a command itself (`sh -c "..."`) is taken apart, and so is `--option=word`.
fn words(command: &[String]) -> Vec<String> {
    let apart = |word: &String| match word.contains(char::is_whitespace) {
        true => shlex::split(word).unwrap_or_else(|| vec![word.clone()]),
        false => vec![word.clone()],
    };
    let value = |word: String| match word.split_once('=') {
        Some((_, value)) => value.to_owned(),
        None => word,
    };
    command.iter().flat_map(apart).map(value).collect()
}

/// The paths that the words may mean: from the repository's folder, and from each folder that the command enters.
fn candidates(words: &[String]) -> Vec<String> {
    let mut folders = vec![String::new()];
    for pair in words.windows(2) {
        if ENTERS.contains(&pair[0].as_str())
            && let Some(folder) = plain("", &pair[1])
        {
            folders.push(folder);
        }
    }
    let paths = words.iter().flat_map(|word| folders.iter().map(|folder| plain(folder, word)));
    paths.flatten().collect()
}

/// The path of `word` from `folder` on, inside the repository. `None` when it is none.
fn plain(folder: &str, word: &str) -> Option<String> {
    if word.starts_with(['/', '-', '~']) {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in word.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

fn is_shell(path: &str, text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let named = ["sh", "bash", "zsh", "ksh"].iter().any(|end| path.ends_with(&format!(".{end}")));
    named || (first.starts_with("#!") && first.contains("sh"))
}

/// The files that a shell script starts or reads in, as far as its text tells: `. lib.sh`, `bash ci/more.sh`,
/// `"$here"/more.sh`, `./more`. From the repository's folder or from the script's own. Code that is tried out is none.
fn started(path: &str, text: &str) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let mut commands = vec![line.to_owned()];
        while let Some((before, inner, after)) = commands.last().and_then(|line| taken_out(line)) {
            commands.pop();
            commands.push(inner);
            // What it stands for is not known; most often it is the script's own folder.
            commands.push(format!("{before}$0{after}"));
        }
        for command in commands.iter().flat_map(|line| line.split([';', '&', '|', '(', ')', '`'])) {
            let Some(word) = program(command).and_then(known_part) else { continue };
            found.extend([plain("", word), plain(folder, word)].into_iter().flatten());
        }
    }
    let is_code = |path: &String| {
        ["src", "lib", "app", "pkg"].contains(&path.split('/').next().unwrap_or_default())
    };
    found.retain(|path| !is_code(path));
    found
}

/// The first innermost `$(command)` of a line: what stands before it, the command, and what stands behind it.
fn taken_out(line: &str) -> Option<(String, String, String)> {
    let (head, tail) = line.split_once(')')?;
    let (before, inner) = head.rsplit_once("$(")?;
    Some((before.to_owned(), inner.to_owned(), tail.to_owned()))
}

/// The file that one simple command runs: itself where it has a path, or the first file that an interpreter is given.
fn program(command: &str) -> Option<&str> {
    let mut words = command.split_whitespace().skip_while(|word| {
        let bare = word.trim_matches('"');
        BEFORE.contains(&bare) || (bare.contains('=') && !bare.contains('/'))
    });
    let first = words.next()?;
    match STARTERS.contains(&name(first.trim_matches('"'))) {
        true => words.find(|word| !word.starts_with('-')),
        false => first.contains('/').then_some(first),
    }
}

/// The part of a word that does not hang on a variable: `"$here/more.sh"` is `more.sh`.
fn known_part(word: &str) -> Option<&str> {
    let word = word.trim_matches(['"', '\'']);
    let known = match word.rfind(['$', '}']) {
        Some(at) => word[at..].split_once('/')?.1,
        None => word,
    };
    (!known.is_empty() && !known.contains(['*', '?', '"'])).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(command: &str) -> Vec<String> {
        candidates(&words(&shlex::split(command).unwrap()))
    }

    #[test]
    fn a_command_names_its_scripts() {
        let named = [
            ("sh run-tests.sh", "run-tests.sh"),
            ("./scripts/test.sh --fast", "scripts/test.sh"),
            ("python3 -B tools/runtests.py", "tools/runtests.py"),
            ("sh -c 'cd web && ./check.sh'", "web/check.sh"),
            ("jest --config=ci/jest.js", "ci/jest.js"),
            ("env A=b bash ci/../run", "run"),
        ];
        for (command, path) in named {
            assert!(of(command).contains(&path.to_owned()), "{command}: {:?}", of(command));
        }
        assert!(of("/usr/bin/make ../x -f").iter().all(|path| !path.starts_with('/')));
    }

    #[test]
    fn a_script_tells_what_it_starts() {
        let text = "#!/bin/sh\n# . not.sh\n. ./lib.sh\nhere=$(dirname \"$0\")\n. \"$here/more.sh\"\nbash -e \"${here}\"/last.sh && ./tool one\n\
            exec sh \"$(dirname \"$0\")/deep.sh\"\nfor t in tests/*.sh; do sh \"$t\"; done\ngrep -q sh lib.txt\n";
        let found = started("ci/run.sh", text);
        for path in ["lib.sh", "ci/lib.sh", "ci/more.sh", "ci/last.sh", "ci/tool", "ci/deep.sh"] {
            assert!(found.contains(&path.to_owned()), "{path}: {found:?}");
        }
        assert!(
            !found.iter().any(|path| path.contains("not.sh") || path.contains('*')),
            "{found:?}"
        );
    }
}
