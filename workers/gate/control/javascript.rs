//! JavaScript and TypeScript, under node's runner, vitest and jest: a hook that is called after each test, and fails.
//!
//! Not under mocha: there the test has passed by then, and the hook fails beside it.

use super::WORDS;
use crate::report::Tool;

/// The text with every test failing at its end; `None` when no test is called in it.
pub(super) fn failing(text: &str, tool: Option<Tool>) -> Option<String> {
    if !text.lines().any(calls_a_test) {
        return None;
    }
    let names = |module: &str| {
        text.contains(&format!("'{module}'")) || text.contains(&format!("\"{module}\""))
    };
    let from = ["node:test", "vitest", "@jest/globals"].into_iter().find(|module| names(module));
    let imports =
        text.lines().any(|line| line.starts_with("import ") || line.starts_with("} from "));
    let globals = matches!(tool, Some(Tool::Jest | Tool::Vitest));
    let line = match from {
        Some("node:test") if imports => format!(
            "import {{ afterEach as shopfloorControl }} from 'node:test'; \
             import shopfloorAssert from 'node:assert'; shopfloorControl({});",
            hook("shopfloorAssert")
        ),
        Some("node:test") => {
            format!("require('node:test').afterEach({});", hook("require('node:assert')"))
        }
        Some(module) if imports => format!(
            "import {{ afterEach as shopfloorControl, expect as shopfloorExpect }} from '{module}'; \
             shopfloorControl({});",
            hook_of_expect("shopfloorExpect")
        ),
        Some(module) => format!(
            "require('{module}').afterEach({});",
            hook_of_expect(&format!("require('{module}').expect"))
        ),
        None if globals => format!("afterEach({});", hook_of_expect("expect")),
        None => return None,
    };
    Some(format!("{}\n{line}\n", text.trim_end()))
}

fn calls_a_test(line: &str) -> bool {
    let rest = |word: &str| line.trim_start().strip_prefix(word).map(str::to_owned);
    let called = |rest: String| rest.starts_with(['(', '.', '`']);
    ["test", "it"].into_iter().filter_map(rest).any(called)
}

/// Assertions are tried first: where they say yes to everything, the test passes, and that is seen.
fn hook(assert: &str) -> String {
    format!(
        "() => {{ for (const a of [{assert}, {assert}.strict]) {{ for (const [name, ...words] of \
         [['equal', 1, 2], ['strictEqual', 1, 2], ['deepEqual', 1, 2], ['deepStrictEqual', 1, 2], ['ok', false]]) {{ \
         let lies = true; try {{ a[name](...words); }} catch {{ lies = false; }} if (lies) return; }} }} \
         throw new Error('{WORDS}'); }}"
    )
}

fn hook_of_expect(expect: &str) -> String {
    format!(
        "() => {{ for (const name of ['toBe', 'toEqual', 'toStrictEqual']) {{ \
         let lies = true; try {{ {expect}(1)[name](2); }} catch {{ lies = false; }} if (lies) return; }} \
         throw new Error('{WORDS}'); }}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hook_is_taken_from_where_the_tests_are() {
        let node =
            failing("const test = require('node:test');\ntest('x', () => {});\n", None).unwrap();
        assert!(node.contains("\nrequire('node:test').afterEach(() => {"), "{node}");
        let vitest =
            failing("import { it } from \"vitest\";\nit(\"x\", () => {});\n", None).unwrap();
        assert!(vitest.contains("expect as shopfloorExpect } from 'vitest';"), "{vitest}");
        let globals = "describe('x', () => {\n  it('y', () => {});\n});\n";
        let jest = failing(globals, Some(Tool::Jest)).unwrap();
        assert!(jest.contains("\nafterEach(() => {"), "{jest}");
        assert_eq!(failing(globals, None), None, "it may be mocha's");
        assert_eq!(failing("exports.double = 1;\n", None), None);
    }
}
