// A call through GLib's reference-counted callback: g_closure_invoke, against the bare shim.
//
// With the marshaller that GLib has for this very signature, and with the generic one that language
// bindings use. The arguments are packed before the loop, which is in GLib's favour.
//
// GLib's headers are not included. They lie in two folders of which one is named after the processor, and
// what finds them (pkg-config) is a command, which a Bazel rule does not run. What is used here is seven
// functions and one struct, frozen since GLib 2.0: declaring them is less than looking for them.
#include <array>

#include "tests/bench/broker.h"
#include "tests/bench/groups.h"
#include "tests/bench/shim.h"
#include "tests/bench/timing.h"

extern "C" {

struct GClosure;
struct GValue {
  std::size_t type;
  std::uint64_t data[2];
};
using GCallback = void (*)();
using GClosureMarshal = void (*)(GClosure* closure, GValue* result, unsigned parameters,
                                 const GValue* values, void* hint, void* marshal_data);

GClosure* g_cclosure_new(GCallback function, void* data, void (*destroy)(void* data, GClosure*));
void g_closure_set_marshal(GClosure* closure, GClosureMarshal marshal);
void g_closure_invoke(GClosure* closure, GValue* result, unsigned parameters, const GValue* values,
                      void* hint);
void g_closure_unref(GClosure* closure);
void g_cclosure_marshal_VOID__POINTER(GClosure*, GValue*, unsigned, const GValue*, void*, void*);
void g_cclosure_marshal_generic(GClosure*, GValue*, unsigned, const GValue*, void*, void*);
GValue* g_value_init(GValue* value, std::size_t type);
void g_value_set_pointer(GValue* value, void* pointer);

}  // extern "C"

namespace belay::bench {
namespace {

constexpr int kRounds = 500;
constexpr int kCallsPerRound = 20'000;
constexpr std::size_t kTypePointer = 17 << 2;  // G_TYPE_POINTER

// AnswerNothing, as GLib calls a handler: instance, parameter, data.
void Handler(void*, void* call, void*) { static_cast<belay_call*>(call)->reply_size = 0; }

GClosure* ClosureWith(GClosureMarshal marshal) {
  GClosure* closure = g_cclosure_new(reinterpret_cast<GCallback>(&Handler), nullptr, nullptr);
  g_closure_set_marshal(closure, marshal);
  return closure;
}

}  // namespace

void GlibRows(Report& report) {
  belay_call call = SmallRequest();
  std::array<GValue, 2> values{};
  for (GValue& value : values) g_value_set_pointer(g_value_init(&value, kTypePointer), &call);
  GClosure* exact = ClosureWith(g_cclosure_marshal_VOID__POINTER);
  GClosure* generic = ClosureWith(g_cclosure_marshal_generic);
  const auto invoke = [&values](GClosure* closure) {
    return RoundOf(kCallsPerRound, [closure, &values] {
      g_closure_invoke(closure, nullptr, values.size(), values.data(), nullptr);
    });
  };
  const auto ns =
      Alternate(kRounds, {RoundOf(kCallsPerRound, [bare = Opaque(&AnswerNothing),
                                                   &call] { shim_invoke(bare, nullptr, &call); }),
                          invoke(exact), invoke(generic)});
  report.Add(Beside("peer: GLib GClosure, its own marshaller", ns[1], "ns/call", ns[0]));
  report.Add(Beside("peer: GLib GClosure, generic marshaller", ns[2], "ns/call", ns[0]));
  g_closure_unref(exact);
  g_closure_unref(generic);
}

}  // namespace belay::bench
