// A broker with a store per test, short forms of its functions, and hooks that are C++ functions.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capi/tests/fixture.h"

namespace belay::capi {

// A struct of the ABI that is all zero but for its size.
template <typename T>
T Sized() {
  T sized{};
  sized.struct_size = sizeof sized;
  return sized;
}

// A row as tests compare it: "+key=value" of a put, "-key" of a delete, "?key=value" of what was before.
inline std::string ToText(const belay_row& row) {
  const std::string key(static_cast<const char*>(row.key), row.key_size);
  const std::string value(static_cast<const char*>(row.value), row.value_size);
  if (row.kind == BELAY_ROW_RESET) return "reset";
  if (row.kind == BELAY_ROW_SYNCED) return "synced";
  if (row.kind == BELAY_ROW_DELETE) return "-" + key;
  return (row.kind == BELAY_ROW_OLD ? "?" : "+") + key + "=" + value;
}

using Rows = std::vector<std::string>;

inline Rows ReadRows(const void* block, std::uint64_t size) {
  Rows rows;
  std::uint64_t position = 0;
  auto row = Sized<belay_row>();
  belay_status status = BELAY_OK;
  while ((status = belay_rows_next(block, size, &position, &row)) == BELAY_OK)
    rows.push_back(ToText(row));
  EXPECT_EQ(status, BELAY_END) << LastMessage();
  return rows;
}

// A row block for a reply, of rows as (kind, key, value).
class Block {
 public:
  Block& Add(std::uint32_t kind, std::string_view key, std::string_view value = {}) {
    auto row = Sized<belay_row>();
    row.kind = kind;
    row.key = key.data();
    row.key_size = key.size();
    row.value = value.data();
    row.value_size = value.size();
    EXPECT_EQ(belay_rows_append(bytes_.data(), bytes_.size(), &size_, &row), BELAY_OK);
    return *this;
  }
  belay_status ReplyTo(belay_call* call) const {
    return belay_call_reply(call, bytes_.data(), size_);
  }

 private:
  std::array<char, 4096> bytes_{};
  std::uint64_t size_ = 0;
};

class StoreFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = ::testing::TempDir() + "/store-" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    Open();
  }
  void TearDown() override { Close(); }

  void Open() {
    auto options = Sized<belay_broker_options>();
    options.store_path = path_.c_str();
    ASSERT_EQ(belay_open(&options, &broker_), BELAY_OK) << LastMessage();
    ASSERT_EQ(belay_store_open(broker_, &store_), BELAY_OK) << LastMessage();
  }
  void Close() { EXPECT_EQ(belay_close(broker_, kLongMs), BELAY_OK) << LastMessage(); }

  static belay_status TryPut(belay_handle store, std::string_view key, std::string_view value,
                             const belay_write_options* options = nullptr) {
    return belay_store_put(store, key.data(), key.size(), value.data(), value.size(), options,
                           nullptr);
  }
  void Put(std::string_view key, std::string_view value) {
    ASSERT_EQ(TryPut(store_, key, value), BELAY_OK) << LastMessage();
  }

  // None: there is no such key.
  static std::optional<std::string> Get(belay_handle store, std::string_view key) {
    std::array<char, 256> buffer{};
    std::uint64_t size = 0;
    const belay_status status = belay_store_get(store, key.data(), key.size(), buffer.data(),
                                                buffer.size(), &size, nullptr);
    if (status == BELAY_NOT_FOUND) return std::nullopt;
    EXPECT_EQ(status, BELAY_OK) << LastMessage();
    return std::string(buffer.data(), size);
  }
  std::optional<std::string> Get(std::string_view key) const { return Get(store_, key); }

  std::uint64_t Revision() const {
    std::uint64_t revision = 0;
    EXPECT_EQ(belay_store_revision(store_, &revision, nullptr), BELAY_OK) << LastMessage();
    return revision;
  }

  // A callback of the body given, which lives until the broker has closed.
  belay_handle Hook(std::function<belay_status(belay_call*)> body,
                    belay_handle executor = BELAY_EXECUTOR_INLINE) {
    Probe& probe = probes_.emplace_back();
    probe.body = std::move(body);
    belay_callback_options options = probe.Options("hook");
    options.executor = executor;
    belay_handle handle = 0;
    EXPECT_EQ(belay_register(broker_, &options, &handle), BELAY_OK) << LastMessage();
    return handle;
  }

  std::string path_;
  belay_handle broker_ = 0;
  belay_handle store_ = 0;

 private:
  std::deque<Probe> probes_;
};

}  // namespace belay::capi
