//! The drivers against the real programs, with a scripted model on the loopback.
//!
//! The programs are those that `.ci/agents` installs; where one is not there, its tests are skipped, and say why. Each
//! gets a fresh HOME and a made-up key, and every request goes to 127.0.0.1.

use super::*;
use shopfloor::failure::Class;

mod anthropic;
mod chat;
mod claude;
mod codex;
mod cost;
mod found;
mod gemini;
mod gemini_api;
mod limit;
mod model;
mod oneshot;
mod opencode;
mod play;
mod qwen;
mod responses;
mod stages;
mod table;
mod walled;

use model::{Model, Reply};

const GRACE: Duration = Duration::from_secs(10);

/// Gives an order and waits for its end; what was said is printed, for when the test fails.
async fn turn_of(scene: &Scene, session: &mut dyn Session, order: &str) -> (TurnEnd, Usage) {
    session.give(&scene.turn("implement", order)).await.unwrap();
    let (turn, usage, said) = turn_end(session).await;
    println!("{order}: {turn:?} {usage:?} after {said:#?}");
    (turn, usage)
}

/// What a program printed, without what is of this run only.
fn plain(scene: &Scene, model: &Model, text: &str) -> String {
    let port = model.url().rsplit(':').next().unwrap().to_owned();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    text.replace(&scene.folder.path().display().to_string(), "/scene")
        .replace(&format!(":{port}"), ":PORT")
        .replace(&format!("\"serverName\":\"{host}\""), "\"serverName\":\"host\"")
}

/// Keeps what the program printed, where `SHOPFLOOR_RECORD` names a folder: so the fixtures were made.
fn record(scene: &Scene, model: &Model, folder: &str, name: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("SHOPFLOOR_RECORD")?).join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{}.jsonl", name.replace(' ', "-")));
    std::fs::write(path, plain(scene, model, &scene.read("session/stream.jsonl"))).unwrap();
    Some(folder)
}

/// Waits until the command of a turn has made the file `begun` in the worktree.
async fn command_began(scene: &Scene, session: &mut dyn Session) {
    let begun = async {
        while !scene.path("worktree/begun").exists() {
            drop(tokio::time::timeout(Duration::from_millis(20), session.next()).await);
        }
    };
    tokio::time::timeout(PATIENCE, begun).await.expect("a command");
}

/// Kills the process of the session whose command line has this word.
fn kill(scene: &Scene, word: &str) {
    let named = |pid: &u32| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains(word)
    };
    let carriers = shopfloor::process::carrying(&scene.cookie());
    let found = carriers.into_iter().find(named).unwrap();
    let pid = rustix::process::Pid::from_raw(found as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// A session whose turn for `a`, which the model does not answer, is interrupted; that for `b` counts.
async fn interrupted(scene: &Scene, model: &Model) {
    let mut session = scene.open("implement").await;
    session.give(&scene.turn("implement", "a")).await.unwrap();
    model.asked().await;
    assert!(session.interrupt().await);
    let (turn, _, said) = turn_end(&mut *session).await;
    println!("{turn:?} after {said:#?}");
    assert_eq!((failed(&turn).class, failed(&turn).session_over), (Class::Lost, false));
    let (turn, _) = turn_of(scene, &mut *session, "b").await;
    assert_eq!(testified(&turn).order, "b");
    end(scene, session, GRACE).await;
}
