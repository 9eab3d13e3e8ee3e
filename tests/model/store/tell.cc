#include "tests/model/store/tell.h"

#include "broker/storage/store.h"

namespace belay::store_model {
namespace {

using storage::QuoteKey;

std::string WhoAndWhen(Ticket invoked, Ticket returned, int thread) {
  return "[" + std::to_string(invoked) + ", " +
         (returned == kNever ? "never" : std::to_string(returned)) + "] thread " +
         std::to_string(thread) + ": ";
}

std::string Question(const Operation& operation) {
  const std::string key = QuoteKey(operation.key);
  // A value is shown as keys are.
  const std::string put = "put " + key + " = " + QuoteKey(operation.argument);
  switch (operation.kind) {
    case Kind::kGet: return "get " + key;
    case Kind::kDelete: return "delete " + key;
    case Kind::kPut: return put;
    case Kind::kPutIfAbsent: return put + " if absent";
    case Kind::kPutIfRevision:
      return put + " if at revision " + std::to_string(operation.if_revision);
  }
  return "?";
}

std::string Answer(const Operation& operation) {
  const Result& result = operation.result;
  const std::string revision = "revision " + std::to_string(result.revision);
  switch (result.outcome) {
    case Outcome::kOk:
      return operation.kind == Kind::kGet ? QuoteKey(result.value) + " of " + revision : revision;
    case Outcome::kNotFound:
      return operation.kind == Kind::kDelete ? "not found at " + revision : "not found";
    case Outcome::kAborted: return "refused";
    case Outcome::kUnknown: return "unknown";
  }
  return "?";
}

}  // namespace

std::string Tell(const Operation& operation) {
  return WhoAndWhen(operation.invoked, operation.returned, operation.thread) + Question(operation) +
         " -> " + Answer(operation);
}

std::string Tell(const Snapshot& snapshot) {
  return WhoAndWhen(snapshot.invoked, snapshot.returned, snapshot.thread) + "scan from " +
         QuoteKey(snapshot.start) + " to " +
         (snapshot.end.empty() ? "the end" : QuoteKey(snapshot.end)) + " -> " +
         std::to_string(snapshot.rows.size()) + " rows at revision " +
         std::to_string(snapshot.revision);
}

std::string Tell(const KeyState& state) {
  const std::string revision = std::string("revision ") +
                               (state.is_exact ? "" : "unknown, at least ") +
                               std::to_string(state.revision);
  if (!state.present)
    return "the key absent, its next revision above " + std::to_string(state.revision);
  return "the key at " + revision + " with " + QuoteKey(state.value);
}

}  // namespace belay::store_model
