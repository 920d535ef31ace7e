//! The one function that decides what becomes of an order: (stage, history, what was said, gates) -> ruling. Pure.
//!
//! The agent's words move nothing by themselves: a verdict of `done` only lets the gates speak.

use std::time::Duration;

use crate::check::{Check, GateReport};
use crate::config::Limits;
use crate::failure::{Action, Class, Failure, Fault, TurnEnd};
use crate::history::History;
use crate::stage::{Pipeline, Stage};
use crate::state::State;
use crate::verdict::Verdict;

/// Crashes count for this long, seconds.
const CRASH_MEMORY_SECS: u64 = 72 * 3600;

/// Everything a ruling rests on.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The pipeline the stage stands in.
    pub pipeline: &'a Pipeline,
    /// The stage the order is in.
    pub stage: &'a Stage,
    /// What happened to it before this claim.
    pub history: &'a History,
    /// How patient we are.
    pub limits: &'a Limits,
    /// How its turn ended.
    pub said: &'a TurnEnd,
    /// The gates that were run after that, in order; the last one may be red.
    pub gates: &'a [GateReport],
    /// Fix turns that are left in a session that is still warm.
    pub fix_turns: u32,
    /// Turns for nothing but a missing result that are left in a session that is still warm.
    pub repairs: u32,
    /// The order ran alone.
    pub alone: bool,
    /// Unix seconds.
    pub now: u64,
    /// A number from 0 to 1 that spreads the waits.
    pub chance: f64,
}

/// What becomes of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Ruling {
    /// All gates are green: it moves on.
    Advance {
        /// Where to.
        to: State,
        /// What was shown.
        why: String,
    },
    /// A gate is red and the session is warm: the agent gets one more turn for it.
    FixTurn {
        /// The gate.
        gate: String,
        /// What it found.
        findings: String,
    },
    /// The turn's end is no result, and the session is warm: the agent gets one more turn for the result alone.
    Repair {
        /// What there was instead.
        why: String,
    },
    /// It goes back, or stays, by the fault of the work; it counts.
    SendBack {
        /// Where to; the state in which its stage works when it stays.
        to: State,
        /// One line.
        why: String,
        /// What the next one to work on it is told.
        feedback: String,
        /// Unix seconds before which nobody takes it.
        due: Option<u64>,
    },
    /// It is given back where it stands.
    GiveBack {
        /// Who is charged.
        class: Class,
        /// One line.
        why: String,
        /// Unix seconds before which nobody takes it.
        due: Option<u64>,
        /// Set when the whole stage, or everybody with this account, must pause.
        trouble: Option<Trouble>,
    },
    /// It is given up.
    Bury {
        /// One line.
        why: String,
        /// What was found last.
        feedback: String,
    },
}

/// What is wrong with the machine or its set-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// One line.
    pub why: String,
    /// What a person does about it.
    pub mend: String,
    /// Unix seconds at which it passes by itself, when that was said.
    pub until: Option<u64>,
    /// Whom it keeps from working.
    pub whose: Whose,
}

/// Whom a trouble keeps from working.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The stage: its breaker opens.
    Stage,
    /// Every stage that uses the account: it is parked because of this fault.
    Account(Fault),
}

/// Decides one case.
pub fn rule(case: &Case<'_>) -> Ruling {
    match case.said {
        TurnEnd::Failed(failure) => failed(case, failure),
        TurnEnd::Silent(instead) => {
            repair_or(case, format!("the agent gave no result that counts: {instead}"))
        }
        TurnEnd::Testified(said) => match said.verdict {
            Verdict::Blocked => stay(case, &format!("the agent is blocked: {}", said.why), ""),
            Verdict::NeedsWork => send_back(
                case,
                &case.stage.needs_work,
                &format!("needs work: {}", said.why),
                &said.why,
            ),
            Verdict::Done => gated(case),
        },
    }
}

/// What becomes of an order whose turn failed. What becomes of its session is [`Failure::session_over`], and who pauses is
/// in the trouble.
fn failed(case: &Case<'_>, failure: &Failure) -> Ruling {
    match failure.action {
        Action::Retry | Action::StopStage => {
            let mend = "it is tried again by itself; `shopfloor status` shows when".to_owned();
            outage(case, failure.evidence.clone(), mend)
        }
        Action::WaitUntil | Action::AskPerson => wait_until(failure),
        Action::RepairOnce => repair_or(case, failure.evidence.clone()),
        Action::ChargeOrder if failure.fault == Fault::OrderBudget => Ruling::Bury {
            why: failure.evidence.clone(),
            feedback: "Raise its budget in shopfloor.toml, or make smaller orders of it; then `shopfloor retry`."
                .to_owned(),
        },
        Action::SplitBatch | Action::FreshSession | Action::ChargeOrder => charge(case, failure),
    }
}

