#include "broker/registry/object.h"

#include "broker/registry/handle_table.h"
#include "broker/registry/owner.h"
#include "broker/registry/registry.h"

namespace belay::registry {

Object::~Object() {
  if (owner_ != 0) owner().DropReference();
}

Owner& Object::owner() const noexcept {
  return *static_cast<Owner*>(HandleTable::Get().objects().Get(owner_));
}

void Object::SetOwner(Owner& owner) noexcept {
  owner.AddReference();
  owner_ = owner.id;
}

Registry& Object::registry() noexcept {
  switch (kind) {
    case Kind::kBroker: return static_cast<Registry&>(*this);
    case Kind::kOwner: return *static_cast<Owner&>(*this).home;
    default: return *owner().home;
  }
}

void Object::Destroy() noexcept {
  const std::uint32_t cell = id;
  if (kind == Kind::kCallback) {
    this->~Object();
  } else {
    delete this;
  }
  if (cell != 0) HandleTable::Get().objects().Free(cell);
}

}  // namespace belay::registry
