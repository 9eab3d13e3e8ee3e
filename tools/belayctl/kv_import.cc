// kv import: JSON lines into the store, over several sessions.
//
// The store commits what arrives together as one group, but a session's operations one after the other.
// So keys are spread over sessions, each key always to the same one: of a key that occurs twice the last
// line wins. On a failure the import stops reading, waits for what is in flight, and says at which line
// it was; lines before that one may be missing, some after it may be in the store.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <mutex>
#include <optional>
#include <utility>

#include "belay/client/client.h"
#include "belay/client/store.h"
#include "tools/belayctl/json_lines.h"
#include "tools/belayctl/text.h"
#include "tools/belayctl/verbs.h"

namespace belay::ctl {
namespace {

// Puts in flight at most: enough for the store to commit them in groups, and so few that memory stays
// bounded with values of the usual size.
constexpr int kWindow = 256;
constexpr std::size_t kWindowBytes = 16u << 20;
constexpr std::size_t kSessions = 16;

class Importer {
 public:
  Importer(const Context& context, const ImportOptions& options, bool has_progress)
      : context_(context), options_(options), has_progress_(has_progress) {}

  ~Importer() { (void)Drain(); }

  // Opens the first session, so that a broker that is not there is said before anything is read.
  client::Status Open() { return Open(sessions_[0]); }

  // Puts one pair; `where` names it in an error. False: stop, something has failed.
  bool Put(KeyValue pair, std::string where) {
    const std::size_t bytes = pair.key.size() + pair.value.size();
    std::optional<client::Client>& session =
        sessions_[std::hash<std::string>()(pair.key) % kSessions];
    if (client::Status status = Open(session); !status.ok()) {
      std::scoped_lock lock(mutex_);
      if (failure_.ok()) Fail(std::move(status), where);
      return false;
    }
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] {
        return in_flight_ == 0 ||
               (in_flight_ < kWindow && bytes_in_flight_ + bytes <= kWindowBytes);
      });
      if (!failure_.ok()) return false;
      ++in_flight_;
      bytes_in_flight_ += bytes;
    }
    client::WriteOptions options;
    options.async = options_.is_async;
    session->store(options_.keyspace)
        .PutAsync(
            std::move(pair.key), std::move(pair.value), options,
            [this, bytes, where = std::move(where)](const client::Result<std::uint64_t>& result) {
              std::scoped_lock lock(mutex_);
              --in_flight_;
              bytes_in_flight_ -= bytes;
              if (result.ok()) {
                ++count_;
              } else if (failure_.ok()) {
                Fail(result.status(), where);
              }
              changed_.notify_one();
            });
    ShowProgress(false);
    return true;
  }

  // Waits for what is in flight; how it all went.
  client::Status Drain() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return in_flight_ == 0; });
    return failure_;
  }

  void ShowProgress(bool is_last) {
    if (!has_progress_) return;
    const auto now = Clock::now();
    if (!is_last && now - shown_ < std::chrono::milliseconds(100)) return;
    shown_ = now;
    const double seconds = std::chrono::duration<double>(now - begun_).count();
    std::scoped_lock lock(mutex_);
    fmt::print(stderr, "\r{} keys, {:.0f}/s", count_,
               seconds > 0 ? static_cast<double>(count_) / seconds : 0);
    if (is_last) fmt::print(stderr, "\n");
    std::fflush(stderr);
  }

  std::uint64_t count() {
    std::scoped_lock lock(mutex_);
    return count_;
  }
  // Where the first failure was; "" if there was none.
  std::string failed_at() {
    std::scoped_lock lock(mutex_);
    return failed_at_;
  }
  double Seconds() const { return std::chrono::duration<double>(Clock::now() - begun_).count(); }

 private:
  using Clock = std::chrono::steady_clock;

  client::Status Open(std::optional<client::Client>& session) {
    if (session) return {};
    client::Result<client::Client> client = context_.Session();
    if (!client.ok()) return client.status();
    session.emplace(*std::move(client));
    return {};
  }

  // REQUIRES: mutex_ held
  void Fail(client::Status status, const std::string& where) {
    failure_ = std::move(status);
    failed_at_ = where;
  }

  const Context& context_;
  const ImportOptions& options_;
  const bool has_progress_;
  const Clock::time_point begun_ = Clock::now();
  Clock::time_point shown_ = begun_;

  std::mutex mutex_;
  std::condition_variable changed_;
  int in_flight_ = 0;
  std::size_t bytes_in_flight_ = 0;
  std::uint64_t count_ = 0;
  client::Status failure_;
  std::string failed_at_;

  // Last, so first to go: no completion comes after that.
  std::array<std::optional<client::Client>, kSessions> sessions_;
};

// What was wrong with a file; "" if nothing.
std::string ImportStream(std::istream& in, const std::string& name, Importer& importer) {
  std::string line;
  for (std::uint64_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = fmt::format("{}:{}", Escape(name), number);
    std::string error;
    std::optional<KeyValue> pair = KeyValueFromJson(line, &error);
    if (!pair) return fmt::format("{}: {}", where, error);
    if (!importer.Put(*std::move(pair), where)) return {};
  }
  if (in.bad()) return fmt::format("{}: cannot read on", Escape(name));
  return {};
}

}  // namespace

int RunKvImport(const Context& context, const ImportOptions& options) {
  Importer importer(context, options, !options.is_quiet && isatty(STDERR_FILENO) == 1);
  if (const client::Status status = importer.Open(); !status.ok()) {
    return context.Fail(status, "cannot open a session");
  }
  std::vector<std::string> files = options.files;
  if (files.empty()) files.push_back("-");
  std::string wrong;
  for (const std::string& file : files) {
    if (file == "-") {
      wrong = ImportStream(std::cin, "standard input", importer);
    } else if (std::ifstream in(file, std::ios::binary); in) {
      wrong = ImportStream(in, file, importer);
    } else {
      wrong = fmt::format("{}: cannot open it", Escape(file));
    }
    if (!wrong.empty() || !importer.failed_at().empty()) break;
  }
  const client::Status status = importer.Drain();
  importer.ShowProgress(true);
  if (context.IsTable()) {
    Context::PrintLine(
        fmt::format("imported {} keys in {:.2f} s", importer.count(), importer.Seconds()));
  } else {
    Context::PrintLine(fmt::format("{{\"imported\":{}}}", importer.count()));
  }
  if (!status.ok())
    return context.Fail(status, fmt::format("import stopped at {}", importer.failed_at()));
  if (!wrong.empty()) return Context::Usage(wrong);
  return kExitOk;
}

}  // namespace belay::ctl
