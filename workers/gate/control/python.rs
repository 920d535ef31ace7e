//! Python, under unittest and pytest: what stands at the end of the file wraps every test function in one that fails after it.

use std::collections::BTreeSet;

use super::WORDS;

/// Wraps the methods of classes and the functions of the module. Assertions are tried first: where the test's own say yes to
/// everything, the test passes, and that is seen.
const WRAP: &str = r#"

def _shopfloor_control(names):
    import functools, inspect, unittest

    def end(args):
        case = args[0] if args and isinstance(args[0], unittest.TestCase) else None
        if case is not None:
            for name, words in (("assertEqual", (1, 2)), ("assertTrue", (False,)), ("assertFalse", (True,)),
                                ("assertIs", (1, None)), ("assertIn", (1, ())), ("fail", ())):
                try:
                    getattr(case, name)(*words)
                except case.failureException:
                    continue
                return
        raise AssertionError("WORDS")

    def wrapped(test):
        if inspect.iscoroutinefunction(test):
            @functools.wraps(test)
            async def run(*args, **more):
                await test(*args, **more)
                end(args)
        else:
            @functools.wraps(test)
            def run(*args, **more):
                test(*args, **more)
                end(args)
        return run

    for name, value in list(names.items()):
        if inspect.isfunction(value) and name.startswith("test"):
            names[name] = wrapped(value)
        elif inspect.isclass(value) and value.__module__ == names["__name__"]:
            for inner, test in list(vars(value).items()):
                if inspect.isfunction(test) and inner.startswith("test"):
                    setattr(value, inner, wrapped(test))


_shopfloor_control(globals())

"#;

/// The text with every test failing at its end, and their names; `None` when there is none.
pub(super) fn failing(text: &str) -> Option<(String, BTreeSet<String>)> {
    let names: BTreeSet<String> = text.lines().filter_map(test).collect();
    if names.is_empty() {
        return None;
    }
    let lines: Vec<&str> = text.lines().collect();
    // What runs the file as a program never comes to what stands behind it.
    let end = lines.iter().position(|line| line.starts_with("if __name__"));
    let (tests, rest) = lines.split_at(end.unwrap_or(lines.len()));
    let wrap = WRAP.replace("WORDS", WORDS);
    Some((format!("{}\n{wrap}{}\n", tests.join("\n"), rest.join("\n")), names))
}

/// The name of the test function that a line begins. One that some decorator skips or expects to fail does not pass either.
fn test(line: &str) -> Option<String> {
    let bare = line.trim_start();
    let rest = bare.strip_prefix("async ").unwrap_or(bare).strip_prefix("def ")?;
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    name.starts_with("test").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrap_stands_behind_the_tests_and_before_what_runs_them() {
        let text = "import unittest\n\nclass A(unittest.TestCase):\n    def test_x(self):\n        pass\n    async def test_y(self):\n        pass\n\n\
            def helper():\n    pass\n\nif __name__ == \"__main__\":\n    unittest.main()\n";
        let (now, names) = failing(text).unwrap();
        assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), ["test_x", "test_y"]);
        let at = |part: &str| now.find(part).unwrap_or_else(|| panic!("{part}: {now}"));
        assert!(at("def helper") < at(WORDS) && at("(globals())") < at("if __name__"));
        assert_eq!(failing("def helper():\n    pass\n"), None);
    }
}
