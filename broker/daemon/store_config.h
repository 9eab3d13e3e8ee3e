// The settings of belayd's store: how it uses memory, threads and the disk. docs/store.md says when to change
// one.
//
// Thread safety: pure functions.
#pragma once

#include <array>

#include "broker/base/status.h"
#include "broker/daemon/setting_values.h"
#include "broker/daemon/settings.h"
#include "broker/storage/tuning.h"

namespace belay::daemon {

inline constexpr std::array kStoreSettings = {
    SettingDescription{"store-block-cache-bytes",
                       "Blocks of the store's files kept in memory (default 64 MiB)"},
    SettingDescription{"store-write-buffer-bytes",
                       "Writes collected in memory before they become a file (default 64 MiB)"},
    SettingDescription{"store-background-jobs",
                       "Threads that write and compact files (default 2, at most 64)"},
    SettingDescription{"store-bloom-bits",
                       "Bits per key of filters that know which file may have it (default 10; 0: "
                       "no filters; at most 32)"},
    SettingDescription{"store-direct-io",
                       "true: files but the log bypass the system's page cache (default false)"},
    SettingDescription{"store-history-bytes", "Changes kept on disk for watches (default 512 MiB)"},
    SettingDescription{"store-history-revisions",
                       "How many revisions back a watch may ask; 0: no such bound (default)"},
    SettingDescription{"store-history-age",
                       "How far back in time, such as 3600s; 0: no such bound (default)"},
};

// INVALID_ARGUMENT names the setting, where it came from, and what is allowed.
base::Status ReadStoreTuning(const Settings& settings, storage::StoreTuning* tuning);

}  // namespace belay::daemon
