//! The model of the queue's protocol, explored to its end: `docs/model.md`.

use super::{quick, row};
use crate::model::explore_large;

#[test]
#[ignore = "takes minutes and gigabytes: `.ci/prove queue` runs it"]
fn every_state_of_the_large_models_keeps_every_promise() {
    // The first of them is what the figures ask for; the others are small beside it.
    for (what, told, states) in explore_large(usize::from(quick())) {
        row(&format!("model: {what}"), &told, states > 100_000);
    }
}
