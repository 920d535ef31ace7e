//! `next`, `plan` and `why` on a plan with every pattern of needs, stepping through its completion, against what was read
//! from the plan by hand.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::house::{House, shown};

/// The tasks that are ready after each step, when all that are ready are done at once. Read by hand:
/// - 1.* need nothing; each of 2.* needs one of them.
/// - 3.1 needs nothing, so its phase decides: phases 1 and 2 must be through (of four, 80 % are all four). 4.1 has needs, which
///   stand above its phase: it is ready as soon as 1.1 and 2.1 are done.
/// - The diamond: 3.2 and 3.3 after 3.1, then 3.4, then 4.2 and 4.3, which need it.
/// - 5.1 waits for phases 1 to 4: three of three in phase 4 (80 % of three are more than two). 8.1 needs only 4.3.
/// - The chain; and 6.1 waits for phases 1 to 5: five of six are more than 80 %, so it is ready beside 5.6.
/// - 8.2 needs 8.1 and 5.6, and is ready beside the spokes. The fan out, the fan in, and the rest one by one.
pub(crate) const STEPS: [&[&str]; 19] = [
    &["1.1", "1.2", "1.3", "1.4"],
    &["2.1", "2.2", "2.3", "2.4"],
    &["3.1", "4.1"],
    &["3.2", "3.3"],
    &["3.4"],
    &["4.2", "4.3"],
    &["5.1", "8.1"],
    &["5.2"],
    &["5.3"],
    &["5.4"],
    &["5.5"],
    &["5.6", "6.1"],
    &["6.2", "6.3", "6.4", "8.2"],
    &["6.5", "6.6", "6.7"],
    &["7.1", "7.2", "7.3"],
    &["7.4"],
    &["8.3"],
    &["8.4"],
    &["8.5"],
];

/// Why each of these waits before the step of that number, in words that must be in the sentence.
const WHY: [(usize, &str, &str); 9] = [
    (0, "2.1", "waits for 1.1 to reach READY_FOR_REVIEW (it is in NEW)"),
    (0, "3.1", "waits for phase 1: 0 of 4 done, 80 % are asked for"),
    (1, "3.1", "waits for phase 2: 0 of 4 done"),
    (2, "4.2", "waits for 3.4 to reach"),
    (5, "5.1", "waits for phase 4: 1 of 3 done"),
    (10, "6.1", "waits for phase 5: 4 of 6 done"),
    (12, "7.4", "waits for 7.1 to reach READY_FOR_REVIEW (it is in NEW); waits for 7.2"),
    (12, "8.3", "waits for 7.4 to reach"),
    (18, "8.5", "is ready, and the next that spec takes"),
];

pub(crate) fn json(house: &House, args: &[&str]) -> Value {
    let ran = house.shopfloor(args);
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown(&ran)))
}

/// A house with the plan imported and released, and the orders' ids by their numbers in the plan.
pub(crate) fn imported() -> (House, BTreeMap<String, String>) {
    let house = House::new();
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/planning/patterns.md");
    let ran = house.shopfloor(&["import", "markdown", "--release", plan.to_str().unwrap()]);
    assert!(ran.status.success(), "{}", shown(&ran));
    let orders = std::fs::read_dir(house.project().join("work-orders")).unwrap().flatten();
    let ids = orders.map(|order| order.file_name().into_string().unwrap());
    let numbered = ids.filter(|id| !id.starts_with('.') && id != "README.md").map(|id| {
        let number = id.split('-').find(|word| word.contains('.')).unwrap().to_owned();
        (number, id)
    });
    let ids: BTreeMap<String, String> = numbered.collect();
    assert_eq!(ids.len(), 37);
    (house, ids)
}

fn numbers(ids: &BTreeMap<String, String>, told: impl Iterator<Item = String>) -> Vec<String> {
    let number = |id: String| ids.iter().find(|(_, known)| **known == id).unwrap().0.clone();
    let mut numbers: Vec<String> = told.map(number).collect();
    numbers.sort();
    numbers
}

fn ids_in(tasks: &Value) -> impl Iterator<Item = String> {
    tasks.as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap().to_owned())
}

/// Steps through the plan; how many steps, tasks and sentences agreed.
pub(crate) fn walk() -> (usize, usize, usize) {
    let (house, ids) = imported();
    let (mut tasks, mut sentences) = (0, 0);
    for (step, expected) in STEPS.iter().enumerate() {
        let next = json(&house, &["next", "100", "--json"]);
        assert_eq!(numbers(&ids, ids_in(&next["tasks"])), *expected, "next at step {step}");
        assert_eq!(next["count"], expected.len());
        let plan = json(&house, &["plan", "--queue", "--json"]);
        for (tier, expected) in plan["tiers"].as_array().unwrap().iter().zip(&STEPS[step..]) {
            assert_eq!(numbers(&ids, ids_in(tier)), **expected, "plan at step {step}");
        }
        assert_eq!(plan["tiers"].as_array().unwrap().len(), STEPS.len() - step);
        assert_eq!(plan["critical_path"].as_array().unwrap().len(), STEPS.len() - step);
        for (_, number, words) in WHY.iter().filter(|(at, ..)| *at == step) {
            let mut sentence = json(&house, &["why", &ids[*number], "--json"])["why"].to_string();
            for (number, id) in &ids {
                sentence = sentence.replace(id, number);
            }
            assert!(sentence.contains(words), "step {step}: {sentence}");
            sentences += 1;
        }
        for number in *expected {
            let done = house.shopfloor(&["kick", &ids[*number], "--to", "READY_FOR_REVIEW"]);
            assert!(done.status.success(), "{}", shown(&done));
            tasks += 1;
        }
    }
    assert_eq!(json(&house, &["next", "--json"])["count"], 0);
    (STEPS.len(), tasks, sentences)
}

#[test]
fn next_plan_and_why_agree_with_a_reading_by_hand_at_every_step() {
    assert_eq!(walk(), (19, 37, WHY.len()));
}
