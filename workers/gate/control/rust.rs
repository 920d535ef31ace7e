//! Rust: a value is made at the beginning of each test function, and panics when it is dropped at the end.

use std::collections::BTreeSet;

use super::WORDS;

/// The text with every test failing at its end, and their names. `None` when there is none: tests that should panic, or are
/// ignored, stay as they are.
pub(super) fn failing(text: &str) -> Option<(String, BTreeSet<String>)> {
    let (mut names, mut lines) = (BTreeSet::new(), Vec::new());
    let mut attributes: Vec<&str> = Vec::new();
    // The name of a test whose body has not begun.
    let mut open: Option<String> = None;
    for line in text.lines() {
        let bare = line.trim_start();
        if open.is_none() {
            let one_line = bare.split_once("] ").filter(|_| bare.starts_with("#["));
            let code = one_line.map_or(bare, |(_, code)| code);
            if bare.starts_with("#[") {
                attributes.push(bare);
            }
            if let Some(name) = function(code) {
                open = wanted(&attributes).then_some(name);
                attributes.clear();
            } else if !(bare.starts_with("#[") || bare.starts_with("//") || bare.is_empty()) {
                attributes.clear();
            }
        }
        match line.find('{').filter(|_| open.is_some()) {
            Some(at) => {
                names.extend(open.take());
                lines.push(format!("{} {} {}", &line[..=at], guard(), &line[at + 1..]));
            }
            None => lines.push(line.to_owned()),
        }
    }
    (!names.is_empty()).then(|| (lines.join("\n") + "\n", names))
}

/// True when the attributes make a test that is to pass.
fn wanted(attributes: &[&str]) -> bool {
    let path = |attribute: &&&str| {
        let inner = attribute.trim_start_matches("#[");
        let end = inner.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        inner[..end.unwrap_or(inner.len())].rsplit("::").next() == Some("test")
    };
    let other = |word: &str| attributes.iter().any(|attribute| attribute.starts_with(word));
    attributes.iter().any(|attribute| path(&attribute))
        && !other("#[should_panic")
        && !other("#[ignore")
}

/// The name of the function that a line begins.
fn function(line: &str) -> Option<String> {
    let words = ["pub(crate) ", "pub ", "async ", "const ", "unsafe "];
    let mut rest = line;
    while let Some(after) = words.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = after;
    }
    let name: String = rest
        .strip_prefix("fn ")?
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

/// Assertions are tried as the file knows them: a macro of the same name may say yes to everything.
fn guard() -> String {
    format!(
        "struct ShopfloorControl; impl Drop for ShopfloorControl {{ fn drop(&mut self) {{ \
         if ::std::thread::panicking() {{ return; }} \
         let lies = ::std::panic::catch_unwind(|| {{ assert!(1 == 2); }}).is_ok() \
         || ::std::panic::catch_unwind(|| {{ assert_eq!(1, 2); }}).is_ok(); \
         if !lies {{ ::std::panic!(\"{WORDS}\"); }} }} }} \
         let _shopfloor_control = ShopfloorControl;"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_that_is_to_pass_gets_its_end() {
        let text = "use a::b;\n\n#[test]\nfn one() {\n    b();\n}\n\n#[tokio::test(flavor = \"x\")]\n// why\nasync fn two()\n-> \
            Result<(), E>\n{\n    Ok(())\n}\n\n#[test]\n#[should_panic]\nfn three() {\n}\n\n#[test] fn four() {}\n\nfn made() {\n}\n\
            #[rstest::rstest]\nfn five() {\n}\n";
        let (now, names) = failing(text).unwrap();
        assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), ["four", "one", "two"]);
        assert_eq!(now.matches(WORDS).count(), 3);
        assert_eq!(now.lines().count(), text.lines().count(), "lines keep their numbers");
        assert!(now.contains("fn three() {\n") && now.contains("fn made() {\n"));
        assert_eq!(failing("fn helper() {}\n"), None);
    }
}
