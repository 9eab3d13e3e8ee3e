"""The closing line of tools/test counts every failure and invents no success."""
import json
import pathlib
import tempfile
import unittest
import zipfile

from tools.test_runner import coverage
from tools.test_runner.results import Cases, cases_of_junit, cases_of_trx, judge, read_events

GTEST = """<testsuites><testsuite name="S">
  <testcase name="ok" status="run" result="completed"/>
  <testcase name="off" status="notrun" result="suppressed"/>
  <testcase name="skip" status="run" result="skipped"><skipped message=""/></testcase>
  <testcase name="bad" status="run" result="completed"><failure message="x"/></testcase>
</testsuite></testsuites>"""
TRX = """<TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results>
  <UnitTestResult testName="a" outcome="Passed"/><UnitTestResult testName="b" outcome="Passed"/>
  <UnitTestResult testName="c" outcome="Failed"/><UnitTestResult testName="d" outcome="NotExecuted"/>
</Results></TestRun>"""


def configured(label, test=True):
    return {"id": {"targetConfigured": {"label": label}}, "configured": {"testSize": "SMALL"} if test else {}}


def completed(label, success=True):
    return {"id": {"targetCompleted": {"label": label}}, "completed": {"success": True} if success else {}}


def summary(label, status):
    return {"id": {"testSummary": {"label": label}}, "testSummary": {"overallStatus": status}}


def result(label, **outputs):
    return {"id": {"testResult": {"label": label}}, "testResult": {"testActionOutput": [
        {"name": name.replace("_", "."), "uri": pathlib.Path(path).as_uri()} for name, path in outputs.items()]}}


def read(*events, exit_code=0):
    return read_events([json.dumps(e) for e in events], exit_code)


class Reports(unittest.TestCase):
    def test_junit_tells_passed_failed_and_skipped_apart(self):
        self.assertEqual(cases_of_junit(GTEST), Cases(passed=1, failed=1, skipped=2))

    def test_a_torn_report_is_none(self):
        self.assertIsNone(cases_of_junit(GTEST[:80]))
        self.assertIsNone(cases_of_trx("not xml"))

    def test_trx(self):
        self.assertEqual(cases_of_trx(TRX), Cases(passed=2, failed=1, skipped=1))


class Judgement(unittest.TestCase):
    def test_a_passed_target_without_report_is_one(self):
        self.assertEqual(judge("PASSED", None, None), ("PASSED", Cases(passed=1)))

    def test_a_passed_target_that_ran_no_case_failed(self):
        self.assertEqual(judge("PASSED", Cases(), None)[1], Cases(failed=1))

    def test_a_failed_target_has_a_failed_case(self):
        for status in ("FAILED", "TIMEOUT", "FLAKY", "NO_STATUS", "REMOTE_FAILURE"):
            self.assertEqual(judge(status, Cases(passed=3), None)[1], Cases(passed=3, failed=1), status)

    def test_trx_goes_before_the_xml_that_bazel_made(self):
        self.assertEqual(judge("PASSED", Cases(passed=1), Cases(passed=9))[1], Cases(passed=9))


class Events(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.addCleanup(self.tmp.cleanup)

    def file(self, name, text):
        path = pathlib.Path(self.tmp.name, name)
        path.write_text(text)
        return path

    def test_cases_come_from_test_xml(self):
        xml = self.file("a b.xml", GTEST.replace('<failure message="x"/>', ""))
        (target,) = read(configured("//a"), completed("//a"), result("//a", test_xml=xml), summary("//a", "PASSED"))
        self.assertTrue(target.ok)
        self.assertEqual(target.cases, Cases(passed=2, skipped=2))

    def test_cases_come_from_trx_among_the_outputs(self):
        path = pathlib.Path(self.tmp.name, "outputs.zip")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("deep/results.trx", TRX)
        (target,) = read(configured("//a"), completed("//a"), result("//a", test_outputs__outputs_zip=path),
                         summary("//a", "PASSED"))
        self.assertFalse(target.ok)  # its runner hid a failure
        self.assertEqual(target.cases, Cases(passed=2, failed=1, skipped=1))
        self.assertEqual(target.outputs, (path,))

    def test_shards_add_up(self):
        xml = self.file("t.xml", GTEST)
        (target,) = read(configured("//a"), result("//a", test_xml=xml), result("//a", test_xml=xml),
                         summary("//a", "FAILED"))
        self.assertEqual(target.cases, Cases(passed=2, failed=2, skipped=4))

    def test_a_test_that_did_not_build_failed(self):
        (target,) = read(configured("//a"), completed("//a", False), summary("//a", "NO_STATUS"), exit_code=1)
        self.assertEqual((target.status, target.cases), ("NOT_BUILT", Cases(failed=1)))

    def test_a_library_that_did_not_build_failed(self):
        targets = read(configured("//lib", test=False), completed("//lib", False),
                       configured("//good", test=False), completed("//good"), exit_code=1)
        self.assertEqual([(t.label, t.ok) for t in targets], [("//lib", False)])

    def test_a_target_that_was_never_heard_of_again_failed(self):
        (target,) = read(configured("//a"))
        self.assertEqual((target.status, target.ok), ("NOT_RUN", False))

    def test_an_analysis_failure_failed(self):
        (target,) = read({"id": {"targetConfigured": {"label": "//a"}}, "aborted": {"reason": "ANALYSIS_FAILURE"}},
                         exit_code=1)
        self.assertFalse(target.ok)

    def test_an_unexplained_exit_code_is_a_failure(self):
        targets = read(configured("//a"), summary("//a", "PASSED"), exit_code=37)
        self.assertEqual(sum((t.cases for t in targets), Cases()), Cases(passed=1, failed=1))

    def test_a_torn_last_line_is_ignored(self):
        lines = [json.dumps(configured("//a")), json.dumps(summary("//a", "PASSED")), '{"id": {"test']
        self.assertEqual([t.ok for t in read_events(lines, 0)], [True])


class ClosingLine(unittest.TestCase):
    def test_form(self):
        self.assertEqual(Cases(12, 0, 0).line(), "12 passed, 0 failed")
        self.assertEqual(Cases(12, 3, 1).line(), "12 passed, 3 failed, 1 skipped")


class Coverage(unittest.TestCase):
    def test_table_by_folder(self):
        report = "SF:broker/base/a.cc\nDA:1,1\nDA:2,0\nend_of_record\nSF:capi/src/b.cc\nDA:1,5\nend_of_record\n"
        self.assertEqual(coverage.by_folder(report), {"broker/base": (1, 2), "capi/src": (1, 1)})
        self.assertIn("total", coverage.table(report))
        self.assertEqual(coverage.table(""), "")


if __name__ == "__main__":
    unittest.main()
