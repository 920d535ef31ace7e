//! What the real Codex lets an agent reach, and what it lets a repository do to the agent.

use super::*;

const TRIES: &str = "echo 1 > ok; echo 1 > \"$SCENE/desks/a/ok\"; echo 1 > \"$TMPDIR/ok\"; \
    echo 1 > ../escape; echo 1 > \"$SCENE/session/escape\"; echo 1 > \"$SCENE/session/stream.jsonl\"; \
    echo 1 > \"$SCENE/session/codex-home/escape\"; echo 1 > \"$SCENE/desks/b/escape\"; \
    echo 1 > \"$HOME/escape\"; echo 1 > /tmp/shopfloor-escape && echo 1 > escape; \
    (echo > /dev/tcp/127.0.0.1/$PORT) 2>/dev/null && echo 1 > network; env > env; true";

/// Tells the agent's commands where the scene is and which port of this machine they are to try.
fn name_what_is_tried(scene: &mut Scene, model: &Model) {
    let port = model.url().rsplit(':').next().unwrap().to_owned();
    scene.config.env.insert("PORT".to_owned(), port);
    let folder = scene.folder.path().display().to_string();
    scene.config.env.insert("SCENE".to_owned(), folder);
}

#[tokio::test]
async fn an_agent_writes_in_its_orders_worktree_on_its_desk_and_in_its_tmp_and_nowhere_else() {
    for driver in BOTH {
        let model =
            Model::start(|nth, _| if nth == 0 { Reply::Bash(TRIES) } else { Reply::Result }).await;
        let Some(mut scene) = real(driver, &model, 1) else { return };
        std::fs::create_dir_all(scene.path("desks/b")).unwrap();
        name_what_is_tried(&mut scene, &model);
        let mut session = scene.open("implement").await;
        let (turn, _) = turn_of(&scene, &mut *session, "a").await;
        testified(&turn);
        let tried = |entry: &walkdir::DirEntry| {
            ["ok", "escape", "network"].iter().any(|name| entry.file_name() == *name)
        };
        let written: Vec<String> = walkdir::WalkDir::new(scene.folder.path())
            .sort_by_file_name()
            .into_iter()
            .map(|entry| entry.unwrap())
            .filter(tried)
            .map(|entry| {
                entry.path().strip_prefix(scene.folder.path()).unwrap().display().to_string()
            })
            .collect();
        assert_eq!(written, ["desks/a/ok", "session/tmp/ok", "worktree/ok"], "{}", shown(driver));
        assert!(scene.read("session/stream.jsonl").starts_with('{'));
        // The cookie is there, so that nothing gets lost; the key of the provider is not.
        let env = scene.read("worktree/env");
        assert!(env.contains(&scene.cookie()) && !env.contains("not-a-key"), "{env}");
        let path = format!(":{}", std::env::var("PATH").unwrap());
        assert!(
            env.lines().any(|line| line.starts_with("PATH=") && line.ends_with(&path)),
            "{env}"
        );
        end(&scene, session, GRACE).await;
    }
}

#[tokio::test]
async fn the_repositorys_own_settings_servers_and_instructions_are_left_alone() {
    for driver in BOTH {
        let model = Model::start(|_, _| Reply::Result).await;
        let Some(scene) = real(driver, &model, 1) else { return };
        let work = scene.path("worktree");
        let run = format!("touch {}", scene.path("ran").display());
        std::fs::create_dir_all(work.join(".codex")).unwrap();
        let settings = format!(
            "model = \"planted\"\nnotify = [\"sh\", \"-c\", \"{run}\"]\n\
             [mcp_servers.planted]\ncommand = \"sh\"\nargs = [\"-c\", \"{run}\"]\n"
        );
        std::fs::write(work.join(".codex/config.toml"), settings).unwrap();
        let hook = format!(
            "{{\"hooks\":{{\"SessionStart\":[{{\"hooks\":[{{\"type\":\"command\",\"command\":\"{run}\"}}]}}]}}}}"
        );
        std::fs::write(work.join(".codex/hooks.json"), hook).unwrap();
        std::fs::write(work.join("AGENTS.md"), "Planted instructions.").unwrap();
        std::fs::create_dir(work.join(".git")).unwrap();
        std::fs::write(work.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
        let mut session = scene.open("implement").await;
        let (turn, _) = turn_of(&scene, &mut *session, "a").await;
        testified(&turn);
        end(&scene, session, GRACE).await;
        let asked = model.body(0);
        assert!(!scene.path("ran").exists(), "{}", shown(driver));
        assert!(asked.contains("\"model\":\"gpt-5.5\""));
        assert!(!asked.contains("Planted instructions"), "{}", shown(driver));
    }
}

#[tokio::test]
async fn the_operators_arguments_win_over_the_drivers_wall() {
    const TRY: &str = "echo 1 > \"$SCENE/cache/escape\"; echo 1 > ../escape; \
        (echo > /dev/tcp/127.0.0.1/$PORT) 2>/dev/null && echo 1 > network; true";
    let open = ["sandbox_mode=\"danger-full-access\""].map(str::to_owned).to_vec();
    for driver in BOTH {
        for none in [true, false] {
            let script = |nth, _: &str| if nth == 0 { Reply::Bash(TRY) } else { Reply::Result };
            let model = Model::start(script).await;
            let Some(mut scene) = real(driver, &model, 2) else { return };
            let cache = scene.path("cache");
            std::fs::create_dir(&cache).unwrap();
            let wider = vec![
                "sandbox_workspace_write.network_access=true".to_owned(),
                format!("sandbox_workspace_write.writable_roots=[\"{}\"]", cache.display()),
            ];
            for setting in if none { open.clone() } else { wider } {
                scene.config.args.extend(["-c".to_owned(), setting]);
            }
            name_what_is_tried(&mut scene, &model);
            let mut session = scene.open("implement").await;
            let (turn, _) = turn_of(&scene, &mut *session, "a").await;
            testified(&turn);
            let there =
                ["cache/escape", "worktree/network", "escape"].map(|at| scene.path(at).exists());
            assert_eq!(there, [true, true, none], "{} {none}", shown(driver));
            end(&scene, session, GRACE).await;
        }
    }
}

#[tokio::test]
async fn the_repositorys_instructions_are_read_where_the_operator_says_so() {
    let model = Model::start(|_, _| Reply::Result).await;
    let Some(mut scene) = real(DriverName::Codex, &model, 1) else { return };
    std::fs::write(scene.path("worktree/AGENTS.md"), "Wanted instructions.").unwrap();
    std::fs::create_dir(scene.path("worktree/.git")).unwrap();
    std::fs::write(scene.path("worktree/.git/HEAD"), "ref: refs/heads/main\n").unwrap();
    scene.config.args.extend(["-c", "project_doc_max_bytes=32768"].map(str::to_owned));
    let mut session = scene.open("implement").await;
    let (turn, _) = turn_of(&scene, &mut *session, "a").await;
    testified(&turn);
    assert!(model.body(0).contains("Wanted instructions."));
    end(&scene, session, GRACE).await;
}
