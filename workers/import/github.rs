//! Issues as `gh issue list --json number,title,body,labels` prints them; `state`, `stateReason` and `url` are used when they are there.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Lines, Mark, Reading, Source, Spot, Told, Wanted, Wish, phrases, scale, words};

/// One issue. What else was printed is passed over.
#[derive(Debug, Deserialize)]
struct Issue {
    number: u64,
    title: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    labels: Vec<Label>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default, rename = "stateReason")]
    state_reason: Option<String>,
    #[serde(default)]
    url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Label {
    Named { name: String },
    Word(String),
}

/// Reads a list of issues. The source's key is the repository, `owner/name`, where that is known.
pub fn read(source: &Source<'_>) -> Reading {
    let lines = Lines::new(source.file, source.text);
    let mut reading = Reading::of(source);
    let text = source.text.trim_start_matches('\u{feff}');
    let skipped = source.text.len() - text.len();
    match serde_json::from_str::<Vec<&RawValue>>(text) {
        Ok(issues) => {
            for raw in issues {
                let at =
                    skipped + (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
                match serde_json::from_str::<Issue>(raw.get()) {
                    Ok(issue) => take(issue, source, lines.spot(at), &mut reading),
                    Err(error) => {
                        let why = format!("it is no issue: {}", plain(&error));
                        let inside = at_place(raw.get(), error.line(), error.column());
                        reading.unusable.push(Told {
                            spot: lines.spot(at + inside),
                            why,
                            text: words::shown(raw.get()),
                        });
                    }
                }
            }
        }
        Err(error) => {
            let at = skipped + at_place(text, error.line(), error.column());
            let why = format!(
                "it is no list of issues (gh issue list --json number,title,body,labels): {}",
                plain(&error)
            );
            reading.unusable.push(Told {
                spot: lines.spot(at),
                why,
                text: words::shown(lines.line(at)),
            });
        }
    }
    reading.count();
    reading
}

/// The error without the place that it names itself: ours counts from the beginning of the file.
pub(super) fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// The byte at a line and column (in bytes, from 1) as serde_json tells them.
pub(super) fn at_place(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

fn take(issue: Issue, source: &Source<'_>, spot: Spot, reading: &mut Reading) {
    let repository =
        issue.url.as_deref().and_then(repository).unwrap_or_else(|| source.key.to_owned());
    let Issue { number, title, body, labels, state, state_reason, url } = issue;
    let title = words::title(&title);
    if title.is_empty() {
        let why = format!("issue #{number} has no title");
        return reading.unusable.push(Told { spot, why, text: String::new() });
    }
    let mut wish = Wish::titled(
        &format!("{repository}#{number}"),
        &format!("issue-{number}"),
        &title,
        spot.clone(),
    );
    let not_planned = state_reason.is_some_and(|why| why.eq_ignore_ascii_case("not_planned"));
    wish.mark = match state {
        Some(state) if state.eq_ignore_ascii_case("closed") && not_planned => Mark::Skipped,
        Some(state) if state.eq_ignore_ascii_case("closed") => Mark::Done,
        _ => Mark::Open,
    };
    let body = body.unwrap_or_default().replace("\r\n", "\n");
    for need in phrases::needs(&body) {
        let name = if need.name.starts_with('#') {
            format!("{repository}{}", need.name)
        } else {
            need.name
        };
        // The whole issue is one place of the file.
        let wanted = Wanted { name, reached: None, spot: spot.clone(), firm: need.firm };
        match wish.needs.iter_mut().find(|known| known.name == wanted.name) {
            Some(known) => known.firm |= wanted.firm,
            None => wish.needs.push(wanted),
        }
    }
    wish.body = body.trim().to_owned();
    let names = labels.into_iter().map(|label| match label {
        Label::Named { name } | Label::Word(name) => words::one_line(&name),
    });
    wish.labels = names.filter(|name| !name.is_empty()).collect();
    if let Some(priority) =
        wish.labels.iter().filter_map(|label| scale::priority_of_label(label)).min()
    {
        wish.priority = priority;
    }
    if let Some(url) = url {
        wish.more.insert("url".to_owned(), url.into());
    }
    reading.take(wish);
}

/// `owner/name` of an issue's address.
fn repository(url: &str) -> Option<String> {
    let path = url.split_once("://")?.1.split_once('/')?.1;
    let mut parts = path.split('/');
    let (owner, name) = (parts.next()?, parts.next()?);
    (parts.next() == Some("issues")).then(|| format!("{owner}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issues(text: &str) -> Reading {
        read(&Source { file: "issues.json", origin: "issues.json", key: "github", text })
    }

    #[test]
    fn issues_become_wishes() {
        let reading = issues(
            r#"[
  {"number": 3, "title": "Log in", "body": "Blocked by #4.\r\nRequires care", "labels": [{"name": "priority: high", "color": "f00"}]},
  {"number": 4, "title": "Schema", "body": null, "labels": [], "state": "CLOSED", "stateReason": "COMPLETED",
   "url": "https://github.com/me/tool/issues/4"}
]"#,
        );
        let told = reading.wishes.iter().map(|wish| {
            let needs: Vec<&str> = wish.needs.iter().map(|need| need.name.as_str()).collect();
            format!(
                "{} {} {} {:?} {:?}",
                wish.external_id,
                wish.spot,
                wish.priority.digit(),
                wish.mark,
                needs
            )
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                "github#3 issues.json:2:3 2 Open [\"github#4\", \"care\"]",
                "me/tool#4 issues.json:3:3 5 Done []"
            ]
        );
    }

    #[test]
    fn what_is_no_issue_is_told_with_its_place() {
        let reading = issues(
            "[\n {\"number\": 1, \"title\": \"a\"},\n {\"number\": \"two\", \"title\": \"b\"}]",
        );
        assert_eq!((reading.wishes.len(), reading.unusable.len()), (1, 1));
        assert_eq!(reading.unusable[0].spot.line, 3);
        for text in ["", "{}", "[1", "not json", "[{\"number\":1}]"] {
            let reading = issues(text);
            assert_eq!((reading.wishes.len(), reading.unusable.len()), (0, 1), "{text}");
        }
    }
}
