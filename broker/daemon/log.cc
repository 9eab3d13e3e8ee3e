#include "broker/daemon/log.h"

#include <grpc/support/log.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace belay::daemon {
namespace {

spdlog::level::level_enum LevelOf(registry::LogLevel level) {
  switch (level) {
    case registry::LogLevel::kError: return spdlog::level::err;
    case registry::LogLevel::kWarning: return spdlog::level::warn;
    case registry::LogLevel::kInfo: return spdlog::level::info;
  }
  return spdlog::level::info;
}

// What gRPC itself has to say.
void LogOfGrpc(gpr_log_func_args* args) {
  const auto level =
      args->severity == GPR_LOG_SEVERITY_ERROR ? spdlog::level::warn : spdlog::level::debug;
  spdlog::log(level, "grpc: {}", args->message);
}

}  // namespace

registry::LogFunction MakeLog(const std::string& level) {
  auto logger =
      std::make_shared<spdlog::logger>("belayd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(spdlog::level::from_str(level));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %L %v");
  logger->flush_on(spdlog::level::warn);
  spdlog::set_default_logger(logger);
  gpr_set_log_function(LogOfGrpc);
  return [logger](registry::LogLevel severity, std::string_view text) {
    logger->log(LevelOf(severity), "{}", text);
  };
}

}  // namespace belay::daemon
