// Belay's store through the C interface of the shared library.
//
// Thread safety: as Engine.
#pragma once

#include <memory>
#include <string>

#include "tests/bench/broker.h"
#include "tests/bench/store/engine.h"

namespace belay::bench {

class Ours final : public Engine {
 public:
  // Opens a broker with the store in `folder`, which is made if it is missing.
  Ours(const std::string& folder, Durability durability);
  ~Ours() override;
  std::unique_ptr<Session> NewSession() override;
  void Compact();

  const Broker& broker() const { return *broker_; }
  belay_handle store() const { return store_; }

 private:
  const Durability durability_;
  std::unique_ptr<Broker> broker_;
  belay_handle store_ = 0;
};

// A scan of everything that `filter` keeps, or (0) of everything: blocks of 64 KiB, whose rows are gone
// through by belay_rows_next.
Scanned ScanByAbi(belay_handle store, belay_handle filter);

// The same without a filter, gone through by the RowReader of the C++ client.
Scanned ScanByRowReader(belay_handle store);

}  // namespace belay::bench
