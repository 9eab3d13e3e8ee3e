"""What tools/bench reads from a suite, and how it shows it."""
import json
import unittest

from tools.bench_runner import rows

ROW = {"name": "invoke", "value": 3.512345, "unit": "ns/call", "baseline": 2.5, "ratio": 1.4, "budget": 1.6,
       "within": True}


class Parse(unittest.TestCase):
    def test_rows(self):
        plain = {**ROW, "baseline": None, "ratio": None, "budget": None}
        self.assertEqual(rows.parse(f"{json.dumps(ROW)}\n\n{json.dumps(plain)}\n"), [ROW, plain])

    def test_what_is_no_row_is_named(self):
        wrong = ["nonsense", "[]", json.dumps({**ROW, "more": 1}), json.dumps({**ROW, "value": "3"}),
                 json.dumps({**ROW, "value": True}), json.dumps({**ROW, "within": 1}), json.dumps({**ROW, "unit": None}),
                 json.dumps({k: v for k, v in ROW.items() if k != "budget"})]
        for text in wrong:
            with self.subTest(text), self.assertRaisesRegex(ValueError, "line 2"):
                rows.parse(f"{json.dumps(ROW)}\n{text}\n")


class Table(unittest.TestCase):
    def test_columns_align(self):
        over = {**ROW, "name": "a longer name", "value": 1234567, "within": False}
        head, first, second = rows.table([ROW, over]).splitlines()
        self.assertEqual(head.split(), list(rows.KEYS))
        self.assertEqual(first.index("3.512") + len("3.512"), second.index("1,234,567") + len("1,234,567"))
        self.assertTrue(first.endswith("ok"))
        self.assertTrue(second.endswith("OVER"))

    def test_without_a_budget_there_is_no_verdict(self):
        plain = {**ROW, "budget": None}
        for color in (False, True):
            self.assertTrue(rows.table([plain], color=color).endswith("1.4"))

    def test_color_marks_only_the_verdict(self):
        plain, colored = rows.table([ROW]), rows.table([ROW], color=True)
        self.assertEqual(colored.replace(rows.GREEN, "").replace(rows.PLAIN, "").replace(" \n", "\n").split(), plain.split())
        self.assertIn(rows.RED, rows.table([{**ROW, "within": False}], color=True))


if __name__ == "__main__":
    unittest.main()
