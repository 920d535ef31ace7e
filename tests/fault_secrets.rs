//! Secrets that agents, tests and tools print: they stand in nothing that is kept or shown.

use std::fs;
use std::process::Stdio;

use crate::house::{House, shown};

/// What looks like a key of GitHub's, and stands nowhere in the repository.
fn key() -> String {
    ["ghp", "_", "aB3dE5gH7jK9mN1pQ3rS", "5tU7wX9zA1cD3fG5"].concat()
}

/// A password without a form of its own.
fn password() -> String {
    ["q8Zr2", "Lx0Vw7", "Tn4Yb6", "Kd1Pm9"].concat()
}

/// The middle of what looks like a private key.
const BODY: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7";

fn private_key() -> Vec<String> {
    let line = |what: &str| ["-----", what, " PRIVATE", " KEY-----"].concat();
    vec![line("BEGIN"), BODY.to_owned(), BODY.to_owned(), line("END")]
}

/// Every file below the queue and the logs that holds one of these words. What an agent wrote on its own desk is its own.
fn holding(house: &House, words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for below in ["work-orders", "logs"] {
        for entry in walkdir::WalkDir::new(house.project().join(below)) {
            let entry = entry.unwrap();
            let path = entry.path().strip_prefix(house.project()).unwrap().display().to_string();
            let bytes = fs::read(entry.path()).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            if words.iter().any(|word| text.contains(word)) && !path.contains("/desks/") {
                found.push(path);
            }
        }
    }
    found
}

fn read(house: &House, name: &str) -> String {
    fs::read_to_string(house.project().join(name)).unwrap_or_default()
}

/// Every file of that name below the floor's sessions, as one text.
fn of_sessions(house: &House, name: &str) -> String {
    let all = walkdir::WalkDir::new(house.project().join("work-orders/.floor/sessions"));
    let files = all.into_iter().flatten().filter(|entry| entry.file_name() == name);
    files.map(|entry| fs::read_to_string(entry.path()).unwrap()).collect()
}

#[test]
fn what_an_agent_prints_is_kept_and_shown_without_its_secrets() {
    let house = House::new();
    let mut lines = vec![format!("pushing with {}", key()), format!("api_token = {}", password())];
    lines.extend(private_key());
    lines.push("and that is all".to_owned());
    fs::write(house.path("words"), lines.join("\n") + "\n").unwrap();
    // An argument of its own: behind walls an agent can read what its command line names.
    let words = house.path("words").display().to_string();
    let loud = format!(
        "\n[agent.loud]\ndriver = \"command\"\nprogram = \"sh\"\n\
         args = [\"-c\", \"cat $0; cat $0 >&2; sleep 2; exit 1\", {words:?}]\n[stage.spec]\nagent = \"loud\"\n"
    );
    let config = read(&house, "shopfloor.toml");
    fs::write(house.project().join("shopfloor.toml"), config + &loud).unwrap();
    house.add(&["a"]);
    let ran = house.command("spec-worker").args(["--once", "--json", "-v"]).output().unwrap();
    let secrets = [key(), password(), BODY.to_owned()];
    for stream in [&ran.stdout, &ran.stderr] {
        let text = String::from_utf8_lossy(stream);
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{}", shown(&ran));
        assert!(text.contains("pushing with [hidden: github-pat]"), "{}", shown(&ran));
        assert!(text.contains("[hidden: private-key]") && text.contains("and that is all"));
    }
    assert_eq!(holding(&house, &secrets), Vec::<String>::new());
    let stream = of_sessions(&house, "stream.txt");
    assert!(stream.contains("api_token = [hidden: generic-api-key]"), "{stream}");
    assert_eq!(stream.matches("and that is all").count(), 2, "{stream}");
    assert!(read(&house, "logs/spec-worker.log").contains("pushing with [hidden: github-pat]"));
}

#[test]
fn what_an_agent_says_and_its_tests_print_is_on_record_without_its_secrets() {
    let spec = format!(
        "# T\n\n## Goal\n\nUse {}.\n\n## Acceptance criteria\n\n- It is.\n\n## Files\n\n- `tests/a.sh`\n- `done/a.txt`\n\n\
         ## How to playtest\n\n1. Look.\n",
        key()
    );
    let test = format!("echo 'the key is {0}'\necho '{0}' >&2\nexit 1\n", key());
    let acts = format!(
        "[[act]]\norder = \"a\"\nstage = \"spec\"\nwhy = \"the key is {0}\"\n\
         papers = {{ \"work-order.md\" = {spec:?} }}\n\
         [[act]]\norder = \"a\"\nstage = \"test\"\nwhy = \"it fails with {0}\"\n\
         files = {{ \"tests/a.sh\" = {test:?} }}\n\
         [[act]]\norder = \"a\"\nstage = \"implement\"\nmisbehave = \"lie\"\nwhy = \"{0} does not help\"\n",
        key()
    );
    let house = House::with("", &acts);
    house.add(&["a"]);
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!(house.state("a"), "TESTS_PRE", "{}", house.scene());
    house.run("test-worker", &["--until-idle"]);
    assert_eq!(house.state("a"), "IMPL", "{}", house.scene());
    // A lie: the test still fails and prints, and what it printed is the next one's feedback.
    house.run("implement-worker", &["--once"]);
    for name in ["work-order.md", "feedback.md"] {
        let text = fs::read_to_string(house.order("a").join(name)).unwrap();
        assert!(text.contains("[hidden: github-pat]"), "{name}: {text}");
    }
    let evidence = fs::read_dir(house.order("a").join("evidence")).unwrap().flatten();
    let evidence: String =
        evidence.filter_map(|file| fs::read_to_string(file.path()).ok()).collect();
    assert!(evidence.contains("the key is [hidden: github-pat]"), "{evidence}");
    let log = read(&house, "logs/spec-worker.log");
    assert!(log.contains("work-order.md: a secret that stands in it was left out"), "{log}");
    assert!(log.contains("the key is [hidden: github-pat]"), "{log}");
    assert_eq!(holding(&house, &[key()]), Vec::<String>::new());
    let shown = house.command("shopfloor").args(["show", "a"]).stdin(Stdio::null()).output();
    assert!(!String::from_utf8_lossy(&shown.unwrap().stdout).contains(&key()));
    // What is proved is still proved.
    let verified = house.shopfloor(&["verify", "a"]);
    assert!(!String::from_utf8_lossy(&verified.stdout).contains(&key()));
}
