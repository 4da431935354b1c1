// The status page as a browser shows it. Skipped where no Chromium is installed.

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "rpc/server.h"
#include "served_page.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kHostileTable[] = "<script>document.title='owned'</script>";
constexpr char kHostileImage[] = "<img src=//elsewhere.test/x onerror=document.title='owned'>";

class StatusPageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    browser_ = Browser::Find();
    if (!browser_) GTEST_SKIP() << "no Chromium here; scripts/setup --with-browser installs it";
  }

  // What holds in every state: the page is alive, nothing of what it shows was executed, and it
  // asks nobody but its server.
  PageView Look(const ServedPage& page) {
    const absl::StatusOr<PageView> view = browser_->Open(page.url());
    EXPECT_TRUE(view.ok()) << view.status();
    if (!view.ok()) return {};
    EXPECT_THAT(view->dom, HasSubstr("<p id=\"stale\" hidden=\"\">"));
    EXPECT_THAT(view->dom, Not(HasSubstr("<title>owned")));
    EXPECT_THAT(view->dom, Not(HasSubstr("<img")));
    // It updates itself.
    EXPECT_THAT(view->requests, Contains(page.url() + "status.json").Times(Ge(2)));
    EXPECT_THAT(view->requests, Each(StartsWith(page.url())));
    return *view;
  }

  std::optional<Browser> browser_;
};

testing::SimulatedCluster Cluster(int nodes) {
  testing::SimulatedCluster cluster;
  cluster.AddNodes(nodes);
  return cluster;
}

void AddTable(testing::SimulatedCluster* cluster, const std::string& name, int partitions,
              int replicas = 3, int app_id = 0) {
  testing::SimulatedTable table;
  table.name = name;
  table.partition_count = partitions;
  table.max_replica_count = replicas;
  table.app_id = app_id;
  EXPECT_EQ(cluster->AddTable(table), absl::OkStatus());
}

void Break(testing::SimulatedCluster* cluster, const char* node,
           testing::SimulatedFault::Kind fault) {
  cluster->FindNode(node)->fault.kind = fault;
}

// Tables of which one has lost partitions, one is healthy, and two have one name; a node is down.
testing::SimulatedCluster WoundedCluster(const std::string& table) {
  testing::SimulatedCluster cluster = Cluster(5);
  AddTable(&cluster, table, 64);
  AddTable(&cluster, "sessions", 16, 1);
  AddTable(&cluster, "users", 24);
  AddTable(&cluster, "users", 8, 3, 4);
  Break(&cluster, "n5", testing::SimulatedFault::Kind::kRefuse);
  return cluster;
}

bool IsRecovered(const RecoveryServiceStatus& status) {
  return status.state == RecoveryState::kRecovered;
}
bool HasFailed(const RecoveryServiceStatus& status) {
  return status.state == RecoveryState::kFailed;
}

