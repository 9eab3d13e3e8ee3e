// Projections: what a callback of a scan makes of the rows that it is shown, to be given in their place.
//
// The reply is a row block of puts whose keys are among those shown, each at most once and in the same order:
// so a scan stays sorted, and each of its rows can be found again. Values are the callback's. Revisions are
// those of the rows, whatever the reply says. A row left out is dropped. One more byte, of value 1, behind
// the block asks that no more rows be looked at.
//
// Invariants
//   - A reply is taken whole or refused, never cut short: a row is dropped by who left it out, and by nobody
//     else.
//   - A scan's memory is bounded by kMaxProjectionBytes, however much a callback replies.
//
// Thread safety: pure function.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "broker/base/status.h"
#include "broker/storage/limits.h"
#include "broker/storage/row_block.h"

namespace belay::storage {

// Of a reply: room for a row of the greatest size.
inline constexpr std::size_t kMaxProjectionBytes =
    kRowBlockHeaderBytes + RowBytes(kMaxKeyBytes, kMaxValueBytes) + 1;

struct Projection {
  std::string block;
  bool stops = false;  // these were the last rows it wants to see
};

// INVALID_ARGUMENT with reason BAD_PROJECTION_REPLY and what is wrong with the reply; DATA_LOSS for a malformed
// `block`, which is what was shown.
base::Result<Projection> ApplyProjection(std::string_view reply, std::string_view block);

}  // namespace belay::storage
