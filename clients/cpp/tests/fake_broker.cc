// A broker in 200 lines. Calls are routed under one lock; that is fine for tests only.
#include "clients/cpp/tests/fake_broker.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "belay/v1/session.grpc.pb.h"

namespace belay::client {
namespace {

void Put32(std::string& out, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

struct StoredRow {
  std::uint64_t revision = 0;
  std::string key;
  std::string value;
};

std::string Block(const std::vector<StoredRow>& rows) {
  std::string out;
  Put32(out, 1);
  Put32(out, static_cast<std::uint32_t>(rows.size()));
  for (const StoredRow& row : rows) {
    Put32(out, static_cast<std::uint32_t>(row.revision));
    Put32(out, static_cast<std::uint32_t>(row.revision >> 32));
    Put32(out, 1);
    Put32(out, static_cast<std::uint32_t>(row.key.size()));
    Put32(out, static_cast<std::uint32_t>(row.value.size()));
    Put32(out, 0);
    out += row.key + row.value;
  }
  return out;
}

std::string ShortFolder() {
  char path[] = "/tmp/belay-fake-XXXXXX";
  return mkdtemp(path);
}

void SetStatus(v1::Status* status, int code, const std::string& reason) {
  status->set_code(code);
  status->set_reason(reason);
  status->set_message("says the fake broker");
}

}  // namespace

class FakeBroker::Service final : public v1::Broker::Service {
 public:
  using Stream = grpc::ServerReaderWriter<v1::ServerFrame, v1::ClientFrame>;
  using OnResult = std::function<void(const v1::CallResult&)>;

  struct Callback;
  struct Peer {
    grpc::ServerContext* context = nullptr;
    Stream* stream = nullptr;
    std::uint64_t sent = 0;
    std::map<std::uint64_t, std::shared_ptr<Callback>> handles;
    std::map<std::uint64_t, std::pair<std::shared_ptr<Callback>, OnResult>> running;  // as host
  };
  struct Callback {
    Peer* host = nullptr;  // null: gone
    std::uint64_t handle = 0;
    std::string name;
    int references = 0;
    int in_flight = 0;
    bool is_watch = false;
    std::shared_ptr<Callback> watched;
    std::string prefix;
  };

