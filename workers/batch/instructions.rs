//! The project's own instructions for agents (`AGENTS.md`, `CLAUDE.md`), as the base branch has them: drivers keep their programs from
//! reading the repository's settings, so these are passed by us.

use crate::error::Result;
use crate::shop::Shop;

/// Where they are looked for, when the configuration does not say.
const USUAL: [&str; 2] = ["AGENTS.md", "CLAUDE.md"];

/// The most bytes that are passed: every session reads them anew.
const MOST_BYTES: usize = 64 * 1024;

/// The file, and its text. Read from the base branch, never from a worktree or from finished work that no person has taken
/// over: what an agent writes instructs nobody.
pub(super) async fn of(shop: &Shop) -> Result<Option<(String, String)>> {
    let files = match &shop.config.project.instructions {
        Some(files) => files.clone(),
        None => USUAL.map(str::to_owned).to_vec(),
    };
    if files.is_empty() {
        return Ok(None);
    }
    let base = shop.workspace.approved().await?;
    for file in files {
        let Some(bytes) = shop.workspace.file(&base.tree, &file).await? else { continue };
        let text = String::from_utf8_lossy(&bytes);
        if text.trim().is_empty() {
            continue;
        }
        let (text, whole) = cut(&text);
        if !whole {
            shop.warn(format!(
                "{file} has {} bytes: agents are given its first {}",
                bytes.len(),
                text.len()
            ));
        }
        return Ok(Some((file, text.to_owned())));
    }
    Ok(None)
}

/// The lines that fit, and whether these are all.
fn cut(text: &str) -> (&str, bool) {
    if text.len() <= MOST_BYTES {
        return (text, true);
    }
    let end = text.floor_char_boundary(MOST_BYTES);
    let end = text[..end].rfind('\n').unwrap_or(end);
    (&text[..end], false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_instructions_are_cut_at_the_end_of_a_line() {
        assert_eq!(cut("short"), ("short", true));
        let long = "ä".repeat(MOST_BYTES);
        assert!(cut(&long).0.len() <= MOST_BYTES);
        let lines = "line\n".repeat(MOST_BYTES);
        let (text, whole) = cut(&lines);
        assert!(!whole && text.ends_with("line") && text.len() > MOST_BYTES - 10);
    }
}
