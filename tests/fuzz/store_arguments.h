// Arguments that the functions of the store have in common, as a program makes them up.
//
// Thread safety: a program runs on one thread.
#pragma once

#include <cstdint>
#include <string>

#include "tests/fuzz/world.h"

namespace belay::fuzz {

// Bytes as an argument: a pointer and a size that mostly belong together. Huge sizes are refused before
// anything is read.
struct Argument {
  const void* data;
  std::uint64_t size;
};

inline Argument AsArgument(World& world, const std::string& bytes) {
  switch (world.in.Byte()) {
    case 255: return {nullptr, bytes.size()};
    case 254: return {bytes.data(), std::uint64_t{1} << 40U};
    case 253: return {bytes.data(), ~std::uint64_t{0}};
    default: return {bytes.data(), bytes.size()};
  }
}

// Bytes that the program makes up, and how they are passed on.
struct Bytes {
  explicit Bytes(World& world) : bytes(world.in.Bytes()), given(AsArgument(world, bytes)) {}
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  const std::string bytes;
  const Argument given;
};

// A range, of which either end may be open.
struct Range {
  explicit Range(World& world) : first(world), last(world) {
    const std::size_t bounds = world.in.Byte();
    if ((bounds & 1U) != 0) start = first.given;
    if ((bounds & 2U) != 0) end = last.given;
  }

  const Bytes first;
  const Bytes last;
  Argument start = {nullptr, 0};
  Argument end = {nullptr, 0};
};

struct WriteOptions {
  explicit WriteOptions(World& world) : if_value(world) {
    belay_write_options& options = room.value;
    options.struct_size = world.StructSize(sizeof options);
    // Durable now and then: each costs an fsync.
    options.flags = world.in.Byte() % 16 & ~BELAY_WRITE_ASYNC;
    if (!world.in.OneIn(32)) options.flags |= BELAY_WRITE_ASYNC;
    options.if_revision = world.in.Byte();
    options.if_value = if_value.given.data;
    options.if_value_size = if_value.given.size;
    if (world.in.OneIn(16)) options.ttl_ms = world.in.OneIn(8) ? world.in.Word() : world.in.Byte();
    given = world.in.OneIn(64) ? nullptr : &options;
  }

  const Bytes if_value;
  Padded<belay_write_options> room;
  const belay_write_options* given;
};

}  // namespace belay::fuzz
