//! Who spoils a union is found with few runs, told with what it does not get on with, and nobody is blamed for a flake.

use super::*;

/// Tells every `tests/*.sh` by its name and notes each run of all in `$PROJECT/../runs`; the n-th run fails in
/// `tests/flaky.sh` when a line of `$PROJECT/../flakes` says n.
const COUNTED: &str = r#"echo run >> "$PROJECT/../runs"
nth=$(wc -l < "$PROJECT/../runs" | tr -d ' ')
count=0; status=0
for test in tests/*.sh; do
    count=$((count + 1))
    if [ "$test" = tests/flaky.sh ] && grep -qx "$nth" "$PROJECT/../flakes" 2> /dev/null; then ok='not ok'
    elif sh "$test"; then ok=ok; else ok='not ok'; fi
    [ "$ok" = ok ] || status=1
    echo "$ok $count - $test"
done
echo "1..$count"
exit $status
"#;

/// A line of orders that are to land together.
pub(crate) struct Batch {
    pub(crate) house: House,
    pub(crate) jobs: Vec<Job>,
}

impl Batch {
    /// `count` orders `o1`, `o2`, ...; those in `culprits` break a test of the base each. `named`: tests have names.
    pub(crate) async fn of(count: usize, culprits: &[usize], named: bool) -> Self {
        let house = House::with(|config| {
            let text = if named { "sh run-tests.sh" } else { "sh run-tests.sh > /dev/null" };
            config.project.test.command = ["sh", "-c", text].map(str::to_owned).to_vec();
        })
        .await;
        write(&house.project().join("run-tests.sh"), COUNTED);
        write(&house.project().join("tests/flaky.sh"), "true\n");
        for nth in 1..=count {
            let test = format!("[ ! -e bad/o{nth} ]\n");
            write(&house.project().join(format!("tests/guard-{nth}.sh")), &test);
        }
        house.commit("README", "a project\n");
        // What every batch finds: the base was tested when the first order of it was.
        let first = house.tested("first").await;
        assert!(house.check(Gate::Red, &first).await.check.passed());
        let mut jobs = Vec::new();
        for nth in 1..=count {
            let job = house.order(&format!("o{nth}")).await;
            job.work(&format!("src/o{nth}"), "here\n");
            if culprits.contains(&nth) {
                job.work(&format!("bad/o{nth}"), "here\n");
            }
            jobs.push(job);
        }
        let batch = Self { house, jobs };
        batch.forget();
        batch
    }

    fn runs_file(&self) -> PathBuf {
        self.house.folder.path().join("runs")
    }

    fn forget(&self) {
        write(&self.runs_file(), "");
    }

    /// The runs since that fail whatever the code is.
    fn flakes(&self, runs: &[usize]) {
        let lines: String = runs.iter().map(|nth| format!("{nth}\n")).collect();
        write(&self.house.folder.path().join("flakes"), &lines);
    }

    /// How often the test command was run.
    pub(crate) fn runs(&self) -> usize {
        std::fs::read_to_string(self.runs_file()).unwrap().lines().count()
    }

    /// Lands them together; the orders that were sent back, and the reports.
    pub(crate) async fn together(&self) -> (Vec<usize>, Vec<GateReport>) {
        let reports = self.house.union(&self.jobs.iter().collect::<Vec<_>>()).await;
        (blamed(&reports), reports)
    }

    /// Lands one after the other, as one would without a union.
    pub(crate) async fn one_by_one(&self) -> Vec<usize> {
        let mut reports = Vec::new();
        for job in &self.jobs {
            reports.extend(self.house.union(&[job]).await);
        }
        blamed(&reports)
    }
}

/// The places of those that failed, counted from 1; the others must have passed.
fn blamed(reports: &[GateReport]) -> Vec<usize> {
    let failed = reports.iter().enumerate().filter(|(_, report)| !report.check.passed());
    let failed: Vec<usize> = failed.map(|(at, _)| at + 1).collect();
    let fits = |report: &GateReport| report.check.word() == "fail" || report.check.passed();
    assert!(reports.iter().all(fits), "{reports:#?}");
    failed
}

#[tokio::test]
async fn a_culprit_is_found_by_halving_wherever_it_stands() {
    for (at, most) in [(1, 5), (2, 5), (3, 5), (4, 4)] {
        let batch = Batch::of(4, &[at], true).await;
        let (blamed, reports) = batch.together().await;
        assert_eq!(blamed, [at], "{reports:#?}");
        expect(&reports[at - 1], "fail", &format!(": tests/guard-{at}.sh"));
        // Twice the whole line, two halvings, and the rest without it unless that is known.
        assert_eq!(batch.runs(), most, "culprit {at}");
    }
}

#[tokio::test]
async fn two_culprits_are_both_found_and_the_rest_lands() {
    for named in [true, false] {
        let batch = Batch::of(5, &[2, 4], named).await;
        let (blamed, reports) = batch.together().await;
        assert_eq!(blamed, [2, 4], "{reports:#?}");
        let log = git(&batch.house.project(), &["log", "--format=%s", "shopfloor/ready"]);
        let landed: Vec<&str> = log.lines().take(3).collect();
        assert_eq!(landed, ["Make o5", "Make o3", "Make o1"]);
        // By names it is known that what the first one broke is whole without it; by the exit code it is looked at again.
        let runs = batch.runs();
        assert!(runs <= if named { 9 } else { 10 }, "{runs} runs, named: {named}");
    }
}

#[tokio::test]
async fn a_flake_blames_nobody_wherever_it_falls() {
    // In the first run of the line; and, beside a culprit, in a half of it: whoever that points at goes back on the line.
    let batch = Batch::of(4, &[], true).await;
    batch.flakes(&[1]);
    let (blamed, reports) = batch.together().await;
    assert!(blamed.is_empty() && batch.runs() == 2, "{reports:#?}");
    expect(&reports[0], "pass", "the second time (they failed once)");

    let batch = Batch::of(4, &[4], false).await;
    batch.flakes(&[3]);
    let (blamed, reports) = batch.together().await;
    assert_eq!(blamed, [4], "{} runs: {reports:#?}", batch.runs());
}

#[tokio::test]
async fn the_order_whose_tests_are_broken_is_named() {
    let house = House::new().await;
    house.commit("run-tests.sh", COUNTED);
    let (alpha, beta, gamma) =
        (house.built("alpha").await, house.built("beta").await, house.built("gamma").await);
    // Gamma takes beta's file away as soon as it is there.
    gamma.work("tests/gamma.sh", "[ -e src/gamma ]\n");
    gamma.work("run-tests.sh", &format!("rm -f src/beta\n{COUNTED}"));
    let reports = house.union(&[&alpha, &beta, &gamma]).await;
    expect(&reports[0], "pass", "landed");
    expect(&reports[1], "pass", "landed");
    expect(&reports[2], "fail", "once it stands on alpha, beta");
    expect(&reports[2], "fail", ": tests/beta.sh (tests of beta)");
    let told = findings(&reports[2]);
    assert!(told.contains("whose tests they are:\n\n- beta: Make beta\n\n"), "{told}");
}

/// A test that had no name at RED, since its file could not be built, has one at GREEN: it must not be silenced either.
#[tokio::test]
async fn a_test_that_got_its_name_at_green_is_wanted_too() {
    let house = House::with(|config| {
        let words = ["cargo", "test", "--offline", "--no-fail-fast"];
        config.project.test.command = words.map(str::to_owned).to_vec();
    })
    .await;
    let manifest = "[package]\nname = \"probe\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[lib]\ndoctest = false\n";
    write(&house.project().join("Cargo.toml"), manifest);
    write(&house.project().join(".gitignore"), "/target\nCargo.lock\n*.tmp\n");
    write(&house.project().join("tests/base.rs"), "#[test]\nfn base() {}\n");
    house.commit("src/lib.rs", "pub fn one() -> u8 {\n    1\n}\n");
    let (mut alpha, mut beta) = (house.order("alpha").await, house.order("beta").await);
    alpha.work("tests/two.rs", "#[test]\nfn two() {\n    assert_eq!(probe::two(), 2);\n}\n");
    beta.work("tests/one.rs", "#[test]\nfn one() {\n    assert_eq!(probe::one(), 2);\n}\n");
    for job in [&mut alpha, &mut beta] {
        let red = house.check(Gate::Red, job).await;
        assert!(red.check.passed(), "{red:?}");
        job.frozen = red.proof;
    }
    alpha.work("src/two.rs", "pub fn two() -> u8 {\n    2\n}\n");
    alpha.work("src/lib.rs", "mod two;\npub use two::two;\n\npub fn one() -> u8 {\n    1\n}\n");
    beta.work("src/lib.rs", "pub fn one() -> u8 {\n    2\n}\n");
    // No test is found by itself any more: only those it knows.
    let tests = "\n[[test]]\nname = \"base\"\n\n[[test]]\nname = \"one\"\n";
    let manifest = manifest.replace("2021\"\n", "2021\"\nautotests = false\n");
    beta.work("Cargo.toml", &format!("{manifest}{tests}"));
    for job in [&alpha, &beta] {
        let green = house.check(Gate::Green, job).await;
        assert!(green.check.passed(), "{green:?}");
    }
    let reports = house.union(&[&alpha, &beta]).await;
    expect(&reports[0], "pass", "landed");
    expect(&reports[1], "fail", "new tests are gone or skipped once it stands on alpha");
    expect(&reports[1], "fail", "two (tests/two.rs) > two (tests of alpha)");
}
