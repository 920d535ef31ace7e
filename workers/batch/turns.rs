//! Giving turns and hearing how they end.

use std::time::{Instant, SystemTime};

use crate::agent::{Said, Turn, Usage};
use crate::batch::job::{Entered, Job};
use crate::batch::permit::Door;
use crate::batch::{Again, Batch, choose, settle, taking};
use crate::brief::{self, Facts};
use crate::error::{Error, Kind, Result};
use crate::event::What;
use crate::failure::{Action, Fault, TurnEnd};
use crate::floor::unix_now;
use crate::history::topic;
use crate::order::OrderId;
use crate::plan::Footprint;
use crate::queue::{Move, Moved, Note, Release};
use crate::ruling;
use crate::stage::Tree;
use crate::survey::Wants;
use crate::verdict::Verdict;

impl Batch<'_> {
    /// Gives the next turn if the session is free and there is one: a fix turn first, then what was claimed, then
    /// what has become ready meanwhile. False when the batch is through.
    pub(super) async fn give_next(&mut self) -> Result<bool> {
        while self.open.is_some() && self.given.is_empty() && self.interrupted.is_none() {
            if !self.takes_turns() {
                break;
            }
            if let Some(parked) = self.account_shut()? {
                self.give_back_unbegun(&parked)?;
                self.close(&parked).await;
                break;
            }
            if self.outcome.trouble.is_some() {
                self.give_back_unbegun("the stage pauses")?;
            }
            if self.draining {
                break;
            }
            // A turn begun now would be cut short at once, and its order charged for it.
            let over = self.opened_at + self.shop.config.limits.session_timeout;
            if self.turns > 0 && self.watch.read() >= over {
                self.close("its time is over").await;
                break;
            }
            if let Some((job, again)) = self.again.pop_front() {
                self.give_again(job, again).await?;
                continue;
            }
            self.share_with_idle()?;
            if let Some(job) = self.todo.pop_front() {
                self.give(job).await?;
                continue;
            }
            if !self.top_up()? {
                break;
            }
        }
        if self.open.is_none() {
            self.session_gone()?;
        }
        if self.open.is_some() && !self.busy() {
            self.close("its batch is done").await;
        }
        Ok(self.busy())
    }

    /// An order whose turn has not begun is given back when another worker of the stage stands idle.
    fn share_with_idle(&mut self) -> Result<()> {
        if self.todo.len() < 2 {
            return Ok(());
        }
        for _ in 0..self.shop.idle_others().min(self.todo.len() - 1) {
            // What touches the files of another one here could be taken by nobody else.
            let apart = self.todo.iter().rposition(|job| !self.is_kin(job.id()));
            let Some(job) = apart.and_then(|at| self.todo.remove(at)) else { break };
            self.used = self.used.saturating_sub(job.claim.request().weight.max(1) as usize);
            self.members.retain(|(id, _)| id != job.id());
            settle::give_back(self.shop, job, &Release::lost("another worker stands idle"))?;
        }
        Ok(())
    }

    /// True when an order touches the files of another one of this batch.
    fn is_kin(&self, id: &OrderId) -> bool {
        let survey = &self.shop.survey;
        let Some((_, own)) = self.members.iter().find(|(other, _)| other == id) else {
            return false;
        };
        let mut others = self.members.iter().filter(|(other, _)| other != id);
        self.shop.touches_files()
            && others.any(|(_, print)| own.meets(print, &|path| survey.common(path)).is_some())
    }

    /// Those of its orders that it still has in hand.
    fn in_hand(&self) -> Vec<(OrderId, Footprint)> {
        let ours = |id: &OrderId| {
            let order = self.shop.queue.look(id).ok().flatten();
            let open = order.and_then(|order| order.history.open);
            open.is_some_and(|open| open.session == self.picked_session)
        };
        self.members.iter().filter(|(id, _)| ours(id)).cloned().collect()
    }

    /// Claims one more order for the warm session. False when there is none or the batch is used up.
    fn top_up(&mut self) -> Result<bool> {
        let full = self.used >= self.most || self.no_more;
        if self.alone || full || self.outcome.trouble.is_some() {
            return Ok(false);
        }
        // Another worker may have found out that the stage has to pause.
        let breaker = self.shop.floor.breaker(self.shop.stage.name);
        if breaker.is_some_and(|breaker| breaker.until > unix_now()) {
            return Ok(false);
        }
        let session = self.picked_session.clone();
        let bounds = self.bounds_within_reach();
        let wants = Wants {
            room: self.most - self.used,
            most: 1,
            warm: true,
            idle: 1 + self.shop.idle_others(),
            bounds: Some(&bounds),
            joined: self.in_hand(),
        };
        let door = &mut Door::default();
        let picked = match choose::pick(self.shop, &session, &wants, door, self.passed) {
            Ok(picked) => picked,
            // Nothing new is begun; what is under way ends.
            Err(error) if error.kind() == Kind::DiskFull => return Ok(false),
            // No descriptor left, a file that can't be read: what we hold is finished, and then the loop finds out what it means.
            Err(error) => {
                self.shop.warn(format!("no further order joins this session: {error}"));
                self.no_more = true;
                return Ok(false);
            }
        };
        let any = !picked.claims.is_empty();
        let when = format!("at turn {}", self.turns + 1);
        self.record.add(&when, picked.share, picked.reasons);
        for (claim, footprint) in picked.claims {
            let orders = vec![claim.id().clone()];
            let why = format!("topping up a warm session, {} of {}", self.used + 1, self.most);
            self.shop.tell(What::Claimed { orders, why });
            self.admit(claim, footprint);
        }
        Ok(any)
    }

    async fn give(&mut self, job: Job) -> Result<()> {
        if self.let_go(&job)? {
            return Ok(());
        }
        let Some(mut job) = self.afford(job).await? else { return Ok(()) };
        match self.lay_out(&mut job).await {
            Ok(papers) => {
                let turn = self.turn(&job, &papers, None)?;
                self.give_turn(job, turn, false).await
            }
            Err(error) => self.not_laid_out(job, &error).await,
        }
    }

    async fn give_again(&mut self, job: Job, again: Again) -> Result<()> {
        let Some(mut job) = self.afford(job).await? else { return Ok(()) };
        let (gate, findings) = match again {
            Again::Fix { gate, findings } => (gate, findings),
            Again::Repair { instead } => {
                let turn = self.turn(&job, &[], Some(&Again::Repair { instead }))?;
                return self.give_turn(job, turn, true).await;
            }
        };
        job.fix_turns = job.fix_turns.saturating_sub(1);
        let works_in = self.shop.stage.works_in();
        if job.claim.state() != works_in {
            let (id, from) = (job.id().clone(), job.claim.state().clone());
            let why = format!("the {gate} gate failed; a fix turn in the same session");
            match job.enter(&Move::forward(works_in.clone(), why.clone()))? {
                Entered::Here(moved) => job = *moved,
                Entered::Lost(why) => {
                    self.shop.tell(What::LostClaim { order: id, why });
                    return Ok(());
                }
            }
            self.shop.tell(What::Moved { order: id, from, to: works_in.clone(), why });
        }
        job.turn.testimony = None;
        let turn = self.turn(&job, &[], Some(&Again::Fix { gate, findings }))?;
        self.give_turn(job, turn, true).await
    }

    async fn give_turn(&mut self, job: Job, turn: Turn, fix: bool) -> Result<()> {
        if !self.begin(job, &turn, fix)? {
            return Ok(());
        }
        let Some(session) = &mut self.open else { return Ok(()) };
        match session.give(&turn).await {
            Ok(()) => Ok(()),
            Err(error) => {
                let why = format!("it took no further turn: {error}");
                self.session_failed(Fault::Ended, &why).await
            }
        }
    }

    /// Puts on record that the order's turn begins. False when its claim was lost meanwhile.
    pub(super) fn begin(&mut self, job: Job, turn: &Turn, fix: bool) -> Result<bool> {
        let order = job.id().clone();
        let note = Note::of(topic::TURN_BEGUN, if fix { "one more turn" } else { "its turn" });
        match job.claim.note(&note)? {
            Moved::Done => {}
            Moved::LostClaim(why) => {
                self.shop.tell(What::LostClaim { order, why });
                return Ok(false);
            }
        }
        self.was_full &= !self.given.is_empty();
        self.turns += 1;
        self.board.show(|status| status.turns += 1);
        let prompt = brief::fingerprint(&turn.prompt);
        self.shop.tell(What::TurnBegan { order: order.clone(), fix, prompt });
        if self.shop.stage.tree == Tree::Write {
            self.shop.survey.begin(&order)?;
        }
        self.live = Usage::default();
        (self.heard_at, self.turn_at) = (self.watch.read(), self.watch.read());
        self.given.insert(order, (job, Instant::now()));
        Ok(true)
    }

    /// Lets an order go that somebody put on hold, or removed, before its turn began.
    fn let_go(&self, job: &Job) -> Result<bool> {
        if settle::out_of_reach(self.shop, job.id())?.is_some() {
            return Ok(true);
        }
        Ok(self.shop.queue.look(job.id())?.is_none_or(|order| order.hold.is_some()))
    }

    /// Lays the order's papers on its desk and finds its worktree. The papers' names.
    pub(super) async fn lay_out(&self, job: &mut Job) -> Result<Vec<String>> {
        let stage = &self.shop.stage;
        job.turn.begun = Some(SystemTime::now());
        // What a looking stage leaves must be its own, not what an earlier round left.
        let without = if stage.tree == Tree::Read { stage.leaves } else { &[] };
        let copied = job.papers.lay_out(&job.desk, without)?;
        for (name, why) in copied.passed_over {
            self.shop.warn(format!("{}: {name} was not given to the agent: {why}", job.id()));
        }
        job.find_bench(self.shop).await?;
        if stage.tree == Tree::Read {
            Box::pin(self.lay_out_look(job)).await?;
        }
        Ok(copied.names)
    }

    pub(super) async fn not_laid_out(&mut self, job: Job, error: &Error) -> Result<()> {
        if error.kind() == Kind::DiskFull {
            return Err(Error::new(Kind::DiskFull, error.to_string()));
        }
        if self.stop.is_now() {
            settle::give_back(self.shop, job, &Release::lost("stopped at once"))?;
            return Ok(());
        }
        let why = format!("its desk or worktree could not be made ready: {error}");
        let mend = error.next_step().unwrap_or("look at the project's repository").to_owned();
        let unsaid = TurnEnd::Silent(String::new());
        let ruling = ruling::outage(&self.case(&job, &unsaid, &[], 0), why, mend);
        self.settle(job, ruling).await
    }

    pub(super) fn turn(&self, job: &Job, papers: &[String], again: Option<&Again>) -> Result<Turn> {
        let command = self.shop.test_command();
        let (stage, setting) = (&self.shop.stage, self.setting(&command));
        let facts = Facts {
            id: job.id(),
            generation: job.claim.generation(),
            request: job.claim.request(),
            desk: &job.desk,
            worktree: job.place(),
            base: job.bench.as_ref().map(|bench| bench.base.commit.as_str()),
            papers,
        };
        let prompt = match again {
            Some(Again::Fix { gate, findings }) => {
                brief::fix(stage, &setting, &facts, gate, findings)?
            }
            Some(Again::Repair { instead }) => brief::repair(stage, &setting, &facts, instead)?,
            None if self.takes_turns() => brief::turn(stage, &setting, &facts)?,
            None => brief::order(stage, &setting, &facts)?,
        };
        Ok(Turn {
            order: job.id().clone(),
            generation: facts.generation,
            title: facts.request.title.clone(),
            desk: job.desk.clone(),
            worktree: facts.worktree.map(ToOwned::to_owned),
            prompt,
        })
    }

    /// Acts on what the session said.
    pub(super) async fn hear(&mut self, said: Said) -> Result<()> {
        self.heard_at = self.watch.read();
        match said {
            Said::Heard(None) => Ok(()),
            Said::Heard(Some(line)) => {
                self.shop.tell(What::Heard { line });
                Ok(())
            }
            Said::Refused { order, why } => self.refused(order, why),
            Said::Used(usage) => self.used(usage).await,
            Said::TurnEnded { order, end, usage } => self.turn_ended(&order, end, usage).await,
            Said::Over { how } => {
                let end = TurnEnd::Silent(format!("the session ended: {how}"));
                for id in self.given.keys().cloned().collect::<Vec<_>>() {
                    self.turn_ended(&id, end.clone(), Usage::default()).await?;
                }
                self.close(&how).await;
                self.session_gone()
            }
        }
    }

    fn refused(&self, order: String, why: String) -> Result<()> {
        let named = self.given.values().map(|(job, _)| job).find(|job| job.id().as_str() == order);
        if let Some(job) = named {
            // Whether the remark could be made is not worth a stop: the event is told in any case.
            let _lost = job.claim.note(&Note::of(topic::SECURITY, why.clone()))?;
        }
        self.shop.tell(What::Refused { order, why });
        Ok(())
    }

    async fn turn_ended(&mut self, id: &OrderId, end: TurnEnd, usage: Usage) -> Result<()> {
        let Some((job, began)) = self.given.remove(id) else {
            self.shop.warn(format!("the agent ended a turn of {id}, which it does not have"));
            return Ok(());
        };
        // The next one's time counts from here on.
        let now = Instant::now();
        self.turn_at = self.watch.read();
        for (_, began) in self.given.values_mut() {
            *began = now;
        }
        let end = match self.interrupted.take() {
            Some((_, fault, why)) => TurnEnd::Failed(self.interrupted_by(fault, why)),
            None => self.blame_disk(end),
        };
        let end = taking::without_secrets(end);
        self.book(&job, usage, began);
        self.tell_turn(id, &end, usage, began);
        self.learn_of_account(&end)?;
        // A one-shot agent's session tells by itself when it is over, after the end of every order's turn.
        if let TurnEnd::Failed(failure) = &end
            && failure.session_over
            && self.takes_turns()
        {
            if failure.action == Action::SplitBatch {
                self.outcome.split_after = Some(self.turns.saturating_sub(1));
            }
            self.close(&failure.evidence.clone()).await;
        }
        let done = matches!(&end, TurnEnd::Testified(said) if said.verdict == Verdict::Done);
        match self.take_in(job, &end).await? {
            Some(job) if done => self.waiting.push_back(job),
            Some(job) => {
                let ruling = self.rule(&job, &end, &[], 0);
                self.settle(job, ruling).await?;
            }
            None => {}
        }
        // A one-shot agent was asked to stop: its orders count as one turn each, and this one is through.
        if self.draining && !self.takes_turns() {
            self.book_given();
            self.close("shutting down").await;
            for (job, _) in std::mem::take(&mut self.given).into_values() {
                settle::give_back(self.shop, job, &Release::lost("shutting down"))?;
            }
        }
        Ok(())
    }

    /// The session is over: what it still had to be given goes back.
    pub(super) fn session_gone(&mut self) -> Result<()> {
        self.interrupted = None;
        self.give_back_unbegun("the session ended before its turn")
    }
}
