//! Honest work for any order at any stage, for a project whose tests are shell scripts: `tests/<id>.sh` wants
//! `done/<id>.txt`.

use std::collections::BTreeMap;

use shopfloor::verdict::Verdict;

use crate::LABEL;
use crate::job::Job;
use crate::scenario::Act;

/// `act` with the honest work of the job's stage.
pub(crate) fn fill_in(mut act: Act, job: &Job) -> Act {
    match job.stage.as_str() {
        "spec" => paper(&mut act.papers, "work-order.md", spec(job)),
        "test" => paper(&mut act.files, "tests/{{id}}.sh", test(job)),
        "implement" => paper(&mut act.files, "done/{{id}}.txt", product(job)),
        "playtest" => playtest(&mut act, job),
        "commit" => {
            paper(&mut act.papers, "commit-message.md", message(job));
            let note = format!("{LABEL}: `done/{}.txt` is there now.\n", job.order);
            paper(&mut act.papers, "change-note.md", note);
        }
        // A stage we have not heard of: what it asks for is what it gets.
        _ => {
            for name in &job.leaves {
                let text = format!("# {name}\n\n{LABEL} {} of {}.\n", job.stage, job.order);
                paper(&mut act.papers, name, text);
            }
        }
    }
    act
}

fn paper(papers: &mut BTreeMap<String, String>, name: &str, text: String) {
    papers.insert(name.to_owned(), text);
}

fn spec(job: &Job) -> String {
    let (id, title) = (&job.order, title(job));
    format!(
        "# {title}\n\n{LABEL} spec.\n\n\
         ## Goal\n\nThe file `done/{id}.txt` is there and says that {title:?} is done.\n\n\
         ## Acceptance criteria\n\n- `done/{id}.txt` holds the line `{LABEL} work of {id}`.\n\n\
         ## Files\n\n- `tests/{id}.sh`\n- `done/{id}.txt`\n\n\
         ## How to playtest\n\n1. Read `done/{id}.txt` and look for its name in it.\n"
    )
}

fn test(job: &Job) -> String {
    let id = &job.order;
    format!(
        "# {LABEL} test of {id}.\n\
         grep -q '{LABEL} work of {id}' done/{id}.txt || {{\n    \
         echo 'done/{id}.txt is not the work of {id}'\n    exit 1\n}}\n"
    )
}

fn product(job: &Job) -> String {
    let mut text = format!("{LABEL} work of {}\n{}\n", job.order, title(job));
    // Work that came back is not the same work again.
    if job.fix || job.desk.join("feedback.md").exists() {
        text += &format!("revised at generation {}\n", job.generation);
    }
    text
}

fn playtest(act: &mut Act, job: &Job) {
    let word = match act.verdict {
        Verdict::NeedsWork => "NEEDS_WORK",
        _ => "APPROVED",
    };
    act.run.push(vec!["cat".to_owned(), "done/{{id}}.txt".to_owned()]);
    act.capture = Some("session.txt".to_owned());
    act.artifacts = vec!["playtest-report.md".to_owned(), "session.txt".to_owned()];
    let report = format!(
        "# {LABEL} playtest of {}\n\nWhat was done and seen:\n\n```\n{{{{output}}}}```\n\nVerdict: {word}\n",
        job.order
    );
    paper(&mut act.papers, "playtest-report.md", report);
}

fn message(job: &Job) -> String {
    let subject: String = format!("{LABEL}: {}", title(job)).chars().take(72).collect();
    format!("{}\n\n{LABEL} work on order {}.\n", subject.trim_end(), job.order)
}

/// The title in one line; a fix turn does not tell it.
fn title(job: &Job) -> String {
    match job.title.as_str() {
        "" => job.order.clone(),
        title => title.to_owned(),
    }
}
