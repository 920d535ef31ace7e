//! What `shopfloor.toml` may say, and what is told about mistakes in it.

use super::*;
use crate::error::Kind;

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

const TWO: &str = "[agent.claude]\ndriver = \"claude\"\nprogram = \"claude\"\nargs = [\"-a\"]\nmodel = \"m\"\n\
                   [agent.codex]\ndriver = \"codex\"\nprogram = \"codex\"\naccount = \"open\"\n\
                   [agent.other]\ndriver = \"command\"\nprogram = \"x\"\n";

fn two(more: &str) -> Result<Config> {
    parse(&format!("{TWO}{more}"))
}

#[test]
fn a_stage_has_an_agent_with_settings_of_its_own() {
    let config = two("[stage.implement]\nagent = \"claude\"\nmodel = \"big\"\nargs = [\"-b\"]\npermissions = \"full\"\n\
                      batch = 3\nturn_timeout = \"1h\"\nidle_timeout = \"2m\"\ntool_idle_timeout = \"50m\"\n").unwrap();
    let hires = config.agents_for("implement", None).unwrap();
    let [hire] = &hires[..] else { panic!("{hires:?}") };
    assert_eq!((hire.name.as_str(), hire.account.as_str()), ("claude", "claude"));
    assert_eq!(
        (hire.config.model.as_deref(), &hire.config.args[..]),
        (Some("big"), &["-a".to_owned(), "-b".to_owned()][..])
    );
    assert_eq!(hire.config.permissions, Permissions::Full);
    let limits = config.limits_for("implement");
    assert_eq!(limits.turn_timeout, Duration::from_secs(3600));
    assert_eq!((limits.idle_timeout.as_secs(), limits.tool_idle_timeout.as_secs()), (120, 3000));
    assert_eq!(config.limits_for("spec").turn_timeout, Limits::default().turn_timeout);
}

#[test]
fn fallbacks_are_asked_in_their_order_each_with_its_account() {
    let config = two("[account.work]\nenv = { KEY = \"${WORK}\" }\nresume = \"by-hand\"\n\
                      [stage.spec]\nagents = [\"claude:work\", \"codex\", \"claude\"]\n")
    .unwrap();
    let hires = config.agents_for("spec", None).unwrap();
    let told: Vec<_> =
        hires.iter().map(|hire| (&*hire.name, &*hire.account, hire.by_hand)).collect();
    assert_eq!(
        told,
        [("claude", "work", true), ("codex", "open", false), ("claude", "claude", false)]
    );
    assert_eq!(hires[0].config.env["KEY"], "${WORK}");
    assert!(!hires[2].config.env.contains_key("KEY"));
    let flag = config.agents_for("spec", Some("claude:work")).unwrap();
    assert_eq!((flag.len(), &*flag[0].account), (1, "work"));
}

#[test]
fn a_mistake_about_agents_names_the_key() {
    for (more, wanted) in [
        ("[stage.spec]\nagents = [\"cloude:work\"]\n", "[stage.spec] names the agent \"cloude\""),
        ("[stage.spec]\nagents = [\"claude:\"]\n", "names no account"),
        ("[stage.spec]\nagent = \"codex\"\nagents = [\"claude\"]\n", "both agent and agents"),
        ("[account.wrok]\nresume = \"by-hand\"\n", "[account.wrok] is used by no agent"),
        ("[stage.spec]\npermissions = \"all\"\n", "permissions"),
        ("[stage.spec]\nturn_timeout = \"5\"\n", "turn_timeout"),
        ("[stage.spec.budget]\norder_usd = 0\n", "[stage.spec.budget] order_usd"),
        ("[limits.budget]\nday_tokens = 0\n", "[limits.budget] day_tokens"),
        ("[limits.budget]\nday_eur = 5\n", "day_eur"),
    ] {
        let error = two(more).unwrap_err().to_string();
        assert!(error.contains(wanted), "{more}: {error}");
    }
    let mixed = two("[stage.spec]\nmodel = \"m\"\nagents = [\"claude\", \"codex\"]\n").unwrap();
    let error = mixed.agents_for("spec", None).unwrap_err().to_string();
    assert!(error.contains("[stage.spec] model and args"), "{error}");
    let command = two("[stage.spec]\nagent = \"other\"\nmodel = \"m\"\n").unwrap();
    assert!(command.agents_for("spec", None).unwrap_err().to_string().contains("model"));
}

#[test]
fn a_cap_that_cannot_be_enforced_for_an_agent_is_refused() {
    let hired = |agent: &str, table: &str, cap: &str| {
        let text = format!("[stage.spec]\nagent = \"{agent}\"\n[{table}]\n{cap} = 5\n");
        two(&text).unwrap().agents_for("spec", None).map(drop).map_err(|error| error.to_string())
    };
    for table in ["stage.spec.budget", "limits.budget"] {
        for cap in ["order_usd", "session_usd", "day_usd"] {
            assert_eq!(hired("claude", table, cap), Ok(()));
            for agent in ["codex", "other"] {
                let error = hired(agent, table, cap).unwrap_err();
                assert!(error.contains(table) && error.contains(cap), "{error}");
            }
        }
        for cap in ["order_tokens", "session_tokens", "day_tokens"] {
            assert_eq!(hired("claude", table, cap), Ok(()));
            assert_eq!(hired("codex", table, cap), Ok(()));
            assert!(hired("other", table, cap).unwrap_err().contains("other"));
        }
    }
}