/// Nobody is charged, and the order does not rest: it is the account (or the stage's day) that has to wait, or a person
/// who has to act.
fn wait_until(failure: &Failure) -> Ruling {
    let whose = match failure.fault.is_the_accounts() {
        true => Whose::Account(failure.fault),
        false => Whose::Stage,
    };
    let mend = match failure.action {
        Action::AskPerson => "mend the login or the bill, then `shopfloor resume`",
        _ => "it goes on by itself; `shopfloor status` shows when",
    };
    let trouble = Trouble {
        why: failure.evidence.clone(),
        mend: mend.to_owned(),
        until: failure.until,
        whose,
    };
    let why = failure.evidence.clone();
    Ruling::GiveBack { class: Class::Env, why, due: None, trouble: Some(trouble) }
}

/// One more turn for the result alone, if there is one left; else the order is charged.
fn repair_or(case: &Case<'_>, why: String) -> Ruling {
    match case.repairs {
        0 => stay(case, &why, ""),
        _ => Ruling::Repair { why },
    }
}

fn charge(case: &Case<'_>, failure: &Failure) -> Ruling {
    let why = failure.evidence.clone();
    let give_back = |class, due| Ruling::GiveBack { class, why: why.clone(), due, trouble: None };
    match failure.class {
        Class::Work => stay(case, &why, ""),
        Class::Lost => give_back(Class::Lost, None),
        Class::Env => give_back(Class::Env, Some(outage_over(case))),
        Class::Crash => {
            let before = crashes(case.history, case.now);
            let counted = before + usize::from(case.alone && case.history.suspect);
            if counted >= case.limits.crashes {
                let why = format!("{counted} crashes while it ran alone; the last: {why}");
                return Ruling::Bury { why, feedback: String::new() };
            }
            give_back(Class::Crash, Some(case.now + wait(case, before)))
        }
    }
}

fn gated(case: &Case<'_>) -> Ruling {
    let red = case.gates.iter().find(|report| !report.check.passed());
    let Some(report) = red else {
        let shown: Vec<&str> = case.gates.iter().map(|report| report.check.line()).collect();
        return Ruling::Advance { to: case.stage.then.clone(), why: shown.join("; ") };
    };
    match &report.check {
        Check::CouldNotRun { why, mend } => {
            outage(case, format!("the {} gate could not run: {why}", report.gate), mend.clone())
        }
        Check::Fail { findings, .. } if case.fix_turns > 0 && !report.goes_back => {
            Ruling::FixTurn { gate: report.gate.clone(), findings: findings.clone() }
        }
        Check::Fail { why, findings } => {
            let why = format!("the {} gate failed: {why}", report.gate);
            send_back(case, &case.stage.back, &why, findings)
        }
        Check::Pass { .. } => Ruling::Advance { to: case.stage.then.clone(), why: String::new() },
    }
}

/// What becomes of an order on which the machine or its set-up failed. Nobody is charged and the stage pauses; the order
/// itself rests as long and longer each time, so that another one finds out whether the stage works again. Else an order
/// that is the only one to fail would be tried first for ever, and keep its whole stage from working.
pub fn outage(case: &Case<'_>, why: String, mend: String) -> Ruling {
    let trouble = Some(Trouble { why: why.clone(), mend, until: None, whose: Whose::Stage });
    Ruling::GiveBack { class: Class::Env, why, due: Some(outage_over(case)), trouble }
}

fn outage_over(case: &Case<'_>) -> u64 {
    let Limits { breaker, breaker_cap, .. } = case.limits;
    let rest = backoff(*breaker, *breaker_cap, case.history.outages, case.chance);
    case.now + rest.as_secs_f64().ceil() as u64
}

