// belay.hpp: the C interface (belay.h) for C++17 and later, as objects that clean up after themselves.
//
//   auto broker = belay::Broker::Open({});
//   auto owner = broker->OpenOwner("shop");
//   auto price = owner->Register([factor](std::string_view item) -> std::string { ... }, "price");
//   auto reply = price->Invoke("apple");
//
// One rule carries the rest: a closure given to Register lives until Belay's release function says
// otherwise, and is deleted there, once. The objects here are handles: any of them may be
// destroyed in any order, on any thread, also inside the callback it belongs to.
//
// Errors are values (status.hpp). No exception of a closure crosses the border: it becomes the call's
// failure. These headers throw only what std::string and std::vector throw when memory is short.
//
// Thread safety: an object may be used from several threads at once, except that moving, destroying and
// a Cursor are one thread's. Link libbelay; nothing else is needed.
#pragma once

#include "belay/broker.hpp"
#include "belay/callback.hpp"
#include "belay/pin.hpp"
#include "belay/rows.hpp"
#include "belay/status.hpp"
#include "belay/store.hpp"
