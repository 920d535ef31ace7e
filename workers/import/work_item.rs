//! Work items: one file each, YAML front matter and then markdown.

use super::yaml::{self, Node};
use super::{Lines, Reading, Source, Spot, Told, Wanted, Wish, blocks, scale, task, words};
use crate::order::Due;

/// The most bytes of front matter.
const FRONT_LIMIT_BYTES: usize = 256 * 1024;

/// Reads a work item.
pub fn read(source: &Source<'_>) -> Reading {
    let lines = Lines::new(source.file, source.text);
    let mut reading = Reading::of(source);
    match item(source, &lines, &mut reading) {
        Ok(wish) => reading.take(wish),
        Err(told) => reading.unusable.push(told),
    }
    reading.count();
    reading
}

/// Front matter and body, and the byte at which the front matter begins.
fn parts(text: &str) -> Result<(&str, &str, usize), &'static str> {
    let start = text.trim_start_matches('\u{feff}');
    let start = start.trim_start_matches(['\n', '\r']);
    let fence = |line: &str, also: &str| {
        let line = line.trim_end();
        line == "---" || line == also
    };
    let mut rest = start.split_inclusive('\n');
    let first = rest.next().filter(|line| fence(line, "---"));
    let first = first.ok_or("it has no front matter: its first line is not ---")?.len();
    let mut at = first;
    for line in rest {
        if fence(line, "...") {
            let begins = text.len() - start.len() + first;
            return Ok((&start[first..at], &start[at + line.len()..], begins));
        }
        at += line.len();
        if at > FRONT_LIMIT_BYTES {
            return Err("its front matter has more than 256 KiB");
        }
    }
    Err("its front matter does not end: a line --- is missing")
}

/// What is being read: the front matter, and where it stands.
struct Front<'a> {
    lines: &'a Lines<'a>,
    text: &'a str,
    begins: usize,
    top: Node,
}

/// The byte after so many characters.
fn byte_after(text: &str, characters: usize) -> usize {
    text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at)
}

impl Front<'_> {
    fn spot(&self, node: &Node) -> Spot {
        self.lines.spot(self.begins + byte_after(self.text, node.at))
    }

    fn first(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().find_map(|key| self.top.get(key))
    }

    fn text(&self, keys: &[&str]) -> Option<String> {
        self.first(keys).and_then(Node::text).map(words::one_line)
    }

    fn wanted(&self, keys: &[&str]) -> Vec<Wanted> {
        let nodes = keys.iter().filter_map(|key| self.top.get(key)).flat_map(Node::texts);
        let mut wanted: Vec<Wanted> = Vec::new();
        for node in nodes {
            // One text may name several: `WORK-1, WORK-2`.
            for name in node.text().unwrap_or_default().split([',', ';']).map(words::one_line) {
                let nobody = matches!(
                    name.to_ascii_lowercase().as_str(),
                    "" | "none" | "null" | "n/a" | "-"
                );
                if !nobody && !wanted.iter().any(|known| known.name == name) {
                    wanted.push(Wanted { name, reached: None, spot: self.spot(node), firm: true });
                }
            }
        }
        wanted
    }
}

fn item(source: &Source<'_>, lines: &Lines<'_>, reading: &mut Reading) -> Result<Wish, Told> {
    let told = |spot: Spot, why: String| Told { text: source.key.to_owned(), spot, why };
    let (text, body, begins) =
        parts(source.text).map_err(|why| told(lines.spot(0), why.to_owned()))?;
    let top = yaml::read(text).map_err(|fault| {
        let spot = lines.spot(begins + byte_after(text, fault.at));
        told(spot, format!("its front matter can't be read: {}", fault.why))
    })?;
    let front = Front { lines, text, begins, top };
    let top_spot = lines.spot(begins);
    let id = front.text(&["id", "key", "ticket"]).unwrap_or_else(|| {
        let why = "it has no id; the file's name is taken for one".to_owned();
        reading.remarks.push(told(top_spot.clone(), why));
        source.key.to_owned()
    });
    let title = front.text(&["title", "name", "summary"]).or_else(|| first_heading(body, &id));
    let Some(title) = title.map(|title| words::title(&title)).filter(|title| !title.is_empty())
    else {
        return Err(told(top_spot, "it has no title".to_owned()));
    };
    let mut wish = Wish::titled(&id, &id, &title, top_spot);
    wish.body = with_criteria(&without_title(body, &id, &title), &front);
    judge(&front, &mut wish, reading);
    wish.needs = front.wanted(&["blocked_by", "depends_on", "needs", "dependencies", "requires"]);
    wish.blocks = front.wanted(&["blocks"]);
    wish.labels = labels(&front);
    files(&front, &mut wish, reading);
    Ok(wish)
}

