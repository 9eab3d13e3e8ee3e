#include "broker/storage/rocksdb/engine_options.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "broker/storage/rocksdb/errors.h"
#include "broker/storage/rocksdb/format.h"
#include "rocksdb/cache.h"
#include "rocksdb/convenience.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/listener.h"
#include "rocksdb/options.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/table.h"

namespace belay::storage {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
// No bound of a family's own: see db_write_buffer_size.
constexpr std::size_t kUnbounded = std::size_t{1} << 40;

// Tells FaultState of faults that no writer would see at once. Called on RocksDB's threads, under
// none of its locks.
class FaultListener final : public rocksdb::EventListener {
 public:
  explicit FaultListener(std::shared_ptr<FaultState> faults) : faults_(std::move(faults)) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason /*reason*/,
                         rocksdb::Status* error) override {
    // Below "hard" RocksDB still takes writes and tries again by itself.
    if (error->severity() >= rocksdb::Status::Severity::kHardError) {
      faults_->Report(DescribeFault(*error));
    }
  }

  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/, rocksdb::Status /*error*/,
                            bool* auto_recovery) override {
    *auto_recovery = false;  // ours is the only recovery, see database.h
  }

 private:
  const std::shared_ptr<FaultState> faults_;
};

rocksdb::CompressionType FastCompression() {
  const std::vector<rocksdb::CompressionType> supported = rocksdb::GetSupportedCompressions();
  const bool has_lz4 =
      std::find(supported.begin(), supported.end(), rocksdb::kLZ4Compression) != supported.end();
  return has_lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
}

}  // namespace

rocksdb::DBOptions EngineOptions(const RocksOptions& options, bool create,
                                 std::shared_ptr<FaultState> faults) {
  rocksdb::DBOptions db;
  if (options.env != nullptr) db.env = options.env;
  db.create_if_missing = create;
  db.create_missing_column_families = create;
  // Any damage found stops writes instead of spreading.
  db.paranoid_checks = true;
  // After a power cut the log's unsynced end may be garbage of any kind, not merely short: replay up
  // to it. What was acknowledged as durable lies before it.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // Reused log files hold old records behind the new ones, which is one more thing to tell apart
  // after a crash; and the file system allocates well enough for us. RocksDB would set it back to this,
  // too, beside the recovery above, which takes the first damaged record for the end.
  db.recycle_log_file_num = 0;
  // A log file that is missing, or shorter than what of it was synced, is damage, and not the end.
  db.track_and_verify_wals_in_manifest = true;
  // Bounds what is replayed at open after a crash, and leaves room for what is collected.
  db.max_total_wal_size = std::max(128 * kMiB, 2 * options.tuning.write_buffer_bytes);
  // One bound on memory for all keyspaces: beyond it the oldest buffer becomes a file. Never two at
  // once, as bounds of their own would do now and then: if the disk fails at that moment, RocksDB 7.8
  // forgets what it holds of the second, and asserts when it is closed.
  db.db_write_buffer_size = options.tuning.write_buffer_bytes;
  // What was replayed is written to table files before anything new is logged. Else a log whose end
  // was never synced, because syncing it failed, could lie before newer ones that were.
  db.avoid_flush_during_recovery = false;
  db.max_background_jobs = options.tuning.max_background_jobs;
  // Past the page cache: what it holds twice is memory for others. Only where blocks of our own cache are
  // sized for it, as nothing else keeps them then.
  const bool is_direct = options.tuning.file_access == FileAccess::kDirect;
  db.use_direct_reads = is_direct;
  db.use_direct_io_for_flush_and_compaction = is_direct;
  // A process that embeds us has its own use for descriptors; the default keeps every file open.
  db.max_open_files = 512;
  // Writes back files that are being made bit by bit, not in one burst that delays fsyncs of the
  // log.
  db.bytes_per_sync = kMiB;
  // No retries by RocksDB itself; see OnErrorRecoveryBegin.
  db.max_bgerror_resume_count = 0;
  // RocksDB's own log: enough to look into an incident, bounded.
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.max_log_file_size = 4 * kMiB;
  db.keep_log_file_num = 4;
  // Nobody reads these statistics, and gathering them takes a thread and a walk over all files.
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.listeners.push_back(std::make_shared<FaultListener>(std::move(faults)));
  return db;
}

std::vector<rocksdb::ColumnFamilyDescriptor> EngineFamilies(
    const RocksOptions& options, const std::vector<std::string>& existing) {
  // One cache for all families, so that one bound holds.
  const std::shared_ptr<rocksdb::Cache> cache =
      rocksdb::NewLRUCache(options.tuning.block_cache_bytes);

  rocksdb::BlockBasedTableOptions data_table;
  data_table.block_cache = cache;
  // Each put asks whether its key exists, and mostly new keys do not: the filter answers from
  // memory. 10 bits: 1% false positives.
  if (options.tuning.bloom_bits > 0)
    data_table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(options.tuning.bloom_bits));
  // Index and filter blocks count against the cache's bound, and stay in it while used.
  data_table.cache_index_and_filter_blocks = true;
  data_table.pin_l0_filter_and_index_blocks_in_cache = true;
  data_table.format_version = 5;
  rocksdb::ColumnFamilyOptions data;
  data.write_buffer_size = kUnbounded;
  data.compression = FastCompression();
  data.table_factory.reset(rocksdb::NewBlockBasedTableFactory(data_table));

  // History is read in order and never by a key that may be absent: no filter, larger blocks.
  rocksdb::BlockBasedTableOptions history_table;
  history_table.block_cache = cache;
  history_table.block_size = 16 * 1024;
  history_table.cache_index_and_filter_blocks = true;
  history_table.format_version = 5;
  rocksdb::ColumnFamilyOptions history;
  history.write_buffer_size = kUnbounded;
  // Written once, in order, read a few times, and gone: neither sorted again nor compressed. Files
  // go, the oldest first, when all together are larger than the bound.
  history.compaction_style = rocksdb::kCompactionStyleFIFO;
  history.compaction_options_fifo.max_table_files_size =
      std::max(options.tuning.history_bytes, 2 * options.tuning.write_buffer_bytes);
  // Age is no reason to go. Both, for RocksDB makes 30 days of the first by the default of the second; and
  // where not all files stay open it takes every file that is not open for one that is too old.
  history.ttl = 0;
  history.periodic_compaction_seconds = 0;
  // Each opening leaves a small file: they are put together.
  history.compaction_options_fifo.allow_compaction = true;
  history.compression = rocksdb::kNoCompression;
  // All files are on level 0 here, so their number says nothing about a backlog.
  history.level0_slowdown_writes_trigger = 1 << 20;
  history.level0_stop_writes_trigger = 1 << 20;
  // Keys only grow: an insert begins where the last one ended.
  history.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewCappedPrefixTransform(0));
  history.table_factory.reset(rocksdb::NewBlockBasedTableFactory(history_table));

  rocksdb::BlockBasedTableOptions small_table;
  small_table.block_cache = cache;
  rocksdb::ColumnFamilyOptions small;
  small.table_factory.reset(rocksdb::NewBlockBasedTableFactory(small_table));

  std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, small},
      {kDataFamily, data},
      {kHistoryFamily, history},
      {kSystemFamily, data},
      {kExpiryFamily, small}};
  for (const std::string& name : existing) {
    const auto is_name = [&](const auto& family) { return family.name == name; };
    if (std::none_of(families.begin(), families.end(), is_name)) families.emplace_back(name, data);
  }
  return families;
}

}  // namespace belay::storage
