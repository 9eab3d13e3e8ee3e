// Public names of callbacks.
#include <span>

#include "broker/engine/broker.h"
#include "capi/src/guard.h"

using belay::base::Code;
using belay::engine::BindOptions;
using belay::engine::Broker;
using belay::engine::NameEntry;
using belay::engine::NamePolicy;
using belay::engine::OnConflict;
using namespace belay::capi;

static_assert(BELAY_MAX_MEMBERS == belay::engine::kMaxNameMembers);

namespace {

constexpr std::size_t kLeastInfo = sizeof(belay_name_info);

// OK, or INVALID_ARGUMENT naming the field.
belay_status Convert(const belay_name_options& given, BindOptions* options) {
  if ((given.flags & ~(BELAY_BIND_IF_VERSION | BELAY_BIND_IF_MEMBER)) != 0)
    return InvalidArgument("options->flags has unknown bits");
  if (given.on_conflict < BELAY_BIND_FAIL || given.on_conflict > BELAY_BIND_JOIN)
    return InvalidArgument("options->on_conflict is none of BELAY_BIND_FAIL, _REPLACE, _JOIN");
  if (given.policy < BELAY_NAME_SINGLE || given.policy > BELAY_NAME_BROADCAST)
    return InvalidArgument("options->policy is none of BELAY_NAME_...");
  options->on_conflict = static_cast<OnConflict>(given.on_conflict);
  options->policy = static_cast<NamePolicy>(given.policy);
  if ((given.flags & BELAY_BIND_IF_VERSION) != 0) options->if_version = given.if_version;
  if ((given.flags & BELAY_BIND_IF_MEMBER) != 0) options->if_member = given.if_member;
  return BELAY_OK;
}

belay_name_info Convert(const NameEntry& entry) {
  belay_name_info out{};
  out.policy = static_cast<int32_t>(entry.policy);
  out.version = entry.version;
  out.bound_version = entry.bound_version;
  out.members = entry.members;
  out.callback = entry.handle;
  CopyText(entry.name, out.name);
  return out;
}

}  // namespace

extern "C" {

belay_status belay_name_bind(belay_handle broker, const char* name, belay_handle callback,
                             const belay_name_options* options, uint64_t* version) {
  return Guarded([&] {
    if (name == nullptr) return InvalidArgument("name is null");
    belay_name_options given{};
    if (options != nullptr && !Load(options, sizeof(std::uint32_t), &given))
      return InvalidArgument("options->struct_size is 0");
    BindOptions wish;
    if (const belay_status status = Convert(given, &wish); status != BELAY_OK) return status;
    auto found = Broker::Find(broker);
    if (!found.ok()) return Fail(found.status());
    return Done((*found)->Bind(name, callback, wish, version));
  });
}

belay_status belay_name_unbind(belay_handle broker, const char* name, belay_handle callback) {
  return Guarded([&] {
    if (name == nullptr) return InvalidArgument("name is null");
    auto found = Broker::Find(broker);
    if (!found.ok()) return Fail(found.status());
    return Done(callback == 0 ? (*found)->Unbind(name) : (*found)->UnbindMember(name, callback));
  });
}

belay_status belay_name_resolve(belay_handle broker, const char* name, belay_handle holder,
                                belay_handle* callback) {
  return Guarded([&] {
    if (name == nullptr) return InvalidArgument("name is null");
    if (callback == nullptr) return InvalidArgument("callback (where to write the handle) is null");
    auto found = Broker::Find(broker);
    if (!found.ok()) return Fail(found.status());
    auto resolved = (*found)->ResolveTo(name, holder);
    if (!resolved.ok()) return Fail(resolved.status());
    *callback = *resolved;
    return BELAY_OK;
  });
}

belay_status belay_name_resolve_all(belay_handle broker, const char* name, belay_handle holder,
                                    belay_handle* callbacks, uint64_t capacity, uint64_t* count) {
  return Guarded([&] {
    if (name == nullptr) return InvalidArgument("name is null");
    if (count == nullptr) return InvalidArgument("count is null");
    if (callbacks == nullptr && capacity != 0)
      return InvalidArgument("callbacks is null, and capacity is not 0");
    auto found = Broker::Find(broker);
    if (!found.ok()) return Fail(found.status());
    const auto room = std::min<std::uint64_t>(capacity, BELAY_MAX_MEMBERS);
    std::size_t members = 0;
    const auto status = (*found)->ResolveAllTo(
        name, holder, std::span(callbacks, static_cast<std::size_t>(room)), &members);
    if (status.ok() || status.code() == Code::kBufferTooSmall) *count = members;
    return Done(status);
  });
}

belay_status belay_name_list(belay_handle broker, const belay_name_info* after,
                             belay_name_info* infos, uint64_t capacity, uint64_t* count) {
  return Guarded([&] {
    if (count == nullptr) return InvalidArgument("count is null");
    if (infos == nullptr || capacity == 0) return InvalidArgument("infos is null or capacity 0");
    const std::uint32_t stride = infos->struct_size;
    if (stride < kLeastInfo) return InvalidArgument("infos[0].struct_size is too small");
    belay_name_info last{};  // a copy: the page may be written over it
    if (after != nullptr && !Load(after, kLeastInfo, &last))
      return InvalidArgument("after->struct_size is too small");
    const std::size_t length = ::strnlen(last.name, sizeof last.name);
    if (length == sizeof last.name) return InvalidArgument("after->name does not end");
    auto found = Broker::Find(broker);
    if (!found.ok()) return Fail(found.status());
    constexpr std::uint64_t kMostAtOnce = 4096;
    const auto page =
        (*found)->ListNames({last.name, length}, last.bound_version,
                            static_cast<std::size_t>(std::min(capacity, kMostAtOnce)));
    auto* target = reinterpret_cast<char*>(infos);
    for (const NameEntry& entry : page) {
      Store(Convert(entry), target, stride);
      target += stride;
    }
    *count = page.size();
    return BELAY_OK;
  });
}
}
