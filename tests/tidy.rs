//! The house rules, as tests: floors, sizes, names.

use std::fs;
use std::path::{Path, PathBuf};

fn house() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(house().join(folder)).sort_by_file_name();
    let files = all.into_iter().map(|entry| entry.unwrap().into_path());
    files.filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(house()).unwrap().display().to_string()
}

/// The modules in floor order, from the ground up.
fn floors() -> Vec<String> {
    let lib = read(&house().join("workers/lib.rs"));
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    modules.map(str::to_owned).collect()
}

/// The words that follow `crate::` in the code of a file, without comments; `crate::{a, b::c}` names a and b.
fn imported(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut words = Vec::new();
    for after in code.split("crate::").skip(1) {
        let word = |text: &str| -> String {
            text.trim_start()
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect()
        };
        match after.strip_prefix('{') {
            None => words.push(word(after)),
            Some(group) => {
                let group = &group[..group.find("};").unwrap_or(group.len())];
                let mut depth = 0;
                for part in group.split_inclusive(['{', '}', ',']) {
                    if depth == 0 {
                        words.push(word(part));
                    }
                    depth += part.matches('{').count();
                    depth -= part.matches('}').count().min(depth);
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What breaks the floors: `(file, module it stands in, module it reaches up to)`.
fn reaching_up(
    floors: &[String],
    files: &[(String, String, String)],
) -> Vec<(String, String, String)> {
    let height = |module: &str| floors.iter().position(|floor| floor == module);
    let mut found = Vec::new();
    for (file, module, text) in files {
        let own = height(module).unwrap_or(usize::MAX);
        for word in imported(text) {
            if height(&word).is_some_and(|other| other > own) {
                found.push((file.clone(), module.clone(), word));
            }
        }
    }
    found
}

#[test]
fn modules_import_only_what_stands_below_them() {
    let floors = floors();
    assert!(floors.len() > 20, "{floors:?}");
    let library = house().join("workers");
    let files: Vec<_> = sources("workers")
        .into_iter()
        .filter(|path| !path.starts_with(library.join("bin")) && !path.ends_with("lib.rs"))
        .map(|path| {
            let inside = path.strip_prefix(&library).unwrap();
            let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
            (shown(&path), first.trim_end_matches(".rs").to_owned(), read(&path))
        })
        .collect();
    for (file, module, _) in &files {
        assert!(floors.contains(module), "{file}: {module} is not in lib.rs");
    }
    let found = reaching_up(&floors, &files);
    assert!(found.is_empty(), "these reach up: {found:#?}");
}

#[test]
fn the_check_of_the_floors_sees_an_import_that_reaches_up() {
    let floors = ["error", "state", "queue"].map(str::to_owned);
    let file = |text: &str| vec![("f".to_owned(), "state".to_owned(), text.to_owned())];
    assert_eq!(reaching_up(&floors, &file("use crate::queue::Queue;")).len(), 1);
    assert_eq!(reaching_up(&floors, &file("use crate::{error::E, queue::{a, b}};")).len(), 1);
    assert_eq!(reaching_up(&floors, &file("use crate::error::Error; // crate::x")).len(), 0);
}

#[test]
fn a_file_is_one_noun_and_none_is_longer_than_500_lines() {
    for path in ["workers", "launcher", "tests"].into_iter().flat_map(sources) {
        let lines = read(&path).lines().count();
        assert!(lines <= 500, "{} has {lines} lines", shown(&path));
        let name = path.file_stem().unwrap().to_str().unwrap();
        let vague = ["util", "utils", "helper", "helpers", "manager", "common", "misc"];
        assert!(!vague.contains(&name), "{} says nothing", shown(&path));
        let first = read(&path).lines().next().unwrap_or_default().to_owned();
        assert!(first.starts_with("//! "), "{} does not say what it is about", shown(&path));
    }
}

#[test]
fn every_file_is_built_into_something() {
    let manifest = read(&house().join("Cargo.toml"));
    for path in ["workers", "launcher", "tests"].into_iter().flat_map(sources) {
        // The demo's project and the fuzzer are packages of their own.
        let own = ["launcher/demo/wordcraft", "tests/fuzz"];
        let project = own.into_iter().any(|folder| path.starts_with(house().join(folder)));
        if project || manifest.contains(&format!("path = \"{}\"", shown(&path))) {
            continue;
        }
        // `a/b.rs` and `a/b/mod.rs` are declared as `mod b;` in `a.rs`, or in the file of `a` that stands for it.
        let file = if path.ends_with("mod.rs") { path.parent().unwrap() } else { &path };
        let (folder, name) = (file.parent().unwrap(), file.file_stem().unwrap().to_str().unwrap());
        let own = ["mod.rs", "main.rs", "lib.rs"].map(|name| folder.join(name));
        let above = own.into_iter().chain([folder.with_extension("rs")]);
        let declared = above
            .filter(|file| file.is_file())
            .any(|file| read(&file).lines().any(|line| line.ends_with(&format!("mod {name};"))));
        // A folder whose name can be no module's is declared by its path, in its neighbour.
        let by_path = || {
            let named = format!("#[path = \"../{name}/mod.rs\"]");
            sources("tests").iter().any(|other| read(other).lines().any(|line| line == named))
        };
        let declared = declared || (name.contains('-') && by_path());
        assert!(declared, "{} is part of nothing", shown(&path));
    }
}

#[test]
fn file_locks_stay_in_one_room() {
    for path in ["workers", "launcher"].into_iter().flat_map(sources) {
        if !path.ends_with("queue/files/machine/flock.rs") {
            let code = read(&path);
            let uses =
                code.lines().any(|l| l.contains("fs2::") && !l.trim_start().starts_with("//"));
            assert!(!uses, "{} uses fs2", shown(&path));
        }
    }
}

/// What in the code of a file, without comments and tests, goes past the machine that the file queue is given.
fn past_the_machine(text: &str) -> Vec<&'static str> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.map(|line| format!("{line}\n")).collect();
    let ways = [
        "std::fs",
        "fs::",
        "rustix::",
        "File::open",
        "tempfile::",
        "walkdir::",
        "notify::",
        ".exists()",
        ".is_file()",
        ".is_dir()",
        "std::process",
        "process::",
        "thread::sleep",
        "Instant",
        "SystemTime",
        "unix_now",
        "Zoned::now",
        "fastrand::u",
        "fastrand::shuffle",
        "Uuid::new",
        "floor::replace",
        "floor.archived",
        "floor.put_",
    ];
    ways.into_iter().filter(|way| code.contains(way)).collect()
}

#[test]
fn the_file_queue_does_nothing_past_the_machine_it_is_given() {
    let files: Vec<_> = sources("workers/queue/files")
        .into_iter()
        .filter(|path| {
            !["linux.rs", "flock.rs"]
                .iter()
                .any(|real| path.ends_with(Path::new("machine").join(real)))
        })
        .collect();
    assert!(files.len() > 25, "{files:?}");
    for path in files.into_iter().filter(|path| !path.ends_with("machine/mod.rs")) {
        let found = past_the_machine(&read(&path));
        assert!(found.is_empty(), "{} goes past the machine by {found:?}", shown(&path));
    }
    let seam = read(&house().join("workers/queue/files/machine/mod.rs"));
    assert_eq!(past_the_machine(&seam), ["rustix::"], "only the numbers of errors");
}

#[test]
fn the_check_of_the_machine_sees_a_way_past_it() {
    let real = read(&house().join("workers/queue/files/machine/linux.rs"));
    let found = past_the_machine(&real);
    for way in ["std::fs", "rustix::", "notify::", "thread::sleep", "Instant", "fastrand::u"] {
        assert!(found.contains(&way), "{way} is not seen in {found:?}");
    }
    assert_eq!(past_the_machine("// std::fs\n#[cfg(test)] use std::fs;"), Vec::<&str>::new());
}

#[test]
fn only_one_room_of_the_library_starts_processes() {
    for path in sources("workers") {
        let inside = path.strip_prefix(house().join("workers")).unwrap().to_owned();
        if inside.starts_with("bin")
            || inside.starts_with("process")
            || inside.ends_with("process.rs")
        {
            continue;
        }
        let code = read(&path);
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        let starts =
            ["process::Command", "process::{Command"].iter().any(|name| code.contains(name));
        assert!(!starts, "{} starts a process", shown(&path));
    }
}

#[test]
fn every_sync_of_the_queue_has_its_line_in_the_page() {
    use shopfloor::queue::files::machine::SyncPoint;
    let page = read(&house().join("docs/queue-on-disk.md"));
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    for point in SyncPoint::ALL {
        let name = format!("`{point}`");
        let first = |row: &&&str| row.split('|').nth(1).is_some_and(|cell| cell.contains(&name));
        assert_eq!(rows.iter().filter(first).count(), 1, "{point} has no line, or several");
        assert_eq!(SyncPoint::named(point.name()), Some(*point));
    }
}
