//! A panic somewhere in a worker: the whole of it ends, with a word about it, and its orders come back.
//!
//! Nothing in the product panics on purpose. So a child of this test runs the library's own loop as a worker does, around a
//! queue that does.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use shopfloor::accounts::Accounts;
use shopfloor::agent;
use shopfloor::config::Config;
use shopfloor::error::Result;
use shopfloor::floor::Floor;
use shopfloor::gate::Gates;
use shopfloor::holder::{Holder, WorkerId};
use shopfloor::ledger::Ledger;
use shopfloor::order::{OrderId, Request};
use shopfloor::ourselves;
use shopfloor::plan::{RollKey, Tally};
use shopfloor::queue::files::{FileQueue, Options};
use shopfloor::queue::{
    Bell, Claiming, Created, Enlisted, Grant, Listing, Move, Moved, Note, Order, Queue, Recovered,
    Release, Swept,
};
use shopfloor::sandbox::Standing;
use shopfloor::shop::{Hired, Shop};
use shopfloor::stages;
use shopfloor::state::State;
use shopfloor::stop::Stop;
use shopfloor::survey::{Bounds, Survey};
use shopfloor::teller::Teller;
use shopfloor::worker::{self, Until};
use shopfloor::workspace::Workspace;

use crate::house::{House, Worker, left_over};

const FOLDER: &str = "SHOPFLOOR_PANIC_FOLDER";
const WHERE: &str = "SHOPFLOOR_PANIC_WHERE";
const IN_SESSION: &str = " in a session";
const END: Duration = Duration::from_secs(60);

/// A file queue that panics in one of its calls.
#[derive(Debug)]
struct Panicking {
    queue: Arc<FileQueue>,
    at: String,
    /// Only once a turn has begun.
    in_session: bool,
}

impl Panicking {
    /// The real queue, unless this is the call.
    fn real(&self, call: &str) -> &FileQueue {
        let told = || fs::read_to_string(self.queue.floor().events()).unwrap_or_default();
        let now = self.at == call && (!self.in_session || told().contains("turn_began"));
        assert!(!now, "a mistake in {call}");
        &self.queue
    }
}

impl Queue for Panicking {
    fn create(&self, id: &OrderId, request: &Request) -> Result<Created> {
        self.real("create").create(id, request)
    }
    fn create_all(&self, orders: &[(OrderId, Request)], hold: &str) -> Result<()> {
        self.real("create_all").create_all(orders, hold)
    }
    fn list(&self) -> Result<Listing> {
        self.real("list").list()
    }
    fn look(&self, id: &OrderId) -> Result<Option<Order>> {
        self.real("look").look(id)
    }
    fn ready(&self, state: &State, most: usize) -> Result<Vec<OrderId>> {
        self.real("ready").ready(state, most)
    }
    fn set_aside(&self, order: &Order, key: &str) -> Result<bool> {
        Queue::set_aside(self.real("set_aside"), order, key)
    }
    fn wake(&self, key: &str) -> Result<usize> {
        self.real("wake").wake(key)
    }
    fn rouse(&self, order: &Order) -> Result<bool> {
        self.real("rouse").rouse(order)
    }
    fn anybody_waits_for_a_phase(&self) -> Result<bool> {
        self.real("anybody_waits_for_a_phase").anybody_waits_for_a_phase()
    }
    fn waiting_for(&self, id: &OrderId) -> Result<Vec<OrderId>> {
        self.real("waiting_for").waiting_for(id)
    }
    fn phases(&self, plan: &str) -> Result<Vec<Tally>> {
        self.real("phases").phases(plan)
    }
    fn members(&self, group: &RollKey) -> Result<Vec<(u32, OrderId)>> {
        self.real("members").members(group)
    }
    fn claim(self: Arc<Self>, id: &OrderId, from: &State, holder: &Holder) -> Result<Claiming> {
        self.real("claim");
        Arc::clone(&self.queue).claim(id, from, holder)
    }
    fn advance(
        &self,
        grant: &Grant,
        step: &Move,
        keep: bool,
    ) -> Result<Result<Option<Grant>, String>> {
        self.real("advance").advance(grant, step, keep)
    }
    fn release(&self, grant: &Grant, release: &Release) -> Result<Moved> {
        self.real("release").release(grant, release)
    }
    fn note(&self, grant: &Grant, note: &Note) -> Result<Moved> {
        self.real("note").note(grant, note)
    }
    fn hold(&self, id: &OrderId, why: &str) -> Result<bool> {
        self.real("hold").hold(id, why)
    }
    fn unhold(&self, id: &OrderId) -> Result<bool> {
        self.real("unhold").unhold(id)
    }
    fn kick(&self, id: &OrderId, to: &State, why: &str) -> Result<bool> {
        self.real("kick").kick(id, to, why)
    }
    fn archive(&self, id: &OrderId) -> Result<bool> {
        self.real("archive").archive(id)
    }
    fn enlist(&self, stage: &str) -> Result<Enlisted> {
        self.real("enlist").enlist(stage)
    }
    fn lives(&self, worker: &WorkerId) -> Result<bool> {
        self.real("lives").lives(worker)
    }
    fn recover(&self, undertaker: &dyn Fn(&WorkerId) -> bool) -> Result<Vec<Recovered>> {
        self.real("recover").recover(undertaker)
    }
    fn give_back_all(&self, enlisted: &Enlisted) -> Result<Vec<(OrderId, State)>> {
        self.real("give_back_all").give_back_all(enlisted)
    }
    fn sweep(&self) -> Result<Swept> {
        self.real("sweep").sweep()
    }
    fn bell(&self, states: &[State]) -> Result<Bell> {
        self.real("bell").bell(states)
    }
}

