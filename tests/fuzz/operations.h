// What a program can do: one function for each function of the ABI's headers.
//
// A new function of the ABI gets a case: a function here that makes up arguments from `world.in` and calls it
// through world.Checked or world.Opened, and a line at the end of its list (at the end: the corpus names
// operations by number). exports_test fails for a function that none of them calls.
#pragma once

#include <span>

#include "tests/fuzz/world.h"

namespace belay::fuzz {

using Operation = void (*)(World& world);

std::span<const Operation> RegistryOperations();
std::span<const Operation> StoreOperations();
std::span<const Operation> BatchOperations();
std::span<const Operation> HookOperations();
std::span<const Operation> MaintenanceOperations();
std::span<const Operation> NameOperations();
std::span<const Operation> OwnerOperations();
std::span<const Operation> ExecutorOperations();
std::span<const Operation> CallOperations();

}  // namespace belay::fuzz
