#include "broker/storage/rocksdb/testing/faulty_env.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "rocksdb/env.h"
#include "rocksdb/file_system.h"

namespace belay::storage {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

class FaultyFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string name,
             std::shared_ptr<FaultPlan> plan)
      : FSWritableFileOwnerWrapper(std::move(file)),
        name_(std::move(name)),
        plan_(std::move(plan)) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* context) override {
    const Fault fault = plan_->At(name_);
    if (!plan_->MayProceed()) return IOStatus::IOError("the power is cut");
    if (fault != Fault::kFullDisk && fault != Fault::kBrokenWrite) {
      IOStatus status = FSWritableFileOwnerWrapper::Append(data, options, context);
      if (status.ok()) size_bytes_ += data.size();
      return status;
    }
    const rocksdb::Slice half(data.data(), data.size() / 2);
    if (FSWritableFileOwnerWrapper::Append(half, options, context).ok()) size_bytes_ += half.size();
    return fault == Fault::kFullDisk ? IOStatus::NoSpace("No space left on device", name_)
                                     : IOStatus::IOError("Input/output error", name_);
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*info*/, IODebugContext* context) override {
    return Append(data, options, context);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* context) override {
    if (IOStatus status = BeforeSync(); !status.ok()) return status;
    return AfterSync(FSWritableFileOwnerWrapper::Sync(options, context));
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override {
    if (IOStatus status = BeforeSync(); !status.ok()) return status;
    return AfterSync(FSWritableFileOwnerWrapper::Fsync(options, context));
  }
  // Never called by the engine with our options; here so that nothing passes us by.
  IOStatus Truncate(std::uint64_t size, const IOOptions& options,
                    IODebugContext* context) override {
    if (!plan_->MayProceed()) return IOStatus::IOError("the power is cut");
    return FSWritableFileOwnerWrapper::Truncate(size, options, context);
  }

 private:
  IOStatus BeforeSync() {
    if (!plan_->MayProceed()) return IOStatus::IOError("the power is cut");
    if (plan_->At(name_) == Fault::kBrokenSync)
      return IOStatus::IOError("Input/output error", name_);
    return IOStatus::OK();
  }
  IOStatus AfterSync(IOStatus status) {
    if (status.ok()) plan_->Synced(name_, size_bytes_);
    return status;
  }

  const std::string name_;
  const std::shared_ptr<FaultPlan> plan_;
  std::uint64_t size_bytes_ = 0;
};

class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultyFileSystem(std::shared_ptr<FaultPlan> plan)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), plan_(std::move(plan)) {}

  const char* Name() const override { return "FaultyFileSystem"; }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* context) override {
    if (!plan_->MayProceed()) return IOStatus::IOError("the power is cut");
    IOStatus status = FileSystemWrapper::NewWritableFile(name, options, file, context);
    if (!status.ok()) return status;
    plan_->Created(name);
    *file = std::make_unique<FaultyFile>(std::move(*file), name, plan_);
    return status;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* context) override {
    if (!plan_->MayProceed()) return IOStatus::IOError("the power is cut");
    IOStatus status = FileSystemWrapper::RenameFile(from, to, options, context);
    if (status.ok()) plan_->Renamed(from, to);
    return status;
  }
  IOStatus DeleteFile(const std::string& name, const IOOptions& options,
                      IODebugContext* context) override {
    if (!plan_->MayProceed()) return IOStatus::IOError("the power is cut");
    IOStatus status = FileSystemWrapper::DeleteFile(name, options, context);
    if (status.ok()) plan_->Deleted(name);
    return status;
  }

 private:
  const std::shared_ptr<FaultPlan> plan_;
};

}  // namespace

void FaultPlan::Set(Fault fault, std::string suffix) {
  const std::lock_guard lock(mutex_);
  fault_ = fault;
  suffix_ = std::move(suffix);
}

void FaultPlan::CutPower() {
  const std::lock_guard lock(mutex_);
  power_is_cut_ = true;
}

void FaultPlan::CutPowerAfter(int operations) {
  const std::lock_guard lock(mutex_);
  operations_left_ = operations;
}

bool FaultPlan::MayProceed() {
  const std::lock_guard lock(mutex_);
  if (!power_is_cut_ && operations_left_ >= 0 && operations_left_-- == 0) power_is_cut_ = true;
  return !power_is_cut_;
}

void FaultPlan::DropUnsynced() {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, size_bytes] : synced_bytes_) {
    std::error_code error;
    if (std::filesystem::file_size(name, error) > size_bytes && !error) {
      std::filesystem::resize_file(name, size_bytes, error);
    }
  }
}

Fault FaultPlan::At(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return name.ends_with(suffix_) ? fault_ : Fault::kNone;
}

bool FaultPlan::power_is_cut() const {
  const std::lock_guard lock(mutex_);
  return power_is_cut_;
}

void FaultPlan::Synced(const std::string& name, std::uint64_t size_bytes) {
  const std::lock_guard lock(mutex_);
  synced_bytes_[name] = size_bytes;
}

void FaultPlan::Created(const std::string& name) {
  const std::lock_guard lock(mutex_);
  synced_bytes_[name] = 0;
}

void FaultPlan::Renamed(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  auto node = synced_bytes_.extract(from);
  if (node.empty()) return;
  synced_bytes_[to] = node.mapped();
}

void FaultPlan::Deleted(const std::string& name) {
  const std::lock_guard lock(mutex_);
  synced_bytes_.erase(name);
}

std::unique_ptr<rocksdb::Env> NewFaultyEnv(std::shared_ptr<FaultPlan> plan) {
  return rocksdb::NewCompositeEnv(std::make_shared<FaultyFileSystem>(std::move(plan)));
}

}  // namespace belay::storage
