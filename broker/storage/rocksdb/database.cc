#include "broker/storage/rocksdb/database.h"

#include <utility>

#include "broker/storage/rocksdb/errors.h"
#include "rocksdb/env.h"

namespace belay::storage {

using base::Code;
using base::Status;

namespace {

// Enough to show that the disk is not full to the last block; the opening itself shows the rest.
constexpr std::size_t kProbeBytes = std::size_t{1} << 20;

}  // namespace

Database::Database(RocksOptions options, std::unique_ptr<StoreFolder> folder)
    : options_(std::move(options)),
      folder_(std::move(folder)),
      faults_(std::make_shared<FaultState>()) {}

base::Result<std::shared_ptr<Database>> Database::Open(const RocksOptions& options,
                                                       StoreFacts* facts) {
  auto folder = StoreFolder::Open(options.path, options.create_if_missing);
  if (!folder.ok()) return folder.status();
  std::shared_ptr<Database> database(new Database(options, std::move(folder).value()));
  StoreFolder& store_folder = *database->folder_;
  const bool is_new = store_folder.is_new();
  auto engine =
      Engine::Open(options, store_folder.engine_path(),
                   is_new ? Engine::Mode::kCreate : Engine::Mode::kOpen, database->faults_);
  if (!engine.ok()) return engine.status();
  database->engine_ = std::move(engine).value();

  base::Result<StoreFacts> found = database->engine_->ReadFacts();
  if (found.ok()) {
    *facts = *found;
  } else if (is_new && found.code() == Code::kNotFound) {
    *facts = StoreFacts();
  } else if (found.code() == Code::kNotFound) {
    return Corrupt("store " + options.path + " was complete once, and is empty");
  } else {
    return found.status();
  }
  // Durable before anyone can see it: an epoch that a crash took back would be given out twice.
  ++facts->boot_epoch;
  if (Status status = database->engine_->WriteFacts(*facts); !status.ok()) return status;
  if (is_new) {
    if (Status status = store_folder.MarkComplete(); !status.ok()) return status;
  }
  return database;
}

Status Database::Use::status() const {
  if (engine_ != nullptr) return Status();
  return Status(Code::kUnavailable, "the store cannot be read: " + database_.faults().cause(),
                "STORE_IO_ERROR");
}

void Database::AddGuest(EngineGuest* guest) {
  const std::lock_guard lock(guests_mutex_);
  guests_.insert(guest);
}

void Database::RemoveGuest(EngineGuest* guest) {
  const std::lock_guard lock(guests_mutex_);
  guests_.erase(guest);
}

Status Database::ProbeDisk() const {
  rocksdb::Env* env = options_.env != nullptr ? options_.env : rocksdb::Env::Default();
  const std::string path = folder_->engine_path() + "/probe";
  std::unique_ptr<rocksdb::WritableFile> file;
  rocksdb::Status status = env->NewWritableFile(path, &file, rocksdb::EnvOptions());
  if (status.ok()) {
    status = file->Append(std::string(kProbeBytes, '\0'));
    if (status.ok()) status = file->Sync();
    if (status.ok()) status = file->Close();
    file.reset();
    env->DeleteFile(path).PermitUncheckedError();
  }
  return status.ok() ? Status() : FromRocks(status, "probing the disk");
}

base::Result<StoreFacts> Database::Recover() {
  // Without closing anything: as long as the disk is no better, reads go on undisturbed.
  if (Status status = ProbeDisk(); !status.ok()) {
    faults_->Report(status.message());  // the first cause stays, if there is one
    return faults_->ToStatus();
  }
  return gate_.RunAlone([this] { return Reopen(); });
}

base::Result<StoreFacts> Database::Reopen() {
  {
    const std::lock_guard lock(guests_mutex_);
    for (EngineGuest* guest : guests_) guest->LeaveEngine();
    guests_.clear();
  }
  engine_.reset();
  // For the new engine's threads; the store stays read-only for all others, who are not in a Use.
  const std::string first_cause = faults_->cause();
  faults_->Clear();
  auto engine = Engine::Open(options_, folder_->engine_path(), Engine::Mode::kOpen, faults_);
  Status status = engine.ok() ? Status() : engine.status();
  if (status.ok()) {
    engine_ = std::move(engine).value();
    base::Result<StoreFacts> facts = engine_->ReadFacts();
    if (facts.ok() && !faults_->read_only()) return facts;
    status = facts.ok() ? faults_->ToStatus() : facts.status();
    engine_.reset();
  }
  faults_->Clear();
  faults_->Report(first_cause.empty() ? status.message() : first_cause);
  auto reader = Engine::Open(options_, folder_->engine_path(), Engine::Mode::kReadOnly, faults_);
  if (reader.ok()) engine_ = std::move(reader).value();
  return faults_->ToStatus();
}

}  // namespace belay::storage
