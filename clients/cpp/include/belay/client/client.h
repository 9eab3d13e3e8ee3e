// Client: one session with a broker in another process. It hosts callbacks, invokes those of others,
// and reaches the store, all over one stream whose frames pack whatever is waiting.
//
// Each operation comes in two forms. ...Async(arguments, done) queues it and returns; `done` is called
// exactly once, on the client's thread, and must not block. (When the session is over already, or a bound
// refuses the call, it is called before ...Async returns.) The plain form waits for the answer; called on
// the client's thread it returns WOULD_DEADLOCK at once and does nothing.
//
// When the connection is lost the client makes another, and the session goes on: nothing is lost or done
// twice, operations wait meanwhile. If the broker has none to go on with (it was restarted, or too much time has
// passed), the client begins a new one and puts back what it can: its callbacks, with their names, and
// its watches and validators keep the handles that the program knows. Everything unanswered ends with
// UNAVAILABLE then, calls with how far they got; other handles (of resolved callbacks, snapshots) say STALE.
// ClientOptions::on_event tells. What `SessionLife` and `reconnect_timeout_ms` do not allow, or the broker
// refuses for another reason, is the end: every hosted closure is released (hosting.h), on_lost is
// called, every later operation fails the same way.
//
// Thread safety: every method may be called from any thread, also from callbacks. The destructor must
// not run concurrently with other methods; on the client's own thread it does not wait.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "belay/client/executor.h"
#include "belay/client/hosting.h"
#include "belay/client/names.h"
#include "belay/client/status.h"

namespace belay::client {

class Session;
class Store;

// What the loss of a connection does to a client's session.
enum class SessionLife : std::uint8_t {
  kOutlivesConnections,  // it goes on over the next, or a new one takes its place
  kEndsWithConnection,   // it is over
};

// What became of a session, or of something in it.
struct SessionEvent {
  enum class Kind : std::uint8_t {
    kDisconnected,  // the connection is lost; the client tries to make another
    kResumed,       // the session goes on as if nothing had been
    kRenewed,  // a new session stands, with everything that could be put back; epoch() may differ
    kNotPutBack,  // `handle` could not be put into the new session: `status` says why, and it is released
  };
  Kind kind;
  Status status;             // of kDisconnected and kNotPutBack
  std::uint64_t handle = 0;  // of kNotPutBack: a callback, watch or validator
};

struct ClientOptions {
  std::string client_name = "cpp";  // shown to operators; 1 to 255 bytes
  // Which of the programs of that name; empty: "HOST:PID". A program that gives one which outlives its
  // process takes over from its own ghost: the session that its last process has left behind.
  std::string instance = {};
  std::uint64_t incarnation =
      0;  // of the instance, growing with each; 0: when this process began to use Belay
  // A bearer token, by which the broker knows who this is; empty: by the user or nothing. Over TCP it is as
  // secret as the connection. A wrong one is UNAUTHENTICATED, at connect and whenever the connection is made anew.
  std::string token = {};
  Executor executor = {};  // runs hosted callbacks; none: the client's thread
  std::uint32_t connect_timeout_ms = 5000;
  std::uint32_t close_timeout_ms = 2000;  // how long the destructor waits for the broker
  SessionLife session_life = SessionLife::kOutlivesConnections;
  // How long the broker is to keep the session without a connection, and how long either side may be silent
  // before the connection counts as lost; it may grant less. 0: not at all, and for ever. Not given: 30 s
  // and 15 s, or 0 over a unix socket, which is lost only with one of the processes: so the callers of a
  // host that died need not wait for it to come back. Of sessions that outlive their connections.
  std::optional<std::uint32_t> grace_ms = {};
  std::optional<std::uint32_t> lease_ms = {};
  // How long to try before the client gives up; attempts come after 50 ms to 5 s, at random.
  std::uint32_t reconnect_timeout_ms = 60'000;
  // Bytes of operations that may wait for a connection. One more is refused with RESOURCE_EXHAUSTED.
  std::size_t max_waiting_bytes = std::size_t{64} << 20U;
  // Called on the client's thread; must not block.
  std::function<void(const SessionEvent&)> on_event = {};
  // Called once, on the client's thread, when the session ends other than by Close().
  std::function<void(const Status&)> on_lost = {};
};

// One reference to a callback, watch, validator or snapshot, as an entry in the session's table. Move-only; going away
// releases it without waiting. Outliving the client is harmless: the session's end released it. Its id stays the
// same when it is put into a new session.
class Handle {
 public:
  Handle() = default;
  Handle(std::shared_ptr<Session> session, std::uint64_t id) noexcept;
  Handle(Handle&& other) noexcept;
  Handle& operator=(Handle&& other) noexcept;
  ~Handle();

  std::uint64_t id() const noexcept { return id_; }
  explicit operator bool() const noexcept { return id_ != 0; }
  // Releases it now, without waiting.
  void Reset() noexcept;
  // Gives up ownership: the caller releases the id.
  std::uint64_t Detach() noexcept;

