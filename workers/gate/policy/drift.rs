//! What an order changed beyond the files it named.

use globset::GlobMatcher;

use super::protected::pattern;
use crate::error::Result;

/// What counts as inside an order's bounds.
#[derive(Debug)]
pub(super) struct Bounds<'a> {
    declared: &'a [String],
    frozen: &'a [String],
    allowed: Vec<GlobMatcher>,
}

impl<'a> Bounds<'a> {
    /// The files an order named, its frozen tests, and what `[policy] allowed` lets every order touch.
    pub(super) fn new(
        declared: &'a [String],
        frozen: &'a [String],
        allowed: &[String],
    ) -> Result<Self> {
        let allowed = allowed.iter().map(|word| pattern(word, "allowed")).collect::<Result<_>>()?;
        Ok(Self { declared, frozen, allowed })
    }

    /// True when the order may touch `path` without a word.
    pub(super) fn hold(&self, path: &str) -> bool {
        self.declared.iter().any(|named| covers(named, path))
            || self.frozen.iter().any(|frozen| frozen == path)
            || self.allowed.iter().any(|glob| glob.is_match(path))
    }
}

/// A declared folder covers what lies in it.
fn covers(named: &str, path: &str) -> bool {
    let folder = named.trim_end_matches('*').trim_end_matches('/');
    path == named || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_folder_covers_what_lies_in_it() {
        for named in ["src", "src/", "src/**", "src/*", "src/a.rs"] {
            assert!(covers(named, "src/a.rs"), "{named}");
        }
        assert!(!covers("src/a", "src/a.rs") && !covers("sr", "src/a.rs"));
    }

    #[test]
    fn tests_documents_and_module_roots_are_no_drift_and_other_code_is() {
        let policy = crate::config::Policy::default();
        let (declared, frozen) = (["src/page.rs".to_owned()], ["check/page.sh".to_owned()]);
        let bounds = Bounds::new(&declared, &frozen, &policy.allowed).unwrap();
        for path in [
            "src/page.rs",
            "check/page.sh",
            "tests/page.rs",
            "web/__tests__/a.js",
            "web/page.test.ts",
            "pkg/page_test.go",
            "pkg/test_page.py",
            "docs/page.md",
            "README.md",
            "CHANGELOG",
            "src/lib.rs",
            "src/a/mod.rs",
            "pkg/__init__.py",
            "web/src/index.ts",
            "src/snapshots/a.snap",
        ] {
            assert!(bounds.hold(path), "{path}");
        }
        for path in ["src/other.rs", "Makefile", "src/latest/x.rs", "package.json", "Cargo.toml"] {
            assert!(!bounds.hold(path), "{path}");
        }
    }
}
