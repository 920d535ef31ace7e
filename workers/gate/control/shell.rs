//! Shell, where each file is one test and its status decides: the last command fails.

/// The text with its last command failing; `None` where it may end before: then nothing behind it is ever read.
pub(super) fn failing(text: &str) -> Option<String> {
    const ENDS: [&str; 5] = ["exit", "exec", "return", "trap", "kill"];
    let ends = |line: &str| {
        let code = line.split('#').next().unwrap_or_default();
        let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.any(|word| ENDS.contains(&word))
    };
    let open = text.contains("<<");
    (!open && !text.lines().any(ends)).then(|| format!("{}\nfalse\n", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_may_end_before_its_last_line_has_no_control() {
        assert_eq!(failing("[ -e a ]\n").as_deref(), Some("[ -e a ]\nfalse\n"));
        assert!(failing("# exit is not called\n[ -e a ]").is_some());
        for text in
            ["[ -e a ] || exit 1\n", "exec sh x\n", "cat <<END\nEND\n", "trap 'rm x' EXIT\n"]
        {
            assert_eq!(failing(text), None, "{text}");
        }
    }
}
