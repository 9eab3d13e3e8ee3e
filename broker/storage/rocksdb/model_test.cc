// Random programs of many writers against a reference model: an ordered map and a list of commits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "broker/storage/rocksdb/test_util.h"

namespace belay::storage {
namespace {

constexpr int kWriters = 8;
constexpr int kBatchesPerWriter = 250;
constexpr int kKeys = 12;  // few, so that writers meet

using State = std::map<std::string, Record>;

// What one call was asked for and answered.
struct Call {
  WriteBatch batch;
  base::Code code = base::Code::kOk;
  CommitResult result;
  Revision before = 0;  // the current revision when the call began, and when it had returned
  Revision after = 0;
};

bool Holds(const Operation& operation, const State& state) {
  const auto it = state.find(operation.key);
  switch (operation.precondition) {
    case Precondition::kNone: return true;
    case Precondition::kAbsent: return it == state.end();
    case Precondition::kRevision:
      return it != state.end() && it->second.mod_revision == operation.if_revision;
    case Precondition::kValue: return it != state.end() && it->second.value == operation.if_value;
  }
  return false;
}

bool AllHold(const WriteBatch& batch, const State& state) {
  return std::all_of(batch.operations.begin(), batch.operations.end(),
                     [&](const Operation& operation) { return Holds(operation, state); });
}

// The rows that applying `batch` as `revision` adds to the history; none: no effect.
std::vector<OwnedRow> ApplyToModel(const WriteBatch& batch, Revision revision, State* state) {
  std::vector<OwnedRow> rows;
  for (const Operation& operation : batch.operations) {
    if (operation.kind == OperationKind::kPut) {
      const auto [it, created] = state->try_emplace(operation.key);
      Record& record = it->second;
      if (created) record.create_revision = revision;
      record.value = operation.value;
      record.mod_revision = revision;
      ++record.version;
      rows.push_back({revision, RowKind::kPut, operation.key, operation.value});
    } else if (operation.kind == OperationKind::kDelete && state->erase(operation.key) > 0) {
      rows.push_back({revision, RowKind::kDelete, operation.key, ""});
    }
  }
  return rows;
}

// A put always has an effect, deletes if they found something.
bool ClaimsEffect(const Call& call) {
  return call.result.deleted_count > 0 ||
         std::any_of(
             call.batch.operations.begin(), call.batch.operations.end(),
             [](const Operation& operation) { return operation.kind == OperationKind::kPut; });
}

WriteBatch RandomBatch(std::mt19937_64& random, int writer, int round, Revision current) {
  WriteBatch batch;
  batch.durability = random() % 4 == 0 ? Durability::kSync : Durability::kAsync;
  std::vector<int> keys(kKeys);
  for (int i = 0; i < kKeys; ++i) keys[static_cast<std::size_t>(i)] = i;
  std::shuffle(keys.begin(), keys.end(), random);
  const std::size_t count = 1 + random() % 4;
  for (std::size_t i = 0; i < count; ++i) {
    Operation operation;
    operation.key = "key" + std::to_string(keys[i]);
    const std::uint64_t kind = random() % 10;
    operation.kind = kind < 6   ? OperationKind::kPut
                     : kind < 9 ? OperationKind::kDelete
                                : OperationKind::kCheck;
    if (operation.kind == OperationKind::kPut) {
      operation.value = std::to_string(writer) + "." + std::to_string(round);
    }
    const std::uint64_t precondition = random() % 9;
    if (precondition == 0) operation.precondition = Precondition::kAbsent;
    if (precondition == 1) {
      operation.precondition = Precondition::kRevision;
      operation.if_revision = current - std::min<Revision>(current, random() % 4);
    }
    if (precondition == 2) {
      operation.precondition = Precondition::kValue;
      operation.if_value = std::to_string(random() % kWriters) + "." + std::to_string(round);
    }
    batch.operations.push_back(std::move(operation));
  }
  return batch;
}

std::vector<Call> RunWriter(Store& store, std::uint64_t seed, int writer) {
  std::mt19937_64 random(seed + static_cast<std::uint64_t>(writer));
  std::vector<Call> calls;
  for (int round = 0; round < kBatchesPerWriter; ++round) {
    Call call;
    call.before = store.CurrentRevision();
    call.batch = RandomBatch(random, writer, round, call.before);
    // Half of the conditions are asked about what the key really is at.
    for (Operation& operation : call.batch.operations) {
      if (operation.precondition < Precondition::kRevision || random() % 2 == 0) continue;
      if (auto record = store.Get(operation.key); record.ok()) {
        if (operation.precondition == Precondition::kRevision) {
          operation.if_revision = record->mod_revision;
        } else {
          operation.if_value = record->value;
        }
      }
    }
    auto result = store.Commit(call.batch);
    call.after = store.CurrentRevision();
    call.code = result.code();
    if (result.ok()) call.result = *result;
    calls.push_back(std::move(call));
  }
  return calls;
}

void ExpectSame(Store& store, const State& state, const std::vector<OwnedRow>& history) {
  std::vector<OwnedRow> expected;
  for (const auto& [key, record] : state) {
    expected.push_back({record.mod_revision, RowKind::kPut, key, record.value});
    auto found = store.Get(key);
    ASSERT_TRUE(found.ok()) << key;
    EXPECT_EQ(found->value, record.value);
    EXPECT_EQ(found->create_revision, record.create_revision);
    EXPECT_EQ(found->mod_revision, record.mod_revision);
    EXPECT_EQ(found->version, record.version);
  }
  EXPECT_EQ(ScanAll(**store.NewScan({})), expected);
  EXPECT_EQ(HistoryFrom(store, 1), history);
}

TEST(ModelTest, S1_ConcurrentWritersAgreeWithTheModelAndRevisionsAreDense) {
  const std::uint64_t seed = TestSeed();
  TempFolder folder;
  auto store = MustOpen(folder / "store");
  std::vector<std::vector<Call>> calls(kWriters);
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back(
        [&, i] { calls[static_cast<std::size_t>(i)] = RunWriter(*store, seed, i); });
  }
  for (std::thread& writer : writers) writer.join();

