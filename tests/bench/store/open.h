// The other processes of the rows about opening: one that fills a store until it is killed, one that opens what is
// left.
//
// Thread safety: none needed: called from main() alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace belay::bench {

// Does what `arguments` say if they are those of such a process; its exit status then.
std::optional<int> RunPartOfOpen(const std::vector<std::string>& arguments);

}  // namespace belay::bench
