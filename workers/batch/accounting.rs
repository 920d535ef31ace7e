//! What a batch uses: its turns are written down, held to budgets, and shown to work or not to work with an account.

use std::time::Instant;

use crate::accounts::{Cause, Entry};
use crate::agent::{Caps, Usage};
use crate::batch::Batch;
use crate::batch::held::{self, Before};
use crate::batch::job::Job;
use crate::batch::settle;
use crate::error::Result;
use crate::event::What;
use crate::failure::{Action, Failure, Fault, TurnEnd};
use crate::floor::unix_now;
use crate::ledger::{self, Ledger, Line, Sum};
use crate::queue::Release;

impl Batch<'_> {
    /// What the session is held to by its own program, beside what we do.
    pub(super) fn caps(&self) -> Caps {
        let config = &self.shop.config;
        let budgets = [config.limits.budget, config.budget_of(self.shop.stage.name)];
        let usd = budgets.iter().filter_map(|budget| budget.session_usd).reduce(f64::min);
        Caps { session_usd: usd, tokens: budgets.iter().any(|budget| budget.limits_tokens()) }
    }

    /// Writes down what a turn used. Without a word about it from the agent it is unknown.
    pub(super) fn book(&mut self, job: &Job, usage: Usage, began: Instant) {
        let (shop, hired) = (self.shop, self.hired());
        let line = Line {
            at: unix_now(),
            order: job.id().clone(),
            stage: shop.stage.name.to_owned(),
            session: self.picked_session.to_string(),
            agent: hired.agent.name().to_owned(),
            account: hired.account.clone(),
            simulated: hired.agent.simulated(),
            took_ms: began.elapsed().as_millis() as u64,
            usage,
            seen_tokens: if hired.agent.takes_turns() { self.live.known_tokens() } else { 0 },
            share_of: 0,
        };
        self.live = Usage::default();
        self.spent.add(&line);
        if let Err(error) = shop.ledger.add(&line, job.papers.folder()) {
            shop.warn(format!("{}: what its turn used is not written down: {error}", job.id()));
        }
        if !self.takes_turns() {
            self.unshared.push((line, job.papers.folder().to_owned()));
        }
    }

    /// Writes down the turns under way as ones that did not come to their end.
    pub(super) fn book_given(&mut self) {
        let given = std::mem::take(&mut self.given);
        for (job, began) in given.values() {
            self.book(job, Usage::default(), *began);
        }
        self.given = given;
    }

    /// The session of an agent that takes one prompt is over, and only now it is known what its orders used together.
    pub(super) fn share_out(&mut self, usage: Usage, partial: bool) {
        let orders = std::mem::take(&mut self.unshared);
        if usage == Usage::default() || orders.is_empty() {
            return;
        }
        let of = orders.len() as u64;
        for ((turn, folder), share) in orders.into_iter().zip(usage.shares(of)) {
            let seen_tokens = if partial { share.known_tokens() } else { 0 };
            let usage = if partial { Usage::default() } else { share };
            let line = Line { usage, seen_tokens, took_ms: 0, share_of: of, ..turn };
            if let Err(error) = self.shop.ledger.add(&line, &folder) {
                let order = &line.order;
                self.shop
                    .warn(format!("{order}: what its session used is not written down: {error}"));
            }
        }
    }

    /// What a turn of this order is held to, on the day of `now`.
    fn holds(&self, job: &Job, now: u64) -> Result<Vec<held::Held>> {
        let (shop, stage) = (self.shop, self.shop.stage.name);
        let (all, own) = (shop.config.limits.budget, shop.config.budget_of(stage));
        if all.is_empty() && own.is_empty() {
            return Ok(Vec::new());
        }
        let order = ledger::of_order(job.papers.folder())?;
        let today = shop.ledger.today(now)?;
        let of_stage = |sums: &std::collections::BTreeMap<String, Sum>| {
            sums.get(stage).copied().unwrap_or_default()
        };
        let session = self.spent;
        let wide =
            Before { order: ledger::together(&order), session, day: ledger::together(&today) };
        let narrow = Before { order: of_stage(&order), session, day: of_stage(&today) };
        let mut all = held::held("limits.budget", &all, &wide);
        all.extend(held::held(&format!("stage.{stage}.budget"), &own, &narrow));
        Ok(all)
    }

    /// The order, if a turn of it may be begun; `None` when a budget is used up, and what becomes of it was settled.
    pub(super) async fn afford(&mut self, job: Job) -> Result<Option<Job>> {
        let now = unix_now();
        (self.held, self.held_until) = (self.holds(&job, now)?, Ledger::day_ends(now));
        let Some((fault, why)) = held::used_up(&self.held, 0) else { return Ok(Some(job)) };
        if fault == Fault::Budget && self.turns > 0 {
            // It has nothing to do with this order, nor with those behind it.
            settle::give_back(self.shop, job, &Release::lost(why.as_str()))?;
            self.give_back_unbegun(&why)?;
            self.close(&why).await;
            return Ok(None);
        }
        let mut failure = Failure::of(fault, self.turns > 0, why);
        failure.until = (fault == Fault::DayBudget).then_some(self.held_until);
        let ruling = self.rule(&job, &TurnEnd::Failed(failure), &[], 0);
        self.settle(job, ruling).await?;
        Ok(None)
    }

    /// Hears what the turn under way has used so far, and drops it when that is more than it may.
    pub(super) async fn used(&mut self, usage: Usage) -> Result<()> {
        self.live = usage;
        if usage.known_tokens() > 0 {
            self.account_works()?;
        }
        if self.interrupted.is_some() || self.given.is_empty() {
            return Ok(());
        }
        let now = unix_now();
        if now >= self.held_until {
            // A new day has begun: what was used on the one before is not counted against it.
            let under_way = self.given.values().next();
            self.held =
                under_way.map(|(job, _)| self.holds(job, now)).transpose()?.unwrap_or_default();
            self.held_until = Ledger::day_ends(now);
        }
        match held::used_up(&self.held, usage.known_tokens()) {
            None => Ok(()),
            Some((fault, why)) => {
                self.drop_turn(fault, format!("{why}, in the middle of its turn")).await
            }
        }
    }

    /// Why no further turn may be given: somebody has found the account's limit. One whose time has come meanwhile is tried
    /// by one worker alone, also where a session is still warm.
    pub(super) fn account_shut(&mut self) -> Result<Option<String>> {
        let (accounts, account) = (&self.shop.accounts, &self.hired().account);
        let now = unix_now();
        let parked = match &self.probe {
            Some(_) => accounts.shut(account, now),
            None => match accounts.enter(account, now)? {
                Entry::Open => None,
                Entry::Shut(parked) => Some(parked),
                Entry::Probe(probe) => {
                    self.probe = Some(probe);
                    None
                }
            },
        };
        Ok(parked.map(|parked| format!("the account {}", parked.told())))
    }

    /// The model has answered: if we were to find out whether the account works again, it does.
    fn account_works(&mut self) -> Result<()> {
        let Some(probe) = self.probe.take() else { return Ok(()) };
        let account = self.hired().account.clone();
        if self.shop.accounts.works(&account, &probe)? {
            self.shop.tell(What::Unparked { account });
        }
        Ok(())
    }

    /// A turn has shown that the account works, or that it does not. It is parked at once: every worker that uses it looks
    /// before each turn.
    pub(super) fn learn_of_account(&mut self, end: &TurnEnd) -> Result<()> {
        let (shop, account) = (self.shop, self.hired().account.clone());
        match end {
            TurnEnd::Failed(failure) if failure.fault.is_the_accounts() => {
                let by_hand = self.hired().by_hand || failure.action == Action::AskPerson;
                let cause = Cause {
                    fault: failure.fault,
                    why: &failure.evidence,
                    until: failure.until,
                    by_hand,
                };
                let limits = &shop.config.limits;
                let now = unix_now();
                let known = shop.accounts.shut(&account, now);
                let parked = shop.accounts.park(&account, cause, limits, now, fastrand::f64())?;
                self.probe = None;
                if known.as_ref() != Some(&parked) {
                    shop.tell(What::Parked {
                        account,
                        fault: parked.fault.clone(),
                        until: parked.until,
                        told: parked.told(),
                        why: parked.why,
                    });
                }
            }
            // The model did not get to answer.
            TurnEnd::Failed(failure) if !failure.fault.shows_a_working_account() => {}
            TurnEnd::Failed(_) | TurnEnd::Silent(_) | TurnEnd::Testified(_) => {
                self.account_works()?;
            }
        }
        Ok(())
    }
}