 private:
  std::shared_ptr<Session> session_;
  std::uint64_t id_ = 0;
};

// A name's being bound to a callback. Letting go of the handle, or the session's end, takes the name back.
struct Binding {
  Handle handle;
  std::uint64_t version = 0;  // of the name, after the bind
};

struct InvokeOptions {
  std::uint32_t timeout_ms = 0;  // 0: the broker's default
  std::string trace_id = {};     // 16 bytes, passed through; empty: none
  // Of a handle that follows a name: how many members are tried until one answers; at most 16. Another is
  // tried when one cannot have run, and if the call is idempotent also when its host was lost with it.
  std::uint32_t max_attempts = 1;
  bool idempotent = false;  // to run twice does no harm
};

// What one member of a name for broadcast has answered.
struct MemberReply {
  std::string owner;  // client name of its host
  std::string label;
  Result<std::string> reply;
};

struct Broadcast {
  Status status;  // OK if all have answered, well or badly; else why not, and so for those members
  std::vector<MemberReply> replies;  // in the order of binding
};

// What becomes of a call that is given up. One that no host was sent is taken back in each mode.
enum class CancelMode : std::uint8_t {
  kAsk,     // it ends with CANCELLED at once; the host is asked to give up
  kForget,  // it ends with CANCELLED at once; the host may finish
  kWait,    // the host is asked to give up, and the call ends with what it answers
};

struct ExportOptions {
  std::uint32_t uses = 1;         // how many imports it is good for
  std::uint32_t ttl_ms = 60'000;  // at most a day
  std::uint32_t rights = 0;       // BELAY_RIGHT_...; 0: those of the handle but to unregister
};

// A token by which others get at a callback. Letting go of the handle, or the session's end, revokes it.
struct Exported {
  Handle handle;
  std::string token;  // 32 bytes; a secret
};

// Of the conditions at most one.
struct WriteOptions {
  bool async = false;  // do not wait for the disk: a crash may lose the write
  bool if_absent = false;
  std::uint64_t if_revision = 0;             // 0: no condition
  std::optional<std::string> if_value = {};  // none: no condition
  std::uint64_t ttl_ms = 0;                  // of a put: the key is deleted after so long; 0: never
};

struct Value {
  std::string data;
  std::uint64_t create_revision = 0;
  std::uint64_t mod_revision = 0;
  std::uint64_t version = 0;
  std::int64_t expires_at_ms = 0;  // since the Unix epoch; 0: never
};

// All keyspaces as they were at one moment. Letting go of it, or the session's end, gives it up.
struct Snapshot {
  Handle handle;
  std::uint64_t revision = 0;
};

struct Keyspace {
  std::string name;
  std::uint32_t id = 0;  // never given out again
};

struct ScanOptions {
  std::string start = {};  // [start, end); empty: open
  std::string end = {};
  std::string prefix = {};       // excludes both
  std::string start_after = {};  // where the page before ended; empty: at the range's beginning
  bool reverse = false;
  bool keys_only = false;
  std::uint64_t limit = 0;          // 0: all
  std::string filter_name = {};     // public name of a callback that picks rows
  std::uint64_t filter_handle = 0;  // or one of this session's
  // The same of one that makes other rows of what the filter keeps; excludes keys_only.
  std::string projection_name = {};
  std::uint64_t projection_handle = 0;
};

class Client {
 public:
  template <typename T>
  using Done = std::function<void(Result<T>)>;
  using DoneStatus = std::function<void(Status)>;

  // Opens a session with the broker at `target` ("unix:/run/belay/belayd.sock", "localhost:7531").
  // May block up to connect_timeout_ms. Errors: UNAVAILABLE with reason CONNECTION_FAILED, or what
  // the broker refused the session with.
  static Result<Client> Connect(const std::string& target, ClientOptions options = {});

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // Ends the session: sends what is queued, then waits up to close_timeout_ms for the broker to end
  // it. What is unanswered ends with CLOSED. Idempotent.
  void Close();

  std::uint64_t session_id() const;
  std::uint64_t epoch() const;
  // Results that came after their call had been given up.
  std::uint64_t late_results() const;

  // Offers a callback. Errors: ALREADY_EXISTS if the name is taken, INVALID_ARGUMENT, RESOURCE_EXHAUSTED.
  Result<Handle> Register(Handler handler, RegisterOptions options = {});
  void RegisterAsync(Handler handler, RegisterOptions options, Done<Handle> done);

  // Finds a callback by its public name. Errors: NOT_FOUND.
  Result<Handle> Resolve(const std::string& name);
  void ResolveAsync(const std::string& name, Done<Handle> done);

