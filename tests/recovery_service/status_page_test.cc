// The status page as a browser shows it: in every state, on a phone and on a desk.

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "browser.h"
#include "rpc/server.h"
#include "served_page.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kHostileTable[] = "<script>document.title='owned'</script>";
constexpr char kHostileImage[] = "<img src=//elsewhere.test/x onerror=document.title='owned'>";
constexpr absl::Duration kShownWithin = absl::Seconds(30);

struct PageView {
  std::string dom;   // serialized
  std::string text;  // of the DOM: what is between the tags, a line each, without scripts
};

class StatusPageTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    absl::StatusOr<std::unique_ptr<Browser>> browser = Browser::Start();
    ASSERT_TRUE(browser.ok()) << browser.status();
    browser_ = browser->release();
  }
  static void TearDownTestSuite() {
    delete browser_;
    browser_ = nullptr;
  }

  void SetUp() override {
    ASSERT_NE(browser_, nullptr);
    ASSERT_EQ(browser_->SetViewport({}), absl::OkStatus());
    // The page of the test before would go on asking.
    ASSERT_EQ(browser_->Open("about:blank"), absl::OkStatus());
    ASSERT_TRUE(browser_->TakeRequests().ok());
  }

  static std::string Evaluate(const std::string& script) {
    const absl::StatusOr<rapidjson::Document> value = browser_->Evaluate(script);
    EXPECT_TRUE(value.ok()) << value.status();
    return value.ok() && value->IsString() ? value->GetString() : "";
  }

  // The page once the script gives true.
  static PageView LookOnce(const std::string& script) {
    bool is_so = false;
    for (const absl::Time end = absl::Now() + kShownWithin; !is_so && absl::Now() < end;) {
      const absl::StatusOr<rapidjson::Document> value = browser_->Evaluate(script);
      is_so = value.ok() && value->IsBool() && value->GetBool();
      if (!is_so) absl::SleepFor(absl::Milliseconds(20));
    }
    PageView view;
    view.dom = Evaluate("return document.documentElement.outerHTML;");
    view.text = TextOfHtml(view.dom);
    EXPECT_TRUE(is_so) << script << "\n" << view.text;
    return view;
  }

  // What holds in every state: the page is alive, nothing of what it shows was executed, and it
  // asks nobody but its server.
  static PageView Look(const ServedPage& page) {
    EXPECT_EQ(browser_->Open(page.url()), absl::OkStatus());
    // It updates itself.
    PageView view = LookOnce(
        "return performance.getEntriesByType('resource').filter("
        "e => e.name.endsWith('/status.json') && e.responseEnd).length >= 2;");
    EXPECT_THAT(view.dom, HasSubstr("<p id=\"stale\" class=\"alarm\" hidden=\"\">"));
    EXPECT_THAT(view.dom, Not(HasSubstr("<title>owned")));
    EXPECT_THAT(view.dom, Not(HasSubstr("<img")));
    const absl::StatusOr<std::vector<std::string>> requests = browser_->TakeRequests();
    EXPECT_TRUE(requests.ok()) << requests.status();
    if (requests.ok()) {
      EXPECT_THAT(*requests, Contains(page.url() + "status.json"));
      EXPECT_THAT(*requests, Each(StartsWith(page.url())));
    }
    return view;
  }

  static Browser* browser_;
};

