//! Budgets: what may be used by an order, a session and a day.

use super::*;

const DAY_MS: u128 = 24 * 3600 * 1000;

/// What is used in a day is counted by UTC days: a story that would be told across midnight waits for the new day.
fn house(budget: &str, acts: &str, orders: &[&str]) -> House {
    const STORY_MS: u128 = 120_000;
    let left = DAY_MS - unix_ms() % DAY_MS;
    if left < STORY_MS {
        std::thread::sleep(Duration::from_millis(left as u64));
    }
    let house = House::with(&format!("{QUICK}{budget}\n"), acts);
    house.add(orders);
    house
}

#[test]
fn a_runaway_turn_is_interrupted_at_its_orders_budget_and_the_session_goes_on() {
    let acts = "[[act]]\norder = \"a\"\nmisbehave = \"runaway\"\n";
    let house = house("[stage.spec.budget]\norder_tokens = 20_000\n", acts, &["a", "b"]);
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!(house.state("a"), "FAILED", "{}", house.scene());
    assert_eq!(house.state("b"), "TESTS_PRE");
    assert_eq!(house.told("session_opened").len(), 1);
    let why = house.told("buried")[0]["why"].as_str().unwrap().to_owned();
    assert!(why.contains("of 20000 tokens ([stage.spec.budget] order_tokens)"), "{why}");
    let used = fs::read_to_string(house.order("a").join("evidence/cost.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(used.lines().next().unwrap()).unwrap();
    let tokens = line["usage"]["input_tokens"].as_u64().unwrap();
    println!("RUNAWAY|{tokens} tokens when 20000 were allowed");
    // What was asked between the limit and the interruption is used as well.
    assert!((20_000..120_000).contains(&tokens), "{line}");
}

#[test]
fn a_session_that_has_used_its_budget_makes_way_for_a_fresh_one() {
    let acts = "[[act]]\ntokens = 6000\n";
    let house = house("[limits.budget]\nsession_tokens = 10_000\n", acts, &["a", "b", "c", "d"]);
    house.run("spec-worker", &["--until-idle"]);
    for id in ["a", "b", "c", "d"] {
        moved_on_uncharged(&house, id);
    }
    assert_eq!((house.calls(), house.told("session_opened").len()), (4, 2), "{}", house.scene());
}

#[test]
fn a_day_that_has_used_its_budget_pauses_the_stage_until_it_is_over() {
    let acts = "[[act]]\nusd = 0.6\n";
    let house = house("[limits.budget]\nday_usd = 1.0\n", acts, &["a", "b", "c"]);
    let mut worker = house.start("spec-worker", &[]);
    house.wait("the pause", |house| !house.told("paused").is_empty());
    let paused = &house.told("paused")[0];
    assert!(
        paused["why"].as_str().unwrap().contains("$1.2000 of $1.0000 ([limits.budget] day_usd)"),
        "{paused}"
    );
    assert!(paused["secs"].as_u64().unwrap() <= 24 * 3600, "{paused}");
    assert_eq!((house.calls(), house.state("c").as_str(), charged(&house, "c")), (2, "NEW", 0));
    worker.signal("TERM");
    assert_eq!(worker.end(PATIENCE), Some(0));
    // Another stage on the same day finds the same.
    house.run("test-worker", &["--once"]);
    assert_eq!((house.calls(), house.state("a").as_str()), (2, "TESTS_PRE"), "{}", house.scene());
}

#[test]
fn cost_tokens_and_time_are_shown_by_order_by_stage_and_by_batch() {
    let acts = "[[act]]\nstage = \"spec\"\nusd = 0.25\ntokens = 1000\n";
    let house = house("", acts, &["a", "b"]);
    house.run("spec-worker", &["--until-idle"]);
    house.run("test-worker", &["--until-idle"]);
    let shown_order = shown(&house.shopfloor(&["show", "a"]));
    assert!(shown_order.contains("spec: $0.2500, 1400 tokens"), "{shown_order}");
    assert!(shown_order.contains("in 2 turns"), "{shown_order}");
    let told = shown(&house.shopfloor(&["status"]));
    assert!(
        told.contains("Used today (UTC): ") && told.contains("  spec       $0.5000, 2800 tokens"),
        "{told}"
    );
    let batches = house.shopfloor(&["batches", "--json"]);
    let batches: serde_json::Value = serde_json::from_slice(&batches.stdout).unwrap();
    // The newest last.
    let stages: Vec<_> =
        batches["batches"].as_array().unwrap().iter().map(|batch| &batch["stage"]).collect();
    assert_eq!(stages, ["spec", "test"], "{batches}");
    assert_eq!(batches["batches"][0]["tokens"], 2800, "{batches}");
    assert_eq!(batches["batches"][0]["cost_usd"], 0.5);
}

#[test]
fn a_cost_that_nobody_told_is_shown_as_unknown() {
    let sim = program("sim-agent").display().to_string();
    let config = format!(
        "[agent.once]\ndriver = \"command\"\nprogram = {sim:?}\nargs = [\"--oneshot\"]\nsimulated = true\n\
         [stage.spec]\nagent = \"once\"\n"
    );
    let house = house(&config, "", &["a"]);
    house.run("spec-worker", &["--until-idle"]);
    let told = shown(&house.shopfloor(&["status"]));
    assert!(told.contains("cost unknown, tokens unknown") && !told.contains("$0"), "{told}");
    // And a cap on it is refused before anything is begun.
    let path = house.project().join("shopfloor.toml");
    let config = fs::read_to_string(&path).unwrap() + "[stage.spec.budget]\nday_usd = 5\n";
    fs::write(&path, config).unwrap();
    let refused = house.command("spec-worker").args(["--once"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        shown(&refused).contains("[stage.spec.budget] day_usd can't be enforced for agent once"),
        "{}",
        shown(&refused)
    );
}

/// The simulated agent leaves the results; what the session used is told in opencode's words, `more` after them.
fn tells_of_opencode(house: &House, more: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let told = "{\"type\":\"step_start\",\"part\":{}}\n\
                {\"type\":\"step_finish\",\"part\":{\"reason\":\"stop\",\"cost\":0.3,\"tokens\":{\"input\":3000,\"output\":31}}}";
    let sim = program("sim-agent").display().to_string();
    let script = format!(
        "#!/bin/sh\nSHOPFLOOR_SESSION_DIR=$PWD '{sim}' --oneshot > said && cat <<'EOT'\n{told}\n{more}\nEOT\n"
    );
    let path = house.path("once.sh");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn what_a_session_of_one_prompt_used_is_shared_out_among_its_orders() {
    let config = "[agent.once]\ndriver = \"opencode\"\nprogram = \"../once.sh\"\nsimulated = true\n\
                  [stage.spec]\nagent = \"once\"\n";
    let house = house(config, "", &["a", "b", "c"]);
    tells_of_opencode(&house, "");
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!(house.told("session_opened").len(), 1, "{}", house.scene());
    let shown_order = shown(&house.shopfloor(&["show", "b"]));
    assert!(
        shown_order.contains("$0.1000, 1010 tokens,")
            && shown_order.contains("in 1 turn (of 1 an equal share of their session)"),
        "{shown_order}"
    );
    let today = shown(&house.shopfloor(&["status"]));
    assert!(today.contains("$0.3000, 3031 tokens"), "{today}");
    // A session that broke off has used at least that much, and its price is not known.
    tells_of_opencode(&house, "{\"type\":\"step_start\",\"part\":{}}");
    house.add(&["d"]);
    house.run("spec-worker", &["--until-idle"]);
    let shown_order = shown(&house.shopfloor(&["show", "d"]));
    assert!(shown_order.contains("cost unknown, at least 3031 tokens"), "{shown_order}");
}
