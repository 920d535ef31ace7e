//! Manifests that are changed for good reasons, and hold parts that decide what a test run shows. Pure.

use serde_json::Value;

/// Parts of a manifest with their names.
type Parts = Vec<(String, Value)>;

/// True for a manifest that has such parts.
pub(super) fn is_one(path: &str) -> bool {
    ["package.json", "pyproject.toml", "Cargo.toml"]
        .contains(&path.rsplit('/').next().unwrap_or(path))
}

/// What was changed in a manifest that only a person may change; `None` when it is nothing. `node_words` are the words of
/// the test command where it runs scripts of a package.json.
pub(super) fn fault(
    path: &str,
    before: Option<&[u8]>,
    now: Option<&[u8]>,
    node_words: &[String],
) -> Option<String> {
    let now = now?;
    let parts: fn(&Value, &[String]) -> Parts = match path.rsplit('/').next()? {
        // A package of its own brings tests of its own; its build may reach further.
        "package.json" if before.is_some() => package_json,
        "pyproject.toml" if before.is_some() => |value, _| pyproject(value),
        "Cargo.toml" => |value, _| cargo(value),
        _ => return None,
    };
    let read = |content: &[u8]| -> Option<Value> {
        let text = std::str::from_utf8(content).ok()?;
        match path.ends_with(".json") {
            true => serde_json::from_str(text).ok(),
            false => toml::from_str(text).ok(),
        }
    };
    let before = before.and_then(read).unwrap_or(Value::Null);
    let Some(now) = read(now) else { return Some("it can't be read any more".to_owned()) };
    let (before, now) = (parts(&before, node_words), parts(&now, node_words));
    let differs = |(name, value): &&(String, Value)| {
        let other = |list: &[(String, Value)]| {
            list.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
        };
        other(&before).as_ref() != Some(value) || other(&now).as_ref() != Some(value)
    };
    before.iter().chain(&now).find(differs).map(|(name, _)| format!("`{name}`"))
}

/// The value at `keys`, with its name, where there is one.
fn at(value: &Value, keys: &[&str]) -> Option<(String, Value)> {
    let found = keys.iter().try_fold(value, |value, key| value.get(key))?;
    Some((keys.join("."), found.clone()))
}

/// Scripts that test, or that the command names, and what comes before and after them; what runners are told.
fn package_json(value: &Value, words: &[String]) -> Parts {
    const RUNNERS: [&str; 8] = ["jest", "vitest", "mocha", "ava", "tap", "nyc", "c8", "playwright"];
    let decides = |name: &str| {
        let bare = name.strip_prefix("pre").or_else(|| name.strip_prefix("post")).unwrap_or(name);
        !words.is_empty()
            && (bare == "test" || words.iter().any(|word| word == name || word == bare))
    };
    let scripts = value.get("scripts").and_then(Value::as_object).into_iter().flatten();
    let scripts = scripts.filter(|(name, _)| decides(name));
    let scripts = scripts.map(|(name, script)| (format!("scripts.{name}"), script.clone()));
    scripts.chain(RUNNERS.iter().filter_map(|runner| at(value, &[runner]))).collect()
}

fn pyproject(value: &Value) -> Parts {
    const PARTS: [&[&str]; 8] = [
        &["tool", "pytest"],
        &["tool", "tox"],
        &["tool", "nox"],
        &["tool", "hatch", "envs"],
        &["tool", "pdm", "scripts"],
        &["tool", "poe"],
        &["tool", "taskipy"],
        &["project", "entry-points", "pytest11"],
    ];
    PARTS.iter().filter_map(|keys| at(value, keys)).collect()
}

