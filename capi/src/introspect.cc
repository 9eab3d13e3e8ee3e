// Looking at handles.
#include "broker/registry/registry.h"
#include "capi/src/guard.h"

using belay::registry::HandleInfo;
using belay::registry::Registry;
using namespace belay::capi;

namespace {

// The smallest belay_handle_info ever released.
constexpr std::size_t kLeastInfo = sizeof(belay_handle_info);

belay_handle_info Convert(const HandleInfo& info) {
  belay_handle_info out{};
  out.kind = static_cast<int32_t>(info.kind);
  out.handle = info.handle;
  out.owner = info.owner;
  out.holder = info.holder;
  out.state = static_cast<int32_t>(info.state);
  out.rights = info.rights;
  out.references = info.references;
  out.pins = info.pins;
  out.in_flight = info.in_flight;
  out.calls = info.calls;
  out.failures = info.failures;
  out.created_unix_ns = info.created_unix_ns;
  out.age_ns = info.age_ns;
  CopyText(info.owner_name, out.owner_name);
  CopyText(info.holder_name, out.holder_name);
  CopyText(info.label, out.label);
  CopyText(info.site, out.site);
  CopyText(info.signature, out.signature);
  return out;
}

}  // namespace

extern "C" {

belay_status belay_describe(belay_handle handle, belay_handle_info* info) {
  return Guarded([&] {
    if (info == nullptr || info->struct_size < kLeastInfo)
      return InvalidArgument("info is null, or its struct_size too small");
    auto described = Registry::Describe(handle);
    if (!described.ok()) return Fail(described.status());
    Store(Convert(*described), info, info->struct_size);
    return BELAY_OK;
  });
}

belay_status belay_explain(belay_handle handle, char* text, uint64_t capacity, uint64_t* size) {
  return Guarded([&] {
    if (size == nullptr) return InvalidArgument("size is null");
    if (text == nullptr && capacity != 0) return InvalidArgument("text is null with a capacity");
    auto explained = Registry::Explain(handle);
    if (!explained.ok()) return Fail(explained.status());
    *size = explained->size() + 1;
    if (*size > capacity) {
      return Fail(belay::base::Code::kBufferTooSmall,
                  "the text has " + std::to_string(*size) + " bytes");
    }
    std::memcpy(text, explained->c_str(), explained->size() + 1);
    return BELAY_OK;
  });
}

belay_status belay_list(belay_handle broker, uint64_t* after, belay_handle_info* infos,
                        uint64_t capacity, uint64_t* count) {
  return Guarded([&] {
    if (after == nullptr || count == nullptr) return InvalidArgument("after or count is null");
    if (infos == nullptr || capacity == 0) return InvalidArgument("infos is null or capacity 0");
    const std::uint32_t stride = infos->struct_size;
    if (stride < kLeastInfo) return InvalidArgument("infos[0].struct_size is too small");
    auto found = Registry::Find(broker, belay::registry::Kind::kBroker);
    if (!found.ok()) return Fail(found.status());
    constexpr std::uint64_t kMostAtOnce = 4096;
    const auto page =
        (*found)->registry().List(after, static_cast<std::size_t>(std::min(capacity, kMostAtOnce)));
    auto* target = reinterpret_cast<char*>(infos);
    for (const HandleInfo& info : page) {
      Store(Convert(info), target, stride);
      target += stride;
    }
    *count = page.size();
    return BELAY_OK;
  });
}
}
