"""The arrows of the architecture, as data: who may use whom, and who may use what.

    base <- {registry, storage} <- engine <- {capi, daemon}
    base <- access <- {daemon, belayctl}
    proto <- {daemon, clients, belayctl}

A folder belongs to the layer with the longest matching path. What has no layer
(tests/, tools/ but belayctl) may use everything and be used by no layer.
"""

# layer -> layers it may use, besides itself.
LAYERS = {
    "broker/base": set(),
    "broker/registry": {"broker/base"},
    # Who may do what, as pure decisions: the daemon asks it, belayctl explains policies with it.
    "broker/access": {"broker/base"},
    "broker/storage": {"broker/base"},
    "broker/engine": {"broker/base", "broker/registry", "broker/storage"},
    "capi": {"broker/base", "broker/registry", "broker/storage", "broker/engine"},
    "proto": set(),
    "broker/daemon": {"broker/base", "broker/access", "broker/registry", "broker/storage", "broker/engine",
                      "proto"},
    # What serves an embedding process's admin door: the daemon's services and the C interface in one.
    "capi/serve": {"broker/base", "broker/registry", "broker/storage", "broker/engine", "broker/daemon",
                   "capi", "proto"},
    # Clients stand on the two doors, never on what is behind them.
    "clients": {"capi", "proto"},
    "tools/belayctl": {"broker/access", "broker/base", "clients", "proto"},
}

# layer -> the third-party libraries that it, or anything it stands on, may link.
# libbelay.so is made of the first five, and needs RocksDB and libstdc++ only;
# Asio there is its thread pool, a header.
_CORE = {"threads", "asio"}
LIBRARIES = {
    "broker/base": {"threads"},
    "broker/registry": _CORE,
    "broker/storage": _CORE | {"rocksdb"},
    "broker/engine": _CORE | {"rocksdb"},
    "capi": _CORE | {"rocksdb"},
}

# layer -> how the system headers that it must not include begin. No dependency
# governs those: they are all in /usr/include.
_WIRE = ("grpc/", "grpc++/", "grpcpp/", "google/protobuf/", "absl/", "belay/v1/")
_DAEMON = ("spdlog/", "fmt/", "CLI/", "toml++/", "systemd/")
_NETWORK = ("asio.hpp", "asio/ip/", "asio/local/", "asio/generic/", "asio/ssl", "asio/posix/",
            "asio/basic_socket", "asio/basic_stream_socket", "asio/basic_datagram_socket",
            "asio/connect.hpp", "asio/read", "asio/write",
            "sys/socket.h", "netinet/", "arpa/", "netdb.h")
_ENGINE = ("rocksdb/",)
FORBIDDEN_INCLUDES = {
    "broker/base": _WIRE + _DAEMON + _NETWORK + _ENGINE + ("asio/",),
    "broker/registry": _WIRE + _DAEMON + _NETWORK + _ENGINE,
    "broker/storage": _WIRE + _DAEMON + _NETWORK,
    "broker/engine": _WIRE + _DAEMON + _NETWORK + _ENGINE,
    "capi": _WIRE + _DAEMON + _NETWORK + _ENGINE,
    "broker/access": _WIRE + _NETWORK + _ENGINE,
    "broker/daemon": _ENGINE,
    "clients": _ENGINE,
    "tools/belayctl": _ENGINE,
}
