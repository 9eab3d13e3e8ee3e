// Connection: a stream between a client's Line and a session of the broker, whose frames arrive when the
// simulation says so, or never.
//
// It is cut at some moment, and the two ends learn of it at others; what is under way then may still arrive at
// an end that has not yet noticed. Within a direction order is kept.
//
// Thread safety: none.
#pragma once

#include <deque>
#include <memory>
#include <utility>

#include "belay/v1/session.pb.h"
#include "broker/daemon/session.h"

namespace belay::model {

class Connection final : public daemon::Session::Peer {
 public:
  explicit Connection(daemon::Hub& hub)
      : session_(std::make_shared<daemon::Session>(hub, this, daemon::Caller{"simulated"})) {}

  // --- The broker's end ---
  void WantsFlush() override {}
  void Finish(const base::Status&) override { is_finishing_ = true; }
  void MoveTo(std::shared_ptr<daemon::Session> session) override { session_ = std::move(session); }
  void Drop(const base::Status&) override {
    session_.reset();
    is_finishing_ = true;
  }
  bool has_session() const { return session_ != nullptr; }
  // Writes the next frame of the outbox; false if there is none.
  bool BrokerWrites() {
    if (session_ == nullptr || is_cut_) return false;
    const auto frame = session_->outbox().Take(session_->received());
    if (frame == nullptr) {
      if (is_finishing_) is_cut_ = true;  // all that was left has been written
      return false;
    }
    for (const daemon::Taken& taken : std::exchange(frame->taken, {})) taken();
    to_client_.push_back(*frame->message);
    return true;
  }
  bool BrokerReads() {
    if (session_ == nullptr || is_finishing_ || to_broker_.empty()) return false;
    v1::ClientFrame frame = std::move(to_broker_.front());
    to_broker_.pop_front();
    session_->OnFrame(frame);
    return true;
  }
  // The broker learns that the connection is no more.
  void BrokerNotices() {
    to_broker_.clear();
    if (session_ != nullptr && !is_finishing_) session_->OnClosed();
    session_.reset();
  }

  // --- The client's end ---
  void ClientWrites(const v1::ClientFrame& frame) {
    if (!is_cut_) to_broker_.push_back(frame);
  }
  bool ClientReads(v1::ServerFrame* frame) {
    if (to_client_.empty()) return false;
    *frame = std::move(to_client_.front());
    to_client_.pop_front();
    return true;
  }
  // Nothing more will come.
  bool is_over() const {
    return to_client_.empty() && (is_cut_ || (is_finishing_ && session_ == nullptr));
  }

  // --- The simulation's hand ---
  void Cut() { is_cut_ = true; }
  bool is_cut() const { return is_cut_; }
  void LoseWhatTheClientHasNotRead() { to_client_.clear(); }

 private:
  std::shared_ptr<daemon::Session> session_;  // null: the broker's end is closed
  std::deque<v1::ClientFrame> to_broker_;
  std::deque<v1::ServerFrame> to_client_;
  bool is_finishing_ = false;
  bool is_cut_ = false;
};

}  // namespace belay::model
