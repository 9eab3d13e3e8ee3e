"""The layer check complains about what it is there for, and about nothing else."""
import unittest

from tests.layering import check, rules

GOOD = [
    ("//broker/registry:registry", "//broker/base:base"),
    ("//broker/storage/rocksdb:rocksdb", "//broker/storage:store"),
    ("//broker/storage/rocksdb:rocksdb", "//tools/bazel/third_party:rocksdb"),
    ("//broker/engine:engine", "//broker/registry:registry"),
    ("//broker/engine:engine", "//broker/storage/rocksdb:rocksdb"),
    ("//capi:belay_impl", "//broker/engine:engine"),
    ("//broker/daemon:belayd", "//broker/engine:engine"),
    ("//broker/daemon:belayd", "//proto:session_cc_grpc"),
    ("//proto:session_cc_grpc", "//tools/bazel/third_party:grpc"),
    ("//tools/belayctl:belayctl", "//clients/cpp:client"),
    ("//clients/cpp:client", "//capi:belay"),
    ("//tests/bench:inprocess", "//broker/registry:registry"),
]


def arrows(*extra):
    return check.wrong_arrows(GOOD + list(extra), rules.LAYERS)


def libraries(*extra):
    return check.wrong_libraries(GOOD + list(extra), rules.LAYERS, rules.LIBRARIES)


def includes(path, text):
    return check.wrong_includes({path: text}, rules.LAYERS, rules.FORBIDDEN_INCLUDES)


class Graph(unittest.TestCase):
    def test_the_house_as_designed_passes(self):
        self.assertEqual(arrows(), [])
        self.assertEqual(libraries(), [])

    def test_every_arrow_that_is_not_listed_is_wrong(self):
        for layer, allowed in rules.LAYERS.items():
            for other in rules.LAYERS.keys() - allowed - {layer}:
                with self.subTest(f"{layer} -> {other}"):
                    self.assertEqual(len(arrows((f"//{layer}:x", f"//{other}:y"))), 1)

    def test_registry_and_storage_do_not_know_each_other(self):
        self.assertTrue(arrows(("//broker/registry:registry", "//broker/storage:store")))
        self.assertTrue(arrows(("//broker/storage/rocksdb:rocksdb", "//broker/registry:registry")))

    def test_no_layer_stands_on_tests(self):
        self.assertTrue(arrows(("//broker/engine:engine", "//tests/model:model")))

    def test_grpc_below_the_daemon_is_wrong_for_all_that_stand_on_it(self):
        found = libraries(("//broker/registry:registry", "//tools/bazel/third_party:grpc"))
        self.assertEqual([line.split()[0] for line in found], ["broker/registry", "broker/engine", "capi"])
        self.assertIn("//capi:belay_impl -> //broker/engine:engine", "".join(
            libraries(("//broker/engine:engine", "//proto:p"), ("//proto:p", "//tools/bazel/third_party:protobuf"))))

    def test_the_core_links_no_library_of_the_daemon(self):
        for library in ("fmt", "spdlog", "systemd", "cli11", "tomlplusplus"):
            self.assertTrue(libraries(("//broker/engine:engine", check.THIRD_PARTY + library)), library)

    def test_the_graph_is_read(self):
        graph = 'digraph mygraph {\n  node [shape=box];\n  "//a:b"\n  "//a:b" -> "//c:d"\n  "//c:d" -> "@x//:y"\n}\n'
        self.assertEqual(check.edges_of(graph), [("//a:b", "//c:d")])


class Includes(unittest.TestCase):
    def test_system_headers_do_not_escape(self):
        self.assertTrue(includes("broker/registry/a.cc", "#include <grpcpp/grpcpp.h>\n"))
        self.assertTrue(includes("capi/src/a.cc", "#include <google/protobuf/message.h>\n"))
        self.assertTrue(includes("broker/engine/a.cc", '  # include "belay/v1/session.pb.h"\n'))
        self.assertTrue(includes("broker/engine/a.cc", "#include <asio/ip/tcp.hpp>\n"))
        self.assertTrue(includes("broker/engine/a.cc", "#include <rocksdb/db.h>\n"))

    def test_a_header_of_another_layer(self):
        self.assertTrue(includes("broker/registry/a_test.cc", '#include "broker/storage/store.h"\n'))
        self.assertTrue(includes("clients/cpp/a.cc", '#include "broker/base/status.h"\n'))
        self.assertTrue(includes("broker/engine/a.h", '#include "broker/daemon/config.h"\n'))

    def test_what_is_allowed(self):
        self.assertEqual(includes("broker/engine/a.cc", '#include "broker/registry/x.h"\n'), [])
        self.assertEqual(includes("broker/engine/a.cc", "#include <asio/thread_pool.hpp>\n"), [])
        self.assertEqual(includes("broker/storage/rocksdb/a.cc", "#include <rocksdb/db.h>\n"), [])
        self.assertEqual(includes("capi/src/a.cc", "#include <belay/belay.h>\n// #include <grpcpp/grpcpp.h>\n"), [])
        self.assertEqual(includes("broker/daemon/a.cc", "#include <grpcpp/grpcpp.h>\n"), [])
        self.assertEqual(includes("tests/crash/a.cc", "#include <rocksdb/db.h>\n"), [])


class BuildFiles(unittest.TestCase):
    BUILD = """
cc_library(
    name = "registry",
    deps = ["//broker/base", ":table"] + select({
        "//tools/bazel:fuzzing": ["//broker/storage:store"],
        "//conditions:default": [],
    }),
)
cc_test(name = "registry_test", deps = [":registry", "//tools/bazel/third_party:gtest_main"])
cc_library(name = "fake", testonly = True, deps = ["//tools/bazel/third_party:gtest"])
cc_library(name = "headers", hdrs = ["a.h"])
"""

    def test_deps_of_product_rules_are_read(self):
        self.assertEqual(check.edges_of_build("broker/registry", self.BUILD), [
            ("//broker/registry:registry", "//broker/base:base"),
            ("//broker/registry:registry", "//broker/registry:table"),
            ("//broker/registry:registry", "//broker/storage:store"),
        ])

    def test_names_of_constants_are_followed(self):
        text = '_DEPS = ["//broker/base"]\n[cc_library(name = "x_" + n, deps = _DEPS + [":y"]) for n in ["a"]]\n'
        self.assertEqual(check.edges_of_build("capi", text),
                         [("//capi:x_", "//broker/base:base"), ("//capi:x_", "//capi:y")])

    def test_a_forbidden_arrow_in_a_build_file(self):
        edges = check.edges_of_build("broker/registry", self.BUILD)
        self.assertEqual(len(check.wrong_arrows(edges, rules.LAYERS)), 1)


if __name__ == "__main__":
    unittest.main()
