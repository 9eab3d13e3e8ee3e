#include "broker/engine/watch.h"

#include <utility>

#include "broker/engine/watches.h"

namespace belay::engine {

Watch::Watch(std::shared_ptr<Watches> watches, std::string watched_prefix,
             registry::Handle held_callback, const registry::Object& watching_callback)
    : Object(registry::Kind::kSubscription),
      dispatcher(std::move(watches)),
      prefix(std::move(watched_prefix)),
      prefix_end(storage::PrefixEnd(prefix)),
      callback(held_callback),
      callback_object(&watching_callback),
      callback_label(watching_callback.label()),
      label_("watch on " + storage::QuoteKey(prefix)) {}

Watch::~Watch() { (void)registry::Registry::Release(callback); }

void Watch::HandlesGone() noexcept { dispatcher->Detached(*this); }

std::string Watch::Describe() const { return label_ + " by callback \"" + callback_label + "\""; }

}  // namespace belay::engine
