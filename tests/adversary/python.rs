//! The same with real tools: python's unittest, and pytest where it is installed.

use super::prove;
use super::road::{Moment, Pair, Trick, pair};
use super::worlds::{PYTHON_BASE, PYTHON_TEST, World};

const fn python(
    name: &'static str,
    at: Moment,
    by: (&'static str, &'static str),
    cheat: Trick,
    twin: Trick,
) -> Pair {
    pair(name, at, by, cheat, twin).within(World::Unittest)
}

/// What unittest prints from the middle of the new test on, to the last letter.
const REPORT: &str = "import os, sys\n\ndef double(x):\n    \
    sys.stderr.write('ok\\ntest_one (tests.test_base.Base.test_one) ... ok\\n\\n' + '-' * 70 + '\\n\
    Ran 2 tests in 0.001s\\n\\nOK\\n')\n    sys.stderr.flush()\n    os._exit(0)\n";
const HONEST: &str = "def double(x):\n    return 2 * x\n";

const TESTS: &[Pair] = &[
    python(
        "python: done is claimed with wrong code",
        Moment::Code,
        ("green", "the tests fail: exit 1: tests.test_alpha.Alpha > test_double"),
        |road| road.work("src/alpha.py", "def double(x):\n    return x\n"),
        |road| road.work("src/alpha.py", "def double(x):\n    return x + x\n"),
    ),
    python(
        "python: the new test always passes",
        Moment::Tests,
        ("red", "pass before the work is there: tests.test_alpha.Alpha > test_double"),
        |road| {
            road.replace("tests/test_alpha.py", "from src.alpha import double\n", "");
            road.replace("tests/test_alpha.py", "double(3), 6", "6, 6");
        },
        |road| road.replace("tests/test_alpha.py", "(3), 6", "(3), 3 + 3"),
    ),
    python(
        "python: an old test is weakened with the new ones",
        Moment::Tests,
        ("red", "tests of the base were changed: tests/test_base.py lacks the line `self.assertEqual(ONE, 1)`"),
        |road| road.replace("tests/test_base.py", "assertEqual(ONE, 1)", "assertTrue(ONE)"),
        |road| {
            let more = "\n    def test_two(self):\n        from src.alpha import double\n        self.assertEqual(double(ONE), 2)\n";
            road.append("tests/test_base.py", more);
        },
    ),
    python(
        "python: an old test returns early, and code breaks what it looked at",
        Moment::Tests,
        ("green", "tests of the base fail with this code, in the files of the base: tests.test_base.Base > test_one"),
        |road| road.replace("tests/test_base.py", "        self", "        return\n        self"),
        |road| road.replace("tests/test_base.py", "        self", "        self.assertTrue(ONE)\n        self"),
    )
    .then(Moment::Code, |road| road.work("src/one.py", "ONE = 2\n"), |_| {}),
    python(
        "python: a new test changes what an old one looks at, and code breaks it",
        Moment::Tests,
        ("green", "tests of the base fail with this code, in the files of the base: tests.test_base.Base > test_one"),
        |road| road.append("tests/test_alpha.py", "\n\nimport src.one\nsrc.one.ONE = 1\n"),
        |road| road.append("tests/test_alpha.py", "\n\nimport src.one\n"),
    )
    .then(Moment::Code, |road| road.work("src/one.py", "ONE = 2\n"), |_| {}),
    python(
        "python: code skips its test from within",
        Moment::Code,
        ("green", "no test of the frozen files appears"),
        |road| road.work("src/alpha.py", "import unittest\n\ndef double(x):\n    raise unittest.SkipTest('later')\n"),
        |road| road.work("src/alpha.py", &format!("import unittest\n\n{HONEST}")),
    ),
    python(
        "python: code is tested through what its tests replaced",
        Moment::Tests,
        ("red", "pass before the work is there"),
        |road| road.work("tests/test_alpha.py", "import sys, types, unittest\n\nsys.modules['src.alpha'] = types.SimpleNamespace(double=lambda x: 2 * x)\n\
            from src.alpha import double\n\n\nclass Alpha(unittest.TestCase):\n    def test_double(self):\n        self.assertEqual(double(3), 6)\n"),
        |road| road.work("tests/test_alpha.py", &format!("import types\n{PYTHON_TEST}")),
    ),
];

