//! What becomes of result files of every kind.

use super::super::Rest;
use super::*;
use crate::holder::SessionId;

struct Scene {
    _folder: tempfile::TempDir,
    results: Results,
}

fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(FOLDER)).unwrap();
    let turn = |order: &str, generation| Turn {
        order: OrderId::parse(order).unwrap(),
        generation,
        title: String::new(),
        desk: "/".into(),
        worktree: None,
        prompt: String::new(),
    };
    let plan = SessionPlan {
        session: SessionId::fresh(),
        stage: "spec".to_owned(),
        nonce: "n".to_owned(),
        dir: folder.path().to_owned(),
        cookie: "t/t".to_owned(),
        brief: String::new(),
        orders: vec![turn("a", 1), turn("b", 2)],
        folders: Vec::new(),
        home: folder.path().join("home"),
        caps: crate::agent::Caps::default(),
        walls: None,
    };
    Scene { results: Results::new(&plan), _folder: folder }
}

fn result(order: &str, generation: u64, nonce: &str, why: &str) -> String {
    format!(
        r#"{{"order":"{order}","gen":{generation},"nonce":"{nonce}","verdict":"done","why":"{why}"}}"#
    )
}

impl Scene {
    fn path(&self, name: &str) -> PathBuf {
        self.results.folder().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn refused(&mut self, last: bool) -> Vec<(String, String)> {
        let said = self.results.look(last).into_iter().map(|said| match said {
            Said::Refused { order, why } => (order, why),
            other => panic!("{other:?}"),
        });
        said.collect()
    }
}

#[test]
fn a_result_is_taken_once_and_the_same_again_is_nothing() {
    let mut scene = scene();
    scene.write("a.json", &result("a", 1, "n", "x"));
    let said = scene.results.look(false);
    assert!(
        matches!(&said[..], [Said::TurnEnded { order, end: TurnEnd::Testified(_), .. }] if order.as_str() == "a"),
        "{said:?}"
    );
    scene.write("a.json", &format!("{}\n", result("a", 1, "n", "x")));
    assert_eq!(scene.results.look(true), []);
    assert_eq!(scene.results.rest(&Rest::all(TurnEnd::Silent("x".to_owned()))).len(), 1);
}

#[test]
fn a_result_that_changes_after_it_was_taken_is_refused_once() {
    let mut scene = scene();
    scene.write("a.json", &result("a", 1, "n", "x"));
    assert_eq!(scene.results.look(false).len(), 1);
    scene.write("a.json", &result("a", 1, "n", "y"));
    let refused = scene.refused(false);
    assert!(refused[0].1.contains("contradicts"), "{refused:?}");
    assert_eq!(scene.refused(true), []);
    assert!(scene.results.any_taken());
}

#[test]
fn what_is_for_another_order_generation_or_session_is_refused_once_and_may_be_corrected() {
    let mut scene = scene();
    for (text, word) in [
        (result("b", 1, "n", ""), "another order"),
        (result("a", 7, "n", ""), "generation 7"),
        (result("a", 1, "m", ""), "nonce"),
    ] {
        scene.write("a.json", &text);
        let refused = scene.refused(false);
        assert!(refused[0].1.contains(word), "{refused:?}");
        assert_eq!(scene.refused(false), []);
    }
    scene.write("a.json", &result("a", 1, "n", ""));
    assert!(matches!(scene.results.look(false)[..], [Said::TurnEnded { .. }]));
}

#[test]
fn a_half_written_result_is_not_told_until_it_stands_still() {
    let mut scene = scene();
    scene.write("a.json", r#"{"order":"a","#);
    assert_eq!(scene.refused(false), []);
    scene.write("a.json", &result("a", 1, "n", ""));
    assert!(matches!(scene.results.look(false)[..], [Said::TurnEnded { .. }]));
    scene.write("b.json", "done!");
    assert_eq!(scene.refused(false), []);
    assert_eq!(scene.refused(false).len(), 1);
    assert_eq!(scene.refused(true), []);
}

#[test]
fn links_pipes_folders_and_big_files_are_refused_without_reading_them() {
    let mut scene = scene();
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(elsewhere.path(), result("a", 1, "n", "")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), scene.path("a.json")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, scene.path("b.json"), Mode::RUSR | Mode::WUSR).unwrap();
    let refused = scene.refused(false);
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].1.contains("link") && refused[1].1.contains("pipe"), "{refused:?}");
    std::fs::remove_file(scene.path("b.json")).unwrap();
    std::fs::create_dir(scene.path("b.json")).unwrap();
    std::fs::remove_file(scene.path("a.json")).unwrap();
    scene.write("a.json", &" ".repeat(RESULT_LIMIT_BYTES + 1));
    let refused = scene.refused(true);
    assert!(refused[0].1.contains("more than"), "{refused:?}");
    assert_eq!(scene.refused(true), []);
}

#[test]
fn a_name_that_is_no_order_of_the_batch_is_refused_and_unfinished_names_are_left_alone() {
    let mut scene = scene();
    scene.write("c.json", &result("c", 1, "n", ""));
    scene.write("A B.json", "{}");
    scene.write(".a.json", "{}");
    scene.write("a.json.tmp", "{}");
    scene.write("b.part", "{}");
    let refused = scene.refused(false);
    let names: Vec<&str> = refused.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["A B", "c"]);
    assert_eq!(scene.refused(true), []);
}
