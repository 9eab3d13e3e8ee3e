#include "tests/bench/remote/peers/redis.h"

#include <array>
#include <cstring>

#include "tests/bench/remote/peers/server.h"

namespace belay::bench {
namespace {

constexpr std::string_view kWho = "Redis";
constexpr std::string_view kCalls = "calls";
constexpr std::string_view kAnswers = "answers";
constexpr int kAskedAhead = 64;  // by the host, of the list of calls

std::string_view PushWord(RedisWay way) { return way == RedisWay::kLists ? "LPUSH" : "PUBLISH"; }

bool Listens(const std::string& path) {
  redisContext* const context = redisConnectUnix(path.c_str());
  const bool listens = context != nullptr && context->err == 0;
  if (context != nullptr) redisFree(context);
  return listens;
}

int Serve(const std::string& path, RedisWay way) {
  RedisQueues queues(path, way, kAnswers, kCalls);
  for (int i = 0; i < kAskedAhead; ++i) queues.AskForOne();
  SayReady();
  for (;;) {
    for (auto call = queues.Next(); !call.empty(); call = queues.NextIfRead()) {
      queues.Send(call);
      queues.AskForOne();
    }
    queues.Flush();
  }
}

}  // namespace

RedisServer::RedisServer()
    : server_({ServerProgram("redis-server"), "--port", "0", "--unixsocket", path_, "--save", "",
               "--appendonly", "no", "--dir", folder_.path(), "--loglevel", "warning", "--logfile",
               folder_.At("log")}) {
  WaitUntilUp(kWho, [this] { return Listens(path_); });
}

RedisQueues::Context RedisQueues::Connect(const std::string& path) {
  Context context(redisConnectUnix(path.c_str()));
  if (context == nullptr || context->err != 0) GiveUp(kWho, "cannot connect to " + path);
  return context;
}

RedisQueues::RedisQueues(const std::string& path, RedisWay way, std::string_view to,
                         std::string_view from)
    : way_(way), to_(to), from_(from), sending_(Connect(path)), receiving_(Connect(path)) {
  redisAppendCommand(sending_.get(), "CLIENT REPLY OFF");
  if (way_ == RedisWay::kLists) return;
  const Reply subscribed(
      static_cast<redisReply*>(redisCommand(receiving_.get(), "SUBSCRIBE %s", from_.c_str())));
  if (subscribed == nullptr) GiveUp(kWho, receiving_->errstr);
}

void RedisQueues::Send(std::string_view message) {
  const std::string_view word = PushWord(way_);
  std::array<const char*, 3> words{word.data(), to_.data(), message.data()};
  const std::array<std::size_t, 3> sizes{word.size(), to_.size(), message.size()};
  redisAppendCommandArgv(sending_.get(), words.size(), words.data(), sizes.data());
}

void RedisQueues::Flush() {
  for (int done = 0; done == 0;) {
    if (redisBufferWrite(sending_.get(), &done) != REDIS_OK) GiveUp(kWho, sending_->errstr);
  }
}

void RedisQueues::AskForOne() {
  if (way_ == RedisWay::kLists) redisAppendCommand(receiving_.get(), "BRPOP %s 0", from_.c_str());
}

std::string_view RedisQueues::Next() {
  void* reply = nullptr;
  if (redisGetReply(receiving_.get(), &reply) != REDIS_OK) GiveUp(kWho, receiving_->errstr);
  return Take(reply);
}

std::string_view RedisQueues::NextIfRead() {
  void* reply = nullptr;
  if (redisGetReplyFromReader(receiving_.get(), &reply) != REDIS_OK)
    GiveUp(kWho, receiving_->errstr);
  return reply != nullptr ? Take(reply) : std::string_view();
}

// A list's is [list, message], a channel's ["message", channel, message].
std::string_view RedisQueues::Take(void* reply) {
  last_.reset(static_cast<redisReply*>(reply));
  if (last_->type != REDIS_REPLY_ARRAY || last_->elements < 2) GiveUp(kWho, "not a message");
  const redisReply& message = *last_->element[last_->elements - 1];
  return {message.str, message.len};
}

RedisEcho::RedisEcho(const RedisServer& server, RedisWay way)
    : host_(way == RedisWay::kLists ? "redis_host_lists" : "redis_host_channels", server.path()),
      queues_(server.path(), way, kCalls, kAnswers) {}

void RedisEcho::Call(int in_flight, int calls) {
  const std::uint64_t last = last_sent_ + static_cast<std::uint64_t>(calls);
  for (int i = 0; i < in_flight; ++i) Send();
  queues_.Flush();
  while (last_answered_ < last) {
    for (auto answer = queues_.Next(); !answer.empty(); answer = queues_.NextIfRead()) {
      Check(answer);
      if (last_sent_ < last) Send();
    }
    queues_.Flush();
  }
}

void RedisEcho::Send() {
  std::array<char, sizeof last_sent_ + kPayloadBytes> message;
  ++last_sent_;
  std::memcpy(message.data(), &last_sent_, sizeof last_sent_);
  kPayload.copy(message.data() + sizeof last_sent_, kPayloadBytes);
  queues_.Send({message.data(), message.size()});
  queues_.AskForOne();
}

void RedisEcho::Check(std::string_view answer) {
  ++last_answered_;
  if (std::memcmp(answer.data(), &last_answered_, sizeof last_answered_) != 0)
    GiveUp(kWho, "an answer is of another call");
  CheckAnswer(kWho, answer.substr(sizeof last_answered_));
}

int ServeRedisHostLists(const std::string& path) { return Serve(path, RedisWay::kLists); }
int ServeRedisHostChannels(const std::string& path) {
  return Serve(path, RedisWay::kPublishSubscribe);
}

}  // namespace belay::bench
