//! One order per line, JSON: the fields of order.json, and `id`. Unknown fields are kept.

use serde_json::{Map, Value};

use super::github::plain;
use super::{Lines, Reading, Source, Spot, Told, Wanted, Wish, scale, task, words};
use crate::order::{Due, Need};
use crate::state::State;

/// Reads a file of JSON lines.
pub fn read(source: &Source<'_>) -> Reading {
    let lines = Lines::new(source.file, source.text);
    let mut reading = Reading::of(source);
    let mut at = 0;
    for line in source.text.split_inclusive('\n') {
        let start = at + (line.len() - line.trim_start_matches([' ', '\t', '\u{feff}']).len());
        at += line.len();
        let said = line.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
        if said.is_empty() {
            continue;
        }
        let told = |column: usize, why: String| Told {
            spot: lines.spot(start + column),
            why,
            text: words::shown(said),
        };
        match serde_json::from_str::<Map<String, Value>>(said) {
            Ok(fields) => match wish(fields, source, &lines.spot(start)) {
                Ok((wish, faults)) => {
                    reading.unusable.extend(faults.into_iter().map(|why| told(0, why)));
                    reading.take(wish);
                }
                Err(why) => reading.unusable.push(told(0, why)),
            },
            Err(error) => {
                let why = format!("it is no JSON object: {}", plain(&error));
                reading.unusable.push(told(error.column().saturating_sub(1), why));
            }
        }
    }
    reading.count();
    reading
}

/// The wish of one line, and what of it could not be used.
fn wish(
    mut fields: Map<String, Value>,
    source: &Source<'_>,
    spot: &Spot,
) -> Result<(Wish, Vec<String>), String> {
    let mut faults = Vec::new();
    let title = text(fields.remove("title")).ok_or("it has no title")?;
    let title = words::title(&title);
    if title.is_empty() {
        return Err("its title is empty".to_owned());
    }
    let id = text(fields.remove("id"));
    let external = text(fields.remove("external_id")).or_else(|| id.clone());
    let external =
        external.unwrap_or_else(|| format!("{}#{}", source.key, words::slug(&title, 60)));
    // Without an id of its own it is called by its title alone.
    let mut wish = Wish::titled(&external, id.as_deref().unwrap_or(""), &title, spot.clone());
    wish.aliases.extend(id.clone());
    wish.own_id = id;
    wish.body = text(fields.remove("body")).unwrap_or_default();
    judge(&mut fields, &mut wish, &mut faults);
    let mut list = |name: &str| match fields.remove(name) {
        Some(value) => texts(&value, name, &mut faults),
        None => Vec::new(),
    };
    wish.needs = list("needs").iter().map(|name| wanted(name, spot)).collect();
    wish.labels = list("labels");
    let (files, others): (Vec<String>, Vec<String>) =
        list("files").into_iter().partition(|file| task::is_file(file));
    wish.files = files;
    faults.extend(others.iter().map(|file| {
        format!("{file:?} is no path of a file inside the repository, and was left out")
    }));
    fields.remove("source");
    check_forms(&mut fields, &mut faults);
    wish.more = fields;
    Ok((wish, faults))
}

/// Status, priority and weight. A word that is not known is told and left.
fn judge(fields: &mut Map<String, Value>, wish: &mut Wish, faults: &mut Vec<String>) {
    let mut unknown = |what: &str, word: &str| {
        faults.push(format!("the {what} {word:?} is not known, and was left out"));
    };
    if let Some(word) = text(fields.get("status").cloned()) {
        match scale::mark(&word) {
            Some(mark) => wish.mark = mark,
            None => unknown("status", &word),
        }
    }
    if let Some(word) = text(fields.remove("priority")) {
        match scale::priority(&word) {
            Some(priority) => wish.priority = priority,
            None => unknown("priority", &word),
        }
    }
    if let Some(word) = ["weight", "effort"].iter().find_map(|key| text(fields.remove(*key))) {
        match scale::weight(&word) {
            Some(weight) => wish.weight = weight,
            None => unknown("weight", &word),
        }
    }
}

