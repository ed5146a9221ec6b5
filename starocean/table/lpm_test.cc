// Longest prefix match of both families against the plainest model of it.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/ring/qsbr.h"
#include "starocean/ring/test_scale.h"
#include "starocean/table/lpm4.h"
#include "starocean/table/lpm6.h"
#include "starocean/table/lpm_model_for_test.h"

namespace starocean::table {
namespace {

using lpm::Bits128;

net::Ipv6Address address_of(const Bits128& bits) {
  const std::array<be64, 2> words{be64(bits.high), be64(bits.low)};
  net::Ipv6Address::Bytes bytes;
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return net::Ipv6Address(bytes);
}

struct V4 {
  using Table = Lpm4;
  static uint32_t lookup(const Table& table, const Bits128& bits) {
    return table.lookup(static_cast<uint32_t>(bits.high >> 32));
  }
  static std::vector<uint32_t> batch(const Table& table, const std::vector<Bits128>& all) {
    std::vector<uint32_t> addresses, values(all.size());
    addresses.reserve(all.size());
    for (const Bits128& bits : all) addresses.push_back(static_cast<uint32_t>(bits.high >> 32));
    table.lookup(addresses, values);
    return values;
  }
};

struct V6 {
  using Table = Lpm6;
  static uint32_t lookup(const Table& table, const Bits128& bits) {
    return table.lookup(address_of(bits));
  }
  static std::vector<uint32_t> batch(const Table& table, const std::vector<Bits128>& all) {
    std::vector<net::Ipv6Address> addresses;
    addresses.reserve(all.size());
    std::vector<uint32_t> values(all.size());
    for (const Bits128& bits : all) addresses.push_back(address_of(bits));
    table.lookup(addresses, values);
    return values;
  }
};

template <class Family>
class Lpm : public testing::Test {
 protected:
  using Table = typename Family::Table;
  static constexpr uint32_t kWidth = Table::kMaxLength;

  Lpm() : qsbr_(1), arena_(*lpm::Arena::reserve(qsbr_)), table_(*Table::create(arena_)) {}

  // Prefix (bits, length) as a whole address: its bits, in a table of this width.
  static Bits128 bits(uint64_t high, uint64_t low = 0) { return {high, low}; }
  uint32_t lookup(const Bits128& address) const { return Family::lookup(table_, address); }