/// The build script, profiles under which tests are built, and targets whose tests are switched off or run by no harness.
fn cargo(value: &Value) -> Parts {
    const PARTS: [&[&str]; 9] = [
        &["package", "build"],
        &["package", "autotests"],
        &["package", "autolib"],
        &["lib", "test"],
        &["lib", "harness"],
        &["lib", "doctest"],
        &["lib", "proc-macro"],
        &["profile", "test"],
        &["profile", "dev"],
    ];
    let mut parts: Parts = PARTS.iter().filter_map(|keys| at(value, keys)).collect();
    for kind in ["test", "bin", "example"] {
        let targets = value.get(kind).and_then(Value::as_array).into_iter().flatten();
        for target in targets {
            let name = target.get("name").and_then(Value::as_str).unwrap_or_default();
            for key in ["test", "harness"] {
                if let Some(set) = target.get(key) {
                    parts.push((format!("{kind}.{name}.{key}"), set.clone()));
                }
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(path: &str, before: &str, now: &str) -> Option<String> {
        let words: Vec<String> = ["npm", "run", "check"].map(str::to_owned).to_vec();
        fault(path, Some(before.as_bytes()), Some(now.as_bytes()), &words)
    }

    #[test]
    fn scripts_of_the_command_are_a_persons_and_dependencies_are_not() {
        let before = r#"{"scripts": {"check": "jest", "build": "tsc"}, "dependencies": {}}"#;
        let now =
            |from: &str, to: &str| changed("web/package.json", before, &before.replace(from, to));
        assert_eq!(now(r#""dependencies": {}"#, r#""dependencies": {"a": "1"}"#), None);
        assert_eq!(now("tsc", "tsc --strict"), None);
        assert_eq!(now(r#""build""#, r#""lint": "x", "build""#), None);
        assert_eq!(now("\"jest\"", "\"true\"").as_deref(), Some("`scripts.check`"));
        assert_eq!(now(r#""check": "jest", "#, "").as_deref(), Some("`scripts.check`"));
        assert_eq!(
            now(r#""build""#, r#""precheck": "x", "build""#).as_deref(),
            Some("`scripts.precheck`")
        );
        assert_eq!(now("\"dependencies\"", "\"jest\"").as_deref(), Some("`jest`"));
        assert!(now("}}", "").is_some(), "what can't be read any more");
    }

    #[test]
    fn targets_without_a_harness_and_build_scripts_are_a_persons() {
        let before = "[package]\nname = \"a\"\n[dependencies]\n";
        let now = |more: &str| changed("Cargo.toml", before, &format!("{before}{more}"));
        assert_eq!(now("x = \"1\"\n[dev-dependencies]\ny = \"1\"\n[[bin]]\nname = \"z\"\n"), None);
        assert_eq!(now("[[bench]]\nname = \"b\"\nharness = false\n"), None);
        assert_eq!(now("[[test]]\nname = \"t\"\npath = \"t.rs\"\n"), None);
        assert_eq!(now("[profile.release]\nlto = true\n"), None);
        for (more, part) in [
            ("[[test]]\nname = \"t\"\nharness = false\n", "`test.t.harness`"),
            ("[lib]\ntest = false\n", "`lib.test`"),
            ("[profile.test]\ndebug-assertions = false\n", "`profile.test`"),
        ] {
            assert_eq!(now(more).as_deref(), Some(part));
        }
        let built =
            changed("Cargo.toml", before, &before.replace("[dep", "build = \"b.rs\"\n[dep"));
        assert_eq!(built.as_deref(), Some("`package.build`"));
        assert_eq!(fault("a/Cargo.toml", None, Some(before.as_bytes()), &[]), None);
    }

    #[test]
    fn pytests_options_are_a_persons() {
        let before = "[project]\nname = \"a\"\ndependencies = []\n";
        let now = |more: &str| changed("pyproject.toml", before, &format!("{before}{more}"));
        assert_eq!(now("[tool.ruff]\nx = 1\n"), None);
        let part = now("[tool.pytest.ini_options]\naddopts = \"-p fake\"\n");
        assert_eq!(part.as_deref(), Some("`tool.pytest`"));
    }
}