/// A need as order.json has it: `id` or `id@STATE`, where the id may also be somebody else's.
fn wanted(name: &str, spot: &Spot) -> Wanted {
    let (name, reached) = match Need::try_from(name.to_owned()) {
        Ok(need) => (need.id.to_string(), Some(need.reached)),
        Err(_) => match name.rsplit_once('@') {
            Some((id, state)) => match State::parse(state) {
                Ok(state) => (id.to_owned(), Some(state)),
                Err(_) => (name.to_owned(), None),
            },
            None => (name.to_owned(), None),
        },
    };
    Wanted { name, reached, spot: spot.clone(), firm: true }
}

/// Fields of order.json that have a form: what has another is left out, so that the order can be read.
fn check_forms(fields: &mut Map<String, Value>, faults: &mut Vec<String>) {
    let whole = |value: &Value| value.as_u64().is_some_and(|number| u32::try_from(number).is_ok());
    let due = |value: &Value| {
        let said = text(Some(value.clone()));
        said.is_some_and(|text| Due::parse(&text).is_ok())
    };
    let fits = |name: &str, value: &Value| match name {
        "phase" | "sequence" => whole(value),
        "phase_parallel" => value.is_boolean(),
        "group" | "group_reason" => value.is_string(),
        "due" => due(value),
        _ => true,
    };
    fields.retain(|name, value| {
        let fits = fits(name, value);
        if !fits && !value.is_null() {
            faults.push(format!("{name:?} has not the form it must have, and was left out"));
        }
        fits
    });
}

/// A text or a number, as text; nothing for an empty one.
fn text(value: Option<Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text).filter(|text| !text.trim().is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn texts(value: &Value, what: &str, faults: &mut Vec<String>) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(one) => vec![one.clone()],
        Value::Array(all) => {
            let texts: Vec<String> = all.iter().filter_map(|one| text(Some(one.clone()))).collect();
            if texts.len() < all.len() {
                faults.push(format!("some of {what:?} is no text, and was left out"));
            }
            texts
        }
        _ => {
            faults.push(format!("{what:?} is no list, and was left out"));
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Reading {
        read(&Source { file: "work.jsonl", origin: "work.jsonl", key: "work", text })
    }

    #[test]
    fn one_line_is_one_wish_and_unknown_fields_stay() {
        let reading = lines(
            "\u{feff}{\"id\": \"auth\", \"title\": \"Log in\", \"priority\": \"high\", \"weight\": 3, \"estimate\": \"2d\"}\r\n\n\
             {\"title\": \"Log out!\", \"needs\": [\"auth@IMPL\", \"ITEM-3\"], \"files\": [\"a.rs\", \"/etc/x\"], \"phase\": \"two\"}\n",
        );
        let [one, two] = reading.wishes.as_slice() else { panic!("{reading:?}") };
        assert_eq!(
            (one.external_id.as_str(), one.own_id.as_deref(), one.weight),
            ("auth", Some("auth"), 3)
        );
        assert_eq!(one.more["estimate"], "2d");
        assert_eq!(
            (two.external_id.as_str(), &two.files),
            ("work#log-out", &vec!["a.rs".to_owned()])
        );
        let needs: Vec<(&str, Option<&str>)> = two
            .needs
            .iter()
            .map(|need| (need.name.as_str(), need.reached.as_ref().map(State::as_str)))
            .collect();
        assert_eq!(needs, [("auth", Some("IMPL")), ("ITEM-3", None)]);
        let told: Vec<String> =
            reading.unusable.iter().map(|told| format!("{} {}", told.spot, told.why)).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().all(|told| told.starts_with("work.jsonl:3:1 ")), "{told:?}");
    }

    #[test]
    fn a_line_that_is_none_is_told_with_its_place() {
        let reading = lines("{\"title\": \"a\"}\n  {\"title\": }\n[]\n{\"id\": \"x\"}\n");
        let told: Vec<String> = reading.unusable.iter().map(|told| told.spot.to_string()).collect();
        assert_eq!(reading.wishes.len(), 1);
        assert_eq!(told, ["work.jsonl:2:13", "work.jsonl:3:1", "work.jsonl:4:1"]);
    }
}
