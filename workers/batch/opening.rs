//! Opening a session: what it is told at its start, and what is looked at before it.

use std::sync::Arc;

use crate::agent::{SessionPlan, Turn};
use crate::batch::{Batch, instructions, settle};
use crate::brief::{self, Setting};
use crate::error::{Error, Result};
use crate::event::What;
use crate::failure::Class;
use crate::queue::Release;
use crate::ruling::{Trouble, Whose};
use crate::witness::Witness;

impl Batch<'_> {
    /// Opens the session. A one-shot agent is given all orders at once.
    pub(super) async fn open_session(&mut self) -> Result<()> {
        self.reach()?;
        let one_shot = !self.takes_turns();
        let mut turns = Vec::new();
        if one_shot {
            for mut job in std::mem::take(&mut self.todo) {
                match self.lay_out(&mut job).await {
                    Ok(papers) => {
                        turns.push(self.turn(&job, &papers, None)?);
                        self.todo.push_back(job);
                    }
                    Err(error) => self.not_laid_out(job, &error).await?,
                }
            }
            if turns.is_empty() {
                return Ok(());
            }
        }
        let instructions = match instructions::of(self.shop).await {
            Ok(instructions) => instructions,
            Err(error) => return self.not_opened(&error),
        };
        let plan = self.plan(turns, instructions.as_ref())?;
        let orders = plan.orders.clone();
        self.record.opened(&plan.brief);
        // Whoever is given all its orders at once is not asked again before each.
        if one_shot && let Some(parked) = self.account_shut()? {
            return self.give_back_unbegun(&parked);
        }
        let folder = self.shop.folder.clone();
        let looked = tokio::task::spawn_blocking(move || Witness::of(&folder)).await;
        self.witness = looked.ok().flatten();
        let agent = Arc::clone(&self.hired().agent);
        match agent.open(plan).await {
            Ok(session) => self.open = Some(session),
            Err(error) => return self.not_opened(&error),
        }
        let now = self.watch.read();
        (self.opened_at, self.heard_at) = (now, now);
        self.board.show(|status| status.sessions += 1);
        self.shop.tell(What::SessionOpened {
            session: self.picked_session.to_string(),
            agent: self.hired().shown(),
            simulated: agent.simulated(),
        });
        for turn in orders {
            let at = self.todo.iter().position(|job| *job.id() == turn.order);
            if let Some(job) = at.and_then(|at| self.todo.remove(at)) {
                self.begin(job, &turn, false)?;
            }
        }
        Ok(())
    }

    fn not_opened(&mut self, error: &Error) -> Result<()> {
        let mend = error.next_step().unwrap_or("try the agent by hand").to_owned();
        self.outcome.trouble =
            Some(Trouble { why: error.to_string(), mend, until: None, whose: Whose::Stage });
        for job in std::mem::take(&mut self.todo) {
            let release = Release { class: Class::Env, why: error.to_string(), due: None };
            settle::give_back(self.shop, job, &release)?;
        }
        Ok(())
    }

    fn plan(
        &self,
        orders: Vec<Turn>,
        instructions: Option<&(String, String)>,
    ) -> Result<SessionPlan> {
        let command = self.shop.test_command();
        let mut setting = self.setting(&command);
        setting.instructions = instructions.map(|(file, text)| (file.as_str(), text.as_str()));
        let mut brief = brief::opening(&self.shop.stage, &setting)?;
        if !orders.is_empty() {
            let prompts: Vec<String> = orders.iter().map(|turn| turn.prompt.clone()).collect();
            brief = brief::one_shot(&brief, &setting, &prompts)?;
        }
        Ok(SessionPlan {
            session: self.picked_session.clone(),
            stage: self.shop.stage.name.to_owned(),
            nonce: self.nonce.clone(),
            dir: self.dir.clone(),
            cookie: self.shop.cookie(&self.picked_session),
            brief,
            orders,
            folders: vec![self.shop.workspace.project().to_owned()],
            home: self.shop.home.clone(),
            caps: self.caps(),
            walls: self.walls()?,
        })
    }

    pub(super) fn setting<'s>(&'s self, test_command: &'s str) -> Setting<'s> {
        Setting {
            prompts: &self.shop.prompts,
            project: self.shop.workspace.project(),
            test_command,
            nonce: &self.nonce,
            instructions: None,
        }
    }
}
