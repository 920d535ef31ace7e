//! When two names of files mean the same file.
//!
//! A name is a path (`src/x.rs`), a folder (`src/auth`, with or without a slash at its end: everything below it), a
//! pattern (`src/**/*.rs`), or a bare name that may stand anywhere (`**/x.rs`).

use globset::{GlobBuilder, GlobMatcher};

/// A name as it is compared: without `./` in front and slashes at the end. `None` when nothing is left of it, or when
/// it leads out of the repository.
pub fn clean(name: &str) -> Option<String> {
    let parts: Vec<&str> =
        name.trim().split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let inside = !name.trim().starts_with('/') && !parts.contains(&"..");
    (inside && !parts.is_empty()).then(|| parts.join("/"))
}

/// True for a name with `*`, `?`, `[` or `{` in it.
pub(super) fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '[', '{'])
}

/// True when two cleaned names may mean the same file. In doubt (two patterns) they do.
pub fn overlap(a: &str, b: &str) -> bool {
    match (is_pattern(a), is_pattern(b)) {
        (false, false) => a == b || below(a, b) || below(b, a),
        (true, false) => pattern_meets(a, b),
        (false, true) => pattern_meets(b, a),
        (true, true) => patterns_meet(a, b),
    }
}

/// True when `inner` lies in the folder `outer`.
pub(super) fn below(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
}

fn pattern_meets(pattern: &str, path: &str) -> bool {
    if let Some(name) = bare(pattern) {
        return path == name || path.ends_with(&format!("/{name}"));
    }
    // The path may be a folder, and the pattern may mean something below it.
    let lead = lead(pattern);
    lead == path || below(lead, path) || compiled(pattern).is_none_or(|glob| glob.is_match(path))
}

fn patterns_meet(a: &str, b: &str) -> bool {
    if let (Some(a), Some(b)) = (bare(a), bare(b)) {
        return a == b;
    }
    let (one, other) = (lead(a), lead(b));
    let near = one.is_empty()
        || other.is_empty()
        || one == other
        || below(one, other)
        || below(other, one);
    near && ending(a).zip(ending(b)).is_none_or(|(one, other)| one == other)
}

/// The name in `**/name`.
fn bare(pattern: &str) -> Option<&str> {
    pattern.strip_prefix("**/").filter(|name| !is_pattern(name) && !name.contains('/'))
}

/// The folders in front of a pattern's first wild part.
fn lead(pattern: &str) -> &str {
    let wild = pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len());
    pattern[..wild].rfind('/').map_or("", |slash| &pattern[..slash])
}

/// The ending of a pattern's names, when it says one.
fn ending(pattern: &str) -> Option<&str> {
    let (_, ending) = pattern.rsplit_once('.')?;
    (!ending.contains('/') && !ending.contains(['*', '?', '[', '{', '}'])).then_some(ending)
}

fn compiled(pattern: &str) -> Option<GlobMatcher> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build().ok()?;
    Some(glob.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cleaned_and_stays_inside() {
        let cleaned = |name| clean(name).unwrap_or_default();
        assert_eq!(cleaned("./src//x.rs"), "src/x.rs");
        assert_eq!(cleaned(" src/auth/ "), "src/auth");
        for none in ["", ".", "/etc/passwd", "../x", "a/../../b", "  "] {
            assert_eq!(clean(none), None, "{none:?}");
        }
    }

    #[test]
    fn folders_patterns_and_bare_names_meet_what_they_mean() {
        let meet = [
            ("src/x.rs", "src/x.rs"),
            ("src/auth", "src/auth/login.rs"),
            ("src/**", "src/auth/login.rs"),
            ("src/*.rs", "src/x.rs"),
            ("src/**/*.rs", "src"),
            ("**/x.rs", "a/b/x.rs"),
            ("**/x.rs", "x.rs"),
            ("src/**", "src/auth/*.rs"),
            ("**/*.md", "docs/*.md"),
            ("**/x.rs", "**/x.rs"),
            ("src/{a,b}.rs", "src/b.rs"),
            ("[", "anything, since it can't be read"),
        ];
        for (a, b) in meet {
            assert!(overlap(a, b) && overlap(b, a), "{a} {b}");
        }
        let apart = [
            ("src/x.rs", "src/y.rs"),
            ("src/auth", "src/authority.rs"),
            ("src/*.rs", "src/auth/login.rs"),
            ("**/x.rs", "src/ax.rs"),
            ("src/**", "tests/**"),
            ("**/*.md", "src/*.rs"),
            ("**/x.rs", "**/y.rs"),
        ];
        for (a, b) in apart {
            assert!(!overlap(a, b) && !overlap(b, a), "{a} {b}");
        }
    }
}
