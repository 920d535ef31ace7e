//! Plain tables: no frames, columns as wide as they must be.

use comfy_table::{ContentArrangement, Table, presets};

/// A table that is filled row by row.
#[derive(Debug)]
pub(crate) struct Rows {
    table: Table,
}

impl Rows {
    /// A table with these column heads.
    pub(crate) fn new(heads: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(heads);
        Self { table }
    }

    /// One more row.
    pub(crate) fn add<const N: usize>(&mut self, cells: [String; N]) {
        self.table.add_row(cells);
    }

    /// Its lines, indented by two blanks, without blanks at their ends.
    pub(crate) fn text(&self) -> String {
        let lines = self.table.lines().map(|line| format!(" {}", line.trim_end()));
        lines.collect::<Vec<_>>().join("\n")
    }
}