Browser* StatusPageTest::browser_ = nullptr;

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
  EXPECT_THAT(view.text,
              AllOf(HasSubstr("\ncluster onebox\nroot /pegasus/recovered\nZooKeeper zk1:2181,"),
                    HasSubstr(":2181 connected\n"),
                    HasSubstr("this server leads\nmetarec 1.2.3 (0123456789ab)\n")));
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
                               HasSubstr("gives up in "), HasSubstr("answered\n1\n8")));
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
                    HasSubstr("No ZooKeeper for "), HasSubstr(": there is no connection"),
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
  EXPECT_THAT(
      view.text,
      AllOf(HasSubstr("\nfailed\nfor "), HasSubstr("ERR_TRY_AGAIN"), HasSubstr("skip_bad_nodes"),
            HasSubstr("Then send recover again."),
            HasSubstr("failed: ERR_NETWORK_FAILURE (3 tries)"), HasSubstr("5, 1 failed"),
            HasSubstr("Ask the nodes\n5 of 5, failed\nWrite to "),
            HasSubstr("Write to ZooKeeper\nnot reached\n"), HasSubstr("\nno table was planned\n")));
  EXPECT_EQ(Count(view.text, "ERR_TRY_AGAIN"), 1) << view.text;
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
  EXPECT_THAT(view.text, AllOf(HasSubstr("\nrecovered\nfor "),
                               HasSubstr("RECOVERED, with 3 partitions created EMPTY, "),
                               HasSubstr("4 tables, 112 partitions"),
                               HasSubstr("recover_from_replica_server = false"),
                               HasSubstr(kHostileTable), HasSubstr("Check what was written\n")));
  EXPECT_THAT(view.dom, Not(HasSubstr("<script>document")));
  // Findings.
  EXPECT_NE(view.text.find("\nhazard\n"), std::string::npos);
  EXPECT_LT(view.text.find("\nhazard\n"), view.text.find("\nwarning\n"));
  EXPECT_LT(view.text.rfind("\nhazard\n"), view.text.find("\nwarning\n"));
  EXPECT_LT(view.text.find("partition 2.4 (sessions)"), view.text.find("partition 1.2 ("));
  // Three partitions of sessions are lost; the others' are thin where n5 had a replica.
  EXPECT_LT(view.text.find("2\nsessions\n3 partitions created EMPTY\n16\n"),
            view.text.find("1\n<script>"));
  EXPECT_EQ(Count(view.dom, "<i class=\"cell lost\" "), 3);
  EXPECT_EQ(Count(view.dom, "<i class=\"cell\" "), 13 + 26 + 10 + 4);
  EXPECT_EQ(Count(view.dom, "<i class=\"cell thin\" "), 38 + 14 + 4);
  EXPECT_THAT(view.dom, HasSubstr("title=\"2.4: created EMPTY\""));
  EXPECT_EQ(Count(view.dom, "<div class=\"phase done\">"), 3);
}

TEST_F(StatusPageTest, OneLossWasSaidSixTimes) {
  ServedPage page(WoundedCluster("orders"));
  ASSERT_TRUE(page.leads());
  page.BeginRecovery({.bad_nodes = true, .lost_partitions = true});
  ASSERT_TRUE(page.Await(IsRecovered));
  const PageView view = Look(page);
  // How many, and at their table which; the findings explain each.
  EXPECT_EQ(Count(view.text, "3 partitions"), 2) << view.text;
  EXPECT_THAT(view.dom, HasSubstr("<p id=\"loss\" class=\"alarm\" hidden=\"\">"));
  EXPECT_THAT(Evaluate("return document.title;"), HasSubstr("recovered, 3 partitions EMPTY"));
  EXPECT_EQ(Evaluate("return getComputedStyle(document.getElementById('state')).backgroundColor;"),
            "rgb(211, 63, 63)");
}

// What a page comes to show after a while whose ZooKeeper is gone.
TEST_F(StatusPageTest, AFinishedRecoveryWasForgottenWhenZooKeeperWasGone) {
  ServedPage page(WoundedCluster("orders"));
  ASSERT_TRUE(page.leads());
  page.BeginRecovery({.bad_nodes = true, .lost_partitions = true});
  ASSERT_TRUE(page.Await(IsRecovered));
  page.StopZooKeeper();
  ASSERT_TRUE(page.Await([](const RecoveryServiceStatus& status) {
    return !status.leadership.is_us && status.zookeeper_trouble == "no server of zk1:2181 answers";
  }));
  const PageView view = Look(page);
  EXPECT_THAT(view.text,
              AllOf(HasSubstr("No ZooKeeper for "), HasSubstr(": no server of zk1:2181 answers\n"),
                    HasSubstr("Mend the trouble with ZooKeeper. "),
                    HasSubstr("The recovery has ended well: everything is written in "
                              "/pegasus/recovered. Wait until"),
                    HasSubstr("\norders\n"), Not(HasSubstr("nothing was planned yet"))));
  EXPECT_EQ(Count(view.text, "no server of zk1:2181 answers"), 1) << view.text;
}

