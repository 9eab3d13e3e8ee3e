// Going through 1,000,000 rows in the order of keys, looking at key and value of each; and what it costs more if a
// callback picks the rows.
#include <cstring>

#include "tests/bench/folder.h"
#include "tests/bench/store/entries.h"
#include "tests/bench/store/groups.h"
#include "tests/bench/store/ours.h"
#include "tests/bench/store/raw.h"
#include "tests/bench/timing.h"

namespace belay::bench {
namespace {

constexpr int kRounds = 11;
constexpr std::size_t kRows = 1'000'000;

// Nanoseconds per row of the store. Every scan must see what `expected` says.
template <typename Scan>
Round RowsOf(const Scanned& expected, Scan scan) {
  return [expected, scan] {
    return NsPerCall(1,
                     [&] {
                       Check(scan() == expected ? BELAY_OK : BELAY_DATA_LOSS,
                             "the scan saw other rows than were put");
                     }) /
           static_cast<double>(kRows);
  };
}

// What a scan of every `step`th of `keys` sees.
Scanned Expected(std::span<const Key> keys, std::size_t step) {
  const Values values(kValueBytes);
  Scanned expected;
  for (std::size_t i = 0; i < keys.size(); i += step) {
    expected.Add({keys[i].data(), keys[i].size()}, values.Of(i));
  }
  return expected;
}

constexpr unsigned char kEverySecondRow = 0x55;  // bits of a filter's answer
constexpr unsigned char kEveryRow = 0xff;

// Without a look at any row: what is measured is the way to the filter and back.
template <unsigned char kAnswer>
belay_status KeepRows(void*, belay_call* call) {
  std::uint32_t rows = 0;
  std::memcpy(&rows, static_cast<const char*>(call->request) + sizeof rows, sizeof rows);
  call->reply_size = (rows + 7) / 8;
  if (call->reply_size > call->reply_capacity) return BELAY_BUFFER_TOO_SMALL;
  std::memset(call->reply, kAnswer, call->reply_size);
  return BELAY_OK;
}

}  // namespace

void ScanRows(Report& report) {
  const Folder folder;
  const std::vector<Key> keys = KeysInOrder(kRows);
  const auto raw = OpenFilled<Raw>(folder.At("raw"), Durability::kAsync, keys);
  const auto ours = OpenFilled<Ours>(folder.At("ours"), Durability::kAsync, keys);
  const auto raw_session = raw->NewSession();
  const Scanned all = Expected(keys, 1);
  const auto ns =
      AlternateMedians(kRounds, {RowsOf(all, [&raw_session] { return raw_session->Scan(); }),
                                 RowsOf(all, [&ours] { return ScanByAbi(ours->store(), 0); }),
                                 RowsOf(all, [&ours] { return ScanByRowReader(ours->store()); })});
  report.Add(Against("scan of 1,000,000 rows, belay_rows_next", PerSecond(ns[1]), "rows/s",
                     PerSecond(ns[0]), Keep::kAtLeast, 0.9));
  report.Add(Beside("the same with the RowReader of the C++ client", PerSecond(ns[2]), "rows/s",
                    PerSecond(ns[0])));
}

void FilterRows(Report& report) {
  const Folder folder;
  const std::vector<Key> keys = KeysInOrder(kRows);
  const auto ours = OpenFilled<Ours>(folder.At("ours"), Durability::kAsync, keys);
  const auto filter = [&ours](belay_callback_fn function) {
    belay_callback_options options = Untyped();
    options.callback = function;
    return ours->broker().Register(options);
  };
  const belay_handle half = filter(KeepRows<kEverySecondRow>);
  const belay_handle all = filter(KeepRows<kEveryRow>);
  const auto rows_of = [&](std::size_t step, belay_handle by) {
    return RowsOf(Expected(keys, step), [&ours, by] { return ScanByAbi(ours->store(), by); });
  };
  // The difference of two scans that take twenty times as long: of their fastest, which others disturbed least.
  const auto ns = Alternate(kRounds, {rows_of(1, 0), rows_of(2, half), rows_of(1, all)});
  report.Add(Within("scan through a filter that keeps every second row, more than without",
                    ns[1] - ns[0], "ns/row", 15));
  report.Add(Plain("the same with a filter that keeps every row", ns[2] - ns[0], "ns/row"));
  for (const belay_handle callback : {half, all}) Check(belay_release(callback), "belay_release");
}

}  // namespace belay::bench
