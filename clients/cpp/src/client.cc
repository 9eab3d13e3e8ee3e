// The public methods: each builds one operation and reads one answer.
// The store's are in client_store.cc.
#include "belay/client/client.h"

#include <chrono>
#include <future>
#include <memory>
#include <utility>

#include "belay/v1/session.pb.h"
#include "clients/cpp/src/session.h"
#include "clients/cpp/src/store_request.h"

namespace belay::client {

Handle::Handle(std::shared_ptr<Session> session, std::uint64_t id) noexcept
    : session_(std::move(session)), id_(id) {}

Handle::Handle(Handle&& other) noexcept
    : session_(std::move(other.session_)), id_(std::exchange(other.id_, 0)) {}

Handle& Handle::operator=(Handle&& other) noexcept {
  if (this == &other) return *this;
  Reset();
  session_ = std::move(other.session_);
  id_ = std::exchange(other.id_, 0);
  return *this;
}

Handle::~Handle() { Reset(); }

void Handle::Reset() noexcept {
  if (id_ != 0 && session_ != nullptr) session_->ReleaseQuietly(id_);
  id_ = 0;
  session_.reset();
}

std::uint64_t Handle::Detach() noexcept {
  session_.reset();
  return std::exchange(id_, 0);
}

Client::Client(std::shared_ptr<Session> session) noexcept : session_(std::move(session)) {}
Client::Client(Client&&) noexcept = default;

Client& Client::operator=(Client&& other) noexcept {
  Client gone(std::move(*this));
  session_ = std::move(other.session_);
  return *this;
}

Client::~Client() {
  if (session_ != nullptr) session_->Close();
}

Result<Client> Client::Connect(const std::string& target, ClientOptions options) {
  Result<std::shared_ptr<Session>> session = Session::Open(target, std::move(options));
  if (!session.ok()) return session.status();
  return Client(*std::move(session));
}

void Client::Close() { session_->Close(); }
std::uint64_t Client::session_id() const { return session_->session_id(); }
std::uint64_t Client::epoch() const { return session_->epoch(); }
std::uint64_t Client::late_results() const { return session_->late_results(); }

Result<Handle> Client::Register(Handler handler, RegisterOptions options) {
  return Await<Result<Handle>>(*session_, [&](Done<Handle> done) {
    RegisterAsync(std::move(handler), std::move(options), std::move(done));
  });
}

void Client::RegisterAsync(Handler handler, RegisterOptions options, Done<Handle> done) {
  const std::uint64_t id = session_->NextId();
  auto operation = std::make_unique<v1::ClientOperation>();
  v1::Register& request = *operation->mutable_register_();
  request.set_request_id(id);
  request.set_label(options.label);
  request.set_site(std::move(options.site));
  request.set_name(std::move(options.name));
  request.set_policy(static_cast<v1::NamePolicy>(options.policy));
  request.set_on_conflict(static_cast<v1::OnConflict>(options.on_conflict));
  auto hosted = std::make_shared<Hosted>(std::move(handler), std::move(options.label),
                                         std::move(options.on_released));
  session_->SendRegister(id, std::move(operation), std::move(hosted),
                         GiveHandle(session_, std::move(done)));
}

Result<Handle> Client::Resolve(const std::string& name) {
  return Await<Result<Handle>>(*session_,
                               [&](Done<Handle> done) { ResolveAsync(name, std::move(done)); });
}

void Client::ResolveAsync(const std::string& name, Done<Handle> done) {
  const std::uint64_t id = session_->NextId();
  auto operation = std::make_unique<v1::ClientOperation>();
  operation->mutable_resolve()->set_request_id(id);
  operation->mutable_resolve()->set_name(name);
  session_->SendRequest(id, std::move(operation), GiveHandle(session_, std::move(done)));
}

Result<Handle> Client::Retain(std::uint64_t handle) {
  return Await<Result<Handle>>(*session_,
                               [&](Done<Handle> done) { RetainAsync(handle, std::move(done)); });
}

void Client::RetainAsync(std::uint64_t handle, Done<Handle> done) {
  const std::uint64_t id = session_->NextId();
  auto operation = std::make_unique<v1::ClientOperation>();
  operation->mutable_retain()->set_request_id(id);
  operation->mutable_retain()->set_handle(handle);
  session_->SendRequest(id, std::move(operation), GiveHandle(session_, std::move(done)));
}

Status Client::Release(std::uint64_t handle) {
  return Await<Status>(*session_, [&](DoneStatus done) { ReleaseAsync(handle, std::move(done)); });
}

void Client::ReleaseAsync(std::uint64_t handle, DoneStatus done) {
  const std::uint64_t id = session_->NextId();
  auto operation = std::make_unique<v1::ClientOperation>();
  operation->mutable_release()->set_request_id(id);
  operation->mutable_release()->set_handle(handle);
  session_->SendRequest(id, std::move(operation), GiveStatus(std::move(done)));
}

Status Client::Unregister(std::uint64_t handle) {
  return Await<Status>(*session_,
                       [&](DoneStatus done) { UnregisterAsync(handle, std::move(done)); });
}

void Client::UnregisterAsync(std::uint64_t handle, DoneStatus done) {
  const std::uint64_t id = session_->NextId();
  auto operation = std::make_unique<v1::ClientOperation>();
  operation->mutable_unregister()->set_request_id(id);
  operation->mutable_unregister()->set_handle(handle);
  session_->SendRequest(id, std::move(operation), GiveStatus(std::move(done)));
}

Result<std::string> Client::Invoke(std::uint64_t handle, std::string payload,
                                   InvokeOptions options) {
  return Await<Result<std::string>>(*session_, [&](Done<std::string> done) {
    InvokeAsync(handle, std::move(payload), std::move(options), std::move(done));
  });
}

std::uint64_t Client::InvokeAsync(std::uint64_t handle, std::string payload, InvokeOptions options,
                                  Done<std::string> done) {
  return session_->SendCall(handle, std::move(payload), std::move(options), std::move(done));
}

Status Client::DetachWatch(std::uint64_t watch) {
  return Await<Status>(*session_, [&](DoneStatus done) {
    const std::uint64_t id = session_->NextId();
    auto operation = std::make_unique<v1::ClientOperation>();
    operation->mutable_detach_watch()->set_request_id(id);
    operation->mutable_detach_watch()->set_handle(watch);
    session_->SendRequest(id, std::move(operation), GiveStatus(std::move(done)));
  });
}

Status Client::Ping(std::uint32_t timeout_ms) {
  if (session_->OnOwnThread()) return WouldDeadlock();
  const auto promise = std::make_shared<std::promise<Status>>();
  std::future<Status> answer = promise->get_future();
  session_->SendPing([promise](Status status) { promise->set_value(std::move(status)); });
  if (answer.wait_for(std::chrono::milliseconds(timeout_ms)) != std::future_status::ready) {
    return Status(Code::kDeadlineExceeded, "no pong within " + std::to_string(timeout_ms) + " ms");
  }
  return answer.get();
}

}  // namespace belay::client
