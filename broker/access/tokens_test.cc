#include "broker/access/tokens.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>
#include <vector>

#include "broker/access/trusted_file.h"

namespace belay::access {
namespace {

TEST(Tokens, AreFoundByWhatTheyHashTo) {
  const std::string shop = MakeToken();
  const std::string till = MakeToken();
  const auto tokens = Tokens::Parse(
      "# of the shop\n" + TokenLine("shop", shop) + "  # 2026\r\n\n\t" + TokenLine("till", till),
      "tokens");
  ASSERT_TRUE(tokens.ok()) << tokens.status().message();
  EXPECT_EQ(tokens->size(), 2U);
  ASSERT_NE(tokens->Find(shop), nullptr);
  EXPECT_EQ(*tokens->Find(shop), "shop");
  EXPECT_EQ(*tokens->Find(till), "till");
  std::string forged = shop;
  forged.back() = forged.back() == '0' ? '1' : '0';
  for (const std::string& wrong :
       {forged, shop.substr(1), shop + " ", std::string(), TokenLine("shop", shop)})
    EXPECT_EQ(tokens->Find(wrong), nullptr);
}

// SHA-256 as anybody else computes it: printf %s belay | sha256sum
TEST(Tokens, HashesAreThoseOfSha256sum) {
  EXPECT_EQ(TokenLine("name", "belay"),
            "name 7f72937a338ece153c4ad8c39b1b81ed80eb0f709804bda546046396a975329a");
}

TEST(Tokens, NoTwoAreAlike) {
  const std::string token = MakeToken();
  EXPECT_EQ(token.size(), 70U);
  EXPECT_TRUE(token.starts_with("belay_"));
  EXPECT_NE(token, MakeToken());
}

TEST(Tokens, WhatIsWrongIsNamedByItsLineAndNeverRepeated) {
  const std::string secret = MakeToken();
  const std::string good = TokenLine("shop", secret);
  for (const std::string& text : std::vector<std::string>{
           "\nshop " + secret,  // the token itself, by mistake
           std::string("\nshop"),
           "\nshop " + good.substr(5) + "0",
           "\n" + good + " more",
           "\nsh/op " + good.substr(5),
           good + "\n" + good,
       }) {
    const auto tokens = Tokens::Parse(text, "/etc/tokens");
    ASSERT_FALSE(tokens.ok()) << text;
    EXPECT_EQ(tokens.code(), base::Code::kInvalidArgument);
    EXPECT_TRUE(tokens.status().message().starts_with("/etc/tokens:2: "))
        << tokens.status().message();
    EXPECT_EQ(tokens.status().message().find(secret.substr(6)), std::string::npos);
  }
}

TEST(Tokens, ThereIsABoundOnThem) {
  std::string text;
  for (std::size_t i = 0; i <= kMaxTokens; ++i) text += TokenLine(std::to_string(i), "t") + "\n";
  const auto tokens = Tokens::Parse(text, "f");
  ASSERT_FALSE(tokens.ok());
  EXPECT_NE(tokens.status().message().find(std::to_string(kMaxTokens)), std::string::npos);
}

class TrustedFile : public testing::Test {
 protected:
  TrustedFile() { std::ofstream(path_) << "text"; }
  base::Code Read(mode_t mode) {
    EXPECT_EQ(::chmod(path_.c_str(), mode), 0);
    return ReadTrustedFile(path_).code();
  }
  const std::string path_ = testing::TempDir() + "/trusted";
};

TEST_F(TrustedFile, IsReadUnlessOthersMayWriteIt) {
  EXPECT_EQ(Read(0600), base::Code::kOk);
  EXPECT_EQ(*ReadTrustedFile(path_), "text");
  EXPECT_EQ(Read(0644), base::Code::kOk);
  EXPECT_EQ(Read(0620), base::Code::kFailedPrecondition);
  EXPECT_EQ(Read(0602), base::Code::kFailedPrecondition);
  EXPECT_NE(ReadTrustedFile(path_).status().message().find("chmod go-w " + path_),
            std::string::npos);
}

TEST_F(TrustedFile, HasABound) {
  std::ofstream(path_) << std::string(kMaxTrustedFileBytes + 1, 'x');
  EXPECT_EQ(Read(0600), base::Code::kFailedPrecondition);
}

TEST_F(TrustedFile, IsAFile) {
  EXPECT_EQ(ReadTrustedFile(path_ + ".none").code(), base::Code::kNotFound);
  EXPECT_EQ(ReadTrustedFile(testing::TempDir()).code(), base::Code::kFailedPrecondition);
}

}  // namespace
}  // namespace belay::access
