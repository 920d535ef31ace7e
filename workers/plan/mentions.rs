//! Files that a text speaks of: paths with a slash, names in back quotes, and what stands after "modify", "update" or
//! "create". What may as well be something else (`item.count`, `and/or`, an address) is left out.

use std::collections::BTreeSet;

use super::paths::clean;

/// Endings by which a bare name is known as a file's.
const ENDINGS: &[&str] = &[
    "bash", "bat", "c", "cc", "cfg", "clj", "cmake", "conf", "cpp", "cs", "css", "csv", "cts",
    "cxx", "dart", "ejs", "env", "erl", "ex", "exs", "fish", "fs", "gd", "glsl", "go", "gql",
    "gradle", "graphql", "h", "hbs", "hcl", "hpp", "hs", "html", "ini", "ipynb", "java", "jinja",
    "jl", "js", "json", "jsonl", "jsx", "kt", "kts", "less", "lock", "lua", "m", "md", "mdx",
    "mjs", "ml", "mts", "nim", "nix", "php", "pl", "png", "po", "prisma", "proto", "ps1", "py",
    "pyi", "r", "rb", "rs", "rst", "scala", "scss", "sh", "sql", "svelte", "svg", "swift", "tcl",
    "tex", "tf", "toml", "tpl", "ts", "tscn", "tsx", "txt", "vue", "wgsl", "xml", "yaml", "yml",
    "zig", "zsh",
];

/// Files without an ending.
const NAMES: &[&str] = &[
    "Brewfile",
    "CMakeLists.txt",
    "CODEOWNERS",
    "Cargo.lock",
    "Dockerfile",
    "Gemfile",
    "Justfile",
    "LICENSE",
    "Makefile",
    "Procfile",
    "Rakefile",
    "Vagrantfile",
    "justfile",
    "makefile",
];

/// Words after which a file may be named.
const VERBS: &[&str] = &[
    "add", "change", "create", "delete", "edit", "extend", "modify", "move", "refactor", "remove",
    "rename", "rewrite", "touch", "update", "write",
];

/// Words between such a word and the name.
const BETWEEN: &[&str] = &["a", "an", "file", "new", "our", "the", "to"];

/// The files that `text` speaks of, as cleaned names; a bare name is one that may stand anywhere (`**/name`).
pub fn mentioned(text: &str) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = quoted(text).into_iter().filter_map(file).collect();
    let mut after_verb = false;
    for word in text.split(|c: char| c.is_whitespace() || "`\"'<>|()".contains(c)) {
        let bare = word.trim_matches(|c: char| ",;:!?*".contains(c)).trim_end_matches('.');
        if bare.is_empty() {
            continue;
        }
        if after_verb || bare.contains('/') {
            found.extend(file(bare));
        }
        let plain = bare.to_ascii_lowercase();
        let verb = VERBS.iter().any(|verb| is_form(&plain, verb));
        after_verb = verb || (after_verb && BETWEEN.contains(&plain.as_str()));
    }
    found
}

/// `create`, `creates`, `created`, `creating`.
fn is_form(word: &str, verb: &str) -> bool {
    let stem = verb.strip_suffix('e').unwrap_or(verb);
    let Some(rest) = word.strip_prefix(stem) else { return false };
    matches!(rest, "" | "e" | "s" | "es" | "d" | "ed" | "ing")
        && (word == verb || rest.len() > 1 || rest == "s")
}

/// What stands in single back quotes on one line.
fn quoted(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("```")) {
        found.extend(line.split('`').skip(1).step_by(2));
    }
    found
}

/// The name, when it is one of a file or a folder.
fn file(word: &str) -> Option<String> {
    let word = word.trim();
    let odd = |c: char| c.is_whitespace() || c.is_control() || "\"'`<>|;$&=,()#%@:!\\~".contains(c);
    if word.is_empty() || word.len() > 255 || word.contains(odd) || word.starts_with('-') {
        return None;
    }
    let name = word.trim_end_matches('/').rsplit('/').next()?;
    let known = is_file_name(name);
    match word.contains('/') {
        false if known => Some(format!("**/{word}")),
        // A folder is known by the slash at its end, a file by its ending.
        true if known || (word.ends_with('/') && word.matches('/').count() > 1) => {
            clean(word).filter(|path| path.contains('/'))
        }
        true if word.contains("*") => clean(word),
        _ => None,
    }
}

fn is_file_name(name: &str) -> bool {
    if NAMES.contains(&name) {
        return true;
    }
    let Some((stem, ending)) = name.rsplit_once('.') else { return false };
    let dotted = stem.is_empty() && name.len() > 2;
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "._-+[]{}*?".contains(c));
    plain && (dotted || ENDINGS.contains(&ending.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        mentioned(text).into_iter().collect()
    }

    #[test]
    fn paths_quoted_names_and_what_is_to_be_changed_are_found() {
        assert_eq!(found("Fix src/x.rs, and lib/y.py."), ["lib/y.py", "src/x.rs"]);
        assert_eq!(found("The parser (`parse.rs`) is slow"), ["**/parse.rs"]);
        assert_eq!(
            found("Modify Cargo.toml and update the file Makefile"),
            ["**/Cargo.toml", "**/Makefile"]
        );
        assert_eq!(found("Creating `docs/a.md`; create ./src/new.ts"), ["docs/a.md", "src/new.ts"]);
        assert_eq!(
            found("everything in `src/auth/` and `src/**/*.sql`"),
            ["src/**/*.sql", "src/auth"]
        );
        assert_eq!(
            found("updated .gitignore, edits config.yaml"),
            ["**/.gitignore", "**/config.yaml"]
        );
    }

    #[test]
    fn what_only_looks_like_a_file_is_left_out() {
        for text in [
            "read/write and/or TCP/IP",
            "`item.count` and `self.x()`",
            "see https://example.com/a/index.html",
            "version 1.2, e.g. v2.0",
            "`cargo test` with `--json` and `std::io`",
            "update the docs",
            "in Cargo.toml we trust",
            "../outside/x.rs and /etc/passwd.txt",
            "`a b.rs`",
            "dates: 2026/11/20",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
