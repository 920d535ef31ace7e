//! One order in a batch: its claim, its desk, its worktree, and what is known of its turn.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::floor;
use crate::gate::{Looked, Scene};
use crate::history::topic;
use crate::order::OrderId;
use crate::papers::Papers;
use crate::queue::{Claim, Kept, Move, Moved, Note};
use crate::shop::Shop;
use crate::stage::{Stage, Tree};
use crate::verdict::{Testimony, Verdict};
use crate::workspace::{Bench, Look};

/// One order in a batch.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) claim: Claim,
    pub(crate) papers: Papers,
    pub(crate) desk: PathBuf,
    /// Its worktree.
    pub(crate) bench: Option<Bench>,
    /// What its agent is given in place of the worktree, in a looking stage.
    pub(crate) look: Option<Look>,
    pub(crate) turn: Turned,
    /// Fix turns it may still have in this session.
    pub(crate) fix_turns: u32,
    /// Turns for nothing but a missing result that it may still have in this session.
    pub(crate) repairs: u32,
    pub(crate) alone: bool,
}

/// What is known of an order's turn. Kept on disk once the turn has ended, so that a paid turn is never repeated.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Turned {
    pub(crate) testimony: Option<Testimony>,
    pub(crate) tree: Option<String>,
    pub(crate) tree_before: Option<String>,
    /// What a looking stage's agent was given, and how it left it.
    pub(crate) looked: Option<Looked>,
    /// When it was laid out, before anything of it could be written.
    pub(crate) begun: Option<SystemTime>,
}

/// What became of moving a job on while keeping it.
#[derive(Debug)]
pub(crate) enum Entered {
    Here(Box<Job>),
    Lost(String),
}

impl Job {
    /// A claimed order, before its turn. A turn of an earlier session that needs only its gates is found again.
    pub(crate) fn new(shop: &Shop, claim: Claim, session_dir: &Path, alone: bool) -> Self {
        let papers = shop.papers(claim.id());
        let mut job = Self {
            papers,
            desk: session_dir.join("desks").join(claim.id().as_str()),
            bench: None,
            look: None,
            turn: Turned::default(),
            fix_turns: shop.config.limits.fix_turns,
            repairs: 1,
            alone,
            claim,
        };
        if let Some(ended) = job.claim.history().ended_turn.clone() {
            let dir = shop.floor.session(&ended.session);
            if let Some(turn) = recall(&dir, job.claim.id(), ended.generation) {
                job.turn = turn;
                job.desk = dir.join("desks").join(job.claim.id().as_str());
            }
        }
        job
    }

    pub(crate) fn id(&self) -> &OrderId {
        self.claim.id()
    }

    /// True when the agent has done its part and only gates are left.
    pub(crate) fn gates_only(&self, stage: &Stage) -> bool {
        self.claim.state() != stage.works_in() || self.turn.testimony.is_some()
    }

    /// What the agent said; for a leftover of a crash, that its turn had ended.
    pub(crate) fn testimony(&self) -> Testimony {
        self.turn.testimony.clone().unwrap_or_else(|| Testimony {
            order: self.id().as_str().to_owned(),
            generation: self.claim.generation(),
            nonce: String::new(),
            verdict: Verdict::Done,
            why: "its turn had ended before a crash; only its gates are run".to_owned(),
            artifacts: Vec::new(),
            denied: String::new(),
        })
    }

    /// Puts what is known of the ended turn on disk and then on record.
    pub(crate) fn remember(&self, session_dir: &Path) -> Result<Moved> {
        let folder = session_dir.join("verdicts");
        std::fs::create_dir_all(&folder)
            .map_err(|error| crate::error::Error::io("make", &folder, error))?;
        let path = record_path(session_dir, self.id(), self.claim.generation());
        floor::replace(&path, &serde_json::to_vec_pretty(&self.turn).unwrap_or_default())?;
        self.claim.note(&Note::of(topic::TURN_ENDED, self.testimony().verdict.as_str()))
    }

    /// Moves the order on and keeps it.
    pub(crate) fn enter(self, step: &Move) -> Result<Entered> {
        match self.claim.advance_and_keep(step)? {
            Kept::Claim(claim) => Ok(Entered::Here(Box::new(Self { claim: *claim, ..self }))),
            Kept::LostClaim(why) => Ok(Entered::Lost(why)),
        }
    }

    /// What its gates look at.
    pub(crate) fn scene(&self, stage: &Stage) -> Scene {
        Scene {
            order: self.id().clone(),
            generation: self.claim.generation(),
            stage: stage.name.to_owned(),
            request: self.claim.request().clone(),
            papers: self.papers.folder().to_owned(),
            desk: self.desk.clone(),
            bench: self.bench.clone(),
            tree: self.turn.tree.clone(),
            tree_before: self.turn.tree_before.clone(),
            looked: self.turn.looked.clone(),
            testimony: self.turn.testimony.clone(),
            frozen: self.claim.history().frozen.clone(),
            code_changed: self.turn.begun,
        }
    }

    /// The folder its agent works in or looks at.
    pub(crate) fn place(&self) -> Option<&Path> {
        let worktree = || self.bench.as_ref().map(|bench| bench.path.as_path());
        self.look.as_ref().map(|look| look.folder.as_path()).or_else(worktree)
    }

    /// Finds its worktree (made when missing), and the tree in it.
    pub(crate) async fn find_bench(&mut self, shop: &Shop) -> Result<()> {
        if shop.stage.tree == Tree::None {
            return Ok(());
        }
        self.bench = Some(shop.workspace.prepare(self.id()).await?);
        Ok(())
    }
}

fn record_path(session_dir: &Path, id: &OrderId, generation: u64) -> PathBuf {
    session_dir.join("verdicts").join(format!("{id}.{generation}.json"))
}

fn recall(session_dir: &Path, id: &OrderId, generation: u64) -> Option<Turned> {
    let bytes = std::fs::read(record_path(session_dir, id, generation)).ok()?;
    serde_json::from_slice::<Turned>(&bytes).ok().filter(|turn| turn.testimony.is_some())
}
