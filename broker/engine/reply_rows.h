// What hooks that change the store reply with: a row block of puts and deletes.
//
// Thread safety: pure function.
#pragma once

#include <string>
#include <string_view>

#include "broker/storage/row_block.h"

namespace belay::engine {

// Calls `visit(row)` with each put and delete of the reply, which returns what is wrong with it, or nothing. Returns
// what the reply has that it should not, for "replied with ..."; empty: all is well. Rows of what keys had
// before, which a hook may leave in what it was shown, are passed over.
template <typename Visit>
std::string ReadChanges(std::string_view reply, Visit visit) {
  auto reader = storage::RowBlockReader::Open(reply);
  base::Status status = reader.status();
  storage::Row row;
  while (status.ok() && (status = reader->Next(&row)).ok()) {
    if (row.kind == storage::RowKind::kOld) continue;
    if (row.kind != storage::RowKind::kPut && row.kind != storage::RowKind::kDelete)
      return "a row that is neither a put nor a delete";
    if (std::string wrong = visit(row); !wrong.empty()) return wrong;
  }
  if (status.code() == base::Code::kEnd) return {};
  return "what is no row block: " + status.message();
}

}  // namespace belay::engine