  // By revision: the batch that made it, and those that came after it and had no effect.
  std::multimap<Revision, const Call*> acknowledged;
  std::vector<const Call*> refused;
  for (const std::vector<Call>& of_writer : calls) {
    for (const Call& call : of_writer) {
      if (call.code == base::Code::kOk) {
        acknowledged.emplace(call.result.revision, &call);
        // No answer from before the call or after its return.
        EXPECT_GE(call.result.revision, call.before);
        EXPECT_LE(call.result.revision, call.after);
      } else {
        ASSERT_EQ(call.code, base::Code::kAborted);
        refused.push_back(&call);
      }
    }
  }
  std::vector<State> states = {State()};  // by revision
  std::vector<OwnedRow> history;
  for (Revision revision = 0; revision <= store->CurrentRevision(); ++revision) {
    const Call* effective = nullptr;
    std::vector<const Call*> without_effect;
    const auto [begin, end] = acknowledged.equal_range(revision);
    for (auto it = begin; it != end; ++it) {
      if (ClaimsEffect(*it->second)) {
        ASSERT_EQ(effective, nullptr) << "two batches made revision " << revision;
        effective = it->second;
      } else {
        without_effect.push_back(it->second);
      }
    }
    if (revision > 0) {
      ASSERT_NE(effective, nullptr) << "nobody made revision " << revision;
      EXPECT_TRUE(AllHold(effective->batch, states.back()));
      states.push_back(states.back());
      std::vector<OwnedRow> rows = ApplyToModel(effective->batch, revision, &states.back());
      EXPECT_EQ(std::count_if(rows.begin(), rows.end(),
                              [](const OwnedRow& row) { return row.kind == RowKind::kDelete; }),
                effective->result.deleted_count);
      history.insert(history.end(), rows.begin(), rows.end());
    }
    for (const Call* call : without_effect) {
      State copy = states.back();
      EXPECT_TRUE(AllHold(call->batch, copy));
      EXPECT_TRUE(ApplyToModel(call->batch, revision, &copy).empty());
    }
  }
  EXPECT_TRUE(acknowledged.upper_bound(store->CurrentRevision()) == acknowledged.end());
  // A refusal must have been right at some moment of its call.
  for (const Call* call : refused) {
    bool right = false;
    for (Revision at = call->before; at <= call->after && !right; ++at) {
      right = !AllHold(call->batch, states[at]);
    }
    EXPECT_TRUE(right) << "refused although its conditions held throughout";
  }
  EXPECT_GT(refused.size(), 50u);
  EXPECT_GT(store->CurrentRevision(), 500u);
  ExpectSame(*store, states.back(), history);
  store.reset();
  store = MustOpen(folder / "store");
  EXPECT_EQ(store->CurrentRevision(), states.size() - 1);
  ExpectSame(*store, states.back(), history);
}

}  // namespace
}  // namespace belay::storage
