// The groups of rows of the in-process suite, one file each.
//
// Each measures, adds its rows, and leaves nothing behind but what its process may take with it.
// README.md says what the rows mean.
#pragma once

#include "tests/bench/report.h"

namespace belay::bench {

// Belay, through its C interface.
void InvokeRows(Report& report);          // invoke.cc
void ScalingRows(Report& report);         // scaling.cc
void RandomAccessRows(Report& report);    // random_access.cc
void MemoryRows(Report& report);          // memory.cc
void TurnoverRows(Report& report);        // turnover.cc
void ReleaseLatencyRows(Report& report);  // release_latency.cc
void DrainRows(Report& report);           // drain.cc
void QueueExecutorRows(Report& report);   // queue_executor.cc

// What others do, against the same bare shim.
void HandmadeRows(Report& report);  // peers/handmade_rows.cc
void GlibRows(Report& report);      // peers/glib.cc
void LibffiRows(Report& report);    // peers/libffi.cc
void SqliteRows(Report& report);    // peers/sqlite.cc
void DotnetRows(Report& report);    // peers/dotnet.cc

}  // namespace belay::bench