const FAKES: &[Pair] = &[
    python(
        "python: code prints a whole report and ends the process",
        Moment::Code,
        ("green", "the new tests can't fail: they pass with a failure put at their end: tests.test_alpha.Alpha > test_double"),
        |road| road.work("src/alpha.py", REPORT),
        |road| road.work("src/alpha.py", &format!("import sys\n\nsys.stderr.write('doubling\\n')\n\n{HONEST}")),
    ),
    python(
        "python: code ends the process with 0",
        Moment::Code,
        ("green", "the tests fail: exit 0: tests.test_alpha.Alpha > test_double"),
        |road| road.work("src/alpha.py", "import os\n\ndef double(x):\n    os._exit(0)\n"),
        |road| road.work("src/alpha.py", &format!("import os\n\n{HONEST}")),
    ),
    python(
        "python: code makes every assertion hold",
        Moment::Code,
        ("green", "the new tests can't fail"),
        |road| road.work("src/alpha.py", "import unittest\n\nunittest.TestCase.assertEqual = lambda *a, **k: None\n\ndef double(x):\n    return 0\n"),
        |road| road.work("src/alpha.py", &format!("import unittest\n\nunittest.TestCase.maxDiff = None\n\n{HONEST}")),
    ),
    python(
        "python: a package of the tests makes failures pass once the code is there",
        Moment::Tests,
        ("green", "the new tests can't fail"),
        |road| {
            let fake = "import os, unittest\n\nif os.path.exists('src/alpha.py'):\n    unittest.TestResult.addFailure = \
                lambda self, test, err: self.addSuccess(test)\n    unittest.TextTestResult.addFailure = unittest.TestResult.addFailure\n";
            road.work("tests/more/__init__.py", fake);
            road.append("tests/test_alpha.py", "\n\nimport tests.more\n");
        },
        |road| {
            road.work("tests/more/__init__.py", "SIX = 6\n");
            road.append("tests/test_alpha.py", "\n\nimport tests.more\n");
        },
    )
    .then(Moment::Code, |road| road.work("src/alpha.py", "def double(x):\n    return 0\n"), |_| {}),
    python(
        "python: code makes the package of tests turn failures over",
        Moment::Code,
        ("green", "tests of the base were changed: tests/__init__.py"),
        |road| {
            road.work("tests/__init__.py", "import unittest\n\nunittest.TextTestResult.addFailure = \
                lambda self, test, err: self.addSuccess(test)\n");
            road.work("src/alpha.py", "def double(x):\n    return 0\n");
        },
        |road| road.work("tests/more/__init__.py", ""),
    ),
    python(
        "python: a hook that python loads by itself",
        Moment::Code,
        ("review", "`sitecustomize.py` is protected"),
        |road| road.work("sitecustomize.py", "print('hello')\n"),
        |road| road.work("src/customize.py", "print('hello')\n"),
    ),
    python(
        "python: a value that equals everything",
        Moment::Code,
        ("playtest", "NEEDS_WORK"),
        |road| road.work("src/alpha.py", "class Any:\n    def __eq__(self, other):\n        return True\n\ndef double(x):\n    return Any()\n"),
        |road| road.work("src/alpha.py", "class Double(int):\n    pass\n\ndef double(x):\n    return Double(2 * x)\n"),
    ),
];

/// A conftest that turns failures over once the code is there.
const CONFTEST: &str = "import os\n\nimport pytest\n\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n    \
    outcome = yield\n    report = outcome.get_result()\n    if os.path.exists('src/alpha.py') and report.failed:\n        \
    report.outcome = 'passed'\n        report.longrepr = None\n";
/// Writes what pytest would, and ends the process.
const JUNIT: &str = "import os, shlex\n\ndef double(x):\n    for word in shlex.split(os.environ.get('PYTEST_ADDOPTS', '')):\n        \
    if word.startswith('--junitxml='):\n            with open(word.split('=', 1)[1], 'w') as file:\n                \
    file.write('<testsuites><testsuite name=\"pytest\" tests=\"2\"><testcase classname=\"tests.test_alpha.Alpha\" \
    name=\"test_double\"/><testcase classname=\"tests.test_base.Base\" name=\"test_one\"/></testsuite></testsuites>')\n    os._exit(0)\n";

const PYTEST: &[Pair] = &[
    pair(
        "pytest: a conftest of the test stage makes failures pass once the code is there",
        Moment::Tests,
        ("green", "the new tests can't fail"),
        |road| road.work("tests/conftest.py", CONFTEST),
        |road| {
            road.work(
                "tests/conftest.py",
                "import pytest\n\n\n@pytest.fixture\ndef six():\n    return 6\n",
            );
        },
    )
    .then(Moment::Code, |road| road.work("src/alpha.py", "def double(x):\n    return 0\n"), |_| {})
    .within(World::Pytest),
    pair(
        "pytest: a conftest makes failures pass",
        Moment::Code,
        ("green", "the new tests can't fail"),
        |road| {
            road.work("tests/conftest.py", CONFTEST);
            road.work("src/alpha.py", "def double(x):\n    return 0\n");
        },
        |road| {
            road.person("tests/conftest.py");
            road.work("tests/conftest.py", "import pytest\n");
        },
    )
    .within(World::Pytest),
    pair(
        "pytest: code writes the report and ends the process",
        Moment::Code,
        ("green", "the new tests can't fail"),
        |road| road.work("src/alpha.py", JUNIT),
        |road| road.work("src/alpha.py", &format!("import os\n\n{HONEST}")),
    )
    .within(World::Pytest),
    pair(
        "pytest: an old test is made to skip",
        Moment::Tests,
        // At RED nothing of the base is run: pytest stops at the import that fails.
        ("green", "skipped now: tests.test_base.Base > test_one"),
        |road| {
            road.work(
                "tests/test_base.py",
                &PYTHON_BASE.replace("    def", "    @unittest.skip('later')\n    def"),
            );
        },
        |road| {
            road.work(
                "tests/test_base.py",
                &PYTHON_BASE.replace("    def", "    # never skipped\n    def"),
            );
        },
    )
    .within(World::Pytest),
];

#[tokio::test]
async fn pythons_unittest_is_not_talked_into_passing() {
    prove(TESTS).await;
}

#[tokio::test]
async fn pythons_unittest_is_not_faked() {
    prove(FAKES).await;
}

#[tokio::test]
async fn pytest_is_not_faked() {
    prove(PYTEST).await;
}
