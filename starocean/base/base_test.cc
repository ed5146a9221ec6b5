#include <cerrno>
#include <cstring>

#include <gtest/gtest.h>

#include "starocean/base/endian.h"
#include "starocean/base/ids.h"
#include "starocean/base/result.h"

namespace starocean {
namespace {

TEST(Endian, BytesLieInNetworkOrder) {
  const be32 value(0x01020304);
  unsigned char bytes[4];
  std::memcpy(bytes, &value, 4);
  EXPECT_EQ(bytes[0], 1);
  EXPECT_EQ(bytes[3], 4);
  EXPECT_EQ(value.host(), 0x01020304u);
  EXPECT_EQ(be16(0xabcd).host(), 0xabcd);
  EXPECT_EQ(be64(0x1122334455667788).host(), 0x1122334455667788u);
}

TEST(Endian, RawRoundTripAndOrder) {
  EXPECT_EQ(be16::from_raw(be16(80).raw()), be16(80));
  EXPECT_LT(be16(0x00ff), be16(0x0100));
}

TEST(Ids, NoneIsInvalid) {
  EXPECT_FALSE(PortId().valid());
  EXPECT_FALSE(PortId::none().valid());
  EXPECT_TRUE(PortId(0).valid());
  EXPECT_LT(PortId(1), PortId(2));
}

TEST(Error, ReadsAsOneSentence) {
  const Error error("cannot open 'x'", "it is not there", "make it");
  EXPECT_EQ(error.message(), "cannot open 'x': it is not there; make it");
  EXPECT_EQ(error.in("site.yaml:3:1").message(),
            "site.yaml:3:1: cannot open 'x': it is not there; make it");
}

TEST(Error, SystemErrorsKeepTheirCode) {
  const Error error = Error::system("cannot bind", EBUSY);
  EXPECT_EQ(error.code(), EBUSY);
  EXPECT_NE(error.message().find("busy"), std::string::npos);
}

TEST(Result, CarriesEither) {
  const Result<int> good = 3;
  const Result<int> bad = fail("cannot", "because");
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, 3);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message(), "cannot: because");
}

}  // namespace
}  // namespace starocean