/// The end of an order that has been in too many crashes alone, asked before its turn: a worker that dies with it gives
/// no ruling, and the next one would die as well.
pub fn worn_out(history: &History, limits: &Limits, now: u64) -> Option<Ruling> {
    let counted = crashes(history, now);
    (history.suspect && counted >= limits.crashes).then(|| Ruling::Bury {
        why: format!("{counted} crashes while it ran alone; the last: {}", history.last_why),
        feedback: String::new(),
    })
}

fn crashes(history: &History, now: u64) -> usize {
    history.crashes_since(now.saturating_sub(CRASH_MEMORY_SECS))
}

fn stay(case: &Case<'_>, why: &str, feedback: &str) -> Ruling {
    send_back(case, case.stage.works_in(), why, feedback)
}

fn send_back(case: &Case<'_>, to: &State, why: &str, feedback: &str) -> Ruling {
    let (why, feedback) = (why.to_owned(), feedback.to_owned());
    if case.stage.takes.contains(to) {
        let tries = case.history.attempts(case.stage.takes) + 1;
        if tries >= case.limits.attempts {
            let why =
                format!("{tries} tries of the {} stage failed; the last: {why}", case.stage.name);
            return Ruling::Bury { why, feedback };
        }
        let due = Some(case.now + wait(case, tries - 1));
        return Ruling::SendBack { to: to.clone(), why, feedback, due };
    }
    let bounces = case.pipeline.taker(to).map_or(0, |stage| case.history.bounces(stage.takes)) + 1;
    if bounces > case.limits.bounces {
        let why = format!("sent back to {to} {bounces} times; the last: {why}");
        return Ruling::Bury { why, feedback };
    }
    Ruling::SendBack { to: to.clone(), why, feedback, due: None }
}

fn wait(case: &Case<'_>, before: usize) -> u64 {
    backoff(case.limits.backoff, case.limits.backoff_cap, before, case.chance).as_secs_f64().ceil()
        as u64
}

