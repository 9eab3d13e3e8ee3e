#include "broker/engine/hooks.h"

#include <string>

namespace belay::engine {

base::Status CheckMayBind(registry::Handle callback, std::uint32_t* rights) {
  auto info = registry::Registry::Describe(callback);
  if (!info.ok()) return info.status();
  if (info->kind != registry::Kind::kCallback) {
    return base::Status(base::Code::kWrongKind,
                        "a " + std::string(registry::KindName(info->kind)) +
                            " handle was given where one of a callback is needed");
  }
  if ((info->rights & registry::kRightBind) == 0) {
    return base::Status(base::Code::kPermissionDenied,
                        "this handle to callback \"" + info->label +
                            "\" does not carry the right to bind it to a name or a hook");
  }
  *rights = info->rights;
  return {};
}

}  // namespace belay::engine