  ring::Qsbr qsbr_;
  lpm::Arena arena_;
  Table table_;
};

using Families = testing::Types<V4, V6>;
TYPED_TEST_SUITE(Lpm, Families);

TYPED_TEST(Lpm, AnEmptyTableHasNothing) {
  EXPECT_EQ(this->lookup({}), 0u);
  EXPECT_EQ(this->lookup({0x0a00000100000000, 0}), 0u);
  EXPECT_FALSE(this->table_.longest_match({}).has_value());
  EXPECT_EQ(this->table_.erase({}, 0), 0u);
  EXPECT_EQ(this->table_.size(), 0u);
}

TYPED_TEST(Lpm, TheLongestPrefixWins) {
  auto& table = this->table_;
  EXPECT_EQ(table.set({}, 0, 1), 0u);
  EXPECT_EQ(table.set(this->bits(0x0a00000000000000), 8, 2), 0u);
  EXPECT_EQ(table.set(this->bits(0x0a01020300000000), 32, 3), 0u);
  EXPECT_EQ(table.set(this->bits(0x0a01020000000000), 24, 4), 0u);
  EXPECT_EQ(this->lookup({0x0b00000000000000, 0}), 1u);
  EXPECT_EQ(this->lookup({0x0aff000000000000, 0}), 2u);
  EXPECT_EQ(this->lookup({0x0a01020400000000, 0}), 4u);
  EXPECT_EQ(this->lookup({0x0a01020300000000, 0}), 3u);
  EXPECT_EQ(table.set(this->bits(0x0a01020000000000), 24, 5), 4u) << "replaced";
  EXPECT_EQ(table.erase(this->bits(0x0a01020300000000), 32), 3u);
  EXPECT_EQ(this->lookup({0x0a01020300000000, 0}), 5u);
  EXPECT_EQ(table.erase(this->bits(0x0a01020000000000), 24), 5u);
  EXPECT_EQ(this->lookup({0x0a01020300000000, 0}), 2u);
  EXPECT_EQ(table.erase(this->bits(0x0a00000000000000), 8), 2u);
  EXPECT_EQ(this->lookup({0x0a01020300000000, 0}), 1u);
  EXPECT_EQ(table.erase({}, 0), 1u);
  EXPECT_EQ(this->lookup({0x0a01020300000000, 0}), 0u);
  EXPECT_EQ(table.erase({}, 0), 0u) << "not there any more";
}

TYPED_TEST(Lpm, EveryLength) {
  constexpr uint32_t width = TestFixture::kWidth;
  const Bits128 address = Bits128{0xa5a5a5a5a5a5a5a5, 0xa5a5a5a5a5a5a5a5}.cut(width);
  for (uint32_t length = 0; length <= width; ++length) {
    this->table_.set(address.cut(length), length, length + 1);
    ASSERT_EQ(this->lookup(address), length + 1);
  }
  // An address that leaves the others' way at bit `length` has the prefix of that length.
  for (uint32_t length = 0; length < width; ++length) {
    Bits128 other = address;
    (length < 64 ? other.high : other.low) ^= uint64_t{1} << (63 - length % 64);
    ASSERT_EQ(this->lookup(other), length + 1);
  }
  for (uint32_t length = width + 1; length-- > 0;) {
    ASSERT_EQ(this->table_.erase(address.cut(length), length), length + 1);
    ASSERT_EQ(this->lookup(address), length);
  }
}

// The same value for neighbouring prefixes is kept as one run; each must still go alone.
TYPED_TEST(Lpm, EqualNeighboursGoOneByOne) {
  const uint32_t length = TestFixture::kWidth;
  const auto host = [&](uint64_t i) {
    return length == 32 ? Bits128{0xc0a8010000000000 | i << 32, 0} : Bits128{0xfd00000000000000, i};
  };
  for (uint64_t i = 0; i < 256; ++i) this->table_.set(host(i), length, 7);
  for (uint64_t i = 0; i < 256; ++i) ASSERT_EQ(this->lookup(host(i)), 7u);
  this->table_.set(host(0).cut(length - 8), length - 8, 9);
  for (uint64_t i = 0; i < 256; i += 2) ASSERT_EQ(this->table_.erase(host(i), length), 7u);
  for (uint64_t i = 0; i < 256; ++i) ASSERT_EQ(this->lookup(host(i)), i % 2 == 0 ? 9u : 7u) << i;
}

// A table, the model, and a pool of overlapping prefixes that come and go in both.
template <class Family>
class Differential {
 public:
  static constexpr uint32_t kWidth = Family::Table::kMaxLength;

  // Very short prefixes are millions of words: but for the default, there are none here.
  static constexpr uint32_t kShortest = 16;

