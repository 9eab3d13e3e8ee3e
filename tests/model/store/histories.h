// Short forms for histories written by hand.
//
// Thread safety: values.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/model/store/history.h"

namespace belay::store_model {

struct Span {
  Ticket invoked = 0;
  Ticket returned = kNever;
};

inline Result Ok(Revision revision) { return {Outcome::kOk, {}, revision}; }
inline Result Found(std::string value, Revision revision) {
  return {Outcome::kOk, std::move(value), revision};
}
inline Result NotFound(Revision revision = 0) { return {Outcome::kNotFound, {}, revision}; }
inline Result Refused() { return {Outcome::kAborted, {}, 0}; }
inline Result Unknown() { return {}; }

// Each by a thread of its own, named by the ticket of its invocation.
inline Operation By(Span span, Kind kind, std::string key, std::string argument,
                    Revision if_revision, Result result) {
  return {static_cast<int>(span.invoked),
          kind,
          std::move(key),
          std::move(argument),
          if_revision,
          std::move(result),
          span.invoked,
          span.returned};
}
inline Operation Get(Span span, std::string key, Result result) {
  return By(span, Kind::kGet, std::move(key), {}, 0, std::move(result));
}
inline Operation Delete(Span span, std::string key, Result result) {
  return By(span, Kind::kDelete, std::move(key), {}, 0, std::move(result));
}
inline Operation Put(Span span, std::string key, std::string value, Result result) {
  return By(span, Kind::kPut, std::move(key), std::move(value), 0, std::move(result));
}
inline Operation PutIfAbsent(Span span, std::string key, std::string value, Result result) {
  return By(span, Kind::kPutIfAbsent, std::move(key), std::move(value), 0, std::move(result));
}
inline Operation PutIfRevision(Span span, std::string key, std::string value, Revision if_revision,
                               Result result) {
  return By(span, Kind::kPutIfRevision, std::move(key), std::move(value), if_revision,
            std::move(result));
}

inline Snapshot Scan(Span span, Revision revision, std::vector<Snapshot::Row> rows,
                     std::string start = {}, std::string end = {}) {
  return {static_cast<int>(span.invoked),
          std::move(start),
          std::move(end),
          revision,
          std::move(rows),
          span.invoked,
          span.returned};
}

}  // namespace belay::store_model