/// The wait after `before` earlier ones: `first` doubled each time, at most `cap`, spread by +-25 % (`chance` 0 to 1).
pub fn backoff(first: Duration, cap: Duration, before: usize, chance: f64) -> Duration {
    let doubled = first.saturating_mul(1 << before.min(20));
    doubled.min(cap).mul_f64(0.75 + 0.5 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Setback;
    use crate::stages::pipeline;
    use crate::verdict::Testimony;

    fn testified(verdict: Verdict) -> TurnEnd {
        TurnEnd::Testified(Testimony {
            order: "a".to_owned(),
            generation: 1,
            nonce: "n".to_owned(),
            verdict,
            why: "words".to_owned(),
            artifacts: Vec::new(),
            denied: String::new(),
        })
    }

    fn report(check: Check) -> GateReport {
        GateReport {
            gate: "gate".to_owned(),
            check,
            took_ms: 1,
            transcripts: Vec::new(),
            goes_back: false,
            proof: None,
        }
    }

    fn shown(ruling: &Ruling) -> String {
        match ruling {
            Ruling::Advance { to, .. } => format!("advance to {to}"),
            Ruling::FixTurn { .. } => "fix turn".to_owned(),
            Ruling::Repair { .. } => "repair turn".to_owned(),
            Ruling::SendBack { to, due, .. } => {
                format!(
                    "work: to {to}{}",
                    due.map_or(String::new(), |at| format!(", rests {at} s"))
                )
            }
            Ruling::GiveBack { class, due, trouble, .. } => format!(
                "{class}: given back{}{}",
                due.map_or(String::new(), |at| format!(", rests {at} s")),
                match trouble.as_ref().map(|trouble| trouble.whose) {
                    None => "",
                    Some(Whose::Stage) => ", stage pauses",
                    Some(Whose::Account(_)) => ", account is parked",
                }
            ),
            Ruling::Bury { why, .. } => format!("FAILED: {why}"),
        }
    }

    /// Its name, how the turn ended, the gates, and the turns that are left for a fix or a repair.
    type Scene = (&'static str, TurnEnd, Vec<GateReport>, u32);

    fn scenes() -> Vec<Scene> {
        let red = || report(Check::fail("red"));
        let earlier = || GateReport { goes_back: true, ..red() };
        let done = || testified(Verdict::Done);
        let failed = |fault| TurnEnd::Failed(Failure::of(fault, false, "e"));
        let silent = || TurnEnd::Silent("exit 0".to_owned());
        vec![
            ("done, all green", done(), vec![report(Check::pass("ok"))], 1),
            ("done, a gate red, fix turn left", done(), vec![red()], 1),
            ("done, a gate red, none left", done(), vec![red()], 0),
            ("done, red by an earlier stage", done(), vec![earlier()], 1),
            ("done, could not run", done(), vec![report(Check::could_not_run("w", "m"))], 1),
            ("needs_work", testified(Verdict::NeedsWork), Vec::new(), 1),
            ("blocked", testified(Verdict::Blocked), Vec::new(), 1),
            ("silent, repair left", silent(), Vec::new(), 1),
            ("silent, none left", silent(), Vec::new(), 0),
            ("refusal", failed(Fault::Refusal), Vec::new(), 1),
            ("process ended", failed(Fault::Ended), Vec::new(), 1),
            ("set-up", failed(Fault::SetUp), Vec::new(), 1),
            ("interrupted", failed(Fault::Interrupted), Vec::new(), 1),
        ]
    }

    fn histories(stage: &Stage) -> Vec<(&'static str, History)> {
        let setback = |from: &State, to: Option<State>| Setback {
            from: from.clone(),
            to,
            why: String::new(),
        };
        let worn =
            History { setbacks: vec![setback(stage.works_in(), None); 4], ..History::default() };
        let bounced = History {
            setbacks: vec![setback(&State::PLAYTEST, Some(State::IMPL)); 5],
            ..History::default()
        };
        let suspect = History { suspect: true, crashes: vec![1, 2], ..History::default() };
        vec![
            ("fresh", History::default()),
            ("4 tries", worn),
            ("5 bounces", bounced),
            ("suspect, 2 crashes", suspect),
        ]
    }

    #[test]
    fn the_whole_table() {
        let pipeline = pipeline();
        let limits = Limits::default();
        let mut table = String::new();
        for stage in pipeline.stages() {
            for (history_name, history) in histories(stage) {
                table.push_str(&format!("\n## {} stage, {history_name}\n", stage.name));
                for (scene, said, gates, fix_turns) in scenes() {
                    let case = Case {
                        pipeline: &pipeline,
                        stage,
                        history: &history,
                        limits: &limits,
                        said: &said,
                        gates: &gates,
                        fix_turns,
                        repairs: fix_turns,
                        alone: history.suspect,
                        now: 0,
                        chance: 0.5,
                    };
                    table.push_str(&format!("{scene:<34} {}\n", shown(&rule(&case))));
                }
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn what_becomes_of_an_order_at_every_fault() {
        let pipeline = pipeline();
        let (limits, history) = (Limits::default(), History::default());
        let mut table = String::new();
        for fault in Fault::ALL {
            let told = |proven, repairs| {
                let said = TurnEnd::Failed(Failure::of(fault, proven, "e"));
                let case = Case {
                    pipeline: &pipeline,
                    stage: &pipeline.stages()[2],
                    history: &history,
                    limits: &limits,
                    said: &said,
                    gates: &[],
                    fix_turns: 1,
                    repairs,
                    alone: false,
                    now: 0,
                    chance: 0.5,
                };
                shown(&rule(&case))
            };
            let (first, later, last) = (told(false, 1), told(true, 1), told(true, 0));
            table.push_str(&format!("{fault:<24}{first}"));
            if later != first {
                table.push_str(&format!("; later: {later}"));
            }
            if last != later {
                table.push_str(&format!("; no repair left: {last}"));
            }
            table.push('\n');
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn an_order_that_killed_too_many_workers_is_not_given_to_another() {
        let limits = Limits::default();
        let mut history = History { suspect: true, crashes: vec![1, 2], ..History::default() };
        assert_eq!(worn_out(&history, &limits, 10), None);
        history.crashes.push(3);
        assert!(matches!(worn_out(&history, &limits, 10), Some(Ruling::Bury { .. })));
        assert_eq!(worn_out(&history, &limits, CRASH_MEMORY_SECS + 4), None);
    }

    #[test]
    fn waits_double_up_to_a_cap_and_spread_by_a_quarter() {
        let secs = |n, chance| {
            backoff(Duration::from_secs(30), Duration::from_secs(3600), n, chance).as_secs_f64()
        };
        assert_eq!((secs(0, 0.5), secs(1, 0.5), secs(3, 0.5)), (30.0, 60.0, 240.0));
        assert_eq!((secs(0, 0.0), secs(0, 1.0), secs(63, 0.5)), (22.5, 37.5, 3600.0));
    }
}
