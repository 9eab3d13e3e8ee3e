// The checker on histories whose verdict is known: good ones pass, and of each bad one the right
// key is named.
#include "tests/model/store/linearizability.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "tests/model/store/histories.h"

namespace belay::store_model {
namespace {

struct Case {
  std::string name;
  History history;
  std::string key = {};    // of a bad one: what is found to be wrong,
  std::string story = {};  // and a part of how it is told
};

void PrintTo(const Case& given, std::ostream* out) { *out << given.name; }

std::string NameOf(const testing::TestParamInfo<Case>& info) { return info.param.name; }

class GoodHistoryTest : public testing::TestWithParam<Case> {};
class BadHistoryTest : public testing::TestWithParam<Case> {};

TEST_P(GoodHistoryTest, S1_Passes) {
  const auto violation = FindViolation(GetParam().history);
  EXPECT_FALSE(violation) << violation->story;
}

TEST_P(BadHistoryTest, S1_IsFoundWithItsKey) {
  History history = GetParam().history;
  // Keys before and after it that are as they should be.
  for (const char* key : {"0", "z"}) {
    history.operations.push_back(Get({900, 950}, key, NotFound()));
  }
  const auto violation = FindViolation(history);
  ASSERT_TRUE(violation);
  EXPECT_EQ(violation->key, GetParam().key) << violation->story;
  EXPECT_NE(violation->story.find(GetParam().story), std::string::npos) << violation->story;
}

INSTANTIATE_TEST_SUITE_P(
    Linearizability, GoodHistoryTest,
    testing::Values(
        Case{"Empty", {}},
        Case{"OneAfterAnother",
             {{Get({1, 2}, "a", NotFound()), Put({3, 4}, "a", "x", Ok(1)),
               Get({5, 6}, "a", Found("x", 1)), Delete({7, 8}, "a", Ok(2)),
               Delete({9, 10}, "a", NotFound(2)), Get({11, 12}, "a", NotFound()),
               PutIfAbsent({13, 14}, "a", "y", Ok(3)), PutIfAbsent({15, 16}, "a", "z", Refused()),
               PutIfRevision({17, 18}, "a", "w", 3, Ok(4)),
               PutIfRevision({19, 20}, "a", "v", 3, Refused())}}},
        Case{"OverlappingPutsInTheOrderOfTheirRevisions",
             {{Put({1, 10}, "a", "x", Ok(2)), Put({2, 9}, "a", "y", Ok(1)),
               Get({11, 12}, "a", Found("x", 2))}}},
        Case{"AGetThatOverlapsAPutSeesItOrNot",
             {{Put({1, 2}, "a", "x", Ok(1)), Put({3, 10}, "a", "y", Ok(2)),
               Get({4, 8}, "a", Found("x", 1)), Get({5, 9}, "a", Found("y", 2))}}},
        Case{"OneOfTwoWithTheSameRevisionWins",
             {{Put({1, 2}, "a", "x", Ok(1)), PutIfRevision({3, 6}, "a", "y", 1, Refused()),
               PutIfRevision({4, 5}, "a", "z", 1, Ok(2))}}},
        Case{"AWriteOfUnknownOutcomeTookEffectMuchLater",
             {{Put({1, 2}, "a", "x", Ok(1)), Put({3, kNever}, "a", "y", Unknown()),
               Get({4, 5}, "a", Found("x", 1)), Get({6, 7}, "a", Found("y", 5))}}},
        Case{"AWriteOfUnknownOutcomeNever",
             {{Put({1, 2}, "a", "x", Ok(1)), Delete({3, kNever}, "a", Unknown()),
               Get({4, 5}, "a", Found("x", 1))}}},
        Case{"AGetOfUnknownOutcomeSaysNothing", {{Get({1, kNever}, "a", Unknown())}}},
        Case{"SnapshotsOfEachRevision",
             {{Put({1, 2}, "a", "x", Ok(1)), Put({3, 4}, "b", "y", Ok(2)),
               Delete({5, 6}, "a", Ok(3))},
              {Scan({7, 8}, 3, {{"b", "y", 2}}), Scan({3, 6}, 2, {{"a", "x", 1}, {"b", "y", 2}}),
               Scan({3, 6}, 1, {{"a", "x", 1}}), Scan({7, 8}, 3, {}, "a", "b")}}}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Linearizability, BadHistoryTest,
    testing::Values(
        Case{"StaleRead",
             {{Put({1, 2}, "a", "x", Ok(1)), Put({3, 4}, "a", "y", Ok(2)),
               Get({5, 6}, "a", Found("x", 1))}},
             "a",
             "get \"a\" -> \"x\" of revision 1: the key has another value"},
        Case{"AReadThatGoesBackWhileAPutIsRunning",
             {{Put({1, 2}, "a", "x", Ok(1)), Put({3, 20}, "a", "y", Ok(2)),
               Get({4, 5}, "a", Found("y", 2)), Get({6, 7}, "a", Found("x", 1))}},
             "a",
             "get \"a\" -> \"x\""},
        Case{"LostUpdate",
             {{Put({1, 2}, "a", "0", Ok(1)), Put({3, 6}, "a", "x", Ok(2)),
               Put({4, 5}, "a", "y", Ok(3)), Get({7, 8}, "a", Found("x", 2))}},
             "a",
             "get \"a\" -> \"x\""},
        Case{"AnUpdateThatNobodySees",
             {{Put({1, 2}, "a", "x", Ok(1)), Get({3, 4}, "a", NotFound())}},
             "a",
             "get \"a\" -> not found: the key exists"},
        Case{"AValueNeverWritten",
             {{Put({1, 2}, "a", "x", Ok(1)), Get({3, 4}, "a", Found("other", 1))}},
             "a",
             "the key has another value"},
        Case{"AValueOfAnotherRevision",
             {{Put({1, 2}, "a", "x", Ok(1)), Put({3, 4}, "b", "x", Ok(2)),
               Get({5, 6}, "a", Found("x", 2))}},
             "a",
             "the key is at another revision"},
        Case{"AReadBeforeTheWrite",
             {{Get({1, 2}, "a", Found("x", 1)), Put({3, 4}, "a", "x", Ok(2))}},
             "a",
             "(nothing)"},
        Case{"TwoSuccessesOfTheSameIfRevision",
             {{Put({1, 2}, "a", "x", Ok(1)), PutIfRevision({3, 6}, "a", "y", 1, Ok(2)),
               PutIfRevision({4, 5}, "a", "z", 1, Ok(3))}},
             "a",
             "if at revision 1 -> revision 2: the key is at another revision"},
        Case{"TwoSuccessesOfIfAbsent",
             {{PutIfAbsent({1, 4}, "a", "x", Ok(1)), PutIfAbsent({2, 3}, "a", "y", Ok(2))}},
             "a",
             "the key exists"},
        Case{"ARefusalWithoutReason",
             {{Put({1, 2}, "a", "x", Ok(1)), PutIfRevision({3, 4}, "a", "y", 1, Refused())}},
             "a",
             "refused: its condition holds"},
        Case{"ARefusalOfIfAbsentWithoutReason",
             {{Put({1, 2}, "a", "x", Ok(1)), Delete({3, 4}, "a", Ok(2)),
               PutIfAbsent({5, 6}, "a", "y", Refused())}},
             "a",
             "refused: its condition holds"},
        Case{"ADeleteThatDidNotHappen",
             {{Put({1, 2}, "a", "x", Ok(1)), Delete({3, 4}, "a", Ok(2)),
               Get({5, 6}, "a", Found("x", 1))}},
             "a",
             "the key is absent"},
        Case{"ADeleteThatHappenedTwice",
             {{Put({1, 2}, "a", "x", Ok(1)), Delete({3, 6}, "a", Ok(2)),
               Delete({4, 5}, "a", Ok(3))}},
             "a",
             "the key is absent"},
        Case{"ADeleteThatMissedTheKey",
             {{Put({1, 2}, "a", "x", Ok(1)), Delete({3, 4}, "a", NotFound(1))}},
             "a",
             "the key exists"},
        Case{"AWriteOfUnknownOutcomeThatIsUndone",
             {{Put({1, 2}, "a", "x", Ok(1)), Put({3, kNever}, "a", "y", Unknown()),
               Get({4, 5}, "a", Found("y", 2)), Get({6, 7}, "a", Found("x", 1))}},
             "a",
             "the key has another value"},
        Case{"AWriteOfUnknownOutcomeWithTwoRevisions",
             {{Put({1, kNever}, "a", "y", Unknown()), Get({2, 3}, "a", Found("y", 1)),
               Get({4, 5}, "a", Found("y", 2))}},
             "a",
             "the key is at another revision"},
        Case{"RevisionsOfOneKeyAgainstTheOrderOfItsValues",
             {{Put({1, 10}, "a", "x", Ok(2)), Put({2, 9}, "a", "y", Ok(1)),
               Get({11, 12}, "a", Found("y", 1))}},
             "a",
             "get \"a\" -> \"y\""},
        Case{"ADeleteThatSawTheStoreAfterAChangeOfTheKey",
             {{Delete({1, 9}, "a", NotFound(7)), Put({2, 8}, "a", "x", Ok(3)),
               Delete({3, 7}, "a", NotFound(2))}},
             "a",
             "the key exists"},
        Case{"ARevisionGivenTwice",
             {{Put({1, 4}, "a", "x", Ok(1)), Put({2, 3}, "b", "y", Ok(1))}},
             "b",
             "the same revision"},
        Case{"RevisionsAgainstRealTime",
             {{Put({1, 2}, "a", "x", Ok(2)), Put({3, 4}, "b", "y", Ok(1))}},
             "b",
             "a revision that had gone by"},
        Case{"ARevisionBelowOneThatWasRead",
             {{Put({1, 20}, "a", "x", Ok(2)), Get({2, 3}, "a", Found("x", 2)),
               Put({4, 5}, "b", "y", Ok(1))}},
             "b",
             "a revision that had gone by"},
        Case{"ADeleteThatLookedAtAnOldStore",
             {{Put({1, 2}, "a", "x", Ok(1)), Delete({3, 4}, "b", NotFound(0))}},
             "b",
             "a revision that had gone by"},
        Case{"AWriteAtARevisionWhereTheStoreHadBeen",
             {{Delete({1, 2}, "b", NotFound(1)), Put({3, 4}, "a", "x", Ok(1))}},
             "a",
             "a revision that had gone by"},
        Case{"AnOldSnapshot",
             {{Put({1, 2}, "a", "x", Ok(1))}, {Scan({3, 4}, 0, {})}},
             "",
             "a revision that had gone by"},
        Case{"ASnapshotWithoutARow",
             {{Put({1, 2}, "a", "x", Ok(1)), Put({3, 4}, "b", "y", Ok(2))},
              {Scan({5, 6}, 2, {{"b", "y", 2}})}},
             "a",
             "due:   \"a\" = \"x\" of revision 1"},
        Case{"ASnapshotWithARowFromItsFuture",
             {{Put({1, 2}, "a", "x", Ok(1)), Put({3, 9}, "b", "y", Ok(2))},
              {Scan({4, 8}, 1, {{"a", "x", 1}, {"b", "y", 2}})}},
             "b",
             "shown: \"b\" = \"y\" of revision 2"},
        Case{"ASnapshotOfHalfTheChanges",
             {{Put({1, 2}, "a", "x", Ok(1)), Put({3, 9}, "a", "y", Ok(2))},
              {Scan({4, 8}, 2, {{"a", "x", 1}})}},
             "a",
             "due:   \"a\" = \"y\" of revision 2"},
        Case{"ASnapshotThatShowsWhatWasDeleted",
             {{Put({1, 2}, "a", "x", Ok(1)), Delete({3, 4}, "a", Ok(2))},
              {Scan({5, 6}, 2, {{"a", "x", 1}})}},
             "a",
             "due:   no more rows"},
        Case{"ASnapshotBeyondItsRange",
             {{Put({1, 2}, "a", "x", Ok(1)), Put({3, 4}, "b", "y", Ok(2))},
              {Scan({5, 6}, 2, {{"a", "x", 1}, {"b", "y", 2}}, "a", "b")}},
             "b",
             "shown: \"b\""}),
    NameOf);

TEST(LinearizabilityTest, S1_TheStoryEndsWithTheFirstReturnThatNoOrderGetsPast) {
  const History history{{Put({1, 2}, "a", "x", Ok(1)), Put({3, 4}, "a", "y", Ok(2)),
                         Get({5, 10}, "a", Found("x", 1)), Get({6, 9}, "a", Found("y", 2)),
                         Put({7, 12}, "a", "z", Ok(4)), Delete({8, kNever}, "a", Unknown()),
                         Put({13, 14}, "a", "later", Ok(5))}};
  const auto violation = FindViolation(history);
  ASSERT_TRUE(violation);
  EXPECT_EQ(
      violation->story,
      "no order of the operations on key \"a\" explains what they answered. The one that gets "
      "furthest ends with\n"
      "  [3, 4] thread 3: put \"a\" = \"y\" -> revision 2\n"
      "  [6, 9] thread 6: get \"a\" -> \"y\" of revision 2\n"
      "  [7, 12] thread 7: put \"a\" = \"z\" -> revision 4\n"
      "  [8, never] thread 8: delete \"a\" -> unknown\n"
      "which leaves the key absent, its next revision above 5. Of these one must be next, and "
      "none can:\n"
      "  [5, 10] thread 5: get \"a\" -> \"x\" of revision 1: the key is absent\n");
}

}  // namespace
}  // namespace belay::store_model
