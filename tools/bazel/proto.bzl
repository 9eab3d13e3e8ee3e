"""belay_proto_library: protoc and grpc_cpp_plugin from the distribution, as one rule."""

_PROTO_ROOT = "proto"

def _srcs_of(label):
    """The `_srcs` filegroup that goes with a belay_proto_library label."""
    if ":" in label:
        return label + "_srcs"
    return label + ":" + label.split("/")[-1] + "_srcs"

def belay_proto_library(name, srcs, deps = [], grpc = False, visibility = None):
    """A cc_library `name` for .proto files of this package.

    Args:
      name: the C++ library. `name`_srcs is the filegroup other proto libraries import.
      srcs: .proto files, imported by their path under proto/.
      deps: belay_proto_library targets these files import.
      grpc: also generate service stubs, and depend on //tools/bazel/third_party:grpc.
      visibility: of the C++ library.
    """
    imports = [_srcs_of(d) for d in deps]
    native.filegroup(
        name = name + "_srcs",
        srcs = srcs + imports,
        visibility = ["//proto:__subpackages__"],
    )

    stems = [s[:-len(".proto")] for s in srcs]
    suffixes = [".pb"] + ([".grpc.pb"] if grpc else [])
    hdrs = [s + x + ".h" for s in stems for x in suffixes]
    impl = [s + x + ".cc" for s in stems for x in suffixes]

    package = native.package_name()
    if package.split("/")[0] != _PROTO_ROOT:
        fail("belay_proto_library belongs under proto/")

    out = "--cpp_out=$(GENDIR)/" + _PROTO_ROOT
    if grpc:
        out += " --plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin"
        out += " --grpc_out=$(GENDIR)/" + _PROTO_ROOT

    native.genrule(
        name = name + "_gen",
        srcs = srcs + imports,
        outs = hdrs + impl,
        cmd = "/usr/bin/protoc -I" + _PROTO_ROOT + " " + out + " " +
              " ".join(["$(location %s)" % s for s in srcs]),
        message = "Generating C++ for",
    )

    # `includes` makes these -isystem, so the generated headers do not answer
    # to this project's warnings. Below proto/, //proto:include_root has it.
    at_root = package == _PROTO_ROOT
    native.cc_library(
        name = name,
        srcs = impl,
        hdrs = hdrs,
        copts = ["-w"],
        includes = ["."] if at_root else [],
        visibility = visibility,
        deps = deps + ([] if at_root else ["//proto:include_root"]) + [
            "//tools/bazel/third_party:grpc" if grpc else "//tools/bazel/third_party:protobuf",
        ],
    )
