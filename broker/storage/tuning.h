// How an embedded store uses memory, disk and threads: what an operator or an embedding program may change.
//
// Each default suits a store of some gigabytes in a process that has other things to do. docs/store.md says
// when to change one.
//
// Thread safety: values.
#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/base/status.h"

namespace belay::storage {

// Whether files are read and written past the page cache of the operating system. The log never is.
enum class FileAccess : std::uint8_t { kBuffered, kDirect };

struct StoreTuning {
  // Blocks of files kept in memory, uncompressed, of all keyspaces together.
  std::size_t block_cache_bytes = std::size_t{64} << 20;
  // What all keyspaces together, and the history, collect in memory before a file is made of it.
  std::size_t write_buffer_bytes = std::size_t{64} << 20;
  // Of history kept on disk for watches, beyond which the oldest goes; at least two write buffers.
  std::size_t history_bytes = std::size_t{512} << 20;
  // How far back watches may ask, in revisions and in time; 0: as far as the bytes go.
  std::uint64_t history_revisions = 0;
  std::int64_t history_age_ns = 0;
  // Of what is known of keys that were written lately: spares a put the question.
  std::size_t header_cache_bytes = std::size_t{64} << 20;
  // Threads that write files: a library in somebody's process takes one for flushes and one for
  // compactions.
  int max_background_jobs = 2;
  // Per key, of the filters that answer from memory whether a file may have it; 0: no filters.
  int bloom_bits = 10;
  FileAccess file_access = FileAccess::kBuffered;
};

// INVALID_ARGUMENT names the bound that a value is beyond.
base::Status ValidateTuning(const StoreTuning& tuning);

}  // namespace belay::storage
