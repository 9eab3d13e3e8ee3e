// The store's writes from the wire go the way that all writes go.
#include "broker/daemon/write_wire.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "belay/v1/status.pb.h"
#include "belay/v1/storage.pb.h"
#include "broker/engine/testing/fake_store.h"
#include "broker/engine/testing/probe.h"

namespace belay::daemon {
namespace {

using base::Code;
using base::Status;

TEST(StoreWireTest, S3_RemoteWritesAreValidatedLikeAnyOther) {
  auto opened = engine::Broker::OpenWith({}, std::make_unique<engine::FakeStore>());
  ASSERT_TRUE(opened.ok());
  engine::Broker& broker = **opened;
  {
    const auto rule =
        engine::Probe::Native(broker.handle(), [](const registry::Request&, std::string*) {
          return Status(Code::kCallbackFailed, "not on a Sunday");
        });
    engine::ValidatorOptions wish;
    wish.prefix = "guarded/";
    wish.callback = rule.handle();
    ASSERT_TRUE(broker.AttachValidator(wish).ok());
    v1::PutRequest put;
    put.set_key("guarded/a");
    v1::PutResponse refused;
    EXPECT_EQ(Commit(broker, ToBatch(broker, put), &refused).reason(), "REJECTED");
    EXPECT_NE(refused.status().message().find("not on a Sunday"), std::string::npos);
    v1::DeleteRequest remove;
    remove.set_key("guarded/a");
    v1::DeleteResponse also_refused;
    EXPECT_EQ(Commit(broker, ToBatch(broker, remove), &also_refused).reason(), "REJECTED");
    put.set_key("free");
    v1::PutResponse accepted;
    EXPECT_TRUE(Commit(broker, ToBatch(broker, put), &accepted).ok());
    EXPECT_EQ(accepted.revision(), 1u);
  }
  EXPECT_TRUE(broker.Close(30'000'000'000).ok());
}

}  // namespace
}  // namespace belay::daemon