// Nothing is wider than the window, no word of usual length is broken, and every bar can be seen.
std::string WhatIsWrongWithTheLayout() {
  return R"(
    const wrong = [];
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > width)
      wrong.push('the page is ' + document.documentElement.scrollWidth + ' wide');
    for (const bar of document.querySelectorAll('.bar'))
      if (bar.getBoundingClientRect().width < 80) wrong.push('a bar has vanished');
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode;
      if (['SCRIPT', 'NOSCRIPT'].includes(text.parentNode.tagName)) continue;
      for (const word of text.data.matchAll(/[\p{L}\p{N}_]{2,20}(?![\p{L}\p{N}_])/gu)) {
        if (word.index && /[\p{L}\p{N}_]/u.test(text.data[word.index - 1])) continue;
        // A part of a name that is longer than a row may be broken anywhere.
        const before = text.data.slice(0, word.index).match(/\S*$/)[0];
        const after = text.data.slice(word.index).match(/^\S*/)[0];
        if (before.length + after.length > 30) continue;
        const range = document.createRange();
        range.setStart(text, word.index); range.setEnd(text, word.index + word[0].length);
        // A range that begins a row also has an empty rectangle at the end of the row before.
        const rects = [...range.getClientRects()].filter(r => r.width > 0.5);
        const rows = new Set(rects.map(r => Math.round(r.top)));
        if (rows.size > 1) wrong.push('broken: ' + word[0]);
        for (const r of rects)
          if (r.right > width + 1) wrong.push('cut off: ' + word[0]);
      }
    }
    return wrong.join('; ');
  )";
}

// In pictures: status-page-NAME-WIDTH[-dark].png beside the test's objects. With
// METAREC_SCREENSHOT=FILE the one of the documents is also written there (scripts/screenshot).
class PageLayoutTest : public StatusPageTest {
 protected:
  static void LookAtAllSizes(const ServedPage& page, const std::string& name) {
    for (const bool is_dark : {false, true}) {
      for (const int width : {390, 1200}) {
        const std::string what = absl::StrCat(name, "-", width, is_dark ? "-dark" : "");
        ASSERT_EQ(browser_->SetViewport({.width = width, .height = 850, .is_dark = is_dark}),
                  absl::OkStatus());
        Look(page);
        EXPECT_EQ(Evaluate(WhatIsWrongWithTheLayout()), "") << what;
        EXPECT_EQ(Evaluate("return getComputedStyle(document.body).backgroundColor;"),
                  is_dark ? "rgb(22, 24, 27)" : "rgb(255, 255, 255)");
        const std::string path =
            absl::StrCat(METAREC_SCREENSHOTS_DIR, "/status-page-", what, ".png");
        ASSERT_EQ(browser_->SaveScreenshot(path), absl::OkStatus());
        EXPECT_EQ(WidthOfPng(path), static_cast<uint32_t>(width));
      }
    }
  }

  static uint32_t WidthOfPng(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)),
                            std::istreambuf_iterator<char>());
    if (bytes.size() < 24 || !absl::StartsWith(bytes, "\x89PNG")) return 0;
    uint32_t width = 0;
    for (size_t i = 16; i < 20; ++i) width = width << 8 | static_cast<uint8_t>(bytes[i]);
    return width;
  }
};

TEST_F(PageLayoutTest, Recovered) {
  ServedPage page(WoundedCluster("orders"));
  ASSERT_TRUE(page.leads());
  page.BeginRecovery({.bad_nodes = true, .lost_partitions = true});
  ASSERT_TRUE(page.Await(IsRecovered));
  LookAtAllSizes(page, "recovered");
  // What people cannot tell by colours, they can read.
  const std::string color =
      Evaluate("return getComputedStyle(document.querySelector('.words.lost')).color;");
  EXPECT_EQ(color, "rgb(255, 138, 128)");
  const char* const path = std::getenv("METAREC_SCREENSHOT");
  if (path == nullptr) return;
  ASSERT_EQ(browser_->SetViewport({.width = 1100}), absl::OkStatus());
  Look(page);
  ASSERT_EQ(browser_->SaveScreenshot(path), absl::OkStatus());
}

