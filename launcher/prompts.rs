//! `shopfloor prompts`: what agents are told, and how a project changes it.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use shopfloor::brief::{self, Ejected, Template};
use shopfloor::error::Error;
use shopfloor::floor::unix_now;
use shopfloor::place::Place;
use shopfloor::stages::STAGES;
use similar::TextDiff;

use crate::flags::{Check, Eject, Prompts, PromptsAct};
use crate::table::Rows;
use crate::voice::{self, Done, Voice};

/// Runs the command.
pub(crate) fn run(flags: &Prompts, place: &Place, voice: Voice) -> Result<Done> {
    place.need_config()?;
    match &flags.act {
        PromptsAct::Eject(flags) => eject(flags, place, voice),
        PromptsAct::Diff(flags) => diff(&flags.names, place, voice),
        PromptsAct::Check(flags) => check(flags, place),
    }
}

/// The templates of these names; all of them without a name.
fn named(names: &[String]) -> Result<Vec<Template>, Error> {
    let all = Template::all(&STAGES);
    if names.is_empty() {
        return Ok(all);
    }
    let find = |name: &String| {
        all.iter().find(|template| template.name == name).copied().ok_or_else(|| {
            let known: Vec<&str> = all.iter().map(|template| template.name).collect();
            Error::usage(format!("there is no template {}", voice::line(name, 60)))
                .hint(format!("the templates are {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

fn eject(flags: &Eject, place: &Place, voice: Voice) -> Result<Done> {
    let folder = place.prompts_folder();
    let templates = named(&flags.names)?;
    std::fs::create_dir_all(&folder).map_err(|error| Error::io("create", &folder, error))?;
    let mut done = Done::NothingToDo;
    for template in templates {
        let path = folder.join(format!("{}.md", template.name));
        let shown = place.shown(&path);
        if std::fs::symlink_metadata(&path).is_ok() {
            if !flags.force {
                voice.remark(format_args!(
                    "{shown} is there already and stays; --force writes it anew"
                ));
                continue;
            }
            let backup = path.with_extension(format!("md.{}.bak", unix_now()));
            std::fs::rename(&path, &backup).map_err(|error| Error::io("rename", &path, error))?;
            voice::result(format_args!("kept   {}  (the old one)", place.shown(&backup)))?;
        }
        write_new(&path, &Ejected::of(template.text).file())?;
        voice::result(format_args!("wrote  {shown}  ({})", template.about))?;
        done = Done::Well;
    }
    Ok(done)
}

/// Writes a file that is not there yet.
fn write_new(path: &Path, text: &str) -> Result<(), Error> {
    let made = std::fs::File::options().write(true).create_new(true).open(path);
    let written = made.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Error::io("write", path, error))
}

fn diff(names: &[String], place: &Place, voice: Voice) -> Result<Done> {
    let prompts = place.prompts(&STAGES)?;
    for template in named(names)? {
        let Some(own) = prompts.own(template.name) else { continue };
        let path = place.prompts_folder().join(format!("{}.md", template.name));
        let shown = place.shown(&path);
        if own.is_outdated(template.text) {
            voice.warn(format_args!("{shown}: the built-in has changed since it was made from it"));
        }
        let diff = TextDiff::from_lines(template.text, &own.text);
        let mut unified = diff.unified_diff();
        let unified = unified.header(&format!("built-in {}", template.name), &shown).to_string();
        match unified.trim_end() {
            "" => voice.remark(format_args!("{shown}: the same as the built-in")),
            text => voice::result(voice::plain(text))?,
        }
    }
    Ok(Done::Well)
}

fn check(flags: &Check, place: &Place) -> Result<Done> {
    let prompts = place.prompts(&STAGES)?;
    let folder = place.prompts_folder();
    let mut rows = Rows::new(&["NAME", "FROM", "WHAT FOR"]);
    let mut all: Vec<Value> = Vec::new();
    for template in Template::all(&STAGES) {
        let own = prompts.own(template.name);
        let outdated = own.is_some_and(|own| own.is_outdated(template.text));
        let file = own.map(|_| place.shown(&folder.join(format!("{}.md", template.name))));
        let from = match (&file, outdated) {
            (None, _) => "built-in".to_owned(),
            (Some(file), false) => file.clone(),
            (Some(file), true) => format!("{file} (the built-in has changed since)"),
        };
        rows.add([template.name.to_owned(), from, template.about.to_owned()]);
        all.push(json!({
            "name": template.name,
            "about": template.about,
            "from": if file.is_some() { "own" } else { "built-in" },
            "file": file,
            "outdated": outdated,
            "fingerprint": brief::fingerprint(prompts.text(template)),
        }));
    }
    match flags.json {
        true => voice::json(&Value::Array(all))?,
        false => voice::result(format_args!("{}\n\nall of them can be used", rows.text()))?,
    }
    Ok(Done::Well)
}
