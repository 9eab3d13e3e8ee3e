// What belayctl does without a server: text, tables, exit codes, settings, JSON lines.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <map>
#include <string>

#include "tools/belayctl/exit_code.h"
#include "tools/belayctl/json_lines.h"
#include "tools/belayctl/settings.h"
#include "tools/belayctl/table.h"
#include "tools/belayctl/text.h"

namespace belay::ctl {
namespace {

TEST(Handle, RoundTripsAndRefusesEverythingElse) {
  EXPECT_EQ(FormatHandle(0x0300000100000007), "0x0300000100000007");
  EXPECT_EQ(FormatHandle(1), "0x0000000000000001");
  EXPECT_EQ(ParseHandle("0x0300000100000007"), 0x0300000100000007u);
  EXPECT_EQ(ParseHandle("0XfF"), 255u);
  EXPECT_EQ(ParseHandle("216172786408751111"), 216172786408751111u);
  EXPECT_EQ(ParseHandle("18446744073709551615"), ~std::uint64_t{0});
  for (const char* bad :
       {"", "0", "0x", "x1", "-1", "1 ", " 1", "0x1g", "18446744073709551616", "1.5", "+1"}) {
    EXPECT_FALSE(ParseHandle(bad)) << bad;
  }
}

TEST(Age, IsShort) {
  constexpr std::int64_t kMs = 1'000'000;
  EXPECT_EQ(FormatAge(-5), "0ms");
  EXPECT_EQ(FormatAge(999 * kMs), "999ms");
  EXPECT_EQ(FormatAge(3450 * kMs), "3.4s");
  EXPECT_EQ(FormatAge(312'000 * kMs), "5m12s");
  EXPECT_EQ(FormatAge(11'040'000 * kMs), "3h04m");
  EXPECT_EQ(FormatAge((2 * 86'400'000LL + 39'600'000) * kMs), "2d11h");
}

TEST(Duration, HasUnits) {
  EXPECT_EQ(ParseDurationMs("500ms"), 500u);
  EXPECT_EQ(ParseDurationMs("5"), 5000u);
  EXPECT_EQ(ParseDurationMs("1.5s"), 1500u);
  EXPECT_EQ(ParseDurationMs("2m"), 120'000u);
  for (const char* bad : {"", "s", "0", "-1s", "5 s", "5d", "1e99", "nan", "inf"}) {
    EXPECT_FALSE(ParseDurationMs(bad)) << bad;
  }
}

TEST(Escape, MakesNamesHarmless) {
  EXPECT_EQ(Escape("plain näme"), "plain näme");
  EXPECT_EQ(Escape("a\nb\tc\\d"), "a\\nb\\tc\\\\d");
  EXPECT_EQ(Escape("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(Escape(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(Escape("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(Escape("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(Escape("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(Escape("a\u202eb"), "a\\u{202e}b");
  EXPECT_EQ(Escape("\u009b"), "\\u{9b}");
}

TEST(Shorten, CountsColumns) {
  EXPECT_EQ(Shorten("abc", 3), "abc");
  EXPECT_EQ(Shorten("abcd", 3), "ab…");
  EXPECT_EQ(Shorten("äöü", 3), "äöü");
  EXPECT_EQ(Shorten("a\nbc", 4), "a\n…");
  EXPECT_EQ(Shorten("", 0), "");
}

TEST(Nearest, FindsTypos) {
  const std::vector<std::string> verbs = {"handles", "sessions", "health"};
  EXPECT_EQ(Nearest("handels", verbs), "handles");
  EXPECT_EQ(Nearest("session", verbs), "sessions");
  EXPECT_EQ(Nearest("xyz", verbs), "");
}

TEST(Table, AlignsAndWidensByPage) {
  Table table({{"NAME"}, {"N", true}, {"LAST"}}, true);
  table.AddRow({"a", "1", "x"});
  table.AddRow({"bb\n", "100", ""});
  EXPECT_EQ(table.Render(), "NAME    N  LAST\na       1  x\nbb\\n  100  -\n");
  table.AddRow({"longer", "2", "y"});
  EXPECT_EQ(table.Render(), "longer    2  y\n");
  EXPECT_EQ(table.Render(), "");
  EXPECT_EQ(Table({{"NAME"}}, true).Render(), "NAME\n");
  EXPECT_EQ(Table({{"NAME"}}, false).Render(), "");
}

TEST(ExitCode, FollowsTheStatus) {
  using client::Code;
  using client::Status;
  EXPECT_EQ(ExitCodeOf(Status()), 0);
  EXPECT_EQ(ExitCodeOf(Status(Code::kNotFound, "")), 1);
  EXPECT_EQ(ExitCodeOf(Status(Code::kUnavailable, "", client::kConnectionFailed)), 3);
  EXPECT_EQ(ExitCodeOf(Status(Code::kUnavailable, "", "STORE_READ_ONLY")), 64 + 14);
  EXPECT_EQ(ExitCodeOf(Status(Code::kPermissionDenied, "")), 4);
  EXPECT_EQ(ExitCodeOf(Status(Code::kUnauthenticated, "")), 4);
  EXPECT_EQ(ExitCodeOf(Status(Code::kDeadlineExceeded, "")), 68);
  EXPECT_EQ(ExitCodeOf(Status(Code::kStale, "")), 96);
  EXPECT_EQ(ExitCodeOf(Status(static_cast<Code>(4000), "")), 66);
}

TEST(Endpoint, IsWhatGrpcTakes) {
  std::string error;
  EXPECT_EQ(ParseEndpoint("unix:/run/x", &error), "unix:/run/x");
  EXPECT_EQ(ParseEndpoint("unix:///run/x", &error), "unix:/run/x");
  EXPECT_EQ(ParseEndpoint("/run/x", &error), "unix:/run/x");
  EXPECT_EQ(ParseEndpoint("./x", &error), "unix:./x");
  EXPECT_EQ(ParseEndpoint("localhost:80", &error), "localhost:80");
  EXPECT_EQ(ParseEndpoint("tcp:[::1]:80", &error), "[::1]:80");
  EXPECT_EQ(error, "");
  for (const char* bad :
       {"", "unix:", "localhost", "localhost:", ":80", "localhost:x", "localhost:70000"}) {
    error.clear();
    EXPECT_EQ(ParseEndpoint(bad, &error), "") << bad;
    EXPECT_NE(error, "") << bad;
  }
  EXPECT_EQ(ParseEndpoint("/" + std::string(107, 'x'), &error), "");
  EXPECT_NE(error.find("107"), std::string::npos) << error;
}

class SettingsTest : public testing::Test {
 protected:
  std::optional<Settings> Resolved(const Flags& flags, bool is_terminal = false) {
    error_.clear();
    const auto environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment_.find(name);
      if (found == environment_.end()) return std::nullopt;
      return found->second;
    };
    return Resolve(flags, environment, is_terminal, &error_);
  }

  std::string WriteFile(const std::string& text) {
    const std::string path = testing::TempDir() + "/ctl.toml";
    std::ofstream(path) << text;
    return path;
  }

  std::map<std::string, std::string> environment_;
  std::string error_;
};

TEST_F(SettingsTest, DefaultsDependOnTheTerminal) {
  EXPECT_EQ(Resolved({}, true)->format, Format::kTable);
  EXPECT_EQ(Resolved({}, false)->format, Format::kJson);
  EXPECT_EQ(Resolved({})->endpoint.origin, "default");
}

TEST_F(SettingsTest, FlagBeatsEnvironmentBeatsFile) {
  Flags flags;
  flags.config = WriteFile("endpoint = \"/file\"\ntimeout = \"1s\"\noutput = \"name\"\n");
  environment_ = {{"BELAY_ENDPOINT", "/environment"}, {"BELAY_TIMEOUT", "2s"}};
  flags.endpoint = "/flag";
  const std::optional<Settings> settings = Resolved(flags);
  ASSERT_TRUE(settings) << error_;
  EXPECT_EQ(settings->target, "unix:/flag");
  EXPECT_EQ(settings->endpoint.origin, "flag --endpoint");
  EXPECT_EQ(settings->timeout_ms, 2000u);
  EXPECT_EQ(settings->timeout.origin, "environment BELAY_TIMEOUT");
  EXPECT_EQ(settings->format, Format::kName);
  EXPECT_EQ(settings->output.origin, "file " + *flags.config);
}

TEST_F(SettingsTest, ATokenComesFromAFile) {
  EXPECT_EQ(Resolved({})->token, "");
  const std::string path = testing::TempDir() + "/token";
  std::ofstream(path) << "  belay_0123\n# of the shop\n";
  environment_ = {{"BELAY_TOKEN_FILE", path}};
  EXPECT_EQ(Resolved({})->token, "belay_0123");
  Flags flags;
  flags.token_file = path + ".none";
  EXPECT_FALSE(Resolved(flags));
  EXPECT_NE(error_.find(path + ".none\" (flag --token-file)"), std::string::npos) << error_;
}

TEST_F(SettingsTest, WhatIsWrongIsNamedWithItsPlace) {
  Flags flags;
  flags.config = WriteFile("\nendpont = \"/x\"\n");
  EXPECT_FALSE(Resolved(flags));
  EXPECT_NE(error_.find(":2: unknown key \"endpont\" (did you mean \"endpoint\"?)"),
            std::string::npos)
      << error_;
  flags.config = WriteFile("endpoint = \n");
  EXPECT_FALSE(Resolved(flags));
  EXPECT_NE(error_.find("ctl.toml:1:"), std::string::npos) << error_;
  flags.config = WriteFile("timeout = 5\n");
  EXPECT_FALSE(Resolved(flags));
  EXPECT_NE(error_.find("\"timeout\" must be a text"), std::string::npos) << error_;
  flags.config = "/no/such/file";
  EXPECT_FALSE(Resolved(flags));
  EXPECT_NE(error_.find("/no/such/file"), std::string::npos) << error_;
  flags.config.reset();
  environment_ = {{"BELAY_TIMEOUT", "soon"}};
  EXPECT_FALSE(Resolved(flags));
  EXPECT_NE(error_.find("environment BELAY_TIMEOUT"), std::string::npos) << error_;
  environment_ = {};
  flags.output = "xml";
  EXPECT_FALSE(Resolved(flags));
  EXPECT_NE(error_.find("flag --output"), std::string::npos) << error_;
}

TEST(JsonLines, RoundTripAnything) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  for (const std::string& value :
       {std::string("plain"), std::string("quote\" \\ \n \x7f"), std::string(), bytes}) {
    Row row;
    row.key = value;
    row.value = value;
    row.revision = 7;
    std::string error;
    const std::optional<KeyValue> back = KeyValueFromJson(RowToJson(row, true), &error);
    ASSERT_TRUE(back) << error << " " << RowToJson(row, true);
    EXPECT_EQ(back->key, value);
    EXPECT_EQ(back->value, value);
  }
}

TEST(JsonLines, SaysWhatIsWrong) {
  std::string error;
  EXPECT_FALSE(KeyValueFromJson("[1]", &error));
  EXPECT_FALSE(KeyValueFromJson("{\"key\":", &error));
  EXPECT_FALSE(KeyValueFromJson("{\"key\":\"a\"}", &error));
  EXPECT_NE(error.find("\"value\""), std::string::npos) << error;
  EXPECT_FALSE(KeyValueFromJson("{\"key\":1,\"value\":\"x\"}", &error));
  EXPECT_NE(error.find("must be a text"), std::string::npos) << error;
  EXPECT_FALSE(KeyValueFromJson("{\"key\":\"a\",\"value_base64\":\"*\"}", &error));
  EXPECT_NE(error.find("base64"), std::string::npos) << error;
}

}  // namespace
}  // namespace belay::ctl
