// An owner: the scope that registered callbacks and holds handles, and is answerable for both.
#pragma once

#include <string>
#include <utility>

#include "broker/registry/callback.h"
#include "broker/registry/object.h"

namespace belay::registry {

class Owner final : public Object {
 public:
  Owner(Registry* owner_registry, std::string owner_name)
      : Object(Kind::kOwner, owner_registry), name(std::move(owner_name)) {}

  const std::string name;

  // Guarded by the registry's mutex.
  bool closed = false;
  Callback* first_callback = nullptr;  // those it registered that are live
  std::uint32_t first_held = 0;        // slots of the handles that it holds
};

}  // namespace belay::registry