  Differential(lpm::Arena& arena, uint64_t seed, size_t prefixes, uint32_t values)
      : table_(*Family::Table::create(arena)), values_(values), random_(seed) {
    for (size_t i = 0; i < prefixes; ++i) {
      const auto some = kShortest + static_cast<uint32_t>(random_() % (kWidth + 1 - kShortest));
      const uint32_t length = random_() % 16 == 0 ? 0 : some;
      pool_.emplace_back(random_.address(kWidth).cut(length), length);
    }
  }
  void step() {
    const auto& [bits, length] = any();
    if (random_() % 3 != 0) {
      const auto value = static_cast<uint32_t>(1 + random_() % values_);
      ASSERT_EQ(table_.set(bits, length, value), model_.set(bits, length, value));
    } else {
      ASSERT_EQ(table_.erase(bits, length), model_.erase(bits, length));
    }
    ASSERT_EQ(table_.size(), model_.routes.size());
  }
  // The first and last address of prefixes, and addresses near them.
  void compare_lookups() {
    std::vector<Bits128> probes;
    for (size_t i = 0; i < std::min<size_t>(pool_.size(), 100); ++i) {
      const auto& [bits, length] = any();
      const Bits128 mask = Bits128{~uint64_t{0}, ~uint64_t{0}}.cut(length);
      probes.push_back(bits);
      probes.push_back(Bits128{bits.high | ~mask.high, bits.low | ~mask.low}.cut(kWidth));
      probes.push_back(random_.address(kWidth));
    }
    const std::vector<uint32_t> values = Family::batch(table_, probes);
    for (size_t i = 0; i < probes.size(); ++i) {
      const uint32_t expected = model_.lookup(probes[i]);
      ASSERT_EQ(Family::lookup(table_, probes[i]), expected);
      ASSERT_EQ(values[i], expected) << "many at once are as one by one";
      const auto match = table_.longest_match(probes[i]);
      ASSERT_EQ(match ? match->value : 0, expected);
    }
  }
  void compare_lists() const {
    size_t listed = 0;
    table_.for_each([&](const lpm::PrefixMatch& match) {
      ++listed;
      ASSERT_EQ(model_.routes.at(LpmModel::key(match.prefix, match.length)), match.value);
    });
    ASSERT_EQ(listed, model_.routes.size());
  }

 private:
  const std::pair<Bits128, uint32_t>& any() {
    return pool_[static_cast<size_t>(random_() % pool_.size())];
  }