  Service() : folder_(ShortFolder()), target_("unix:" + folder_ + "/s") {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(target_, grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~Service() override {
    Cut();
    server_->Shutdown();
    unlink((folder_ + "/s").c_str());
    rmdir(folder_.c_str());
  }

  grpc::Status Session(grpc::ServerContext* context, Stream* stream) override {
    Peer peer;
    peer.context = context;
    peer.stream = stream;
    {
      std::scoped_lock lock(mutex_);
      peers_.insert(&peer);
    }
    v1::ClientFrame frame;
    while (stream->Read(&frame)) {
      std::scoped_lock lock(mutex_);
      largest_frame_ = std::max(largest_frame_, frame.operations_size());
      largest_frame_bytes_ = std::max(largest_frame_bytes_, frame.ByteSizeLong());
      if (frame.operations_size() != 0 && frame.first_sequence() != received_[&peer] + 1) break;
      received_[&peer] += static_cast<std::uint64_t>(frame.operations_size());
      for (const v1::ClientOperation& operation : frame.operations()) Apply(peer, operation);
    }
    std::scoped_lock lock(mutex_);
    peers_.erase(&peer);
    received_.erase(&peer);
    for (auto& [name, callback] : names_) {
      if (callback->host == &peer) callback->host = nullptr;
    }
    while (!peer.running.empty()) {
      v1::CallResult lost;
      SetStatus(lost.mutable_status(), 40, "HOST_LOST");
      lost.mutable_status()->set_certainty(v1::CERTAINTY_STARTED);
      const OnResult done = std::move(peer.running.begin()->second.second);
      peer.running.erase(peer.running.begin());
      done(lost);
    }
    return grpc::Status::OK;
  }

  void Cut() {
    std::scoped_lock lock(mutex_);
    for (Peer* peer : peers_) peer->context->TryCancel();
  }

  void Send(Peer& peer, v1::ServerOperation operation, std::uint64_t skip = 0) {
    if (!peers_.contains(&peer)) return;
    v1::ServerFrame frame;
    frame.set_first_sequence(++peer.sent + skip);
    *frame.add_operations() = std::move(operation);
    peer.stream->Write(frame);
  }

  void Apply(Peer& peer, const v1::ClientOperation& operation) {
    if (script_ && script_(operation, [&](v1::ServerOperation o) { Send(peer, std::move(o)); }))
      return;
    using Case = v1::ClientOperation;
    v1::ServerOperation answer;
    v1::Reply& reply = *answer.mutable_reply();
    switch (operation.operation_case()) {
      case Case::kHello: {
        v1::Welcome& welcome = *answer.mutable_welcome();
        welcome.set_session_id(++sessions_);
        welcome.set_protocol_version(1);
        welcome.set_epoch(77);
        *welcome.mutable_limits() = limits_;
        return Send(peer, answer);
      }
      case Case::kRegister: {
        const v1::Register& request = operation.register_();
        reply.set_request_id(request.request_id());
        if (!request.name().empty() && names_.contains(request.name())) {
          SetStatus(reply.mutable_status(), 6, "ALREADY_EXISTS");
        } else {
          auto callback = std::make_shared<Callback>();
          callback->host = &peer;
          callback->name = request.name();
          callback->handle = Give(peer, callback);
          if (!request.name().empty()) names_[request.name()] = callback;
          reply.set_handle(callback->handle);
        }
        return Send(peer, answer);
      }
      case Case::kResolve: {
        reply.set_request_id(operation.resolve().request_id());
        const auto found = names_.find(operation.resolve().name());
        if (found == names_.end()) {
          SetStatus(reply.mutable_status(), 5, "NOT_FOUND");
        } else {
          reply.set_handle(Give(peer, found->second));
        }
        return Send(peer, answer);
      }
      case Case::kRetain: {
        reply.set_request_id(operation.retain().request_id());
        const auto found = peer.handles.find(operation.retain().handle());
        if (found == peer.handles.end()) {
          SetStatus(reply.mutable_status(), 32, "STALE");
        } else {
          reply.set_handle(Give(peer, found->second));
        }
        return Send(peer, answer);
      }
      case Case::kRelease: {
        reply.set_request_id(operation.release().request_id());
        const auto found = peer.handles.find(operation.release().handle());
        if (found == peer.handles.end()) {
          SetStatus(reply.mutable_status(), 32, "STALE");
          return Send(peer, answer);
        }
        const std::shared_ptr<Callback> callback = found->second;
        peer.handles.erase(found);
        Send(peer, answer);
        return Unreference(callback);
      }
      case Case::kCall: {
        const v1::Call& call = operation.call();
        const std::uint64_t id = call.call_id();
        Peer* const caller = &peer;
        const auto found = peer.handles.find(call.handle());
        if (found == peer.handles.end()) {
          answer.mutable_result()->set_call_id(id);
          SetStatus(answer.mutable_result()->mutable_status(), 32, "STALE");
          return Send(peer, answer);
        }
        return Run(found->second, call.payload(), call.timeout_ms(),
                   [this, caller, id](v1::CallResult result) {
                     if (result.has_status() && result.status().code() != 40)
                       result.mutable_status()->set_code(42);
                     v1::ServerOperation back;
                     *back.mutable_result() = std::move(result);
                     back.mutable_result()->set_call_id(id);
                     Send(*caller, back);
                   });
      }
      case Case::kResult: {
        const auto found = peer.running.find(operation.result().call_id());
        if (found == peer.running.end()) return;
        const auto [callback, done] = std::move(found->second);
        peer.running.erase(found);
        --callback->in_flight;
        done(operation.result());
        return MaybeReleased(callback);
      }
      case Case::kAttachWatch: {
        reply.set_request_id(operation.attach_watch().request_id());
        auto watch = std::make_shared<Callback>();
        watch->is_watch = true;
        watch->watched = peer.handles.at(operation.attach_watch().handle());
        ++watch->watched->references;
        watch->prefix = operation.attach_watch().prefix();
        watches_.insert(watch);
        reply.set_handle(Give(peer, watch));
        return Send(peer, answer);
      }
      case Case::kStore: return ApplyStore(peer, operation.store());
      case Case::kPing:
        answer.mutable_pong()->set_nonce(operation.ping().nonce());
        return Send(peer, answer);
      default: return;
    }
  }

  void ApplyStore(Peer& peer, const v1::StoreRequest& request) {
    v1::ServerOperation answer;
    v1::Reply& reply = *answer.mutable_reply();
    reply.set_request_id(request.request_id());
    if (request.has_get()) {
      v1::GetResponse& response = *reply.mutable_store()->mutable_get();
      const auto found = store_.find(request.get().key());
      if (found == store_.end()) {
        SetStatus(response.mutable_status(), 5, "NOT_FOUND");
      } else {
        response.set_value(found->second.value);
        response.set_mod_revision(found->second.revision);
      }
    } else if (request.has_put()) {
      const StoredRow row{++revision_, request.put().key(), request.put().value()};
      store_[row.key] = row;
      reply.mutable_store()->mutable_put()->set_revision(row.revision);
      for (const auto& watch : watches_) {
        if (!row.key.starts_with(watch->prefix)) continue;
        Run(watch->watched, Block({row}), 0, [](const v1::CallResult&) {});
      }
    } else if (request.has_delete_()) {
      v1::DeleteResponse& response = *reply.mutable_store()->mutable_delete_();
      if (store_.erase(request.delete_().key()) == 0)
        SetStatus(response.mutable_status(), 5, "NOT_FOUND");
      response.set_revision(++revision_);
    } else if (request.has_scan()) {
      return Scan(peer, request);
    }
    Send(peer, answer);
  }

  void Scan(Peer& peer, const v1::StoreRequest& request) {
    std::vector<StoredRow> rows;
    for (const auto& [key, row] : store_) {
      if (key.starts_with(request.scan().prefix())) rows.push_back(row);
    }
    const auto finish = [this, to = &peer,
                         id = request.request_id()](const std::vector<StoredRow>& kept) {
      v1::ServerOperation part;
      part.mutable_rows()->set_request_id(id);
      part.mutable_rows()->set_block(Block(kept));
      Send(*to, part);
      v1::ServerOperation end;
      end.mutable_reply()->set_request_id(id);
      Send(*to, end);
    };
    if (request.filter_handle() == 0) return finish(rows);
    Run(peer.handles.at(request.filter_handle()), Block(rows), 0,
        [rows, finish](const v1::CallResult& result) {
          std::vector<StoredRow> kept;
          for (std::size_t i = 0; i < rows.size(); ++i) {
            if ((static_cast<unsigned char>(result.payload().at(i / 8)) >> (i % 8) & 1u) != 0)
              kept.push_back(rows[i]);
          }
          finish(kept);
        });
  }

  std::uint64_t Give(Peer& peer, std::shared_ptr<Callback> callback) {
    ++callback->references;
    peer.handles[++handles_] = std::move(callback);
    return handles_;
  }

  void Unreference(const std::shared_ptr<Callback>& callback) {
    --callback->references;
    if (callback->is_watch) {
      watches_.erase(callback);
      return Unreference(callback->watched);
    }
    MaybeReleased(callback);
  }

  void MaybeReleased(const std::shared_ptr<Callback>& callback) {
    if (callback->references != 0 || callback->in_flight != 0 || callback->host == nullptr) return;
    names_.erase(callback->name);
    v1::ServerOperation released;
    released.mutable_released()->set_handle(callback->handle);
    Send(*std::exchange(callback->host, nullptr), released);
  }

  void Run(const std::shared_ptr<Callback>& callback, const std::string& payload,
           std::uint32_t timeout_ms, OnResult done) {
    if (callback->host == nullptr) {
      v1::CallResult lost;
      SetStatus(lost.mutable_status(), 40, "HOST_LOST");
      lost.mutable_status()->set_certainty(v1::CERTAINTY_NOT_SENT);
      return done(lost);
    }
    v1::ServerOperation operation;
    v1::Call& call = *operation.mutable_call();
    call.set_call_id(++calls_);
    call.set_handle(callback->handle);
    call.set_payload(payload);
    call.set_timeout_ms(timeout_ms);
    call.set_caller("fake");
    ++callback->in_flight;
    callback->host->running.emplace(calls_, std::pair(callback, std::move(done)));
    Send(*callback->host, operation);
  }

  const std::string folder_;
  const std::string target_;
  std::recursive_mutex mutex_;
  Script script_;
  v1::Limits limits_;
  std::set<Peer*> peers_;
  std::map<Peer*, std::uint64_t> received_;
  std::map<std::string, std::shared_ptr<Callback>> names_;
  std::set<std::shared_ptr<Callback>> watches_;
  std::map<std::string, StoredRow> store_;
  std::uint64_t revision_ = 0;
  std::uint64_t handles_ = 0;
  std::uint64_t calls_ = 0;
  std::uint64_t sessions_ = 0;
  int largest_frame_ = 0;
  std::size_t largest_frame_bytes_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

FakeBroker::FakeBroker() : service_(std::make_unique<Service>()) {}
FakeBroker::~FakeBroker() = default;
const std::string& FakeBroker::target() const { return service_->target_; }
void FakeBroker::CutConnections() { service_->Cut(); }

void FakeBroker::SetScript(Script script) {
  std::scoped_lock lock(service_->mutex_);
  service_->script_ = std::move(script);
}

void FakeBroker::SetLimits(std::uint32_t max_payload_bytes, std::uint32_t max_calls_in_flight) {
  std::scoped_lock lock(service_->mutex_);
  service_->limits_.set_max_payload_bytes(max_payload_bytes);
  service_->limits_.set_max_calls_in_flight(max_calls_in_flight);
}

void FakeBroker::SetMaxFrameBytes(std::uint32_t max_frame_bytes) {
  std::scoped_lock lock(service_->mutex_);
  service_->limits_.set_max_frame_bytes(max_frame_bytes);
}

std::size_t FakeBroker::LargestFrameBytes() const {
  std::scoped_lock lock(service_->mutex_);
  return service_->largest_frame_bytes_;
}

void FakeBroker::SendOutOfSequence() {
  std::scoped_lock lock(service_->mutex_);
  for (Service::Peer* peer : service_->peers_) {
    v1::ServerOperation operation;
    operation.mutable_pong();
    service_->Send(*peer, operation, 5);
  }
}

int FakeBroker::LargestFrame() const {
  std::scoped_lock lock(service_->mutex_);
  return service_->largest_frame_;
}

}  // namespace belay::client