/// What a spec worker works with, around a queue that panics at `at`.
async fn shop(folder: &Path, at: &str) -> Arc<Shop> {
    let project = folder.join("project");
    let config = Config::load(&project.join("shopfloor.toml")).unwrap();
    let orders = project.join("work-orders");
    let options = Options { free_mib: 0, ..Options::default() };
    let files = FileQueue::open(&orders, options).unwrap();
    let floor: Floor = files.floor().clone();
    let root = folder.join("state/shopfloor").join(files.id()).join("worktrees");
    let in_session = at.ends_with(IN_SESSION);
    let at = at.trim_end_matches(IN_SESSION).to_owned();
    let queue: Arc<dyn Queue> = Arc::new(Panicking { queue: files, at, in_session });
    let stage = stages::pipeline().stage("spec").unwrap().clone();
    let enlisted = queue.enlist(stage.name).unwrap();
    let cookie = format!("{}/own", enlisted.worker);
    let workspace = Workspace::open(&project, &root, None, &floor.run(), &cookie).await.unwrap();
    let (name, agent) = config.agent_for(stage.name, None).unwrap();
    let agent = agent::from_config(&name, &agent, &project).unwrap();
    let agents = vec![Hired { agent, account: name, by_hand: false }];
    let config = Arc::new(config);
    let slots = floor.run();
    let gates = Gates::new(Arc::clone(&config), workspace.clone(), floor.clone(), slots, cookie);
    let pipeline = stages::pipeline();
    let survey = Survey::new(queue.clone(), floor.clone(), orders.clone(), pipeline, &config);
    Arc::new(Shop {
        prompts: shopfloor::brief::Prompts::built_in(),
        survey,
        standing: Standing::Simulated,
        home: floor.home(stage.worker),
        accounts: Accounts::of(&floor),
        ledger: Ledger::of(&floor),
        permits: None,
        pipeline: stages::pipeline(),
        batch: stage.batch,
        teller: Teller::new(stage.worker, &floor, false),
        stage,
        config,
        queue,
        folder: orders,
        floor,
        workspace,
        gates,
        agents,
        enlisted,
        bounds: Bounds::default(),
    })
}

#[test]
fn the_child_works_until_it_panics() {
    // Without an order of ours this is no test of its own.
    let (Ok(folder), Ok(at)) = (std::env::var(FOLDER), std::env::var(WHERE)) else { return };
    let folder = Path::new(&folder);
    let log = folder.join("log");
    fs::write(&log, "").unwrap();
    ourselves::end_whole_at_a_panic(Some(log));
    let runtime = ourselves::runtime().unwrap();
    let ended = runtime.block_on(async {
        let shop = shop(folder, &at).await;
        worker::run(&shop, Until::Stopped, &Stop::new()).await
    });
    panic!("the worker came to an end: {ended:?}");
}

/// Runs a child that panics at `at`; what it said, once it has died of that.
fn die(house: &House, at: &str) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["panics::the_child_works_until_it_panics", "--exact", "--nocapture"]);
    command.env(FOLDER, house.path("")).env(WHERE, at).env("HOME", house.path("home"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut worker = Worker { child: command.spawn().unwrap() };
    assert_eq!(worker.end(END), None, "{at}: {}", house.scene());
    let signal = worker.child.wait().unwrap().signal();
    assert_eq!(signal, Some(6), "{at}: it ends by SIGABRT");
    fs::read_to_string(house.path("log")).unwrap()
}

#[test]
fn a_panic_in_any_task_ends_the_whole_worker_with_a_word_about_it() {
    // Beside the loop, on the loop, and where several threads claim.
    for at in ["recover", "sweep", "ready", "claim"] {
        let house = House::new();
        house.add(&["a", "b"]);
        let log = die(&house, at);
        assert!(log.contains("shopfloor made a mistake and this process ends at once"), "{log}");
        assert!(log.contains(&format!("a mistake in {at}")) && log.contains("panics.rs"), "{log}");
        assert!(log.contains("please report"), "{log}");
        house.run("spec-worker", &["--until-idle"]);
        assert_eq!(house.state("a"), "TESTS_PRE", "{at}: {}", house.scene());
    }
}

#[test]
fn what_a_worker_that_panicked_left_running_is_ended_and_its_order_comes_back() {
    let house = House::new();
    house.add(&["a"]);
    let log = die(&house, &format!("ready{IN_SESSION}"));
    assert!(log.contains("a mistake in ready"), "{log}");
    assert_eq!(house.state("a"), "NEW");
    house.wait("the order", |house| {
        house.run("spec-worker", &["--until-idle"]);
        house.state("a") == "TESTS_PRE"
    });
    let entries = house.journal("a");
    let orphans = entries.iter().filter(|entry| entry["e"] == "orphan").count();
    assert_eq!(orphans, 1, "{entries:?}");
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
}
