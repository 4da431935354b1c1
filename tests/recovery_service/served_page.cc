#include "served_page.h"

#include <cstdlib>
#include <fstream>
#include <future>
#include <iterator>
#include <utility>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <absl/time/clock.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <unistd.h>

#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "testing/scratch_folder.h"

namespace metarec {
namespace {

constexpr int kTimeoutSeconds = 60;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Without the element and all in it.
std::string Without(std::string html, const std::string& element) {
  const std::string open = absl::StrCat("<", element);
  const std::string close = absl::StrCat("</", element, ">");
  for (size_t begin = html.find(open); begin != std::string::npos; begin = html.find(open)) {
    const size_t end = html.find(close, begin);
    html.erase(begin, end == std::string::npos ? end : end + close.size() - begin);
  }
  return html;
}

std::string TextOf(const std::string& dom) {
  const std::string html =
      Without(Without(Without(Without(dom, "script"), "style"), "title"), "noscript");
  std::string text;
  bool in_tag = false;
  for (const char c : html) {
    if (c == '<') {
      text += '\n';
      in_tag = true;
    }
    if (!in_tag) text += c;
    if (c == '>') in_tag = false;
  }
  std::string lines = "\n";
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipWhitespace())) {
    absl::StrAppend(&lines, absl::StripAsciiWhitespace(line), "\n");
  }
  return absl::StrReplaceAll(lines, {{"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}});
}

// Of the requests that pages began; the browser's own have no origin.
absl::StatusOr<std::vector<std::string>> RequestsOfPages(const std::string& log) {
  rapidjson::Document json;
  json.Parse(log);
  if (json.HasParseError()) return absl::DataLossError("the browser wrote no complete network log");
  const int start = json["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"].GetInt();
  std::vector<std::string> urls;
  for (const auto& event : json["events"].GetArray()) {
    if (event["type"].GetInt() != start || !event.HasMember("params")) continue;
    const auto& params = event["params"];
    if (!params.HasMember("initiator") || !params.HasMember("url")) continue;
    if (!absl::StartsWith(params["initiator"].GetString(), "http")) continue;
    urls.emplace_back(params["url"].GetString());
  }
  return urls;
}

constexpr uint32_t kLoopback = 0x7F000001;
constexpr absl::Duration kPatience = absl::Seconds(30);

RecoveryServerOptions Options() {
  RecoveryServerOptions options;
  options.listen.ip = kLoopback;
  options.own_name = "127.0.0.1:34601";
  options.recover = true;
  options.lock_root = "/pegasus/lock";
  options.service.recovery.root = "/pegasus/recovered";
  // Whoever hangs is looked at for longer than a browser takes.
  options.service.recovery.collector.node_timeout = absl::Seconds(60);
  options.service.recovery.collector.attempt_timeout = absl::Seconds(60);
  return options;
}

asio::awaitable<void> RunServer(RecoveryServer* server) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const absl::Status status = co_await server->Run();
  EXPECT_TRUE(status.ok()) << status;
}

asio::awaitable<void> Call(rpc::Client* client, Ipv4Endpoint endpoint, std::string task_code,
                           std::string body) {
  rpc::CallOptions options;
  options.deadline = absl::Now() + absl::Minutes(2);
  const absl::StatusOr<rpc::Reply> ignored =
      co_await client->Call(endpoint, std::move(task_code), std::move(body), options);
  static_cast<void>(ignored);
}

}  // namespace

std::optional<Browser> Browser::Find() {
  if (const char* const given = std::getenv("METAREC_BROWSER")) return Browser(given);
  const char* const path = std::getenv("PATH");
  for (const char* const name : {"chromium", "chromium-headless-shell", "google-chrome"}) {
    for (const absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':')) {
      std::string program = absl::StrCat(folder, "/", name);
      if (access(program.c_str(), X_OK) == 0) return Browser(std::move(program));
    }
  }
  return std::nullopt;
}

