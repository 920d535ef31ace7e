//! A roadmap: every bullet of the first level is a wish, what stands under it is its body.

use std::collections::BTreeMap;

use super::blocks::{Block, Item, blocks};
use super::depends::{self, Target};
use super::{Lines, Mark, Reading, Source, Told, Wanted, Wish, mark, scale, words};

/// Reads a roadmap.
pub fn read(source: &Source<'_>) -> Reading {
    let text = source.text;
    let lines = Lines::new(source.file, text);
    let mut reader = Reader {
        source,
        lines,
        reading: Reading::of(source),
        section: None,
        names: BTreeMap::new(),
    };
    for block in blocks(text) {
        match block {
            Block::Heading { range, .. } => {
                let title = words::title(text[range].trim_matches(['#', ' ', '\n', '\r']));
                reader.section = Some(title).filter(|title| !title.is_empty());
            }
            Block::Item(item) if item.parent.is_none() => reader.item(&item),
            Block::Table { range } => {
                let told =
                    reader.told(range.start, "a table is not read; write its rows as a list");
                reader.reading.unusable.push(told);
            }
            Block::Item(_) | Block::Text { .. } => {}
        }
    }
    reader.reading.count();
    reader.reading
}

struct Reader<'a> {
    source: &'a Source<'a>,
    lines: Lines<'a>,
    reading: Reading,
    section: Option<String>,
    /// Slugs, and how often each was given.
    names: BTreeMap<String, usize>,
}

impl Reader<'_> {
    fn told(&self, at: usize, why: &str) -> Told {
        Told {
            spot: self.lines.spot(at),
            why: why.to_owned(),
            text: words::shown(self.lines.line(at)),
        }
    }

    fn item(&mut self, item: &Item) {
        if item.quoted {
            let told = self.told(item.range.start, "it stands in a quotation");
            return self.reading.set_aside.push(told);
        }
        let head = self.source.text[item.head.clone()].trim_end();
        let found = mark::checkbox(head);
        let said = found.as_ref().map_or(head, |found| found.rest);
        let clauses = depends::in_brackets(said);
        let mut title = said.to_owned();
        for clause in clauses.iter().rev() {
            title.replace_range(clause.range.clone(), "");
        }
        let struck = title
            .trim()
            .strip_prefix("~~")
            .and_then(|title| title.strip_suffix("~~"))
            .map(str::to_owned);
        let title = words::title(struck.as_deref().unwrap_or(&title));
        let slug = words::slug(&title, 60);
        if slug.is_empty() {
            let told = self.told(item.range.start, "no name can be made of these words");
            return self.reading.unusable.push(told);
        }
        let nth = self.names.entry(slug.clone()).or_default();
        *nth += 1;
        let name = if *nth == 1 { slug } else { format!("{slug}~{nth}") };
        let spot = self.lines.spot(item.range.start);
        let mut wish =
            Wish::titled(&format!("{}#{name}", self.source.key), "", &title, spot.clone());
        wish.aliases.insert(name);
        wish.body = words::dedent(&self.source.text[item.head.end..item.range.end]);
        let over = self.section.as_deref().and_then(scale::mark).filter(|mark| mark.is_over());
        wish.mark = match found {
            _ if struck.is_some() => Mark::Skipped,
            Some(found) => found.mark.unwrap_or_default(),
            None => over.unwrap_or_default(),
        };
        if let Some(section) = &self.section {
            wish.more.insert("section".to_owned(), section.clone().into());
        }
        for clause in clauses {
            if let Some(unread) = clause.unread {
                // A whole title may be meant.
                wish.needs.push(self.wanted(words::slug(&unread, 60), &spot));
            }
            for target in clause.targets {
                let name = match target {
                    Target::Other(name) => name,
                    Target::Tasks(named) | Target::Phases(named) => named.to_string(),
                };
                wish.needs.push(self.wanted(name, &spot));
            }
        }
        self.reading.take(wish);
    }

    /// A need by another bullet's slug, or by an id.
    fn wanted(&self, name: String, spot: &super::Spot) -> Wanted {
        Wanted { name, reached: None, spot: spot.clone(), firm: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bullets_become_wishes() {
        let text = "# Roadmap\n\n## Next\n\n- **Item stacking**\n  - equal items only\n* [x] Crafting queue\n- ~~Trading~~\n1. Weather (depends: item-stacking)\n\
            - !?\n\n## Done\n\n- Saving\n\n| a |\n|---|\n| b |\n";
        let reading = read(&Source { file: "r.md", origin: "r.md", key: "roadmap", text });
        let told = reading.wishes.iter().map(|wish| {
            let needs: Vec<&str> = wish.needs.iter().map(|need| need.name.as_str()).collect();
            format!("{} {:?} {:?} {:?}", wish.external_id, wish.mark, wish.body, needs)
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                "roadmap#item-stacking Open \"- equal items only\" []",
                "roadmap#crafting-queue Done \"\" []",
                "roadmap#trading Skipped \"\" []",
                "roadmap#weather Open \"\" [\"item-stacking\"]",
                "roadmap#saving Done \"\" []",
            ]
        );
        let told: Vec<String> = reading.unusable.iter().map(|told| told.spot.to_string()).collect();
        assert_eq!(told, ["r.md:10:1", "r.md:16:1"]);
    }
}
