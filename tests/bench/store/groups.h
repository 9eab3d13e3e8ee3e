// The groups of rows of the store suite, one file each.
//
// Each measures, adds its rows, and removes its data. README.md says what the rows mean.
#pragma once

#include <cstddef>

#include "tests/bench/report.h"

namespace belay::bench {

// Belay's store, through the C interface, against RocksDB.
void GetRows(Report& report);                          // get.cc
void PutSyncRows(Report& report);                      // put.cc
void PutAsyncRows(Report& report);                     // put.cc
void BatchRows(Report& report);                        // batch.cc
void ScanRows(Report& report);                         // scan.cc
void FilterRows(Report& report);                       // scan.cc
void WatchRows(Report& report);                        // watch.cc
void IdleWatchesRows(Report& report);                  // idle_watches.cc
void OpenRows(Report& report, std::size_t mebibytes);  // open.cc

// What others cost, against RocksDB, too.
void PeerGetRows(Report& report);   // peers/rows.cc
void PeerPutRows(Report& report);   // peers/rows.cc
void PeerScanRows(Report& report);  // peers/rows.cc

}  // namespace belay::bench
