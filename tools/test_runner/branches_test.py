"""Nothing that no test reached goes unseen, and nothing is excused that was reached, or is not there."""
import unittest

from tools.test_runner.branches import Excuse, Gap, Profile, judge, line_counts, read_excuses

SOURCE = {"lib/a.cc": ["int F(E e, bool b) {", "  switch (e) {", "    case E::x: return 1;", "  }",
                       "  if (b && e) {", "    return 2;", "  }", "  return 0;", "}"]}


def export(branches, segments=(), name="lib/a.cc:_Z1F", more=()):
    """What llvm-cov says of one file with one function, and of `more` instances of it."""
    file = "/proc/self/cwd/lib/a.cc"
    functions = [{"name": n, "filenames": [file], "branches": b, "regions": [[1, 20, 9, 2, 1, 0, 0, 0]]}
                 for n, b in [(name, branches), *more]]
    return {"data": [{"files": [{"filename": file, "segments": list(segments)}], "functions": functions}]}


def gaps(*args, **kwargs):
    return [(g.line, g.what) for g in Profile(export(*args, **kwargs), SOURCE.get, ["lib"]).gaps]


class Branches(unittest.TestCase):
    def test_each_condition_must_have_been_true_and_false(self):
        self.assertEqual(gaps([[5, 7, 5, 8, 3, 0, 0, 0, 4], [5, 12, 5, 13, 0, 2, 0, 0, 4]]),
                         [(5, "`b` is never false"), (5, "`e` is never true")])
        self.assertEqual(gaps([[5, 7, 5, 8, 3, 1, 0, 0, 4]]), [])

    def test_a_switch_must_have_taken_what_is_no_case(self):
        self.assertEqual(gaps([[2, 11, 2, 12, 0, 4, 0, 0, 4]]), [(2, "`e` is always one of the cases")])

    def test_instances_of_a_template_count_together(self):
        one, other = [[5, 7, 5, 8, 1, 0, 0, 0, 4]], [[5, 7, 5, 8, 0, 1, 0, 0, 4]]
        self.assertEqual(gaps(one, more=[("_Z1FIiE", other)]), [])

    def test_the_function_is_told(self):
        profile = Profile(export([[5, 7, 5, 8, 0, 0, 0, 0, 4]]), SOURCE.get, ["lib"], lambda names: ["ns::F()"])
        self.assertEqual({g.function for g in profile.gaps}, {"ns::F()"})
        self.assertEqual({g.code for g in profile.gaps}, {"if (b && e) {"})

    def test_other_folders_do_not_count(self):
        self.assertEqual(Profile(export([[5, 7, 5, 8, 0, 0, 0, 0, 4]]), SOURCE.get, ["li", "other"]).gaps, [])

    def test_the_table_adds_up(self):
        profile = Profile(export([[5, 7, 5, 8, 3, 0, 0, 0, 4]], [[1, 20, 1, True, True, False], [9, 2, 0, False, False, False]]),
                          SOURCE.get, ["lib"])
        self.assertIn("50.00 % (1 of 2)", profile.table(["lib"]))
        self.assertIn("100.00 % (6 of 6)", profile.table(["lib"]))  # a line of but a brace is none


class Lines(unittest.TestCase):
    def test_a_line_counts_as_often_as_what_ran_most_on_it(self):
        # f() { / if (x) return; / g(); / }: entered 3 times, left early 3 times.
        segments = [[1, 5, 3, True, True, False], [2, 10, 3, True, True, False], [2, 17, 0, True, False, True],
                    [3, 3, 0, True, True, False], [4, 2, 0, False, False, False]]
        self.assertEqual(line_counts(segments), {1: 3, 2: 3, 3: 0, 4: 0})

    def test_a_line_that_begins_in_a_gap_counts_as_what_follows_it(self):
        segments = [[1, 5, 3, True, True, False], [2, 4, 0, True, False, True], [3, 3, 3, True, False, False],
                    [4, 2, 0, False, False, False]]
        self.assertEqual(line_counts(segments), {1: 3, 2: 3, 3: 3, 4: 3})

    def test_lines_between_functions_are_none(self):
        segments = [[1, 1, 1, True, True, False], [1, 9, 0, False, False, False],
                    [4, 1, 2, True, True, False], [4, 9, 0, False, False, False]]
        self.assertEqual(line_counts(segments), {1: 1, 4: 2})

    def test_none_is_none(self):
        self.assertEqual(line_counts([]), {})


class Excuses(unittest.TestCase):
    TEXT = """# A comment.

lib/a.cc, F
  if (b && e) {
  `b` is never true
  return 2;
  never runs
Because nobody
says so.

lib/a.cc, G
  x();
  never runs
Because of G.
"""
    GAPS = [Gap("lib/a.cc", 5, "ns::F(E)", "if (b && e) {", "`b` is never true"),
            Gap("lib/a.cc", 6, "ns::F(E)", "return 2;", "never runs"),
            Gap("lib/a.cc", 12, "ns::G()", "x();", "never runs")]

    def test_what_is_listed_is_excused(self):
        self.assertEqual(judge(self.GAPS, read_excuses(self.TEXT)), ([], []))

    def test_what_is_not_listed_is_missed(self):
        more = Gap("lib/a.cc", 5, "ns::F(E)", "if (b && e) {", "`b` is never false")
        self.assertEqual(judge([*self.GAPS, more], read_excuses(self.TEXT)), ([more], []))

    def test_an_excuse_is_good_for_one_gap(self):
        twin = Gap("lib/a.cc", 7, "ns::F(E)", "return 2;", "never runs")
        self.assertEqual(judge([*self.GAPS, twin], read_excuses(self.TEXT)), ([twin], []))

    def test_an_excuse_holds_in_its_function_only(self):
        moved = [Gap(g.file, g.line, "ns::H()", g.code, g.what) for g in self.GAPS[2:]]
        missed, stale = judge(self.GAPS[:2] + moved, read_excuses(self.TEXT))
        self.assertEqual((missed, [e.function for e in stale]), (moved, ["G"]))

    def test_an_excuse_for_what_was_reached_is_stale(self):
        stale = judge(self.GAPS[:2], read_excuses(self.TEXT))[1]
        self.assertEqual(stale, [Excuse("lib/a.cc", "G", "x();", "never runs")])

    def test_an_excuse_without_a_reason_is_none(self):
        for text in ("lib/a.cc, F\n  x();\n  never runs\n", "lib/a.cc, F\nBecause.\n", "F\n x();\n never runs\nBecause.\n",
                     "lib/a.cc, F\n  x();\n  never runs\n  y();\nBecause.\n"):
            with self.assertRaises(ValueError, msg=text):
                read_excuses(text)

    def test_an_empty_list_is_one(self):
        self.assertEqual(read_excuses("# Nothing.\n\n"), [])


if __name__ == "__main__":
    unittest.main()