/// Status, priority, effort and due time. A word that is not known is told and left.
fn judge(front: &Front<'_>, wish: &mut Wish, reading: &mut Reading) {
    let mut unknown = |node: &Node, what: &str| {
        let why = format!("{what} is not known, and was left out");
        reading.remarks.push(Told {
            spot: front.spot(node),
            why,
            text: words::shown(node.text().unwrap_or_default()),
        });
    };
    let said = |keys: &[&str]| front.first(keys).filter(|node| node.text().is_some());
    if let Some(node) = said(&["status", "state"]) {
        match scale::mark(node.text().unwrap_or_default()) {
            Some(mark) => wish.mark = mark,
            None => unknown(node, "this status"),
        }
    }
    if let Some(node) = said(&["priority"]) {
        match scale::priority(node.text().unwrap_or_default()) {
            Some(priority) => wish.priority = priority,
            None => unknown(node, "this priority"),
        }
    }
    if let Some(node) = said(&["effort", "size", "estimate", "weight"]) {
        match scale::weight(node.text().unwrap_or_default()) {
            Some(weight) => wish.weight = weight,
            None => unknown(node, "this effort"),
        }
    }
    if let Some(node) = said(&["due", "deadline", "due_date"]) {
        match Due::parse(node.text().unwrap_or_default()) {
            Ok(due) => {
                wish.more.insert("due".to_owned(), due.to_string().into());
            }
            Err(_) => unknown(node, "this time"),
        }
    }
}

