#include "broker/storage/row_projection.h"

#include <cstdint>

#include "broker/storage/write_batch.h"

namespace belay::storage {

using base::Code;
using base::Status;

namespace {

Status Bad(const std::string& what) {
  return Status(Code::kInvalidArgument, "projection reply " + what, "BAD_PROJECTION_REPLY");
}

}  // namespace

base::Result<Projection> ApplyProjection(std::string_view reply, std::string_view block) {
  if (reply.size() > kMaxProjectionBytes) {
    return Bad("has " + std::to_string(reply.size()) +
               " bytes, the bound max_projection_bytes is " + std::to_string(kMaxProjectionBytes));
  }
  auto answer = RowBlockReader::Open(reply);
  if (!answer.ok()) return Bad("is no row block: " + answer.status().message());
  auto shown = RowBlockReader::Open(block);
  if (!shown.ok()) return shown.status();
  RowBlockBuilder rows;
  rows.Reserve(reply.size());
  Row made;
  Status status;
  while ((status = answer->Next(&made)).ok()) {
    if (made.kind != RowKind::kPut) return Bad("has a row that is no put");
    Row row;
    do {
      status = shown->Next(&row);
      if (status.code() == Code::kEnd) {
        return Bad("has key " + QuoteKey(made.key) +
                   ", which is none of those shown, or not in their order");
      }
      if (!status.ok()) return status;
    } while (row.key != made.key);
    row.value = made.value;
    rows.Append(row);
  }
  const bool is_whole = rows.row_count() == answer->row_count();
  const bool stops = is_whole && answer->rest() == "\1";
  if (status.code() != Code::kEnd && !stops) return Bad("is no row block: " + status.message());
  return Projection{rows.Take(), stops};
}

}  // namespace belay::storage
