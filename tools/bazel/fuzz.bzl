"""belay_fuzz_test: a libFuzzer target under --config=fuzz, a corpus replay test otherwise."""

def belay_fuzz_test(name, srcs, deps = [], corpus = [], tags = [], size = "medium", seconds = 60):
    """A cc_test around LLVMFuzzerTestOneInput, linkable with any compiler.

    Args:
      name: the test; `bazel run --config=fuzz` fuzzes on.
      srcs: one of them defines LLVMFuzzerTestOneInput.
      deps: as for cc_test.
      corpus: seed files (a glob); each is run once as a plain test, and seeds the fuzzer.
      tags: besides "fuzz" and "sanitizers", which every fuzz test has.
      size: as for cc_test.
      seconds: for how long `bazel test --config=fuzz` looks for more.
    """
    seeds = ["$(rootpath %s)" % c for c in corpus]
    native.cc_test(
        name = name,
        size = size,
        srcs = srcs + select({
            "//tools/bazel:fuzzing": [],
            "//conditions:default": ["//tools/bazel:fuzz_replay_main.cc"],
        }),
        args = select({
            # No folder for the corpus: libFuzzer writes what it finds into the first one. Inputs as long as
            # it prints whole when one of them fails.
            "//tools/bazel:fuzzing": [
                "-max_total_time=%d" % seconds,
                "-max_len=256",
                "-timeout=60",
            ] + (["-seed_inputs=" + ",".join(seeds)] if seeds else []),
            "//conditions:default": seeds,
        }),
        data = corpus,
        linkopts = select({
            "//tools/bazel:fuzzing": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        tags = tags + ["fuzz", "sanitizers"],
        deps = deps,
    )
