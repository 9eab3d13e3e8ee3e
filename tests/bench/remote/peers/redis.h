// Redis over its unix socket, by hiredis, in the two ways in which programs use it to call one another.
//
// Each side has two connections: one that only sends, and asks the server for no replies; and one that only
// receives. What has come is taken all at once, and what it makes is written at once. A message has a number
// before its payload; the order of a list, or a channel, is that of the calls.
//
// Thread safety: one thread at a time.
#pragma once

#include <hiredis/hiredis.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tests/bench/child.h"
#include "tests/bench/folder.h"
#include "tests/bench/remote/echo.h"
#include "tests/bench/remote/roles.h"

namespace belay::bench {

enum class RedisWay {
  kLists,             // LPUSH to a list, BRPOP from it
  kPublishSubscribe,  // PUBLISH to a channel, SUBSCRIBE to it
};

class RedisServer {
 public:
  RedisServer();

  const std::string& path() const { return path_; }

 private:
  Folder folder_;
  const std::string path_ = folder_.At("redis");
  Child server_;
};

// Messages to one list or channel, and from another.
class RedisQueues {
 public:
  // Ends the process with status 2 if it cannot connect.
  RedisQueues(const std::string& path, RedisWay way, std::string_view to, std::string_view from);

  // Sends with the next Flush().
  void Send(std::string_view message);
  void Flush();
  // Asks for one more message than before; of lists alone: a channel gives all there are.
  void AskForOne();
  // The next message, after waiting for it. Valid until the next call of either.
  std::string_view Next();
  // The next message if it has been read from the socket; empty if there is none.
  std::string_view NextIfRead();

 private:
  struct Free {
    void operator()(redisContext* context) const { redisFree(context); }
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
  };
  using Context = std::unique_ptr<redisContext, Free>;
  using Reply = std::unique_ptr<redisReply, Free>;

  static Context Connect(const std::string& path);
  std::string_view Take(void* reply);

  const RedisWay way_;
  const std::string to_;
  const std::string from_;
  Context sending_;
  Context receiving_;
  Reply last_;
};

// A caller and its host. REQUIRES: `server` outlives it.
class RedisEcho final : public Echo {
 public:
  RedisEcho(const RedisServer& server, RedisWay way);

  void Call(int in_flight, int calls) override;
  void CallOnce() override { Call(1, 1); }

 private:
  void Send();
  void Check(std::string_view answer);

  RoleProcess host_;
  RedisQueues queues_;
  std::uint64_t last_sent_ = 0;
  std::uint64_t last_answered_ = 0;
};

}  // namespace belay::bench