TEST_F(PageLayoutTest, LongNamesAreNoWiderThanAnyWindow) {
  const std::string long_name(200, 'x');
  testing::SimulatedCluster cluster = WoundedCluster(long_name);
  ServedPage page(std::move(cluster));
  ASSERT_TRUE(page.leads());
  page.SendBeacon(absl::StrCat("rs-", long_name, ".example"));
  page.BeginRecovery({.bad_nodes = true, .lost_partitions = true});
  ASSERT_TRUE(page.Await(IsRecovered));
  LookAtAllSizes(page, "long-names");
}

TEST_F(PageLayoutTest, Failed) {
  ServedPage page(WoundedCluster("orders"));
  ASSERT_TRUE(page.leads());
  page.BeginRecovery();
  ASSERT_TRUE(page.Await(HasFailed));
  LookAtAllSizes(page, "failed");
  // Dark, and on a desk. The tone of the headline coloured what stands on a colour of its own.
  EXPECT_EQ(Evaluate("return getComputedStyle(document.getElementById('state')).color;"),
            "rgb(255, 255, 255)");
  EXPECT_EQ(Evaluate("return getComputedStyle(document.getElementById('headline')).color;"),
            "rgb(255, 138, 128)");
  // No option is broken behind its dashes.
  ASSERT_EQ(browser_->SetViewport({.width = 390, .height = 850}), absl::OkStatus());
  Look(page);
  EXPECT_EQ(Evaluate(R"(
    const options = [...document.querySelectorAll('.option')];
    if (!options.some(e => e.textContent === '--skip_bad_nodes')) return 'no option is there';
    return options.filter(e => e.getClientRects().length > 1).map(e => e.textContent).join();
  )"),
            "");
}

TEST_F(PageLayoutTest, WritingWithItsFindings) {
  testing::SimulatedCluster cluster = WoundedCluster("orders");
  AddTable(&cluster, "temp", 20'000, 1);
  ServedPage page(std::move(cluster), 12);
  ASSERT_TRUE(page.leads());
  page.BeginRecovery({.bad_nodes = true, .lost_partitions = true});
  ASSERT_TRUE(page.Await([](const RecoveryServiceStatus& status) {
    return status.progress.phase == Phase::kWrite &&
           absl::StrContains(status.progress.note, "retrying");
  }));
  LookAtAllSizes(page, "writing");
  const PageView view = Look(page);
  EXPECT_THAT(view.text, AllOf(HasSubstr("\nhazard\n"), HasSubstr("are created EMPTY"),
                               Not(HasSubstr("none yet"))));
}

TEST_F(PageLayoutTest, Waiting) {
  ServedPage page(Cluster(1));
  ASSERT_TRUE(page.leads());
  LookAtAllSizes(page, "waiting");
}

// A page of a server's that answers everything with this HTML, while `look` looks at it.
void WhileHtmlIsServed(const std::string& html,
                       const std::function<void(const std::string& url)>& look) {
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
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  std::thread thread([&context] { context.run(); });
  look(absl::StrCat("http://", endpoint->ToString(), "/"));
  asio::co_spawn(
      context, [&server] { return server.Stop(); }, asio::detached);
  thread.join();
}

TEST_F(StatusPageTest, AServerThatAnswersNoStatusIsTakenForLost) {
  std::ifstream file(METAREC_TESTS_DIR "/../recovery_service/status/status_page.html");
  const std::string html((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  WhileHtmlIsServed(html, [](const std::string& url) {
    ASSERT_EQ(browser_->Open(url), absl::OkStatus());
    LookOnce("return !document.getElementById('stale').hidden;");
  });
}

TEST_F(StatusPageTest, RequestsToOtherHostsWouldBeNoticed) {
  WhileHtmlIsServed("<img src=http://elsewhere.test/picture>", [](const std::string& url) {
    ASSERT_EQ(browser_->Open(url), absl::OkStatus());
    const absl::StatusOr<std::vector<std::string>> requests = browser_->TakeRequests();
    ASSERT_TRUE(requests.ok()) << requests.status();
    EXPECT_THAT(*requests, Contains("http://elsewhere.test/picture"));
  });
}

}  // namespace
}  // namespace metarec