  // --- Names: names.h ---
  // A handle that stands for a name, which need not be bound: each call of it goes to the member that the
  // name's policy chooses then. It can be called, retained and released.
  Result<Handle> Follow(const std::string& name);
  void FollowAsync(const std::string& name, Done<Handle> done);
  // Binds a name to any callback whose handle has the right to bind. Errors: ALREADY_EXISTS, ABORTED (a condition
  // does not hold), FAILED_PRECONDITION (another policy), RESOURCE_EXHAUSTED, PERMISSION_DENIED.
  Result<Binding> Bind(std::uint64_t callback, std::string name, BindOptions options = {});
  void BindAsync(std::uint64_t callback, std::string name, BindOptions options, Done<Binding> done);
  // Takes a name from a callback, whoever bound it. Errors: NOT_FOUND, PERMISSION_DENIED.
  Status Unbind(std::uint64_t callback, std::string name);
  // Has `changed` called with what a name is, now and after changes; those that come faster than they are
  // read are told as one. The handle is the watch's own.
  Result<Handle> WatchName(const std::string& name, NameListener changed);
  void WatchNameAsync(const std::string& name, NameListener changed, Done<Handle> done);

  // Another handle to the same callback.
  Result<Handle> Retain(std::uint64_t handle);
  void RetainAsync(std::uint64_t handle, Done<Handle> done);

  // Closes a handle and waits for the broker's word. The second time: STALE.
  Status Release(std::uint64_t handle);
  void ReleaseAsync(std::uint64_t handle, DoneStatus done);

  // Makes a callback uncallable for every holder; calls in flight go on.
  Status Unregister(std::uint64_t handle);
  void UnregisterAsync(std::uint64_t handle, DoneStatus done);

  // Invokes a callback. A failed call says in Status::certainty how far it got. When the broker does
  // not answer in time by itself, the call ends here with DEADLINE_EXCEEDED up to a second later.
  Result<std::string> Invoke(std::uint64_t handle, std::string payload, InvokeOptions options = {});
  // The call's id, for Cancel().
  std::uint64_t InvokeAsync(std::uint64_t handle, std::string payload, InvokeOptions options,
                            Done<std::string> done);
  // Gives a call up that is not over; of no effect on one that is.
  void Cancel(std::uint64_t call_id, CancelMode mode);
  // Invokes, and wants no answer: OK says that it was queued, and nothing tells what became of it.
  Status Post(std::uint64_t handle, std::string payload, InvokeOptions options = {});
  // Invokes all members of a name for broadcast, by a handle that follows it.
  Broadcast InvokeAll(std::uint64_t handle, std::string payload, InvokeOptions options = {});
  void InvokeAllAsync(std::uint64_t handle, std::string payload, InvokeOptions options,
                      std::function<void(Broadcast)> done);

  // --- Passing a callback on to a client that does not know a name of it ---
  // Errors: PERMISSION_DENIED without the right to export; RESOURCE_EXHAUSTED.
  Result<Exported> Export(std::uint64_t handle, ExportOptions options = {});
  // Errors: NOT_FOUND, reason BAD_TOKEN, for a token that is unknown, expired, used up or revoked.
  Result<Handle> Import(std::string token);

  // Has the callback called with the changes under `prefix` (empty: all) from `from_revision` (0: from
  // now) on. The handle is the watch's own.
  Result<Handle> AttachWatch(std::uint64_t callback, std::string prefix,
                             std::uint64_t from_revision = 0);
  void AttachWatchAsync(std::uint64_t callback, std::string prefix, std::uint64_t from_revision,
                        Done<Handle> done);
  // Detaches a watch or a validator: no new call begins.
  Status DetachWatch(std::uint64_t watch);

  // One keyspace of the store (store.h), which has all that can be done with it; empty: the default one.
  Store store(std::string keyspace = {}) const;
  Result<Snapshot> TakeSnapshot();
  void TakeSnapshotAsync(Done<Snapshot> done);
  // Errors: ALREADY_EXISTS; INVALID_ARGUMENT; RESOURCE_EXHAUSTED. It is durable at once.
  Result<Keyspace> CreateKeyspace(std::string name);
  // With all its keys, for good. Errors: NOT_FOUND; FAILED_PRECONDITION for the store's own.
  Status DropKeyspace(std::string name);
  Result<std::vector<Keyspace>> ListKeyspaces();
  // Makes all that was written before durable.
  Status Flush();

  // Short forms, of the default keyspace. A write that succeeded is on disk, unless WriteOptions::async.
  // Put and Delete give the commit's revision. Errors: NOT_FOUND; ABORTED when a condition does not hold.
  Result<Value> Get(std::string key);
  void GetAsync(std::string key, Done<Value> done);
  Result<std::uint64_t> Put(std::string key, std::string value, WriteOptions options = {});
  void PutAsync(std::string key, std::string value, WriteOptions options, Done<std::uint64_t> done);
  Result<std::uint64_t> Delete(std::string key, WriteOptions options = {});
  void DeleteAsync(std::string key, WriteOptions options, Done<std::uint64_t> done);

  // Reads a range at one snapshot; `row` is called for each, on the client's thread.
  Status Scan(const ScanOptions& options, std::function<void(const Row&)> row);
  void ScanAsync(const ScanOptions& options, std::function<void(const Row&)> row, DoneStatus done);

  // Asks the broker for a sign of life.
  Status Ping(std::uint32_t timeout_ms);

 private:
  explicit Client(std::shared_ptr<Session> session) noexcept;
  std::shared_ptr<Session> session_;
};

}  // namespace belay::client

namespace belay {
using Client = client::Client;
}  // namespace belay
