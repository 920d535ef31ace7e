//! What a person sees while the demo runs: a table that is drawn again and again on a terminal, lines elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::Instant;

use anyhow::Result;

use super::frame::{Scene, frame};
use super::report::Report;
use crate::voice::{self, line};

/// Shows how the demo goes.
#[derive(Debug)]
pub(super) struct Screen {
    face: Face,
    begun: Instant,
}

#[derive(Debug)]
enum Face {
    /// Nothing is shown but one JSON document at the end.
    Silent,
    /// One line for each thing that happens; so many are told.
    Lines { told: usize },
    /// A table; so many of its lines stand on the screen.
    Table { drawn: usize, coloured: bool },
}

impl Screen {
    /// A screen that fits where our stdout goes.
    pub(super) fn new(silent: bool, begun: Instant) -> Self {
        let stdout = std::io::stdout();
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let face = match (silent, stdout.is_terminal() && !dumb) {
            (true, _) => Face::Silent,
            (false, false) => Face::Lines { told: 0 },
            (false, true) => {
                let colours = anstream::AutoStream::choice(&stdout);
                Face::Table { drawn: 0, coloured: colours != anstream::ColorChoice::Never }
            }
        };
        Self { face, begun }
    }

    /// A line that stays, above the table.
    pub(super) fn say(&mut self, text: &str) -> Result<()> {
        self.clear()?;
        match self.face {
            Face::Silent => Ok(()),
            Face::Lines { .. } | Face::Table { .. } => voice::result(text),
        }
    }

    /// The last word.
    pub(super) fn end(&mut self, report: &Report) -> Result<()> {
        match self.face {
            Face::Silent => voice::json(&serde_json::to_value(report)?),
            Face::Lines { .. } => voice::result(format_args!("\n{}", report.text(None))),
            Face::Table { .. } => {
                self.clear()?;
                voice::result(report.text(Some(size().0)))
            }
        }
    }

    /// Shows how things stand.
    pub(super) fn show(&mut self, scene: &Scene<'_>) -> Result<()> {
        let after = self.begun.elapsed();
        match &mut self.face {
            Face::Silent => Ok(()),
            Face::Lines { told } => {
                let fresh = scene.course.lines.iter().skip(*told);
                for text in fresh {
                    let text = line(text, 240);
                    voice::result(format_args!("{:>6.1} s  {text}", after.as_secs_f64()))?;
                }
                *told = scene.course.lines.len();
                Ok(())
            }
            Face::Table { drawn, coloured } => {
                let (wide, high) = size();
                let mut lines = frame(scene, after, wide, *coloured);
                // What scrolls away can't be drawn over.
                lines.truncate(high.saturating_sub(1));
                draw(&lines, drawn)
            }
        }
    }

    /// Takes the table away.
    pub(super) fn clear(&mut self) -> Result<()> {
        match &mut self.face {
            Face::Table { drawn, .. } if *drawn > 0 => draw(&[], drawn),
            Face::Silent | Face::Lines { .. } | Face::Table { .. } => Ok(()),
        }
    }
}

/// Draws over what was drawn before. One write, so that nobody sees half of it.
fn draw(lines: &[String], drawn: &mut usize) -> Result<()> {
    // The terminal may have echoed a ^C at the cursor.
    let mut text = match *drawn {
        0 => "\r".to_owned(),
        before => format!("\r\x1b[{before}A"),
    };
    for line in lines {
        text.push_str("\r\x1b[2K");
        text.push_str(line);
        text.push('\n');
    }
    text.push_str("\x1b[J");
    *drawn = lines.len();
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Columns and rows of the terminal.
fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            (usize::from(size.ws_col), usize::from(size.ws_row))
        }
        _ => (80, 24),
    }
}
