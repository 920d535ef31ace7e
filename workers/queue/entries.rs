//! What each deed writes into an order's journal, whatever keeps the journal.

use super::{Grant, Move, Note, Release};
use crate::error::Error;
use crate::failure::Class;
use crate::history::{Entry, History, Kind, OpenClaim};
use crate::holder::WorkerId;
use crate::order::OrderId;
use crate::state::State;

/// An order of that name is there already, where several were to be made.
pub(in crate::queue) fn taken(id: &OrderId) -> Error {
    Error::usage(format!("there is an order {id} already, so that none was made"))
}

/// An entry of the holder of `grant`.
fn by(kind: Kind, grant: &Grant) -> Entry {
    Entry {
        wid: Some(grant.holder.worker.clone()),
        sid: Some(grant.holder.session.clone()),
        ..Entry::of(kind, grant.generation)
    }
}

/// The order is taken.
pub(in crate::queue) fn claim(grant: &Grant) -> Entry {
    Entry { from: Some(grant.state.clone()), ..by(Kind::Claim, grant) }
}

/// The order is moved; given up, when it is sent to FAILED by its own fault.
pub(in crate::queue) fn step(grant: &Grant, step: &Move) -> Entry {
    let given_up = step.to == State::FAILED && step.class == Some(Class::Work);
    Entry {
        from: Some(grant.state.clone()),
        to: Some(step.to.clone()),
        class: step.class,
        due: step.due,
        why: step.why.clone(),
        ..by(if given_up { Kind::Bury } else { Kind::Advance }, grant)
    }
}

/// The order is given back.
pub(in crate::queue) fn release(grant: &Grant, release: &Release) -> Entry {
    Entry {
        from: Some(grant.state.clone()),
        class: Some(release.class),
        due: release.due,
        why: release.why.clone(),
        ..by(Kind::Release, grant)
    }
}

/// A remark.
pub(in crate::queue) fn note(grant: &Grant, note: &Note) -> Entry {
    Entry {
        topic: Some(note.topic.clone()),
        proof: note.proof.clone(),
        why: note.why.clone(),
        ..by(Kind::Note, grant)
    }
}

/// A person moves the order.
pub(in crate::queue) fn kick(history: &History, from: &State, to: &State, why: &str) -> Entry {
    Entry {
        from: Some(from.clone()),
        to: Some(to.clone()),
        why: why.to_owned(),
        ..Entry::of(Kind::Kick, history.generation)
    }
}

/// The dead `worker` loses its open claim, if it has one, and who is charged. A death counts against the order only
/// between the beginning of its turn and the moment its result was on disk; it rests until `due` then.
pub(in crate::queue) fn orphan(
    history: &History,
    worker: &WorkerId,
    due: u64,
) -> Option<(Entry, Class)> {
    let OpenClaim { generation, worker, session, state, turn_begun, .. } =
        history.open.clone().filter(|open| open.worker == *worker)?;
    let in_its_turn = turn_begun && history.ended_turn.is_none();
    let class = if in_its_turn { Class::Crash } else { Class::Lost };
    let entry = Entry {
        from: Some(state),
        wid: Some(worker),
        sid: Some(session),
        class: Some(class),
        due: in_its_turn.then_some(due),
        why: "its worker died".to_owned(),
        ..Entry::of(Kind::Orphan, generation)
    };
    Some((entry, class))
}

/// Why `grant` is not the open claim of an order in `state`; `None` when it is.
pub(in crate::queue) fn lost(history: &History, state: &State, grant: &Grant) -> Option<String> {
    let ours = grant.generation;
    match &history.open {
        Some(open) if open.generation == ours && open.worker == grant.holder.worker => (*state
            != grant.state)
            .then(|| format!("it is in {state} now, and was claimed in {}", grant.state)),
        Some(open) => Some(format!(
            "worker {} has it now under generation {}, ours was {ours}",
            open.worker, open.generation
        )),
        None => Some(match history.last_why.as_str() {
            "" => format!("the claim of generation {ours} was closed"),
            why => format!("the claim of generation {ours} was closed: {why}"),
        }),
    }
}
