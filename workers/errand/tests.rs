//! Errands on a queue in memory.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::config::Config;
use crate::floor::Floor;
use crate::order::{Need, Request};
use crate::queue::memory::MemoryQueue;
use crate::stages::pipeline;

fn id(text: &str) -> OrderId {
    OrderId::parse(text).unwrap()
}

/// A line per order: `id STATE needs,needs`; `!` after the id puts it on hold.
fn scene(lines: &[&str]) -> Survey {
    let queue = MemoryQueue::new(pipeline(), 0);
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let order = id(words[0].trim_end_matches('!'));
        let mut request = Request::titled("t");
        for need in words.get(2).iter().flat_map(|needs| needs.split(',')) {
            request.needs.push(Need::try_from(need.to_owned()).unwrap());
        }
        let _made = queue.create(&order, &request).unwrap();
        queue.kick(&order, &State::parse(words[1]).unwrap(), "test").unwrap();
        if words[0].ends_with('!') {
            queue.hold(&order, "why").unwrap();
        }
    }
    let queue: Arc<dyn Queue> = queue;
    let folder = Path::new("nowhere");
    Survey::new(queue, Floor::of_queue(folder), folder.to_owned(), pipeline(), &Config::default())
}

fn asked(ids: &[&str], lifecycle: Option<&str>, until: Option<State>) -> Asked {
    let lifecycle = lifecycle.map(|name| Lifecycle::called(name).unwrap());
    Asked { ids: ids.iter().map(|name| id(name)).collect(), lifecycle, until, most: 3 }
}

fn errand(survey: &Survey, asked: Asked) -> Result<Errand> {
    Errand::new(asked, &**survey.queue(), &pipeline())
}

#[test]
fn the_goal_and_the_stages_follow_from_the_lifecycle() {
    let survey = scene(&["a NEW", "b TESTS_PRE", "c IMPL", "d COMMIT"]);
    let told = |ids: &[&str], lifecycle, until| {
        let errand = errand(&survey, asked(ids, lifecycle, until)).unwrap();
        format!("{} by {}", errand.until, errand.stages.join(" "))
    };
    assert_eq!(told(&["a", "b"], Some("design"), None), "IMPL by spec test");
    assert_eq!(told(&["b"], Some("design"), None), "IMPL by test");
    assert_eq!(told(&["a", "a"], None, Some(State::TESTS_PRE)), "TESTS_PRE by spec");
    assert_eq!(told(&["c"], None, None), "READY_FOR_REVIEW by implement playtest commit");
    assert_eq!(told(&["c"], Some("build"), Some(State::REVIEW)), "REVIEW by implement");
    assert_eq!(told(&["a", "c"], Some("design"), None), "IMPL by spec test", "c is through");
    assert_eq!(told(&["d"], Some("design"), None), "IMPL by ", "nothing is left to do");
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let survey = scene(&["a NEW", "b IMPL", "c FAILED", "d NEW", "e NEW", "f NEW"]);
    let why = |ids: &[&str], lifecycle, until| {
        let error = errand(&survey, asked(ids, lifecycle, until)).unwrap_err();
        assert!(error.next_step().is_some() || error.kind() == Kind::NotFound, "{error}");
        error.to_string()
    };
    assert_eq!(
        why(&["a", "b"], None, None),
        "one lifecycle per batch: a is in design, and b (IMPL) in build"
    );
    assert_eq!(
        why(&["a"], Some("build"), None),
        "one lifecycle per batch: a (NEW) is in design, not in build"
    );
    assert!(
        why(&["a", "d", "e", "f"], None, None)
            .contains("4 orders are more than one batch may have (3)")
    );
    assert!(why(&["c"], None, None).contains("c is in FAILED"));
    assert!(why(&["gone"], None, None).contains("there is no order gone"));
    assert!(
        why(&["a"], Some("design"), Some(State::COMMIT))
            .contains("COMMIT is not in design (NEW to IMPL)")
    );
    assert!(why(&["a"], None, Some(State::FAILED)).contains("no order is driven"));
}

fn standings(survey: &Survey, asked: Asked) -> Vec<String> {
    let standings = errand(survey, asked).unwrap().look(survey, None).unwrap();
    let told = standings.iter().map(|(id, standing)| match standing {
        Standing::Arrived => format!("{id} arrived"),
        Standing::OnItsWay => format!("{id} moves"),
        Standing::Failed(_) => format!("{id} failed"),
        Standing::Stuck(why) => format!("{id} stuck: {why}"),
    });
    told.collect()
}

#[test]
fn an_order_moves_only_as_long_as_these_orders_alone_can_move_it() {
    let survey = scene(&["a NEW", "b NEW a@IMPL", "c NEW a", "d NEW out", "out NEW", "e! NEW"]);
    assert_eq!(
        standings(&survey, asked(&["a", "b", "c"], Some("design"), None)),
        ["a moves", "b moves", "c stuck: waits for a to reach READY_FOR_REVIEW (it is in NEW)"]
    );
    assert_eq!(
        standings(&survey, asked(&["d", "e"], Some("design"), None)),
        [
            "d stuck: waits for out to reach READY_FOR_REVIEW (it is in NEW)",
            "e stuck: it is on hold: why"
        ]
    );
    assert_eq!(standings(&survey, asked(&["a", "c"], None, None)), ["a moves", "c moves"]);
    let served = BTreeSet::from(["test".to_owned()]);
    let left = errand(&survey, asked(&["a"], None, None)).unwrap().look(&survey, Some(&served));
    assert!(matches!(&left.unwrap()[&id("a")], Standing::Stuck(why) if why.contains("spec")));
}

#[test]
fn a_batch_that_has_nothing_to_do_starts_nobody_and_the_rest_is_told_by_id() {
    let survey = scene(&["a IMPL", "b NEW", "c NEW"]);
    let ran: std::result::Result<_, Error> =
        run_batch(asked(&["a"], Some("design"), None), &survey, &pipeline(), |_| {
            panic!("nothing to do")
        });
    assert_eq!(ran.unwrap().1[&id("a")], Standing::Arrived);
    let (errand, after) =
        run_batch(asked(&["b", "c"], Some("design"), None), &survey, &pipeline(), |errand| {
            assert_eq!(errand.stages, ["spec", "test"]);
            survey.queue().kick(&id("b"), &State::IMPL, "worked")?;
            survey.queue().kick(&id("c"), &State::FAILED, "did not work").map(|_| ())
        })
        .unwrap();
    assert_eq!(errand.from[&id("b")], State::NEW);
    assert_eq!(after[&id("b")], Standing::Arrived);
    assert_eq!(after[&id("c")], Standing::Failed("did not work".to_owned()));
}

#[test]
fn an_order_that_is_sent_back_beyond_its_stages_is_stuck() {
    let survey = scene(&["a COMMIT"]);
    let errand = errand(&survey, asked(&["a"], Some("release"), None)).unwrap();
    survey.queue().kick(&id("a"), &State::IMPL, "the union is red").unwrap();
    let standing = errand.look(&survey, None).unwrap().remove(&id("a"));
    assert_eq!(
        standing,
        Some(Standing::Stuck("it was sent back to IMPL: the union is red".to_owned()))
    );
}
