#include "broker/daemon/exports.h"

#include <algorithm>
#include <utility>

#include "broker/daemon/secret_bytes.h"
#include "broker/registry/registry.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;
using registry::Handle;
using registry::Registry;

Exports::~Exports() = default;

Exports::Export::~Export() { (void)Registry::Release(terms.handle); }

std::string Exports::Add(Terms terms) {
  auto entry = std::make_unique<Export>();
  entry->exports = this;
  entry->key.resize(kHalfBytes);
  FillWithRandom(entry->key);
  FillWithRandom(entry->secret);
  entry->terms = std::move(terms);
  deadlines_.Set(*entry, entry->terms.until_ns);
  std::string token = entry->key;
  token.append(entry->secret.begin(), entry->secret.end());
  std::string key = entry->key;
  exports_.emplace(std::move(key), std::move(entry));
  return token;
}

Exports::Export* Exports::Find(std::string_view token) {
  if (token.size() != 2 * kHalfBytes) return nullptr;
  const auto found = exports_.find(std::string(token.substr(0, kHalfBytes)));
  if (found == exports_.end()) return nullptr;
  Export& entry = *found->second;
  return EqualInConstantTime(token.substr(kHalfBytes), entry.secret) ? &entry : nullptr;
}

Result<Handle> Exports::Import(std::string_view token, Handle holder) {
  Export* const entry = Find(token);
  if (entry == nullptr) {
    return Status(Code::kNotFound,
                  "the token is unknown, expired, used up or revoked: ask its giver for another",
                  "BAD_TOKEN");
  }
  auto imported = Registry::Retain(entry->terms.handle, holder, entry->terms.rights);
  if (imported.ok() && --entry->terms.uses == 0) End(entry->key);
  return imported;
}

void Exports::Revoke(std::string_view token) {
  if (const Export* const entry = Find(token)) exports_.erase(entry->key);
}

void Exports::End(const std::string& key) {
  const auto entry = exports_.extract(key);
  entry.mapped()->terms.over();
}

}  // namespace belay::daemon
