// A writer process is killed with SIGKILL at random points, and what it leaves is compared with
// what it had acknowledged.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "broker/base/unique_fd.h"
#include "broker/storage/rocksdb/test_util.h"

namespace belay::storage {
namespace {

constexpr char kWriter[] = "broker/storage/rocksdb/crash_writer";

// The writer and its standard output.
class Child {
 public:
  explicit Child(const std::string& path) {
    int pipe_fds[2];
    if (::pipe2(pipe_fds, O_CLOEXEC) != 0) std::abort();
    const base::UniqueFd write_end(pipe_fds[1]);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(write_end.get(), STDOUT_FILENO);
      ::execl(kWriter, kWriter, path.c_str(), nullptr);
      ::_exit(127);
    }
    output_ = ::fdopen(pipe_fds[0], "r");
  }
  ~Child() {
    Kill();
    std::fclose(output_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // False at the end. A line cut short by the kill was never acknowledged to anyone.
  bool ReadLine(std::string* line) {
    line->clear();
    for (int c = 0; (c = std::fgetc(output_)) != EOF;) {
      if (c == '\n') return true;
      line->push_back(static_cast<char>(c));
    }
    return false;
  }

  void Kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    Wait();
  }

  int Wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
  std::FILE* output_ = nullptr;
};

using Journal = std::map<Revision, std::string>;  // acknowledged: revision -> "thread/sequence"

void Note(const std::string& line, Journal* journal) {
  int thread = 0;
  int sequence = 0;
  unsigned long long revision = 0;
  ASSERT_EQ(std::sscanf(line.c_str(), "%d %d %llu", &thread, &sequence, &revision), 3) << line;
  const std::string what = std::to_string(thread) + "/" + std::to_string(sequence);
  EXPECT_TRUE(journal->emplace(revision, what).second) << "revision " << revision << " given twice";
}

void CheckAgainstJournal(Store& store, const Journal& journal) {
  const std::vector<OwnedRow> history = HistoryFrom(store, 1);
  // Every commit of the writer has three rows: dense and whole.
  ASSERT_EQ(history.size(), 3 * store.CurrentRevision());
  std::map<std::string, OwnedRow> state;
  for (std::size_t i = 0; i < history.size(); ++i) {
    ASSERT_EQ(history[i].revision, i / 3 + 1);
    state[history[i].key] = history[i];
  }
  std::vector<OwnedRow> expected;
  for (const auto& [key, row] : state) expected.push_back(row);
  EXPECT_EQ(ScanAll(**store.NewScan({}), 1'000), expected) << "data and history differ";
  for (const auto& [revision, what] : journal) {
    for (const char* suffix : {"/a", "/b"}) {
      const auto it = state.find(what + suffix);
      ASSERT_TRUE(it != state.end())
          << what << " was acknowledged at " << revision << " and is lost";
      EXPECT_EQ(it->second.revision, revision);
    }
  }
}

TEST(CrashTest, S2_EveryAcknowledgedWriteSurvivesKill9) {
  std::mt19937_64 random(TestSeed());
  TempFolder folder;
  const std::string path = folder / "store";
  Journal journal;
  std::uint64_t last_epoch = 0;
  for (int cycle = 0; cycle < 15; ++cycle) {
    // Early ones hit the creation and the opening, the others the writing.
    const std::uint64_t lines = cycle % 5 == 0 ? random() % 3 : random() % 300;
    Child child(path);
    std::string line;
    for (std::uint64_t i = 0; i < lines && child.ReadLine(&line); ++i) {
      ASSERT_EQ(line.find("error"), std::string::npos) << line;
      if (line.starts_with("open ")) {
        const std::uint64_t epoch = std::strtoull(line.c_str() + 5, nullptr, 10);
        EXPECT_GT(epoch, last_epoch);
        last_epoch = epoch;
      } else {
        Note(line, &journal);
      }
    }
    child.Kill();
    while (child.ReadLine(&line)) {  // what it had still said
      if (!line.starts_with("open ")) Note(line, &journal);
    }
    auto store = MustOpen(path);
    EXPECT_GT(store->BootEpoch(), last_epoch);
    last_epoch = store->BootEpoch();
    CheckAgainstJournal(*store, journal);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(journal.size(), 100u);
}

TEST(CrashTest, S5_ASecondProcessIsToldWhoHasTheStore) {
  TempFolder folder;
  const std::string path = folder / "store";
  auto store = MustOpen(path);
  Child child(path);
  std::string line;
  ASSERT_TRUE(child.ReadLine(&line));
  EXPECT_NE(line.find("FAILED_PRECONDITION (STORE_LOCKED): store " + path + " is open in another"),
            std::string::npos)
      << line;
  EXPECT_NE(line.find("pid " + std::to_string(::getpid())), std::string::npos) << line;
  const int status = child.Wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3);
  EXPECT_TRUE(Put(*store, "a", "1").ok());  // and the first is none the worse
}

}  // namespace
}  // namespace belay::storage
