//! Test reports, by every adapter. The first byte says how the report came.

use crate::report::{Adapter, Choice, Completeness, Report, TestRun};

/// Commands whose tool is told by its name.
const COMMANDS: [&[&str]; 4] =
    [&["cargo", "test"], &["pytest", "-v"], &["node", "--test"], &["go", "test", "-json"]];

/// How a report came, in a byte: three bits for the adapter, two for the exit, two for the command, one for file or output.
pub(super) fn way(adapter: usize, exit: usize, command: usize, file: bool) -> u8 {
    (adapter & 7 | (exit & 3) << 3 | (command & 3) << 5 | usize::from(file) << 7) as u8
}

/// Reads it twice: the same both times, written and read again the same, and never better than the exit code allows.
pub(super) fn read(data: &[u8]) {
    let Some((way, text)) = data.split_first() else { return };
    let way = usize::from(*way);
    let text = String::from_utf8_lossy(text);
    let command: Vec<String> = COMMANDS[way >> 5 & 3].iter().map(|&word| word.to_owned()).collect();
    let file = way >> 7 == 1;
    let report = Report {
        choice: Adapter::ALL.get(way & 7).map_or(Choice::Auto, |adapter| Choice::Set(*adapter)),
        command: &command,
        folder: "/scene/work",
        output: if file { "" } else { &text },
        cut: false,
        file: file.then_some(&text),
        exit: [Some(0), Some(1), Some(134), None][way >> 3 & 3],
    };
    let first = report.read();
    assert_eq!(first, report.read());
    let Ok(run) = first else { return };
    match report.exit {
        None => assert!(!run.complete(), "it did not end and is whole: {run:?}"),
        Some(code) if code != 0 && run.adapter != Adapter::ExitCode => {
            let failed = run.tests.values().any(|outcome| outcome.is_failure());
            let excused = failed || run.executed() == 0 || run.completeness != Completeness::Whole;
            assert!(excused || run.build_failed.is_some(), "exit {code} and all is well: {run:?}");
        }
        Some(_) => {}
    }
    let written = serde_json::to_vec(&run).expect("a run can be written");
    let again: TestRun = serde_json::from_slice(&written).expect("what we write can be read");
    assert_eq!(run, again);
}
