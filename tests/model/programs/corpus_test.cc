// Programs that once found something, or that chance makes too rarely: run carefully, each time.
//
// To keep a program, paste what a failing run printed, and say what it is about.
#include <gtest/gtest.h>

#include <vector>

#include "tests/model/programs/bench.h"

namespace belay::programs {
namespace {

struct Kept {
  const char* about;
  Program program;
};

std::vector<Kept> Corpus() {
  return {
      {"found: a detach that drops ran the release function of a callback that drained already",
       {{Do::kOpenOwner, 7, 0, 0},
        {Do::kRegister, 8, 3, 0},
        {Do::kRetain, 8, 255, 1},
        {Do::kPin, 8, 0, 0},
        {Do::kUnregister, 8, 0, 0},
        {Do::kDetachOwner, 8, 0, 0}}},
      {"found: what may be called once was a name's member while it was called",
       {{Do::kRegister, 7, 0, 0},
        {Do::kBind, 8, 0, 0},
        {Do::kInvoke, 8, 129, 1},
        {Do::kResolve, 7, 0, 0}}},
      {"the last handle is released inside the call, and the broker closed there",
       {{Do::kRegister, 7, 20, 0},
        {Do::kInvoke, 8, 131, 1},
        {Do::kRelease, 8, 0, 0},
        {Do::kDrain, 8, 0, 0},
        {Do::kCloseBroker, 0, 0, 0},
        {Do::kRegister, 7, 20, 0}}},
      {"the broker is closed while a pin is held",
       {{Do::kRegister, 7, 3, 0},
        {Do::kPin, 8, 0, 0},
        {Do::kCloseBroker, 0, 0, 0},
        {Do::kCallPinned, 8, 3, 0},
        {Do::kUnpin, 8, 0, 0}}},
      {"a queue is released with one call handed out and one waiting",
       {{Do::kOpenQueue, 7, 3, 0},
        {Do::kRegister, 7, 8, 64},
        {Do::kSubmit, 8, 0, 1},
        {Do::kPoll, 8, 0, 0},
        {Do::kSubmit, 8, 0, 1},
        {Do::kRelease, 1, 200, 0},
        {Do::kFinish, 0, 1, 0}}},
      {"a call that was cancelled while it waited is not handed out",
       {{Do::kOpenQueue, 7, 3, 0},
        {Do::kRegister, 7, 10, 64},
        {Do::kSubmit, 8, 0, 1},
        {Do::kSubmit, 8, 0, 1},
        {Do::kSubmit, 8, 0, 1},
        {Do::kCancel, 0, 0, 0},
        {Do::kSuspend, 8, 0, 0},
        {Do::kPoll, 8, 0, 0},
        {Do::kFinish, 0, 1, 0},
        {Do::kSuspend, 8, 0, 0}}},
      {"a callback is suspended and quarantined, and each ends for itself",
       {{Do::kRegister, 7, 20, 0},
        {Do::kSuspend, 8, 0, 0},
        {Do::kQuarantine, 8, 0, 0},
        {Do::kInvoke, 8, 0, 1},
        {Do::kResume, 8, 0, 0},
        {Do::kInvoke, 8, 0, 1},
        {Do::kRestore, 8, 0, 0},
        {Do::kInvoke, 8, 0, 1}}},
      {"owners close from the top down, and a name keeps what its owner does not",
       {{Do::kOpenOwner, 7, 0, 0},
        {Do::kOpenOwner, 8, 0, 0},
        {Do::kRegister, 7, 20, 0},
        {Do::kRetain, 8, 136, 1},
        {Do::kBind, 8, 0, 0},
        {Do::kRelease, 8, 0, 0},
        {Do::kRelease, 8, 0, 0},
        {Do::kCloseOwner, 9, 0, 0},
        {Do::kResolve, 7, 0, 0}}},
  };
}

TEST(Corpus, R4_WhatOnceFailedDoesNotFailAgain) {
  for (const Kept& kept : Corpus()) {
    const auto divergence = RunAlone(kept.program);
    EXPECT_FALSE(divergence) << kept.about << "\nat operation " << divergence->op << ": "
                             << divergence->text;
  }
}

// A part of a program is a program: what deletes an operation makes nothing that cannot be run.
TEST(Corpus, EveryPartOfAProgramIsAProgram) {
  for (const Kept& kept : Corpus()) {
    for (std::size_t i = 0; i < kept.program.size(); ++i) {
      Program part = kept.program;
      part.erase(part.begin() + static_cast<std::ptrdiff_t>(i));
      const auto divergence = RunAlone(part);
      EXPECT_FALSE(divergence) << kept.about << "\nwithout operation " << i << ": "
                               << divergence->text;
    }
  }
}

}  // namespace
}  // namespace belay::programs
