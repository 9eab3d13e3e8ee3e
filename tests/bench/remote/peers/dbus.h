// D-Bus: dbus-daemon and sd-bus, a method call and its return.
//
// Thread safety: one thread at a time.
#pragma once

#include <systemd/sd-bus.h>

#include <string>

#include "tests/bench/child.h"
#include "tests/bench/folder.h"
#include "tests/bench/remote/echo.h"
#include "tests/bench/remote/roles.h"

namespace belay::bench {

// A dbus-daemon with the bounds of a session bus.
class DBusDaemon {
 public:
  DBusDaemon();

  const std::string& address() const { return address_; }

 private:
  Folder folder_;
  const std::string address_ = "unix:path=" + folder_.At("bus");
  Child daemon_;
};

// A caller and its host. REQUIRES: `daemon` outlives it.
class DBusEcho final : public Echo {
 public:
  explicit DBusEcho(const DBusDaemon& daemon);
  ~DBusEcho() override;

  void Call(int in_flight, int calls) override;
  void CallOnce() override;

 private:
  static int OnAnswer(sd_bus_message* answer, void* self, sd_bus_error*);
  sd_bus_message* NewCall() const;
  void Begin();

  RoleProcess host_;
  sd_bus* bus_;
  int to_begin_ = 0;
  int to_end_ = 0;
};

}  // namespace belay::bench
