//! What a project is made of, as far as its files say: how its tests are run, and which agent is on this machine.

use std::path::{Path, PathBuf};

/// The command that runs a project's tests, and the file that told.
pub(crate) fn test_command(project: &Path) -> Option<(&'static str, &'static str)> {
    let has = |name: &str| project.join(name).exists();
    let says = |name: &str, word: &str| {
        std::fs::read_to_string(project.join(name)).is_ok_and(|text| text.contains(word))
    };
    if has("Cargo.toml") {
        return Some(("cargo test", "Cargo.toml"));
    }
    if npm_has_tests(&project.join("package.json")) {
        return Some(("npm test", "package.json"));
    }
    if has("pytest.ini") || says("pyproject.toml", "pytest") || says("setup.cfg", "pytest") {
        return Some(("python3 -m pytest", "the configuration of pytest"));
    }
    if has("pyproject.toml") || python_tests(&project.join("tests")) {
        return Some(("python3 -m pytest", "the Python files"));
    }
    if has("go.mod") {
        return Some(("go test ./...", "go.mod"));
    }
    if makefile_tests(&project.join("Makefile")) || makefile_tests(&project.join("makefile")) {
        return Some(("make test", "the Makefile"));
    }
    None
}

/// True when package.json has a test script that is not the placeholder npm writes.
fn npm_has_tests(package: &Path) -> bool {
    let Ok(text) = std::fs::read(package) else { return false };
    let package: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    package["scripts"]["test"].as_str().is_some_and(|script| !script.contains("no test specified"))
}

fn python_tests(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| entry.path().extension().is_some_and(|ending| ending == "py"))
}

fn makefile_tests(makefile: &Path) -> bool {
    let text = std::fs::read_to_string(makefile).unwrap_or_default();
    text.lines().any(|line| {
        let target = line.split_once(':').filter(|(_, rest)| !rest.starts_with('='));
        target.is_some_and(|(names, _)| names.split_whitespace().any(|name| name == "test"))
    })
}

/// The program called `name`: a path is taken from `folder`, a plain name is looked up in `path` (as in `$PATH`).
pub(crate) fn program(name: &str, folder: &Path, path: &std::ffi::OsStr) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(folder.join(name)).filter(|path| runnable(path));
    }
    std::env::split_paths(path).map(|folder| folder.join(name)).find(|path| runnable(path))
}

fn runnable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_project_is_known_by_its_files() {
        let cases: [(&str, &str, Option<&str>); 9] = [
            ("Cargo.toml", "", Some("cargo test")),
            ("package.json", r#"{"scripts": {"test": "vitest"}}"#, Some("npm test")),
            ("package.json", r#"{"scripts": {"test": "echo \"Error: no test specified\""}}"#, None),
            ("package.json", "{}", None),
            ("pyproject.toml", "", Some("python3 -m pytest")),
            ("tests/test_a.py", "", Some("python3 -m pytest")),
            ("go.mod", "", Some("go test ./...")),
            ("Makefile", "all:\n\ntest: all\n\t./t\n", Some("make test")),
            ("Makefile", "test := 1\n", None),
        ];
        for (file, text, wanted) in cases {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            let found = test_command(folder.path()).map(|(command, _)| command);
            assert_eq!(found, wanted, "{file}: {text}");
        }
    }

    #[test]
    fn a_program_is_found_by_name_or_path_and_must_be_runnable() {
        let path = std::ffi::OsStr::new("/usr/bin:/bin");
        assert!(program("sh", Path::new("/"), path).is_some());
        assert!(program("bin/sh", Path::new("/"), path).is_some());
        assert!(program("no-such-program-here", Path::new("/"), path).is_none());
        assert!(program("/etc/passwd", Path::new("/"), path).is_none());
    }
}
