// tools/bench store: what Belay's store costs against RocksDB with the same options, and what others cost
// beside it.
//
// `--open_mib N` before anything else: how much data the store holds that is opened after a kill; 1,024 without.
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/bench/folder.h"
#include "tests/bench/store/groups.h"
#include "tests/bench/store/open.h"
#include "tests/bench/suite.h"

int main(int argc, char** argv) {
  using namespace belay::bench;
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (const auto status = RunPartOfOpen(arguments)) return *status;

  std::size_t open_mib = 1'024;
  std::vector<std::string> options;
  if (arguments.size() >= 2 && arguments[0] == "--open_mib") {
    open_mib = std::stoul(arguments[1]);
    options.assign(arguments.begin(), arguments.begin() + 2);
    arguments.erase(arguments.begin(), arguments.begin() + 2);
  }
  if (arguments.empty()) {
    std::fprintf(stderr, "store: the data lies in %s, on %s\n", DataPlace().c_str(),
                 FileSystemOf(DataPlace()).c_str());
  }
  return RunSuite({.name = "store",
                   .groups = {{"get", GetRows},
                              {"put_sync", PutSyncRows},
                              {"put_async", PutAsyncRows},
                              {"batch", BatchRows},
                              {"scan", ScanRows},
                              {"filter", FilterRows},
                              {"watch", WatchRows},
                              {"idle_watches", IdleWatchesRows},
                              {"open", [open_mib](Report& report) { OpenRows(report, open_mib); }},
                              {"peers_get", PeerGetRows},
                              {"peers_put", PeerPutRows},
                              {"peers_scan", PeerScanRows}},
                   .options = options},
                  arguments);
}
