//! The templates of everything an agent is told: the built-in ones, and those that a project has put in their place.

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::{Environment, UndefinedBehavior};

use super::check;
use super::ejected::Ejected;
use crate::error::{Error, Kind, Result};
use crate::stage::Stage;

/// The folder beside `shopfloor.toml` where a project's own templates lie, as `<name>.md`.
pub const FOLDER: &str = "shopfloor-prompts";

/// The most bytes a template may have.
const MOST_BYTES: u64 = 256 * 1024;

/// A template that comes with shopfloor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// Its name: that of its file, without `.md`.
    pub name: &'static str,
    /// What it is for, one sentence.
    pub about: &'static str,
    /// Its text.
    pub text: &'static str,
}

impl Template {
    /// The rules of a session.
    pub const RULES: Self = Self {
        name: "rules",
        about: "the rules of a session, told once after the stage's brief",
        text: include_str!("rules.md"),
    };
    /// The project's own instructions.
    pub const INSTRUCTIONS: Self = Self {
        name: "instructions",
        about: "what stands around the project's own instructions (AGENTS.md, CLAUDE.md)",
        text: include_str!("instructions.md"),
    };
    /// One order.
    pub const TURN: Self =
        Self { name: "turn", about: "one order, told at its turn", text: include_str!("turn.md") };
    /// A fix turn.
    pub const FIX: Self = Self {
        name: "fix",
        about: "a fix turn, after a gate was red",
        text: include_str!("fix.md"),
    };
    /// A repair turn.
    pub const REPAIR: Self = Self {
        name: "repair",
        about: "a repair turn, for a result that does not count",
        text: include_str!("repair.md"),
    };
    /// How a structured result is given.
    pub const RESULT: Self = Self {
        name: "result",
        about: "how a turn ends, for agents with structured results",
        text: include_str!("result.md"),
    };
    /// How results are given by file.
    pub const BY_FILE: Self = Self {
        name: "by-file",
        about: "how results are given by file, for agents that take one prompt",
        text: include_str!("by-file.md"),
    };

    /// Those that all stages have in common.
    pub const COMMON: [Self; 7] = [
        Self::RULES,
        Self::INSTRUCTIONS,
        Self::TURN,
        Self::FIX,
        Self::REPAIR,
        Self::RESULT,
        Self::BY_FILE,
    ];

    /// A stage's brief.
    pub fn of_stage(stage: &Stage) -> Self {
        Self { name: stage.name, about: stage.about, text: stage.brief }
    }

    /// All of them: the briefs of `stages`, then the common ones.
    pub fn all(stages: &[Stage]) -> Vec<Self> {
        stages.iter().map(Self::of_stage).chain(Self::COMMON).collect()
    }
}

/// The templates that are used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompts {
    own: BTreeMap<String, Ejected>,
}

impl Prompts {
    /// The built-in ones alone.
    pub fn built_in() -> Self {
        Self::default()
    }

    /// With those that lie in `folder`, which need not exist. Each is tried out: an error names the file, and the line
    /// where there is one.
    pub fn load(folder: &Path, stages: &[Stage]) -> Result<Self> {
        let mut own = BTreeMap::new();
        let templates = Template::all(stages);
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(Error::io("list", folder, error)),
        };
        for entry in entries {
            let path = entry.map_err(|error| Error::io("list", folder, error))?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some(name) = file.strip_suffix(".md").filter(|_| !file.starts_with('.')) else {
                continue;
            };
            if name == "README" {
                continue;
            }
            let Some(template) = templates.iter().find(|template| template.name == name) else {
                let known: Vec<&str> = templates.iter().map(|template| template.name).collect();
                return Err(Error::usage(format!("{} is no template we use", path.display()))
                    .hint(format!("the templates are {}; rename or move it", known.join(", "))));
            };
            let ejected = Ejected::parse(&read(&path)?);
            check::try_out(template, stages, &ejected.text).map_err(|why| {
                Error::usage(format!("the template {} can't be used: {why}", path.display()))
                    .hint("mend it, or remove it to use the built-in; `shopfloor prompts diff` shows what was changed")
            })?;
            own.insert(name.to_owned(), ejected);
        }
        Ok(Self { own })
    }

    /// The project's own template of that name, if there is one.
    pub fn own(&self, name: &str) -> Option<&Ejected> {
        self.own.get(name)
    }

    /// The text of a template as it is used.
    pub fn text(&self, template: Template) -> &str {
        self.own.get(template.name).map_or(template.text, |own| own.text.as_str())
    }

    /// Fills a template in.
    pub(super) fn render(&self, template: Template, values: minijinja::Value) -> Result<String> {
        let own = self.own.contains_key(template.name);
        let whose = if own { "the project's own" } else { "the built-in" };
        fill(self.text(template), values).map_err(|error| {
            let told = format!("failed to write a prompt from {whose} template {}", template.name);
            Error::new(Kind::Failed, told).caused_by(error)
        })
    }
}

/// Fills a text in. A variable that it names and `values` lacks is an error.
pub(super) fn fill(text: &str, values: minijinja::Value) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = minijinja::syntax::SyntaxConfig::builder().keep_trailing_newline(true).build()?;
    environment.set_syntax(syntax);
    // A template of a project must not keep a worker busy for ever.
    environment.set_fuel(Some(200_000));
    environment.render_str(text, values)
}

/// The text of a plain file of bounded size.
fn read(path: &Path) -> Result<String> {
    let facts = std::fs::symlink_metadata(path).map_err(|error| Error::io("read", path, error))?;
    if !facts.is_file() {
        return Err(Error::usage(format!("{} is no plain file", path.display()))
            .hint("put the template itself there"));
    }
    if facts.len() > MOST_BYTES {
        return Err(Error::usage(format!("{} has {} bytes", path.display(), facts.len()))
            .hint(format!("a template may have {MOST_BYTES}")));
    }
    std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::STAGES;

    fn loaded(files: &[(&str, &str)]) -> Result<Prompts> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Prompts::load(folder.path(), &STAGES)
    }

    #[test]
    fn a_file_in_the_folder_takes_the_place_of_the_built_in() {
        let prompts =
            loaded(&[("spec.md", "You plan for {{ project }}."), ("x.txt", "{{")]).unwrap();
        assert_eq!(prompts.text(Template::of_stage(&STAGES[0])), "You plan for {{ project }}.");
        assert_eq!(prompts.text(Template::RULES), Template::RULES.text);
        assert_eq!(
            Prompts::load(Path::new("/no/such/folder"), &STAGES).unwrap(),
            Prompts::built_in()
        );
    }

    #[test]
    fn what_can_t_be_used_names_its_file_and_line() {
        let told = |files: &[(&str, &str)]| loaded(files).unwrap_err().in_one_line();
        let unknown = told(&[("spec.md", "one\n{{ nobody }}")]);
        assert!(unknown.contains("spec.md") && unknown.contains("line 2"), "{unknown}");
        let syntax = told(&[("rules.md", "{% if %}")]);
        assert!(syntax.contains("rules.md") && syntax.contains("line 1"), "{syntax}");
        assert!(told(&[("specs.md", "x")]).contains("spec, test, implement"));
    }

    #[test]
    fn a_template_without_an_end_is_refused() {
        let endless =
            "{% for a in range(100000) %}{% for b in range(100000) %}.{% endfor %}{% endfor %}";
        assert!(loaded(&[("spec.md", endless)]).is_err());
    }
}
