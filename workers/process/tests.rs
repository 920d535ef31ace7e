//! Programs, started for real.

use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use crate::error::Kind;
use crate::stop::Stop;

fn sh(script: &str, cookie: &str) -> Program {
    let argv = ["sh", "-c", script].map(str::to_owned);
    Program::new(&argv, Path::new("/"), cookie).unwrap()
}

/// The script is also the cookie: tests run side by side, and one ends what carries its own.
async fn run(script: &str, limit_ms: u64) -> Ran {
    let program = sh(script, script);
    program.run(b"", Duration::from_millis(limit_ms), 1000, &Stop::new()).await.unwrap()
}

#[tokio::test]
async fn both_streams_are_kept_in_order_and_the_end_of_them() {
    let ran = run("echo a; echo b >&2; echo c; exit 3", 5000).await;
    assert_eq!((ran.ended, ran.text().as_str()), (Ended::Exit(3), "a\nb\nc\n"));
    let long = run("head -c 5000 /dev/zero; echo end", 5000).await;
    assert_eq!((long.output.len(), long.dropped), (1000, 4004));
    assert!(long.output.ends_with(b"end\n"));
}

#[tokio::test]
async fn time_runs_out_and_a_signal_is_told() {
    assert_eq!(run("sleep 60", 100).await.ended, Ended::TimedOut);
    assert_eq!(run("kill -9 $$", 5000).await.ended, Ended::Signal(9));
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipe_does_not_hold_us() {
    let begun = Instant::now();
    let script = "setsid sleep 30 & exit 0";
    assert_eq!(run(script, 20_000).await.ended, Ended::Exit(0));
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(end_all(script, Duration::from_secs(5)));
}

#[tokio::test]
async fn a_missing_program_is_the_environments_fault() {
    let program =
        Program::new(&["no-such-program-here".to_owned()], Path::new("/"), "t/t").unwrap();
    let error = program.run(b"", Duration::from_secs(1), 10, &Stop::new()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Environment);
    assert!(error.next_step().unwrap().contains("no-such-program-here"));
}

#[tokio::test]
async fn what_gives_way_does_so_from_its_first_instruction_on_and_nobody_else_does() {
    let own = rustix::process::getpriority_process(None).unwrap();
    // As a program that is started without a shell: it has asked before it could be told.
    let program = Program::new(&["nice".to_owned()], Path::new("/"), "test/nice").unwrap();
    let program = program.giving_way();
    for _ in 0..20 {
        let ran = program.run(b"", Duration::from_secs(5), 100, &Stop::new()).await.unwrap();
        assert_eq!(ran.text().trim(), (own + nicely::NICE).min(19).to_string());
    }
    assert_eq!(rustix::process::getpriority_process(None).unwrap(), own);
}

#[tokio::test]
async fn the_environment_is_cleared() {
    let program = sh("env", "test/env").env("EXTRA", "1");
    let ran = program.run(b"", Duration::from_secs(5), 9000, &Stop::new()).await.unwrap();
    let names: Vec<String> =
        ran.text().lines().filter_map(|l| Some(l.split_once('=')?.0.to_owned())).collect();
    assert!(names.iter().any(|n| n == "EXTRA") && names.iter().any(|n| n == COOKIE));
    let known = |n: &String| {
        INHERITED.contains(&n.as_str())
            || ["EXTRA", COOKIE, "PWD", "SHLVL", "_", "OLDPWD"].contains(&n.as_str())
    };
    assert!(names.iter().all(known), "{names:?}");
}

#[tokio::test]
async fn what_a_session_leaves_behind_is_found_by_its_cookie_and_ended() {
    let running =
        sh("setsid sleep 300 & setsid sleep 300 & read line", "test/left/1").converse().unwrap();
    while carrying("test/left/1").len() < 3 {
        tokio::task::yield_now().await;
    }
    let (ended, left) = running.end(Duration::from_secs(5)).await;
    assert!(matches!(ended, Ended::Exit(_)), "{ended:?}");
    assert_eq!(left, 2);
    assert!(carrying("test/left/1").is_empty());
}

#[tokio::test]
async fn a_child_that_cleared_its_environment_dies_with_its_session() {
    let mark = tempfile::NamedTempFile::new().unwrap();
    let path = mark.path().display();
    let script = format!("env -i setsid sh -c 'echo $$ > {path}; exec sleep 300' & read line");
    let running = sh(&script, "test/bare/1").converse().unwrap();
    let pid = loop {
        if let Ok(pid) = std::fs::read_to_string(mark.path()).unwrap().trim().parse() {
            break pid;
        }
        tokio::task::yield_now().await;
    };
    let (_, left) = running.kill().await;
    assert_eq!(start_time(pid), None);
    assert_eq!(left, 1);
}

#[test]
fn our_own_start_time_is_known_and_stays() {
    let own = std::process::id();
    assert!(start_time(own).is_some());
    assert_eq!(start_time(own), start_time(own));
}
