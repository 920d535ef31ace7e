//! The pipeline as a table: one room per stage. Everything else folds over it.

mod spec;
mod test;
mod implement;
mod playtest;
mod commit;

use crate::stage::{Pipeline, Stage};

/// The five stages, in the order in which an order meets them.
pub const STAGES: [Stage; 5] =
    [spec::STAGE, test::STAGE, implement::STAGE, playtest::STAGE, commit::STAGE];

/// The pipeline of [`STAGES`].
pub fn pipeline() -> Pipeline {
    Pipeline::new(STAGES.to_vec()).expect("the table of stages is sound: a test says so")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::State;

    #[test]
    fn the_table_is_a_sound_pipeline() {
        let pipeline = Pipeline::new(STAGES.to_vec()).unwrap();
        assert_eq!(pipeline.states().len(), 9);
        assert_eq!(pipeline.taker(&State::REVIEW).unwrap().name, "implement");
        assert!(pipeline.rank(&State::COMMIT) > pipeline.rank(&State::IMPL));
    }

    #[test]
    fn a_pipeline_that_leads_nowhere_is_refused() {
        let mut stages = STAGES.to_vec();
        stages.remove(3);
        assert!(Pipeline::new(stages).unwrap_err().to_string().contains("PLAYTEST"));
    }
}