absl::StatusOr<PageView> Browser::Open(const std::string& url,
                                       const std::string& screenshot) const {
  const testing::ScratchFolder scratch;
  const std::string& folder = scratch.path();
  PageView view;
  // Root may not use the browser's sandbox; no page but ours is opened.
  view.arguments = absl::StrCat(
      "timeout -k 5 ", kTimeoutSeconds, " ", program_,
      " --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run",
      " --hide-scrollbars --window-size=1100,1250 --virtual-time-budget=4000",
      " --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' --user-data-dir=", folder,
      "/profile --log-net-log=", folder, "/net.json ",
      screenshot.empty() ? "--dump-dom" : absl::StrCat("--screenshot=", screenshot), " ", url, " >",
      folder, "/dom 2>", folder, "/log </dev/null");
  const int result = std::system(view.arguments.c_str());
  view.dom = ReadAll(folder + "/dom");
  view.text = TextOf(view.dom);
  const std::string log = ReadAll(folder + "/log");
  const auto requests = RequestsOfPages(ReadAll(folder + "/net.json"));
  if (result != 0 || !requests.ok()) {
    return absl::UnavailableError(absl::StrCat(view.arguments, " ended with ", result, ": ",
                                               requests.status().message(), "\n", log));
  }
  view.requests = *requests;
  return view;
}

ServedPage::ServedPage(testing::SimulatedCluster cluster, int64_t zookeeper_stops_at)
    : client_(std::make_unique<rpc::Client>(context_.get_executor(), &clock_)),
      source_(std::make_unique<RpcReplicaSource>(client_.get(), &clock_)) {
  auto servers = testing::SimulatedClusterThread::Start(std::move(cluster));
  EXPECT_TRUE(servers.ok()) << servers.status();
  if (!servers.ok()) return;
  servers_ = *std::move(servers);

  testing::InMemoryMetaStoreOptions store_options;
  auto writes = std::make_shared<int64_t>(0);
  store_options.injector = [this, writes, zookeeper_stops_at](const testing::StoreCall& call) {
    const bool stops = call.is_write() && (*writes)++ == zookeeper_stops_at;
    if (stops) asio::post(context_, [zookeeper = zookeeper_] { zookeeper->StopServing(); });
    return stops ? std::make_optional(testing::StoreFault()) : std::nullopt;
  };
  RecoveryServerOptions options = Options();
  options.connect =
      [this, store_options]() -> asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> {
    co_return std::make_unique<testing::InMemoryMetaStore>(zookeeper_, store_options);
  };
  options.log = [](absl::string_view) {};
  server_ = std::make_unique<RecoveryServer>(
      context_.get_executor(), std::move(options),
      Surroundings{.source = source_.get(), .clock = &clock_, .random = [] { return 0.5; }});
  asio::co_spawn(context_, RunServer(server_.get()),
                 asio::bind_cancellation_slot(
                     stop_.slot(), [this](const std::exception_ptr&) { client_.reset(); }));
  thread_ = std::thread([this] { context_.run(); });
  leads_ = Await([](const RecoveryServiceStatus& status) { return status.leadership.is_us; });
}

ServedPage::~ServedPage() {
  if (!thread_.joinable()) return;
  asio::post(context_, [this] { stop_.emit(asio::cancellation_type::terminal); });
  thread_.join();
}

std::string ServedPage::url() const {
  return absl::StrCat("http://", server_->endpoint().ToString(), "/");
}

void ServedPage::BeginRecovery(SkipFlags flags) {
  idl::configuration_recovery_request request;
  request.skip_bad_nodes = flags.bad_nodes;
  request.skip_lost_partitions = flags.lost_partitions;
  std::vector<idl::host_port> names;
  for (const Ipv4Endpoint& node : servers_->endpoints()) {
    request.recovery_nodes.push_back(node.ToRpcAddress());
    names.emplace_back("localhost", node.port);
  }
  request.__set_hp_recovery_nodes(names);
  Send(idl::kRpcCmStartRecovery, idl::EncodeBody(request));
}

void ServedPage::SendBeacon(const std::string& host) {
  const Ipv4Endpoint from = servers_->endpoints().front();
  idl::beacon_msg beacon;
  beacon.from_node = from.ToRpcAddress();
  beacon.to_node = server_->endpoint().ToRpcAddress();
  beacon.__set_start_time(1);
  beacon.__set_hp_from_node(idl::host_port(host, from.port));
  Send(idl::kRpcFdFailureDetectorPing, idl::EncodeBody(beacon));
}

void ServedPage::Send(std::string task_code, std::string body) {
  asio::co_spawn(context_,
                 Call(client_.get(), server_->endpoint(), std::move(task_code), std::move(body)),
                 asio::detached);
}

bool ServedPage::Await(const std::function<bool(const RecoveryServiceStatus&)>& condition) {
  const absl::Time end = absl::Now() + kPatience;
  while (absl::Now() < end) {
    std::promise<bool> answer;
    asio::post(context_, [&] { answer.set_value(condition(server_->service().status())); });
    if (answer.get_future().get()) return true;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return false;
}

}  // namespace metarec
