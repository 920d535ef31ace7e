//! `shopfloor prompts`, and what agents are told by a project's own templates.

use std::fs;

use super::scene::Scene;

#[test]
fn templates_are_taken_out_changed_compared_and_tried() {
    let scene = Scene::ready();
    let told = scene.run(&["prompts", "eject", "implement", "turn"]).ended(0);
    told.says(&["wrote  shopfloor-prompts/implement.md", "wrote  shopfloor-prompts/turn.md"]);
    scene.run(&["prompts", "diff"]).ended(0).remarks(&["implement.md: the same as the built-in"]);
    let path = scene.project().join("shopfloor-prompts/implement.md");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("Leave no stubs", "Leave no stubs, no TODO")).unwrap();
    let diff = scene.run(&["prompts", "diff", "implement"]).ended(0);
    diff.says(&["--- built-in implement", "+++ shopfloor-prompts/implement.md", "no TODO"]);
    let json = scene.run(&["prompts", "check", "--json"]).ended(0).json();
    let from = |name: &str| {
        let all = json.as_array().unwrap();
        let one = all.iter().find(|one| one["name"] == name).unwrap();
        (one["from"].as_str().unwrap().to_owned(), one["fingerprint"].as_str().unwrap().len())
    };
    assert_eq!(from("implement"), ("own".to_owned(), 64));
    assert_eq!(from("spec"), ("built-in".to_owned(), 64));
}

#[test]
fn what_is_there_is_not_written_over_but_by_force_and_then_kept() {
    let scene = Scene::ready();
    scene.write("shopfloor-prompts/rules.md", "Mine: <<<{{ nonce }} {{ nonce }}>>>\n");
    scene.run(&["prompts", "eject", "rules"]).ended(4).remarks(&["is there already and stays"]);
    scene
        .run(&["prompts", "eject", "rules", "--force"])
        .ended(0)
        .says(&["kept   shopfloor-prompts/rules.md."]);
    let folder = scene.project().join("shopfloor-prompts");
    let kept = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let kept = kept.filter(|path| path.to_string_lossy().ends_with(".bak"));
    let kept: Vec<String> = kept.map(|path| fs::read_to_string(path).unwrap()).collect();
    assert_eq!(kept, ["Mine: <<<{{ nonce }} {{ nonce }}>>>\n"]);
    scene.run(&["prompts", "eject", "nobody"]).ended(2).remarks(&["the templates are spec, test"]);
}

#[test]
fn a_template_that_is_older_than_its_built_in_is_told() {
    let scene = Scene::ready();
    let old = "{# shopfloor prompt, made from the built-in 0000 #}\nAn old brief.\n";
    scene.write("shopfloor-prompts/spec.md", old);
    scene.run(&["prompts", "check"]).ended(0).says(&["the built-in has changed since"]);
    scene.run(&["prompts", "diff"]).ended(0).remarks(&["the built-in has changed since"]);
}

#[test]
fn nothing_starts_with_a_template_that_can_t_be_used() {
    let scene = Scene::ready();
    scene.write("shopfloor-prompts/turn.md", "Do {{ id }}, please: {{ titel }}\n");
    let wanted = ["shopfloor-prompts/turn.md", "line 1", "next:"];
    scene.run(&["prompts", "check"]).ended(2).remarks(&wanted);
    scene.run(&["start"]).ended(2).remarks(&wanted);
}
