//! The files of an import: found, read, and named.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use shopfloor::error::{Error, Kind, Result};
use shopfloor::import::{Lines, Told};
use shopfloor::place::Place;
use walkdir::WalkDir;

use super::gh;
use crate::flags::{Import, Shape};

/// The most bytes of one file.
const LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// A file that was read.
#[derive(Debug)]
pub(super) struct Text {
    /// Its name as a person would type it.
    pub(super) file: String,
    /// Its name from wherever a person stands: in the project, or from the root.
    pub(super) origin: String,
    /// The short name for what is in it.
    pub(super) key: String,
    /// Its text.
    pub(super) text: String,
    /// What was not text in it.
    pub(super) fault: Option<Told>,
}

/// Reads everything that was named, in that order; what is in a folder by name. A file that is named twice is read once.
pub(super) fn read(flags: &Import, place: &Place) -> Result<Vec<Text>> {
    let mut texts: Vec<Text> = Vec::new();
    let mut seen: Vec<PathBuf> = Vec::new();
    for given in &flags.paths {
        if given == Path::new("-") {
            texts.push(stdin(flags.shape)?);
            continue;
        }
        let path = place.given(given);
        if flags.shape == Shape::Github
            && let Some(repository) = gh::repository(given).filter(|_| !path.exists())
        {
            let text = gh::issues(repository, place)?;
            let name = repository.to_owned();
            texts.push(Text {
                origin: name.clone(),
                key: name.clone(),
                file: name,
                text,
                fault: None,
            });
            continue;
        }
        for path in files_of(&path, flags.shape)? {
            let whole = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            if !seen.contains(&whole) {
                texts.push(file(&path, flags.shape, place)?);
                seen.push(whole);
            }
        }
    }
    Ok(texts)
}

/// The file itself, or the files of that kind below a folder.
fn files_of(path: &Path, shape: Shape) -> Result<Vec<PathBuf>> {
    let facts = std::fs::metadata(path).map_err(|error| {
        let told = Error::io("read", path, error);
        match shape {
            Shape::Github => {
                told.hint("give a file, - for stdin, or OWNER/REPO for the gh command")
            }
            _ => told.hint("give files or folders, or - for stdin"),
        }
    })?;
    if !facts.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let endings: &[&str] = match shape {
        Shape::Markdown | Shape::WorkItems | Shape::Roadmap => &["md", "markdown"],
        Shape::Github => &["json"],
        Shape::Jsonl => &["jsonl", "ndjson"],
    };
    let hidden = |entry: &walkdir::DirEntry| {
        entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.')
    };
    let mut files = Vec::new();
    for entry in
        WalkDir::new(path).sort_by_file_name().into_iter().filter_entry(|entry| !hidden(entry))
    {
        let entry = entry.map_err(|error| {
            Error::new(Kind::Failed, format!("failed to look through {}", path.display()))
                .caused_by(error)
        })?;
        let ending = entry.path().extension().and_then(|ending| ending.to_str());
        if entry.file_type().is_file() && ending.is_some_and(|ending| endings.contains(&ending)) {
            files.push(entry.into_path());
        }
    }
    if files.is_empty() {
        let told =
            format!("{} has no file that ends in .{}", path.display(), endings.join(" or ."));
        return Err(Error::new(Kind::NotFound, told));
    }
    Ok(files)
}

fn file(path: &Path, shape: Shape, place: &Place) -> Result<Text> {
    let failed = |error| Error::io("read", path, error);
    let file = std::fs::File::open(path).map_err(failed)?;
    let bytes = bytes(file, path)?;
    let mut text = text(place.shown(path), key(path, shape, place), &bytes);
    let whole = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let project = place.project().ok().and_then(|project| std::fs::canonicalize(project).ok());
    let inside = project.as_ref().and_then(|project| whole.strip_prefix(project).ok());
    text.origin = inside.unwrap_or(&whole).display().to_string();
    Ok(text)
}

fn stdin(shape: Shape) -> Result<Text> {
    let bytes = bytes(std::io::stdin().lock(), Path::new("stdin"))?;
    let key = if shape == Shape::Github { "github" } else { "stdin" };
    Ok(text("stdin".to_owned(), key.to_owned(), &bytes))
}

fn bytes(source: impl std::io::Read, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = source.take(LIMIT_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Error::io("read", path, error))?;
    if bytes.len() as u64 > LIMIT_BYTES {
        let told = format!("{} has more than {} MiB", path.display(), LIMIT_BYTES / 1024 / 1024);
        return Err(Error::usage(told).hint("is it the right file? Else cut it into several"));
    }
    Ok(bytes)
}

/// What is not UTF-8 is replaced, and told with its place.
fn text(file: String, key: String, bytes: &[u8]) -> Text {
    let fault = std::str::from_utf8(bytes).err().map(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
        let why = "this is not UTF-8 text; what can't be read is shown as a question mark in a box";
        let spot = Lines::new(&file, &good).spot(good.len());
        Told { spot, why: why.to_owned(), text: String::new() }
    });
    Text {
        text: String::from_utf8_lossy(bytes).into_owned(),
        origin: file.clone(),
        file,
        key,
        fault,
    }
}

/// The short name: the file's, or its folder's where every such file has the same name. Issues are called by their
/// repository, which a file does not name.
fn key(path: &Path, shape: Shape, place: &Place) -> String {
    if shape == Shape::Github {
        return "github".to_owned();
    }
    let named = |path: &Path| path.file_stem().map(|name| name.to_string_lossy().into_owned());
    let own = named(path).unwrap_or_default();
    let generic = ["plan", "readme", "index", "task", "tasks", "todo", "work", "item"];
    if generic.contains(&own.to_lowercase().as_str()) {
        let whole = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = whole.parent().filter(|folder| place.project().ok() != Some(*folder));
        if let Some(name) = folder.and_then(Path::file_name) {
            return name.to_string_lossy().into_owned();
        }
    }
    own
}
