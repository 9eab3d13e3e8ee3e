#include "broker/daemon/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <cstdlib>
#include <future>
#include <random>
#include <utility>

#include "broker/daemon/access_control.h"
#include "broker/daemon/admin_service.h"
#include "broker/daemon/broker_service.h"
#include "broker/daemon/descriptor_limit.h"
#include "broker/daemon/health_service.h"
#include "broker/daemon/hub.h"
#include "broker/daemon/invoke_call.h"
#include "broker/daemon/listener.h"
#include "broker/daemon/loop.h"
#include "broker/daemon/peer.h"
#include "broker/daemon/relays.h"
#include "broker/daemon/session_stream.h"
#include "broker/daemon/storage_service.h"
#include "broker/daemon/tls.h"
#include "broker/engine/audit_log.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;
using registry::LogLevel;

namespace {

// Threads of gRPC's own, for the synchronous services. A request beyond them is refused by gRPC. Each
// holds its answer until the client has taken it: so many answers of a slow reader are kept at most.
constexpr int kMaxSyncThreads = 32;
// Of one connection, at a time. A session is one; what a client has beyond them waits on its side.
constexpr int kMaxStreams = 128;
// Beside one message of the greatest size, what of smaller ones may wait for their ends.
constexpr std::size_t kOthersUnfinishedBytes = std::size_t{16} << 20U;
// gRPC's receive limit is above the session's, so that the session can say which bound was broken.
constexpr int kReceiveSlackBytes = 1 << 20;
// What is left after the drain timeout: streams flush their last words, the registry its releases.
constexpr auto kStreamsEnd = std::chrono::seconds(2);
constexpr std::int64_t kCloseTimeoutNs = 5'000'000'000;

using ConnectionParameters =
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters;

}  // namespace

class Services {
 public:
  explicit Services(Hub& hub) : storage(hub), admin(hub), health(hub.broker()) {}
  BrokerService broker;
  StorageService storage;
  AdminService admin;
  Health health;
  HealthService health_door;
};

Server::Server(const Config& config, registry::LogFunction log)
    : config_(config), log_(std::move(log)) {}

Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::Start(asio::io_context& io, const Config& config,
                                              registry::LogFunction log) {
  std::unique_ptr<Server> server(new Server(config, std::move(log)));
  auto access = AccessControl::Load({config.tokens, config.policy});
  if (!access.ok()) return access.status();
  server->access_ = std::move(*access);
  if (auto status = server->OpenListeners(io); !status.ok()) return status;
  if (auto status = server->OpenBroker(); !status.ok()) return status;
  if (auto status = server->StartServing(); !status.ok()) return status;
  return server;
}

Status Server::OpenListeners(asio::io_context& io) {
  if (!config_.tls_certificate.empty()) {
    auto tls = Tls::Load({config_.tls_certificate, config_.tls_key, config_.tls_client_ca}, log_);
    if (!tls.ok()) return tls.status();
    tls_ = std::move(*tls);
  }
  for (const ListenAddress& address : config_.listen) {
    auto listener = Listener::Open(io, address, config_.socket_mode, log_);
    if (!listener.ok()) return listener.status();
    listeners_.push_back(std::move(*listener));
  }
  return {};
}

Status Server::OpenBroker() {
  engine::BrokerOptions options;
  options.name = "belayd";
  options.store_path = config_.data;
  options.store_tuning = config_.store;
  options.log = log_;
  auto broker = engine::Broker::Open(options);
  if (!broker.ok()) {
    return Status(broker.code(),
                  "cannot open the store in " + config_.data + ": " + broker.status().message(),
                  broker.status().reason());
  }
  HubOptions hub_options;
  if (const auto store = (*broker)->store(); store.ok()) {
    hub_options.epoch = (*store)->BootEpoch();
  } else {
    std::random_device random;
    hub_options.epoch = std::uint64_t{random()} << 31U | random();
  }
  const auto audited_store = (*broker)->store();
  auto audit = engine::AuditLog::Open(audited_store.ok() ? *audited_store : nullptr,
                                      {.max_entries = config_.max_audit_entries});
  if (!audit.ok()) return audit.status();
  hub_options.audit = std::move(*audit);
  hub_options.broker = std::move(*broker);
  hub_options.limits = config_.limits;
  hub_options.log = log_;
  hub_options.backup_dir = config_.backup_dir;
  hub_options.access = access_;
  hub_ = std::make_unique<Hub>(std::move(hub_options));
  return {};
}

Status Server::StartServing() {
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  services_ = std::make_unique<Services>(*hub_);
  grpc::ServerBuilder builder;
  builder.RegisterService(&services_->broker);
  builder.RegisterService(&services_->storage);
  builder.RegisterService(&services_->admin);
  builder.RegisterService(&services_->health_door);
  builder.SetMaxReceiveMessageSize(static_cast<int>(config_.limits.max_frame_bytes) +
                                   kReceiveSlackBytes);
  builder.SetMaxSendMessageSize(-1);
  grpc::ResourceQuota quota("belayd");
  quota.SetMaxThreads(kMaxSyncThreads);
  builder.SetResourceQuota(quota);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  loop_ = std::make_unique<Loop>(*hub_, builder.AddCompletionQueue());
  grpc_ = builder.BuildAndStart();
  if (!grpc_) return Status(Code::kInternal, "gRPC did not start");

  SessionStream::Request(services_->broker, *loop_, *hub_);
  InvokeCall::Request(services_->broker, *loop_, *hub_);
  const HealthDoor health{services_->health_door, services_->health, *loop_, *hub_};
  HealthCheck::Request(health);
  HealthWatch::Request(health);
  loop_thread_ = std::thread([this] { loop_->Run(); });
  StartListening();
  return {};
}

