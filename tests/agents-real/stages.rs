//! A batch of three orders through all five stages of the demo's project, with the real program and a scripted model.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::house::{House, WORKERS};
use play::Play;

/// Three of the demo's that need nobody.
const ORDERS: [&str; 3] = ["slugify", "headline", "frequency"];

/// Notes in its HOME that it was started to work, and becomes the program.
const STARTER: &str = "#!/bin/sh\ncase \" $* \" in *\" WORD \"*) echo $$ >> \"$HOME/starts\" ;; esac\nexec \"$PROGRAM\" \"$@\"\n";

/// How an agent stands in shopfloor.toml, but for its program and its HOME.
pub(super) struct Hired {
    pub(super) name: &'static str,
    /// A word of the command line of a session.
    pub(super) word: &'static str,
    pub(super) program: PathBuf,
    /// Lines of its table.
    pub(super) lines: String,
    /// Variables.
    pub(super) env: Vec<(&'static str, String)>,
}

/// The real Claude Code.
pub(super) fn claude(url: &str, tests: usize) -> Option<Hired> {
    let program = found::program("claude", "2.1.328", tests)?;
    let env = [
        ("ANTHROPIC_BASE_URL", url.to_owned()),
        ("ANTHROPIC_API_KEY", "sk-ant-not-a-key".to_owned()),
    ];
    let lines = "driver = \"claude\"\n".to_owned();
    Some(Hired { name: "claude", word: "stream-json", program, lines, env: env.into() })
}

/// The real Codex, by its app-server.
pub(super) fn codex(url: &str, tests: usize) -> Option<Hired> {
    let program = found::program("codex", "0.169.0", tests)?;
    let args = codex::settings(url);
    let lines = format!("driver = \"codex\"\nargs = {args:?}\nmodel = \"gpt-5.5\"\n");
    let env = codex::environment(url).into();
    Some(Hired { name: "codex", word: "app-server", program, lines, env })
}

impl Hired {
    /// Its table in shopfloor.toml. `folder` is the house's: what it is started by is put there, and its HOME.
    pub(super) fn table(&self, folder: &Path) -> String {
        let starter = folder.join("agent");
        let text = STARTER.replace("WORD", self.word);
        std::fs::write(&starter, text).unwrap();
        std::fs::set_permissions(&starter, std::fs::Permissions::from_mode(0o755)).unwrap();
        let home = folder.join("agents-home");
        std::fs::create_dir(&home).unwrap();
        // What a variable names can be reached in a sandbox, also where it lies in a folder that is hidden there.
        let own =
            [("HOME", home.display().to_string()), ("PROGRAM", self.program.display().to_string())];
        let env: Vec<String> = self
            .env
            .iter()
            .chain(&own)
            .map(|(name, value)| format!("{name} = {value:?}"))
            .collect();
        format!(
            "agent_default = \"{}\"\n[agent.{}]\nprogram = {:?}\n{}env = {{ {} }}\n",
            self.name,
            self.name,
            starter.display().to_string(),
            self.lines,
            env.join(", "),
        )
    }

    /// How many processes were started to work.
    pub(super) fn starts(folder: &Path) -> usize {
        let text = std::fs::read_to_string(folder.join("agents-home/starts")).unwrap_or_default();
        text.lines().count()
    }
}

/// The demo's project with the three orders.
fn house(hired: &Hired) -> House {
    let folder = tempfile::tempdir().unwrap();
    let table = hired.table(folder.path());
    let config = format!(
        "{table}\n[project]\nbase = \"main\"\n\n[project.test]\ncommand = \"cargo test --offline --no-fail-fast\"\n\
         timeout = \"5m\"\n\n[limits]\nbackoff = \"1s\"\npoll = \"200ms\"\n\n"
    );
    let stages = ["spec", "test", "implement", "playtest", "commit"];
    let batches = stages.map(|stage| format!("[stage.{stage}]\nbatch = 3\n")).concat();
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("launcher/demo/wordcraft");
    let house = House::around(folder, &project, &format!("{config}{batches}"), |_| {});
    house.add(&ORDERS);
    house
}

fn whole_way(hired: &Hired) {
    let begun = std::time::Instant::now();
    let house = house(hired);
    for (nth, worker) in WORKERS.iter().enumerate() {
        let ran = house.command(worker).args(["--until-idle"]).output().unwrap();
        assert!(ran.status.success(), "{}", crate::house::shown(&ran));
        let (opened, ended) = (house.told("session_opened"), house.told("turn_ended"));
        let done = ended.iter().filter(|turn| turn["verdict"] == "done").count();
        // One session, one process, three results: for each stage.
        assert_eq!(
            (opened.len(), Hired::starts(&house.path("")), ended.len(), done),
            (nth + 1, nth + 1, 3 * (nth + 1), 3 * (nth + 1)),
            "{worker}: {ended:#?}\n{}",
            house.scene()
        );
    }
    for id in ORDERS {
        assert_eq!(house.state(id), "READY_FOR_REVIEW", "{}", house.scene());
        house.git(&["cat-file", "-e", &format!("shopfloor/{id}:src/{id}.rs")]);
    }
    let commits = house.git(&["log", "--no-merges", "--format=%s", "main..shopfloor/ready"]);
    assert_eq!(commits.lines().count(), ORDERS.len(), "{commits}");
    println!(
        "FIGURE|real {}, batch of 3 through five stages|{} processes, {} results, {} commits, {:.0} s|ok",
        hired.name,
        Hired::starts(&house.path("")),
        house.told("turn_ended").len(),
        commits.lines().count(),
        begun.elapsed().as_secs_f64(),
    );
}

async fn with_the_demos_model(hire: fn(&str, usize) -> Option<Hired>) {
    let play = Arc::new(Play::of_the_demo());
    let model = Model::start(move |_, body| play.reply(body)).await;
    let Some(hired) = hire(&model.url(), 1) else { return };
    tokio::task::block_in_place(|| whole_way(&hired));
    assert_eq!((model.requests(), model.strange()), (2 * 15, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn three_orders_go_through_all_five_stages_with_claude_one_process_a_batch() {
    with_the_demos_model(claude).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_orders_go_through_all_five_stages_with_codex_one_process_a_batch() {
    with_the_demos_model(codex).await;
}