  typename Family::Table table_;
  LpmModel model_;
  uint32_t values_;
  ClusteredBits random_;
  std::vector<std::pair<Bits128, uint32_t>> pool_;
};

TYPED_TEST(Lpm, AgreesWithTheModelOnRandomOperations) {
  const uint64_t rounds = scaled("tables", 27, 9);
  for (uint64_t seed = 0; seed < rounds; ++seed) {
    const size_t prefixes = size_t{4} << seed % 9;
    // Few values make runs of equal ones.
    Differential<TypeParam> both(this->arena_, seed, prefixes, seed % 2 == 0 ? 3 : lpm::kMaxValue);
    for (size_t i = 0; i < 16 * prefixes; ++i) {
      both.step();
      if (i % 7 == 0) this->arena_.collect();
      if (i % prefixes == 0) both.compare_lookups();
      ASSERT_FALSE(testing::Test::HasFatalFailure()) << "seed " << seed << ", step " << i;
    }
    both.compare_lists();
  }
}

// More different words for the /24s than 16 bits can number, then none: look-ups agree before, during and after, and
// at the end no node is left.
TEST(Lpm4, MoreWordsThanNumbers) {
  ring::Qsbr qsbr(1);
  lpm::Arena arena = *lpm::Arena::reserve(qsbr);
  constexpr uint32_t kNetworks = lpm::Root::kPalette + 1000;
  {
    Lpm4 table = *Lpm4::create(arena);
    const auto network = [](uint32_t i) { return Bits128::v4(0x0a000000 + (i << 8)); };
    const auto value = [](uint32_t i) { return i + 1; };
    const auto expect_all = [&](uint32_t end) {
      for (uint32_t i = 0; i < end; ++i) {
        ASSERT_EQ(table.lookup(0x0a000001 + (i << 8)), i % 3 == 0 ? 9'000'000u : value(i));
        ASSERT_EQ(table.lookup(0x0a000000 + (i << 8)), value(i));
      }
    };
    for (uint32_t i = 0; i < kNetworks; ++i) {
      ASSERT_EQ(table.set(network(i), 24, value(i)), 0u);
      const Bits128 host = Bits128::v4(0x0a000001 + (i << 8));
      if (i % 3 == 0) {
        ASSERT_EQ(table.set(host, 32, 9'000'000), 0u);
      }
      if (i == lpm::Root::kPalette / 2) expect_all(i + 1);
    }
    expect_all(kNetworks);
    std::vector<uint32_t> addresses(kNetworks), values(kNetworks);
    for (uint32_t i = 0; i < kNetworks; ++i) addresses[i] = 0x0a000000 + (i << 8);
    table.lookup(addresses, values);
    for (uint32_t i = 0; i < kNetworks; ++i) ASSERT_EQ(values[i], value(i));
    for (uint32_t i = 0; i < kNetworks; i += 2) ASSERT_EQ(table.erase(network(i), 24), value(i));
    for (uint32_t i = 0; i < kNetworks; ++i) {
      ASSERT_EQ(table.lookup(addresses[i]), i % 2 == 0 ? 0 : value(i));
    }
    EXPECT_GT(arena.used_lines(), 1u);
  }
  arena.collect();
  EXPECT_EQ(arena.used_lines(), 1u);
}

// Everything erased, everything comes back: no node is lost.
TYPED_TEST(Lpm, ErasedNodesAreUsedAgain) {
  constexpr uint32_t width = TestFixture::kWidth;
  size_t after_first = 0;
  for (int round = 0; round < 20; ++round) {
    ClusteredBits random(11);
    std::vector<Bits128> hosts;
    hosts.reserve(500);
    for (int i = 0; i < 500; ++i) hosts.push_back(random.address(width));
    for (const Bits128& host : hosts) this->table_.set(host, width, 5);
    for (const Bits128& host : hosts) this->table_.erase(host, width);
    for (const Bits128& host : hosts) ASSERT_EQ(this->lookup(host), 0u);
    this->arena_.collect();
    this->arena_.collect();
    EXPECT_EQ(this->arena_.used_lines(), 1u) << "round " << round;
    if (round == 0) after_first = this->arena_.memory_bytes();
  }
  EXPECT_LE(this->arena_.memory_bytes(), 2 * after_first);
}

// A reader that does not come round keeps every node that it may be at.
TYPED_TEST(Lpm, NodesWaitForReaders) {
  constexpr uint32_t width = TestFixture::kWidth;
  const Bits128 host =
      width == 32 ? Bits128{0x0a00000100000000, 0} : Bits128{0xfd00000000000000, 1};
  this->qsbr_.reader(0).online();
  this->table_.set(host, width, 5);
  const size_t lines = this->arena_.used_lines();
  EXPECT_GT(lines, 1u);
  this->table_.erase(host, width);
  for (int i = 0; i < 5; ++i) this->arena_.collect();
  EXPECT_EQ(this->arena_.used_lines(), lines);
  this->qsbr_.reader(0).quiescent();
  this->arena_.collect();
  EXPECT_EQ(this->arena_.used_lines(), 1u);
  this->qsbr_.reader(0).offline();
}

TYPED_TEST(Lpm, WithoutRoomNothingChanges) {
  constexpr uint32_t width = TestFixture::kWidth;
  lpm::Arena arena = *lpm::Arena::reserve(this->qsbr_, lpm::Arena::kSpareLines + 1000);
  auto table = *TypeParam::Table::create(arena);
  LpmModel model;
  ClusteredBits random(3);
  uint64_t refused = 0;
  for (int i = 0; i < 20'000 && refused < 10; ++i) {
    const Bits128 host{random() & (width == 32 ? ~uint64_t{0} << 32 : ~uint64_t{0}), 0};
    if (!table.set(host, width, 6)) {
      ++refused;
      EXPECT_EQ(TypeParam::lookup(table, host), model.lookup(host));
      EXPECT_EQ(table.find(host, width), 0u);
    } else {
      model.set(host, width, 6);
    }
  }
  EXPECT_EQ(refused, 10u);
  EXPECT_TRUE(table.set({0x0a00000000000000, 0}, 8, 7)) << "that needs no node";
  EXPECT_EQ(table.erase({0x0a00000000000000, 0}, 8), 7u);
  for (const auto& [key, value] : model.routes) {
    const Bits128 host{key.first.first, key.first.second};
    ASSERT_EQ(TypeParam::lookup(table, host), 6u);
    ASSERT_EQ(table.erase(host, key.second), 6u);
    ASSERT_EQ(TypeParam::lookup(table, host), 0u);
  }
  arena.collect();
  arena.collect();
  EXPECT_TRUE(table.set({0x0a00000100000000, 0}, 32, 8)) << "there is room again";
}

}  // namespace
}  // namespace starocean::table