int Count(const std::string& text, const std::string& what) {
  int count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST_F(StatusPageTest, WaitingShowsTheCommandAndWhoSentBeacons) {
  testing::SimulatedCluster cluster = Cluster(1);
  AddTable(&cluster, "temp", 4, 1);
  ServedPage page(std::move(cluster));
  ASSERT_TRUE(page.leads());
  page.SendBeacon(kHostileImage);
  ASSERT_TRUE(page.Await([](const RecoveryServiceStatus& status) {
    return status.nodes.size() == 1 && status.nodes[0].replicas_serving.has_value();
  }));
  const PageView view = Look(page);
  EXPECT_THAT(view.text, AllOf(HasSubstr("\nwaiting\nfor "),
                               HasSubstr("recover -f recover_node_list --meta 127.0.0.1:34601"),
                               HasSubstr(kHostileImage), HasSubstr("all replicas inactive"),
                               HasSubstr("nothing was planned yet")));
  EXPECT_THAT(view.dom, HasSubstr("<section id=\"work\" hidden=\"\">"));  // no progress
}

TEST_F(StatusPageTest, RecoveringShowsForWhomItWaits) {
  testing::SimulatedCluster cluster = Cluster(3);
  AddTable(&cluster, "temp", 8);
  Break(&cluster, "n2", testing::SimulatedFault::Kind::kHang);
  ServedPage page(std::move(cluster));
  ASSERT_TRUE(page.leads());
  page.BeginRecovery();
  ASSERT_TRUE(page.Await([](const RecoveryServiceStatus& status) {
    return status.progress.phase == Phase::kCollect && status.progress.done == 2;
  }));
  const PageView view = Look(page);
  EXPECT_THAT(view.text, AllOf(HasSubstr("\nrecovering\nfor "), HasSubstr("Ask the nodes\n2 of 3"),
                               HasSubstr("Write to ZooKeeper\nwaiting"), HasSubstr("being asked"),
                               HasSubstr("answered\n1\n8")));
  EXPECT_LT(view.text.find("being asked"), view.text.find("answered\n1\n8"));
  EXPECT_THAT(view.dom, AllOf(HasSubstr("<div class=\"phase running\">"),
                              HasSubstr("style=\"width: 66.6667%;\""),
                              HasSubstr("<td class=\"dot asking\"")));
}

TEST_F(StatusPageTest, RecoveringShowsHowMuchIsWrittenAndWhatItWaitsFor) {
  testing::SimulatedCluster cluster = Cluster(3);
  AddTable(&cluster, "temp", 20'000, 1);
  ServedPage page(std::move(cluster), 12);
  ASSERT_TRUE(page.leads());
  page.BeginRecovery();
  ASSERT_TRUE(page.Await([](const RecoveryServiceStatus& status) {
    return status.progress.phase == Phase::kWrite &&
           absl::StrContains(status.progress.note, "retrying");
  }));
  const PageView view = Look(page);
  EXPECT_THAT(view.text,
              AllOf(HasSubstr("Ask the nodes\n3 of 3"), HasSubstr("Write to ZooKeeper\n"),
                    HasSubstr("Trouble with ZooKeeper: there is no connection"),
                    HasSubstr(" of 20,001\n"), HasSubstr("no connection to ZooKeeper, retrying"),
                    HasSubstr("Check what was written\nwaiting")));
  EXPECT_THAT(view.dom, HasSubstr("<div class=\"phase done\">"));
}

TEST_F(StatusPageTest, FailedShowsWhatFailedAndTheWayOut) {
  ServedPage page(WoundedCluster(kHostileTable));
  ASSERT_TRUE(page.leads());
  page.BeginRecovery();
  ASSERT_TRUE(page.Await(HasFailed));
  const PageView view = Look(page);
  EXPECT_THAT(view.text,
              AllOf(HasSubstr("\nfailed\nfor "), HasSubstr("ERR_TRY_AGAIN"),
                    HasSubstr("skip_bad_nodes"), HasSubstr("Then send recover again."),
                    HasSubstr("failed: ERR_NETWORK_FAILURE (3 tries)"), HasSubstr("5, 1 failed")));
  EXPECT_LT(view.text.find("\nerror\n"), view.text.find("\nwarning\n"));
  EXPECT_THAT(view.dom, AllOf(HasSubstr("<td class=\"dot failed\""),
                              HasSubstr("<div class=\"phase failed\">")));
}

TEST_F(StatusPageTest, RecoveredShowsTheWorstFirst) {
  ServedPage page(WoundedCluster(kHostileTable));
  ASSERT_TRUE(page.leads());
  page.BeginRecovery({.bad_nodes = true, .lost_partitions = true});
  ASSERT_TRUE(page.Await(IsRecovered));
  const PageView view = Look(page);
  EXPECT_THAT(view.text,
              AllOf(HasSubstr("\nrecovered\nfor "), HasSubstr("4 tables, 112 partitions"),
                    HasSubstr("recover_from_replica_server = false"), HasSubstr(kHostileTable),
                    HasSubstr("Check what was written\n")));
  EXPECT_THAT(view.dom, Not(HasSubstr("<script>document")));
  // Findings.
  EXPECT_NE(view.text.find("\nhazard\n"), std::string::npos);
  EXPECT_LT(view.text.find("\nhazard\n"), view.text.find("\nwarning\n"));
  EXPECT_LT(view.text.rfind("\nhazard\n"), view.text.find("\nwarning\n"));
  EXPECT_LT(view.text.find("partition 2.4 (sessions)"), view.text.find("partition 1.2 ("));
  // Three partitions of sessions are lost; the others' are thin where n5 had a replica.
  EXPECT_LT(view.text.find("2\nsessions\n16\n"), view.text.find("1\n<script>"));
  EXPECT_EQ(Count(view.dom, "<i class=\"cell lost\" "), 3);
  EXPECT_EQ(Count(view.dom, "<i class=\"cell\" "), 13 + 26 + 10 + 4);
  EXPECT_EQ(Count(view.dom, "<i class=\"cell thin\" "), 38 + 14 + 4);
  EXPECT_THAT(view.dom, HasSubstr("title=\"2.4: no replica\""));
  EXPECT_EQ(Count(view.dom, "<div class=\"phase done\">"), 3);
}

// What any page of a server's looks like that answers everything with this HTML.
absl::StatusOr<PageView> LookAtHtml(const Browser& browser, const std::string& html) {
  asio::io_context context;
  SystemClock clock;
  rpc::Server server(context.get_executor(), &clock);
  server.ServeHttp([&html](const rpc::HttpRequest&) -> asio::awaitable<rpc::HttpResponse> {
    rpc::HttpResponse response;
    response.content_type = "text/html";
    response.body = html;
    co_return response;
  });
  Ipv4Endpoint listen;
  listen.ip = 0x7F000001;
  const absl::StatusOr<Ipv4Endpoint> endpoint = server.Listen(listen);
  if (!endpoint.ok()) return endpoint.status();
  std::thread thread([&context] { context.run(); });
  absl::StatusOr<PageView> view = browser.Open(absl::StrCat("http://", endpoint->ToString(), "/"));
  asio::co_spawn(
      context, [&server] { return server.Stop(); }, asio::detached);
  thread.join();
  return view;
}

TEST_F(StatusPageTest, AServerThatAnswersNoStatusIsTakenForLost) {
  std::ifstream file(METAREC_TESTS_DIR "/../recovery_service/status/status_page.html");
  const std::string html((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const absl::StatusOr<PageView> view = LookAtHtml(*browser_, html);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_THAT(view->dom, HasSubstr("<p id=\"stale\">This page has lost its server"));
}

TEST_F(StatusPageTest, RequestsToOtherHostsWouldBeNoticed) {
  const absl::StatusOr<PageView> view =
      LookAtHtml(*browser_, "<img src=http://elsewhere.test/picture>");
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_THAT(view->requests, Contains("http://elsewhere.test/picture"));
}

// scripts/screenshot: the picture in the documents.
TEST_F(StatusPageTest, TheScreenshotOfTheDocuments) {
  const char* const path = std::getenv("METAREC_SCREENSHOT");
  if (path == nullptr) GTEST_SKIP() << "only with METAREC_SCREENSHOT=FILE.png (scripts/screenshot)";
  ServedPage page(WoundedCluster("orders"));
  ASSERT_TRUE(page.leads());
  page.BeginRecovery({.bad_nodes = true, .lost_partitions = true});
  ASSERT_TRUE(page.Await(IsRecovered));
  const absl::StatusOr<PageView> view = browser_->Open(page.url(), path);
  ASSERT_TRUE(view.ok()) << view.status();
}

}  // namespace
}  // namespace metarec