void Server::StartListening() {
  RelayOptions options;
  const std::uint64_t descriptors = RaiseDescriptorLimit();
  options.max_connections = ConnectionsWithin(descriptors, config_.max_connections);
  if (options.max_connections < config_.max_connections) {
    Log(LogLevel::kWarning, "max-connections is " + std::to_string(options.max_connections) +
                                ", not " + std::to_string(config_.max_connections) +
                                ": the limit of " + std::to_string(descriptors) +
                                " descriptors has no room for more; raise it (ulimit -n)");
  }
  options.max_connections_per_origin = config_.max_connections_per_origin;
  options.handshake_timeout_ms = config_.handshake_timeout_ms;
  options.max_unfinished_bytes = config_.limits.max_frame_bytes + kOthersUnfinishedBytes;
  const auto take = [this](base::UniqueFd connection, const Peer& peer) {
    HandOver(std::move(connection), peer);
  };
  options.guard = config_.guard;
  relays_ = std::make_unique<Relays>(options, take, hub_->refusals);
  for (const auto& listener : listeners_) {
    const bool is_tcp = !listener->address().is_unix();
    if (is_tcp || config_.guarded_listeners == GuardedListeners::kAll) {
      Tls* const tls = is_tcp ? tls_.get() : nullptr;
      listener->Start([this, tls](base::UniqueFd connection) {
        const int fd = connection.get();
        auto endpoint = tls != nullptr ? tls->MakeEndpoint(fd) : MakeSocketEndpoint(fd);
        if (endpoint != nullptr) relays_->Admit(std::move(connection), std::move(endpoint));
      });
    } else {
      listener->Start([take](base::UniqueFd connection) {
        if (const auto peer = PeerOf(connection.get()); peer.ok())
          take(std::move(connection), *peer);
      });
    }
  }
}

void Server::ReloadAccess(Reread reread) {
  const std::vector<Reloaded> reloaded = access_->Reload(reread);
  for (const auto& [file, status] : reloaded) {
    const std::string text = status.ok() ? file + " was read again and is in force"
                                         : file + " stays in force as it was: " + status.message();
    Log(status.ok() ? LogLevel::kInfo : LogLevel::kError, text);
    Note("reload", text);
  }
  if (!reloaded.empty()) hub_->inbox.Post([this] { hub_->OnAccessChanged(); });
}

void Server::HandOver(base::UniqueFd connection, const Peer& peer) {
  const PeerNameScope name(peer);
  ConnectionParameters parameters;
  parameters.fd = connection.Release();
  acceptor_->HandleNewConnection(&parameters);
}

std::vector<std::string> Server::Addresses() const {
  std::vector<std::string> addresses;
  for (const auto& listener : listeners_) addresses.push_back(ToString(listener->address()));
  return addresses;
}

void Server::DrainSessions() {
  const auto drained = std::make_shared<std::promise<void>>();
  auto is_drained = drained->get_future();
  hub_->inbox.Post([this, drained] { hub_->Drain([drained] { drained->set_value(); }); });
  const auto timeout = std::chrono::milliseconds(config_.drain_timeout_ms);
  if (is_drained.wait_for(timeout) == std::future_status::ready) return;
  Log(LogLevel::kWarning, "calls were still in flight after the drain timeout of " +
                              std::to_string(config_.drain_timeout_ms) +
                              " ms; their callers get HOST_LOST or UNAVAILABLE");
  hub_->inbox.Post([this] { hub_->EndSessions(); });
  is_drained.wait_for(kStreamsEnd);
}

void Server::Stop() {
  for (const auto& listener : listeners_) listener->Stop();
  services_->health.Drain();
  DrainSessions();
  grpc_->Shutdown(std::chrono::system_clock::now() + kStreamsEnd);
  hub_->StopWorkers();
  loop_->Shutdown();
  loop_thread_.join();
  if (auto status = hub_->broker().Close(kCloseTimeoutNs); !status.ok())
    Log(LogLevel::kError, "the broker did not close in time: " + status.ToString());
  // Contexts that were released since the loop ended.
  hub_->inbox.Adopt();
  hub_->inbox.Drain();
  grpc_.reset();
  relays_->Stop();
}

void Server::Note(std::string event, std::string what) {
  engine::AuditEntry entry;
  entry.event = std::move(event);
  entry.what = std::move(what);
  hub_->audit().Note(std::move(entry));
}

void Server::Log(LogLevel level, const std::string& text) const {
  if (log_) log_(level, text);
}

}  // namespace belay::daemon
