#include "tests/model/store/key_state.h"

#include <functional>
#include <utility>

namespace belay::store_model {
namespace {

Step Refuse(const char* why) { return {std::nullopt, why}; }

Step Become(KeyState state) { return {std::move(state), nullptr}; }

bool RevisionMayBe(const KeyState& state, Revision revision) {
  return state.is_exact ? state.revision == revision : state.revision <= revision;
}

// Why the operation cannot take effect, or null.
const char* Obstacle(const KeyState& state, const Operation& operation) {
  switch (operation.kind) {
    case Kind::kGet:
    case Kind::kDelete: return state.present ? nullptr : "the key is absent";
    case Kind::kPut: return nullptr;
    case Kind::kPutIfAbsent: return state.present ? "the key exists" : nullptr;
    case Kind::kPutIfRevision:
      if (!state.present) return "the key is absent";
      return RevisionMayBe(state, operation.if_revision) ? nullptr
                                                         : "the key is at another revision";
  }
  return "no such operation";
}

KeyState Written(const Operation& operation, Revision revision) {
  if (operation.kind == Kind::kDelete) return {false, true, revision, {}};
  return {true, true, revision, operation.argument};
}

// By a write whose revision nobody learned.
KeyState WrittenLaterThan(Revision revision, const Operation& operation) {
  KeyState state = Written(operation, revision + 1);
  state.is_exact = !state.present;
  return state;
}

Step Read(const KeyState& state, const Result& result) {
  if (state.value != result.value) return Refuse("the key has another value");
  if (!RevisionMayBe(state, result.revision)) return Refuse("the key is at another revision");
  return Become({true, true, result.revision, state.value});
}

Step TakeEffect(const KeyState& state, const Operation& operation) {
  if (const char* obstacle = Obstacle(state, operation)) return Refuse(obstacle);
  if (operation.kind == Kind::kGet) return Read(state, operation.result);
  Revision least = state.revision;
  if (operation.kind == Kind::kPutIfRevision) least = operation.if_revision;
  if (operation.result.outcome == Outcome::kUnknown) {
    return Become(WrittenLaterThan(least, operation));
  }
  if (operation.result.revision <= least) return Refuse("the key has been given a later revision");
  return Become(Written(operation, operation.result.revision));
}

Step FindNothing(const KeyState& state, const Operation& operation) {
  if (operation.kind != Kind::kGet && operation.kind != Kind::kDelete)
    return Refuse("a put finds no key");
  if (state.present) return Refuse("the key exists");
  if (operation.kind == Kind::kGet) return Become(state);
  // The delete tells where the store was: what changes the key after it comes later than that.
  if (operation.result.revision < state.revision)
    return Refuse("the store has been at a later revision");
  return Become({false, true, operation.result.revision, {}});
}

Step BeRefused(const KeyState& state, const Operation& operation) {
  if (operation.kind != Kind::kPutIfAbsent && operation.kind != Kind::kPutIfRevision) {
    return Refuse("it has no condition");
  }
  if (Obstacle(state, operation) != nullptr) return Become(state);
  // A revision that is not known may be another one than was asked for.
  if (operation.kind == Kind::kPutIfRevision && !state.is_exact) return Become(state);
  return Refuse("its condition holds");
}

}  // namespace

std::size_t HashOf(const KeyState& state) noexcept {
  const std::size_t flags = (state.present ? 2U : 0U) + (state.is_exact ? 1U : 0U);
  return std::hash<std::string>()(state.value) ^ (state.revision * 4 + flags);
}

Step Apply(const KeyState& state, const Operation& operation) {
  switch (operation.result.outcome) {
    case Outcome::kOk:
    case Outcome::kUnknown: return TakeEffect(state, operation);
    case Outcome::kNotFound: return FindNothing(state, operation);
    case Outcome::kAborted: return BeRefused(state, operation);
  }
  return Refuse("no such outcome");
}

}  // namespace belay::store_model
