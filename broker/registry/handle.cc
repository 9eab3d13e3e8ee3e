#include "broker/registry/handle.h"

#include <cstdio>

namespace belay::registry {

std::string HandleText(Handle handle) {
  char text[20];
  std::snprintf(text, sizeof text, "0x%016llx", static_cast<unsigned long long>(handle));
  return text;
}

}  // namespace belay::registry
