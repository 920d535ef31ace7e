//! What is done about a turn that does not end as it should.

use super::*;

fn spec_house(acts: &str, orders: &[&str]) -> House {
    let house = House::with(QUICK, acts);
    house.add(orders);
    house.run("spec-worker", &["--until-idle"]);
    house
}

fn sessions(house: &House) -> usize {
    house.told("session_opened").len()
}

#[test]
fn a_missing_result_is_asked_for_once_in_the_same_session_and_then_counts() {
    let house = spec_house("[[act]]\ntimes = 1\nmisbehave = \"no-result\"\n", &["a"]);
    moved_on_uncharged(&house, "a");
    assert_eq!((house.calls(), sessions(&house)), (2, 1));
    // It gives none at the repair turn either.
    let house = House::with(QUICK, "[[act]]\ntimes = 2\nmisbehave = \"no-result\"\n");
    house.add(&["a"]);
    house.run("spec-worker", &["--once"]);
    assert_eq!((house.calls(), charged(&house, "a")), (2, 1), "{}", house.scene());
}

#[test]
fn a_truncated_answer_gets_one_more_turn() {
    let house = spec_house("[[act]]\ntimes = 1\nmisbehave = \"truncated\"\n", &["a"]);
    moved_on_uncharged(&house, "a");
    assert_eq!((house.calls(), sessions(&house)), (2, 1));
}

#[test]
fn a_turn_with_denied_tools_counts_only_when_its_result_says_what_became_of_them() {
    let said = "[[act]]\ntimes = 1\ndenials = 2\ndenied = \"curl was not needed after all\"\n";
    let house = spec_house(said, &["a"]);
    assert_eq!((house.state("a").as_str(), house.calls()), ("TESTS_PRE", 1), "{}", house.scene());
    let silent = "[[act]]\ntimes = 2\ndenials = 2\n";
    let house = House::with(QUICK, silent);
    house.add(&["a"]);
    house.run("spec-worker", &["--once"]);
    assert_eq!(
        (house.state("a").as_str(), house.calls(), charged(&house, "a")),
        ("NEW", 2, 1),
        "{}",
        house.scene()
    );
    let why =
        house.journal("a").iter().any(|entry| entry.to_string().contains("denied without a word"));
    assert!(why, "{}", house.scene());
}

#[test]
fn a_refusal_is_charged_and_the_session_goes_on() {
    // It rests for longer than the session lasts.
    let house = House::with(
        &QUICK.replace("1s", "1h"),
        "[[act]]\norder = \"a\"\nmisbehave = \"refusal\"\n",
    );
    house.add(&["a", "b"]);
    house.run("spec-worker", &["--once"]);
    assert_eq!(
        (house.state("b").as_str(), charged(&house, "b")),
        ("TESTS_PRE", 0),
        "{}",
        house.scene()
    );
    assert_eq!((charged(&house, "a"), house.calls(), sessions(&house)), (1, 2, 1));
}

#[test]
fn a_full_context_gives_the_rest_to_a_smaller_fresh_session_and_charges_nobody_who_came_late() {
    let acts = "[[act]]\norder = \"c\"\ntimes = 1\nmisbehave = \"context-full\"\n";
    let house = spec_house(acts, &["a", "b", "c", "d", "e"]);
    for id in ["a", "b", "c", "d", "e"] {
        moved_on_uncharged(&house, id);
    }
    // After two good turns the next session takes one order, and then they grow again.
    let taken: Vec<usize> = house
        .told("session_ended")
        .iter()
        .map(|event| event["turns"].as_u64().unwrap() as usize)
        .collect();
    assert_eq!(taken, [3, 1, 2], "{}", house.scene());
    assert_eq!(house.told("paused").len(), 0);
}

#[test]
fn an_order_that_fills_a_fresh_context_alone_is_charged() {
    let house = House::with(QUICK, "[[act]]\norder = \"a\"\nmisbehave = \"context-full\"\n");
    house.add(&["a"]);
    house.run("spec-worker", &["--once"]);
    assert_eq!(charged(&house, "a"), 1, "{}", house.scene());
}

#[test]
fn an_overloaded_server_is_asked_again_after_a_back_off_and_finished_orders_stay_finished() {
    let acts = "[[act]]\norder = \"b\"\ntimes = 1\nmisbehave = \"overloaded\"\n";
    // Pauses are counted in whole seconds of the clock, and one begins in the middle of a second.
    let limits = QUICK.replace("breaker = \"1s\"", "breaker = \"3s\"");
    let house = House::with(&limits, acts);
    house.add(&["a", "b", "c"]);
    house.run("spec-worker", &["--until-idle"]);
    for id in ["a", "b", "c"] {
        moved_on_uncharged(&house, id);
    }
    assert_eq!(house.calls(), 4, "{}", house.scene());
    assert_eq!((house.told("paused").len(), house.told("parked").len()), (1, 0));
    let calls = calls(&house.path("calls"));
    assert!(calls[2].0 - calls[1].0 >= 2000, "the back-off: {calls:?}");
}

#[test]
fn a_silent_tool_has_more_time_than_a_silent_model() {
    let limits =
        QUICK.replace("[limits]", "[limits]\nidle_timeout = \"1s\"\ntool_idle_timeout = \"30s\"");
    let house = House::with(&limits, "[[act]]\ntool_ms = 3000\n");
    house.add(&["a"]);
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!((house.state("a").as_str(), house.calls()), ("TESTS_PRE", 1), "{}", house.scene());
    // A model that says nothing for as long is taken for hung, and so is a tool that takes longer still.
    let silent_tool = QUICK.replace("[limits]", "[limits]\ntool_idle_timeout = \"1s\"");
    for (limits, act) in [(&limits, "ms = 3000"), (&silent_tool, "tool_ms = 30000")] {
        let house = House::with(limits, &format!("[[act]]\n{act}\n"));
        house.add(&["a"]);
        house.run("spec-worker", &["--once"]);
        let why = house.told("returned")[0]["why"].as_str().unwrap().to_owned();
        assert!(why.contains("silent for 1s"), "{act}: {why}");
    }
}
