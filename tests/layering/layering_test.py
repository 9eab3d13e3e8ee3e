"""The tree as it is keeps the arrows of the architecture (tests/layering/rules.py).

Takes the product's build graph, as genquery printed it, from its argument. What
nobody uses yet it reads from the BUILD files, and what no dependency governs
from the sources; for these it runs outside the sandbox and uncached.
"""
import os
import pathlib
import sys
import unittest

from tests.layering import check, rules

GRAPH = pathlib.Path(sys.argv.pop())
SOURCE_SUFFIXES = {".h", ".cc", ".c", ".cpp", ".hpp"}


def find_root():
    """The source tree: where this file's symbolic link leads."""
    root = pathlib.Path(os.path.realpath(__file__)).parents[2]
    assert (root / "WORKSPACE").exists(), f"{root} is not the source tree: was this run in a sandbox?"
    return root


def layer_files(root, wanted):
    """{path: text} of the files in the layers' folders that `wanted` takes."""
    found = {}
    for top in sorted({layer.split("/")[0] for layer in rules.LAYERS}):
        for folder, names, files in os.walk(root / top):
            names[:] = [n for n in names if n not in ("node_modules", "bin", "obj", "build")]
            for file in map(pathlib.Path(folder).joinpath, files):
                if wanted(file):
                    found[str(file.relative_to(root))] = file.read_text(errors="replace")
    return found


class Layering(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = find_root()
        cls.graph = check.edges_of(GRAPH.read_text())
        cls.declared = []
        for path, text in layer_files(cls.root, lambda f: f.name == "BUILD").items():
            cls.declared += check.edges_of_build(str(pathlib.Path(path).parent), text)
        cls.edges = list(dict.fromkeys(cls.graph + cls.declared))

    def none(self, wrong):
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))

    def test_both_graphs_are_there(self):
        self.assertGreater(len(self.graph), 10)
        self.assertGreater(len(self.declared), 10)

    def test_arrows(self):
        self.none(check.wrong_arrows(self.edges, rules.LAYERS))

    def test_libraries(self):
        self.none(check.wrong_libraries(self.edges, rules.LAYERS, rules.LIBRARIES))

    def test_includes(self):
        sources = layer_files(self.root, lambda f: f.suffix in SOURCE_SUFFIXES)
        self.assertTrue(any(path.startswith("broker/base/") for path in sources))
        self.none(check.wrong_includes(sources, rules.LAYERS, rules.FORBIDDEN_INCLUDES))


if __name__ == "__main__":
    unittest.main()
