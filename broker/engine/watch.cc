#include "broker/engine/watch.h"

#include <algorithm>
#include <utility>

#include "broker/engine/watches.h"

namespace belay::engine {

namespace {

// The longest that all keys of a range begin with.
std::string CommonPrefix(const std::string& start, const std::string& end) {
  if (storage::PrefixEnd(start) == end) return start;
  const auto differ = std::mismatch(start.begin(), start.end(), end.begin(), end.end());
  return {start.begin(), differ.first};
}

std::string LabelOf(const WatchOptions& options) {
  std::string label = options.name.empty() ? "watch on " : "watch \"" + options.name + "\" on ";
  label += storage::QuoteKey(options.start);
  if (storage::PrefixEnd(options.start) == options.end) return label;
  return label + " to " + (options.end.empty() ? "the end" : storage::QuoteKey(options.end));
}

}  // namespace

Watch::Watch(std::shared_ptr<Watches> watches, const WatchOptions& wish,
             registry::Handle held_callback, const registry::Object& watching_callback)
    : dispatcher(std::move(watches)),
      options(wish),
      prefix(CommonPrefix(wish.start, wish.end)),
      callback(held_callback),
      callback_object(&watching_callback),
      callback_label(watching_callback.label()),
      label_(LabelOf(wish)) {}

Watch::~Watch() { (void)registry::Registry::Release(callback); }

void Watch::HandlesGone() noexcept { dispatcher->Detached(*this); }

std::string Watch::Describe() const { return label_ + " by callback \"" + callback_label + "\""; }

}  // namespace belay::engine
