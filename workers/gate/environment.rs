//! What a command is given beside the tree, as one hash: two runs with the same tree, command and environment are the
//! same run. Pure but for what the machine says of itself.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::process;

/// The hash for runs of the project's tests under this configuration.
pub(super) fn of_tests(config: &Config) -> String {
    let test = &config.project.test;
    let form = format!("{:?} {:?}", test.report, test.report_path);
    hash(&test.env, &form)
}

/// The hash for a command with these variables. `form` is what else decides how its output is read.
pub(super) fn hash(env: &BTreeMap<String, String>, form: &str) -> String {
    // Values may be secrets: only the hash of all of them together leaves this function.
    let inherited: Vec<(String, String)> = process::inherited()
        .map(|(name, value)| (name.to_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let machine = (std::env::consts::OS, std::env::consts::ARCH);
    let parts = serde_json::to_vec(&(env, form, inherited, machine)).unwrap_or_default();
    format!("{:x}", Sha256::digest(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_variable_or_report_is_another_environment() {
        let none = BTreeMap::new();
        let some = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        assert_eq!(hash(&none, "auto"), hash(&none, "auto"));
        assert_ne!(hash(&none, "auto"), hash(&some, "auto"));
        assert_ne!(hash(&none, "auto"), hash(&none, "tap"));
        let mut config = Config::default();
        let before = of_tests(&config);
        config.project.test.report_path = Some("target/report.xml".into());
        assert_ne!(of_tests(&config), before);
    }
}
