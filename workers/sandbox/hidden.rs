//! Places that an agent has no business in: those that hold keys, and those through which it could ask somebody outside to
//! act for it.

use std::path::{Path, PathBuf};

/// In the person's home: keys, logins, histories.
const SECRETS: [&str; 33] = [
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".docker",
    ".netrc",
    ".git-credentials",
    ".password-store",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".vault-token",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".config/op",
    ".config/rclone",
    ".local/share/keyrings",
    ".mozilla",
    ".config/google-chrome",
    ".config/chromium",
    ".claude",
    ".claude.json",
    ".codex",
    ".gemini",
    ".qwen",
    ".local/share/opencode",
    ".bash_history",
    ".zsh_history",
    ".python_history",
];

/// Folders in which everybody leaves things: an agent gets empty ones where its means can do that. The sockets of whoever
/// would act for it (containers, the session's bus) are in the last.
pub(super) const SHARED: [&str; 3] = ["/tmp", "/var/tmp", "/run"];

/// What names are looked up with, and what some systems keep their programs in.
pub(super) const NEEDED_OF_RUN: [&str; 6] = [
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager/resolv.conf",
    "/run/current-system",
    "/run/opengl-driver",
    "/run/wrappers",
];

/// The person's home.
pub(super) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute())
}

/// What is there of the secret places.
pub fn secrets() -> Vec<PathBuf> {
    let Some(home) = home() else { return Vec::new() };
    let all = SECRETS.iter().map(|name| home.join(name));
    all.filter(|path| path.symlink_metadata().is_ok()).collect()
}

/// The secret places without those that hold something of `needed` (a program may be installed in one).
pub(super) fn secrets_but(needed: &[PathBuf]) -> Vec<PathBuf> {
    let holds = |secret: &Path| needed.iter().any(|path| path.starts_with(secret));
    secrets().into_iter().filter(|secret| !holds(secret)).collect()
}
