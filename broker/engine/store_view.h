// What a handle of kind store leads to: one keyspace of a broker's store, as it is now or as it was
// when a snapshot was taken. Keeps its broker.
//
// Thread safety: constant once made.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "broker/engine/broker.h"
#include "broker/registry/registry.h"
#include "broker/storage/store.h"

namespace belay::engine {

class StoreView final : public registry::Object {
 public:
  // REQUIRES: the broker has a store.
  StoreView(std::shared_ptr<Broker> broker, storage::ReadOptions read, std::string keyspace_name)
      : Object(registry::Kind::kStore),
        broker_(std::move(broker)),
        store_(**broker_->store()),
        read_(std::move(read)),
        keyspace_name_(std::move(keyspace_name)),
        label_("store " + keyspace_name_ + (is_snapshot() ? " (snapshot)" : "")) {}

  std::string_view label() const override { return label_; }
  const std::shared_ptr<Broker>& broker() const noexcept { return broker_; }
  storage::Store& store() const noexcept { return store_; }
  const storage::ReadOptions& read() const noexcept { return read_; }
  storage::KeyspaceId keyspace() const noexcept { return read_.keyspace; }
  const std::string& keyspace_name() const noexcept { return keyspace_name_; }
  bool is_snapshot() const noexcept { return read_.snapshot != nullptr; }

 private:
  const std::shared_ptr<Broker> broker_;
  storage::Store& store_;
  const storage::ReadOptions read_;
  const std::string keyspace_name_;
  const std::string label_;
};

}  // namespace belay::engine
