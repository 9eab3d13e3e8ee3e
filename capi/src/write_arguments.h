// What writes and batches are told, from the ABI's arguments.
//
// Thread safety: any thread.
#pragma once

#include <cstdint>

#include "broker/base/clock.h"
#include "broker/base/status.h"
#include "broker/storage/store.h"
#include "capi/src/store_border.h"

namespace belay::capi {

inline constexpr std::uint32_t kConditions =
    BELAY_WRITE_IF_ABSENT | BELAY_WRITE_IF_REVISION | BELAY_WRITE_IF_VALUE;

// An operation on one key.
base::Result<storage::Operation> ReadOperation(storage::OperationKind kind, const void* key,
                                               std::uint64_t key_size, const void* value,
                                               std::uint64_t value_size);
base::Result<storage::Operation> ReadMergeOperation(const void* key, std::uint64_t key_size,
                                                    const char* operator_name, const void* operand,
                                                    std::uint64_t operand_size);
base::Result<storage::Operation> ReadRangeOperation(const void* start, std::uint64_t start_size,
                                                    const void* end, std::uint64_t end_size);

// Adds what the options say to the operation. INVALID_ARGUMENT for flags other than `allowed`.
base::Status ReadWriteOptions(const belay_write_options* options, std::uint32_t allowed,
                              const base::Clock& clock, storage::Operation* operation,
                              storage::Durability* durability);

}  // namespace belay::capi
