// Looking at handles.
#include "broker/registry/registry.h"
#include "capi/src/guard.h"

using belay::registry::HandleFilter;
using belay::registry::HandleInfo;
using belay::registry::Kind;
using belay::registry::kLastKind;
using belay::registry::Registry;
using belay::registry::RunningCall;
using belay::registry::State;
using namespace belay::capi;

namespace {

// The smallest structs ever released.
constexpr std::size_t kLeastInfo = offsetof(belay_handle_info, longest_running_ns);
constexpr std::size_t kLeastCall = sizeof(belay_running_call);

constexpr std::uint64_t kMostAtOnce = 4096;

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
  out.longest_running_ns = info.longest_running_ns;
  out.stuck = info.stuck;
  return out;
}

belay_running_call Convert(const RunningCall& call) {
  belay_running_call out{};
  out.thread_id = static_cast<std::uint32_t>(call.thread_id);
  out.handle = call.handle;
  out.age_ns = call.age_ns;
  out.depth = call.depth;
  CopyText(call.owner_name, out.owner_name);
  CopyText(call.holder_name, out.holder_name);
  CopyText(call.label, out.label);
  CopyText(call.site, out.site);
  return out;
}

// False if a field has a value that none of this version's constants names.
bool LoadFilter(const belay_list_filter& given, HandleFilter* filter) {
  constexpr auto kLastState = static_cast<std::int32_t>(State::kQuarantined);
  if ((given.flags & ~BELAY_LIST_ONLY_RELEASE) != 0 || given.kind < 0 || given.kind > kLastKind ||
      given.state < 0 || given.state > kLastState)
    return false;
  if ((given.flags & BELAY_LIST_ONLY_RELEASE) != 0) filter->use = HandleFilter::Use::kOnlyRelease;
  filter->kind = static_cast<Kind>(given.kind);
  if (given.state != 0) filter->state = static_cast<State>(given.state);
  if (given.owner_name != nullptr) filter->owner_name = given.owner_name;
  if (given.holder_name != nullptr) filter->holder_name = given.holder_name;
  if (given.label_part != nullptr) filter->label_part = given.label_part;
  filter->min_age_ns = Nanoseconds(given.min_age_ms);
  return true;
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
  return belay_list_where(broker, nullptr, after, infos, capacity, count);
}

belay_status belay_list_where(belay_handle broker, const belay_list_filter* filter, uint64_t* after,
                              belay_handle_info* infos, uint64_t capacity, uint64_t* count) {
  return Guarded([&] {
    belay_list_filter given{};
    if (filter != nullptr && !Load(filter, sizeof(std::uint32_t), &given))
      return InvalidArgument("filter->struct_size is 0");
    HandleFilter wish;
    if (!LoadFilter(given, &wish))
      return InvalidArgument("filter has an unknown flag, kind or state");
    if (after == nullptr || count == nullptr) return InvalidArgument("after or count is null");
    if (infos == nullptr || capacity == 0) return InvalidArgument("infos is null or capacity 0");
    const std::uint32_t stride = infos->struct_size;
    if (stride < kLeastInfo) return InvalidArgument("infos[0].struct_size is too small");
    auto found = Registry::Find(broker, belay::registry::Kind::kBroker);
    if (!found.ok()) return Fail(found.status());
    const auto page = (*found)->registry().List(
        after, static_cast<std::size_t>(std::min(capacity, kMostAtOnce)), wish);
    auto* target = reinterpret_cast<char*>(infos);
    for (const HandleInfo& info : page) {
      Store(Convert(info), target, stride);
      target += stride;
    }
    *count = page.size();
    return BELAY_OK;
  });
}

belay_status belay_stuck_calls(belay_handle broker, uint64_t min_age_ms, belay_running_call* calls,
                               uint64_t capacity, uint64_t* count) {
  return Guarded([&] {
    if (count == nullptr) return InvalidArgument("count is null");
    if (calls == nullptr || capacity == 0) return InvalidArgument("calls is null or capacity 0");
    const std::uint32_t stride = calls->struct_size;
    if (stride < kLeastCall) return InvalidArgument("calls[0].struct_size is too small");
    auto found = Registry::Find(broker, Kind::kBroker);
    if (!found.ok()) return Fail(found.status());
    auto running = (*found)->registry().RunningCalls(Nanoseconds(min_age_ms));
    std::stable_sort(running.begin(), running.end(),
                     [](const auto& a, const auto& b) { return a.age_ns > b.age_ns; });
    if (running.size() > capacity) running.resize(static_cast<std::size_t>(capacity));
    auto* target = reinterpret_cast<char*>(calls);
    for (const RunningCall& call : running) {
      Store(Convert(call), target, stride);
      target += stride;
    }
    *count = running.size();
    return BELAY_OK;
  });
}
}
