// Responders, the ready-made handlers, and how one call is run.
#include "belay/client/hosting.h"

#include <exception>
#include <utility>

#include "clients/cpp/src/hosted.h"

namespace belay::client {
namespace {

// While Hosted::Run runs a handler: where a Responder goes that an exception drops, so that Run can
// answer with the exception's text instead of ABANDONED.
thread_local std::unique_ptr<Responder::Impl>* parking = nullptr;

// The current exception's text. REQUIRES: called in a handler of an exception.
std::string CurrentException() {
  try {
    throw;
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

const Status& DamagedBlock() {
  static const Status status(Code::kDataLoss, "the row block is damaged");
  return status;
}

}  // namespace

Responder::Responder(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Responder::Responder(Responder&&) noexcept = default;

Responder& Responder::operator=(Responder&& other) noexcept {
  Responder dropped(std::move(*this));  // answers, if nobody has
  impl_ = std::move(other.impl_);
  return *this;
}

Responder::~Responder() {
  if (impl_ == nullptr) return;
  if (parking != nullptr && std::uncaught_exceptions() > 0) {
    *parking = std::move(impl_);
    return;
  }
  impl_->Answer(Status(Code::kAbandoned, "the callback dropped the call unanswered"), {});
}

void Responder::Reply(std::string payload) {
  if (const std::unique_ptr<Impl> impl = std::move(impl_))
    impl->Answer(Status(), std::move(payload));
}

void Responder::Fail(const Status& status) {
  if (const std::unique_ptr<Impl> impl = std::move(impl_)) impl->Answer(status, {});
}

Hosted::~Hosted() {
  handler_ = nullptr;
  if (!on_released_) return;
  try {
    on_released_();
  } catch (...) {  // NOLINT(bugprone-empty-catch): a destructor has nobody to tell
  }
}

void Hosted::Run(Request request, Responder responder) const {
  std::unique_ptr<Responder::Impl> parked;
  std::unique_ptr<Responder::Impl>* const outer = std::exchange(parking, &parked);
  try {
    handler_(std::move(request), std::move(responder));
  } catch (...) {
    // Not parked: it was answered, or somebody else has it and will.
    if (parked != nullptr) {
      parked->Answer(
          Status(Code::kUnknown, "the callback threw: " + CurrentException(), "EXCEPTION"), {});
    }
  }
  parking = outer;
}

Handler Sync(std::function<Result<std::string>(const Request&)> function) {
  return [function = std::move(function)](const Request& request, Responder responder) {
    Result<std::string> result = function(request);
    if (result.ok()) {
      responder.Reply(*std::move(result));
    } else {
      responder.Fail(result.status());
    }
  };
}

Handler Filter(std::function<bool(const Row&)> keep) {
  return [keep = std::move(keep)](const Request& request, Responder responder) {
    std::string bitmap;
    if (!FilterRows(request.payload, keep, bitmap)) return responder.Fail(DamagedBlock());
    responder.Reply(std::move(bitmap));
  };
}

Handler Project(std::function<std::optional<std::string>(const Row&)> make) {
  return [make = std::move(make)](const Request& request, Responder responder) {
    RowReader rows(request.payload);
    RowWriter projected;
    Row row;
    while (rows.Next(row)) {
      if (const std::optional<std::string> value = make(row))
        projected.Append({RowKind::kPut, row.revision, row.key, *value});
    }
    if (!rows.ok()) return responder.Fail(DamagedBlock());
    responder.Reply(projected.Take());
  };
}

Handler Merge(std::function<std::optional<std::string>(const std::string_view* value,
                                                       std::string_view operand)>
                  merge) {
  return [merge = std::move(merge)](const Request& request, Responder responder) {
    RowReader rows(request.payload);
    RowWriter merged;
    Row row;
    std::optional<std::string_view> before;
    while (rows.Next(row)) {
      if (row.kind == RowKind::kOld) {
        before = row.value;
        continue;
      }
      const std::optional<std::string> value = merge(before ? &*before : nullptr, row.value);
      if (value) merged.Append({RowKind::kPut, 0, row.key, *value});
      before.reset();
    }
    if (!rows.ok()) return responder.Fail(DamagedBlock());
    responder.Reply(merged.Take());
  };
}

Handler Validate(std::function<Status(const Row&)> check) {
  return [check = std::move(check)](const Request& request, Responder responder) {
    RowReader rows(request.payload);
    Row row;
    while (rows.Next(row)) {
      if (Status status = check(row); !status.ok()) return responder.Fail(status);
    }
    if (!rows.ok()) return responder.Fail(DamagedBlock());
    responder.Reply({});
  };
}

Handler Change(std::string key,
               std::function<std::optional<std::string>(const std::string_view* value)> change) {
  return [key = std::move(key), change = std::move(change)](const Request& request,
                                                            Responder responder) {
    RowReader rows(request.payload);
    Row row;
    const bool is_there = rows.Next(row);
    if (!rows.ok()) return responder.Fail(DamagedBlock());
    const std::optional<std::string> value = change(is_there ? &row.value : nullptr);
    if (!value) return responder.Reply({});
    RowWriter changed;
    changed.Append({RowKind::kPut, 0, key, *value});
    responder.Reply(changed.Take());
  };
}

Handler OnChange(std::function<void(const Row&)> changed) {
  return [changed = std::move(changed)](const Request& request, Responder responder) {
    RowReader rows(request.payload);
    Row row;
    while (rows.Next(row)) changed(row);
    if (!rows.ok()) return responder.Fail(DamagedBlock());
    responder.Reply({});
  };
}

}  // namespace belay::client
