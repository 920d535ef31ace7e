//! A sixth stage, added from outside: its row, its brief, its word. No core file knows of it.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use shopfloor::agent;
use shopfloor::brief::Prompts;
use shopfloor::config::Config;
use shopfloor::gate::Gates;
use shopfloor::queue::Queue;
use shopfloor::queue::files::{FileQueue, Options};
use shopfloor::sandbox::Standing;
use shopfloor::shop::Shop;
use shopfloor::stage::{Gate, Pipeline, Stage, Step, Tree};
use shopfloor::stages::STAGES;
use shopfloor::state::State;
use shopfloor::stop::Stop;
use shopfloor::survey::{Bounds, Survey};
use shopfloor::teller::Teller;
use shopfloor::worker::{self, Until};
use shopfloor::workspace::Workspace;

use crate::house::{House, left_over};

const AUDIT: State = State::word("AUDIT");

/// The row. The operator's own command is its gate.
const ROW: Stage = Stage {
    name: "audit",
    worker: "audit-worker",
    flag: "audit",
    about: "Looks for what must not be in a change",
    takes: &[AUDIT],
    batch: 2,
    brief: "You are the auditor. Write `audit-report.md` and change nothing in the worktree.\n",
    leaves: &["audit-report.md"],
    tree: Tree::Read,
    gates: &[Step { enters: None, gate: Gate::Command("audit") }],
    then: State::PLAYTEST,
    back: State::IMPL,
    needs_work: State::IMPL,
};

/// The pipeline with the sixth stage between implement and playtest.
fn pipeline() -> Pipeline {
    let mut stages = STAGES.to_vec();
    let at = stages.iter().position(|stage| stage.name == "implement").unwrap();
    stages[at].then = AUDIT;
    stages.insert(at + 1, ROW);
    Pipeline::new(stages).unwrap()
}

/// Everything one worker of `stage` works with, made of what the library gives to everybody.
async fn shop(house: &House, stage: &Stage) -> Arc<Shop> {
    let project = house.project();
    let config = Config::load(&project.join("shopfloor.toml")).unwrap();
    let options =
        Options { pipeline: pipeline(), free_mib: 0, crash_backoff_secs: 1, ..Options::default() };
    let folder = project.join("work-orders");
    let queue = FileQueue::open(&folder, options).unwrap();
    let floor = queue.floor().clone();
    let enlisted = queue.enlist(stage.name).unwrap();
    let cookie = format!("{}/own", enlisted.worker);
    let root = house.path("worktrees");
    let workspace = Workspace::open(&project, &root, None, &floor.run(), &cookie).await.unwrap();
    let (name, agent) = config.agent_for(stage.name, None).unwrap();
    let agent = agent::from_config(name, agent, &project).unwrap();
    let config = Arc::new(config);
    let slots = floor.run();
    let gates = Gates::new(Arc::clone(&config), workspace.clone(), floor.clone(), slots, cookie);
    let survey = Survey::new(queue.clone(), floor.clone(), folder.clone(), pipeline(), &config);
    Arc::new(Shop {
        survey,
        standing: Standing::Simulated,
        home: floor.home(stage.worker),
        permits: None,
        pipeline: pipeline(),
        stage: stage.clone(),
        config,
        queue,
        folder,
        teller: Teller::new(stage.worker, &floor, false),
        floor,
        workspace,
        gates,
        agent,
        enlisted,
        batch: stage.batch,
        bounds: Bounds::default(),
        prompts: Prompts::built_in(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sixth_stage_is_a_row_a_brief_and_a_word() {
    let gate = "[gate.audit]\ncommand = [\"sh\", \"-c\", \"! grep -r forbidden done\"]\n";
    let acts = "[[act]]\norder = \"bad\"\nstage = \"implement\"\ntimes = 1\n\
                files = { \"done/bad.txt\" = \"SIMULATED work of bad\\nforbidden\\n\" }\n";
    let house = House::with(gate, acts);
    house.add(&["good", "bad"]);
    let ready = |id: &&str| house.state(id) == "READY_FOR_REVIEW";
    for _round in 0..3 {
        for stage in pipeline().stages() {
            let shop = shop(&house, stage).await;
            let _ended = worker::run(&shop, Until::Idle, &Stop::new()).await.unwrap();
        }
        if ["good", "bad"].iter().all(ready) {
            break;
        }
    }
    let straight = [
        "NEW->TESTS_PRE",
        "TESTS_PRE->IMPL",
        "IMPL->TESTS_POST",
        "TESTS_POST->REVIEW",
        "REVIEW->AUDIT",
        "AUDIT->PLAYTEST",
        "PLAYTEST->COMMIT",
        "COMMIT->READY_FOR_REVIEW",
    ];
    assert_eq!(house.moves("good"), straight, "{}", house.scene());
    let again = ["AUDIT->IMPL", "IMPL->TESTS_POST", "TESTS_POST->REVIEW", "REVIEW->AUDIT"];
    let expected = [&straight[..5], &again, &straight[5..]].concat();
    assert_eq!(house.moves("bad"), expected, "{}", house.scene());
    let evidence = fs::read_to_string(house.order("bad").join("EVIDENCE.md")).unwrap();
    assert!(evidence.contains("| audit (gen") && evidence.contains("grep -r forbidden done"));
    assert!(house.order("good").join("audit-report.md").is_file());
    let told: BTreeSet<String> =
        house.told("gate").iter().map(|event| event["gate"].as_str().unwrap().to_owned()).collect();
    assert!(told.contains("audit"), "{told:?}");
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
}
