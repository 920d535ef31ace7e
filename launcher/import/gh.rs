//! Issues by the `gh` command.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use shopfloor::error::{Error, Kind, Result};
use shopfloor::place::Place;
use tokio::process::Command;

use crate::waiting::wait_for;

/// The most issues that are asked for.
const MOST: &str = "5000";

/// The most time it may take.
const LIMIT: Duration = Duration::from_secs(300);

/// `OWNER/REPO`, if that is what it is.
pub(super) fn repository(path: &Path) -> Option<&str> {
    let text = path.to_str()?;
    let (owner, name) = text.split_once('/')?;
    let plain = |part: &str| {
        let letters = part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        letters && !part.is_empty() && !part.starts_with(['-', '.'])
    };
    (plain(owner) && plain(name)).then_some(text)
}

/// Every issue of a repository, as JSON. Closed ones too: who needs one of them need not wait.
pub(super) fn issues(repository: &str, place: &Place) -> Result<String> {
    let mut command = Command::new("gh");
    command.args(["issue", "list", "--repo", repository, "--state", "all", "--limit", MOST]);
    command.args(["--json", "number,title,body,labels,state,stateReason,url"]);
    command.current_dir(place.stands()).stdin(Stdio::null()).kill_on_drop(true);
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(
            Kind::Environment,
            "the gh command is not on PATH, and it is what fetches issues",
        )
        .hint(
            "install it, or print the issues elsewhere: gh issue list --state all --limit 5000 \
                 --json number,title,body,labels,state,url > issues.json",
        ),
        _ => Error::new(Kind::Environment, "failed to start gh").caused_by(error),
    };
    let ran = wait_for(async { tokio::time::timeout(LIMIT, command.output()).await })?;
    let Ok(ran) = ran else {
        let told = format!("gh did not end within {} s", LIMIT.as_secs());
        return Err(Error::new(Kind::TimedOut, told).hint("try it by hand: gh issue list"));
    };
    let ran = ran.map_err(failed)?;
    if !ran.status.success() {
        let said = String::from_utf8_lossy(&ran.stderr);
        let said = crate::voice::line(&said, 300);
        return Err(Error::new(
            Kind::Environment,
            format!("gh issue list ended with {}: {said}", ran.status),
        )
        .hint("`gh auth status` says whether it is logged in"));
    }
    Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_told_from_a_path() {
        assert_eq!(repository(Path::new("me/tool.rs")), Some("me/tool.rs"));
        for none in ["me", "/me/tool", "me/tool/x", "../tool", "-x/y", "me/", "a b/c"] {
            assert_eq!(repository(Path::new(none)), None, "{none}");
        }
    }
}
