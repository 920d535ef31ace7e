//! What `shopfloor.toml` may say, and what is told about mistakes in it.

use super::*;

fn parse(text: &str) -> Result<Config> {
    Config::parse(text, Path::new("shopfloor.toml"))
}

#[test]
fn a_command_may_be_a_line_or_words_and_times_are_readable() {
    let config =
        parse("[project.test]\ncommand = \"cargo test 'a b'\"\ntimeout = \"1h 30m\"\n").unwrap();
    assert_eq!(config.project.test.command, ["cargo", "test", "a b"]);
    assert_eq!(config.project.test.timeout, Duration::from_secs(5400));
}

#[test]
fn a_report_is_looked_for_unless_it_is_named() {
    let config = parse("[project.test]\ncommand = \"x\"\n").unwrap();
    assert_eq!(config.project.test.report, Choice::Auto);
    assert_eq!(config.project.test.report_path, None);
    for adapter in crate::report::Adapter::ALL {
        let word = adapter.word();
        let text =
            format!("[project.test]\nreport = \"{word}\"\nreport_path = \"target/a b.xml\"\n");
        let test = parse(&text).unwrap().project.test;
        assert_eq!(test.report, Choice::Set(adapter));
        assert_eq!(test.report_path.as_deref(), Some(Path::new("target/a b.xml")));
    }
    assert_eq!(
        parse("[project.test]\nreport = \"auto\"\n").unwrap().project.test.report,
        Choice::Auto
    );
}

#[test]
fn a_report_that_is_none_names_those_there_are() {
    let error = parse("[project.test]\nreport = \"xunit\"\n").unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("auto, libtest, junit"), "{error}");
}

#[test]
fn a_report_path_stays_in_the_worktree() {
    for path in ["/tmp/x.xml", "../x.xml", "a/../../x.xml", "", "."] {
        let error = parse(&format!("[project.test]\nreport_path = {path:?}\n")).unwrap_err();
        assert!(error.to_string().contains("relative to the worktree"), "{path}: {error}");
    }
}

#[test]
fn an_unknown_key_names_its_line() {
    let error = parse("[limits]\natempts = 3\n").unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
    assert_eq!(error.kind(), Kind::Usage);
}

#[test]
fn a_wrong_value_is_told_with_what_it_should_be() {
    for (text, wanted) in [
        ("[limits]\nbackoff = \"5\"\n", "write it like 90s"),
        ("[project.test]\ncommand = 5\n", "one string, or an array of strings"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains(wanted), "{error}");
    }
    let error = parse("[stage.tset]\nbatch = 2\n").unwrap();
    let error = error.check_stages(&crate::stages::pipeline()).unwrap_err();
    assert!(error.to_string().contains("[stage.tset]"), "{error}");
    assert!(error.next_step().unwrap().contains("spec, test, implement"), "{error:?}");
}

#[test]
fn a_file_that_is_no_text_names_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    std::fs::write(&path, b"# fine\nx = \"\xff\"\n").unwrap();
    let error = Config::load(&path).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.to_string().contains("line 2"), "{error}");
}

#[test]
fn the_agent_of_a_stage_is_the_flags_its_own_the_default_or_the_only_one() {
    let one = parse("[agent.sim]\ndriver = \"command\"\nprogram = \"x\"\n").unwrap();
    assert_eq!(one.agent_for("spec", None).unwrap().0, "sim");
    assert_eq!(one.agent_for("spec", Some("nope")).unwrap_err().kind(), Kind::NotFound);
    assert!(parse("[stage.spec]\nagent = \"a\"\n").is_err());
    assert!(Config::default().agent_for("spec", None).unwrap_err().next_step().is_some());
}
