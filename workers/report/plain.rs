//! Text without what terminals make of it.

/// The text without terminal escape sequences and without control characters other than newline and tab. A carriage
/// return before a newline goes; alone it becomes a newline (a line that was drawn over is a line of its own).
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_escape(&mut rest),
            '\n' | '\t' => plain.push(c),
            '\r' if rest.peek().is_some_and(|next| *next != '\n') => plain.push('\n'),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

fn skip_escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.next_if(|c| *c != '\n') {
        // CSI: parameters, then one final character.
        Some('[') => {
            while rest.next_if(|c| !('@'..='~').contains(c) && *c != '\n').is_some() {}
            rest.next_if(|c| *c != '\n');
        }
        // OSC: up to BEL or ESC \.
        Some(']') => {
            while rest.next_if(|c| !['\u{7}', '\u{1b}', '\n'].contains(c)).is_some() {}
            if rest.next_if_eq(&'\u{1b}').is_some() {
                rest.next_if_eq(&'\\');
            } else {
                rest.next_if_eq(&'\u{7}');
            }
        }
        // A character set is named by one more character: `ESC ( B`, as tput writes it.
        Some('(' | ')' | '*' | '+' | '#' | '%' | ' ') => {
            rest.next_if(|c| *c != '\n');
        }
        _ => {}
    }
}

/// `path` as seen from `folder`; paths outside it stay as they are.
pub(super) fn within<'a>(path: &'a str, folder: &str) -> &'a str {
    let path = path.strip_prefix("file://").unwrap_or(path);
    let folder = folder.trim_end_matches('/');
    let inside = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
    match inside {
        Some(inside) if !folder.is_empty() => inside,
        _ => path.strip_prefix("./").unwrap_or(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_titles_and_character_sets_go_and_words_stay() {
        let coloured = "\u{1b}[32mok\u{1b}(B\u{1b}[m\r\n\u{1b}]0;t\u{7}a\u{1b}]0;t\u{1b}\\b\u{1b}";
        assert_eq!(plain(coloured), "ok\nab");
        assert_eq!(plain("half\rwhole\n\u{1b}\nx\u{1b}[3\ny"), "half\nwhole\n\nx\ny");
    }

    #[test]
    fn a_path_is_told_from_the_folder_of_the_run() {
        assert_eq!(within("/a/b/c.rs", "/a/b/"), "c.rs");
        assert_eq!(within("/a/bb/c.rs", "/a/b"), "/a/bb/c.rs");
        assert_eq!(within("./c.rs", "/a/b"), "c.rs");
        assert_eq!(within("/c.rs", ""), "/c.rs");
    }
}