fn labels(front: &Front<'_>) -> Vec<String> {
    let nodes = ["labels", "tags", "type"].iter().filter_map(|key| front.top.get(key));
    let mut labels: Vec<String> = Vec::new();
    for label in nodes.flat_map(Node::texts).filter_map(Node::text).map(words::one_line) {
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels
}

/// The files it names. A folder, or a path that leaves the repository, is none.
fn files(front: &Front<'_>, wish: &mut Wish, reading: &mut Reading) {
    for node in
        ["source_files", "files"].iter().filter_map(|key| front.top.get(key)).flat_map(Node::texts)
    {
        let path = node.text().unwrap_or_default().trim_start_matches("./");
        // A line of the file may stand after it: a/b.rs:12.
        let path = match path.rsplit_once(':') {
            Some((path, line))
                if line.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') =>
            {
                path
            }
            _ => path,
        };
        if task::is_file(path) {
            if !wish.files.iter().any(|known| known == path) {
                wish.files.push(path.to_owned());
            }
        } else {
            let why =
                "this is no path of a file inside the repository, and was left out".to_owned();
            reading.remarks.push(Told { spot: front.spot(node), why, text: words::shown(path) });
        }
    }
}

fn first_heading(body: &str, id: &str) -> Option<String> {
    blocks::blocks(body).into_iter().find_map(|block| match block {
        blocks::Block::Heading { level: 1, range } => Some(heading_words(&body[range], id)),
        _ => None,
    })
}

/// A heading's words without its hashes and without the id before them.
fn heading_words(heading: &str, id: &str) -> String {
    let line = words::one_line(heading.trim_matches(['#', ' ', '\n', '\r']));
    let rest = line
        .strip_prefix(id)
        .map(|rest| rest.trim_start_matches([':', '-', ' ', '–', '—']).to_owned());
    rest.filter(|rest| !rest.is_empty()).unwrap_or(line)
}

/// The body without a first heading that only says the title again.
fn without_title(body: &str, id: &str, title: &str) -> String {
    let body = body.trim_start_matches(['\n', '\r', ' ']);
    let first = body.lines().next().unwrap_or_default();
    let again = first.starts_with("# ") && words::title(&heading_words(first, id)) == title;
    let rest = if again { &body[first.len()..] } else { body };
    words::dedent(rest).trim().to_owned()
}

/// The acceptance criteria of the front matter become part of the text, so that whoever writes the spec reads them.
fn with_criteria(body: &str, front: &Front<'_>) -> String {
    let criteria =
        front.first(&["acceptance_criteria", "acceptance"]).map(Node::texts).unwrap_or_default();
    let lines: Vec<String> = criteria
        .iter()
        .filter_map(|node| node.text())
        .map(|text| format!("- {}", words::one_line(text)))
        .collect();
    if lines.is_empty() {
        return body.to_owned();
    }
    let criteria = format!("## Acceptance criteria\n\n{}", lines.join("\n"));
    if body.is_empty() { criteria } else { format!("{body}\n\n{criteria}") }
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::*;

    fn read_item(text: &str) -> Reading {
        read(&Source { file: "items/ITEM-7.md", origin: "items/ITEM-7.md", key: "ITEM-7", text })
    }

    const ITEM: &str = "---\nid: ITEM-7\ntitle: 'Stack: equal items'\ntype: bugfix\nstatus: active\npriority: high\neffort: small\n\
        source_files:\n- src/stack.rs:12\n- docs/\nacceptance_criteria:\n- Two equal items\n  become one\nblocked_by:\n- ITEM-3\n- ITEM-4\n\
        blocks: [ITEM-9]\nspawned_by: null\n---\n# ITEM-7: Stack: equal items\n\n## Context\n\nWhy.\n";

    #[test]
    fn every_field_finds_its_place() {
        let reading = read_item(ITEM);
        let wish = &reading.wishes[0];
        assert_eq!(
            (wish.external_id.as_str(), wish.title.as_str()),
            ("ITEM-7", "Stack: equal items")
        );
        assert_eq!((wish.priority.digit(), wish.weight, wish.mark), (2, 2, Mark::Open));
        assert_eq!(
            (&wish.files, &wish.labels),
            (&vec!["src/stack.rs".to_owned()], &vec!["bugfix".to_owned()])
        );
        assert_eq!(
            wish.body,
            "## Context\n\nWhy.\n\n## Acceptance criteria\n\n- Two equal items become one"
        );
        let needs: Vec<String> =
            wish.needs.iter().map(|need| format!("{} {}", need.name, need.spot)).collect();
        assert_eq!(needs, ["ITEM-3 items/ITEM-7.md:15:3", "ITEM-4 items/ITEM-7.md:16:3"]);
        assert_eq!(wish.blocks[0].name, "ITEM-9");
        assert_eq!(reading.remarks[0].spot.to_string(), "items/ITEM-7.md:10:3");
        assert_eq!(reading.unusable, []);
    }

    #[test]
    fn other_line_ends_and_a_mark_before_the_text_change_nothing() {
        let other = format!("\u{feff}{}", ITEM.replace('\n', "\r\n"));
        let (one, two) = (read_item(ITEM), read_item(&other));
        assert_eq!(one.wishes[0].needs, two.wishes[0].needs);
        assert_eq!(one.wishes[0].body, two.wishes[0].body);
    }

    #[test]
    fn what_is_no_work_item_is_told_with_its_place() {
        let why = |text: &str| {
            let reading = read_item(text);
            assert_eq!(reading.wishes.len(), 0, "{text:?}");
            format!("{} {}", reading.unusable[0].spot, reading.unusable[0].why)
        };
        assert!(why("").starts_with("items/ITEM-7.md:1:1 it has no front matter"));
        assert!(why("# Just text\n").contains("no front matter"));
        assert!(why("---\nid: x\n").contains("does not end"));
        assert!(why("---\nid: x\n---\ntext\n").ends_with("it has no title"));
        assert!(why("---\nid: [1\n---\n").contains("can't be read"));
    }

    #[test]
    fn a_missing_id_or_title_is_found_elsewhere() {
        let reading = read_item("---\nstatus: odd\n---\n\n# ITEM-7 - Do it\n");
        assert_eq!(
            (reading.wishes[0].external_id.as_str(), reading.wishes[0].title.as_str()),
            ("ITEM-7", "Do it")
        );
        assert_eq!(reading.remarks.len(), 2);
        assert_eq!(reading.wishes[0].body, "");
    }
}
