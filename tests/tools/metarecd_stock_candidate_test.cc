// metarecd contends with candidates that are made as stock meta servers make theirs (INTEROP.md
// section 6.1).

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "idl/meta_admin_types.h"
#include "idl/serialization.h"
#include "tests/tools/metarecd_world.h"
#include "zk_store/election/lock_directory.h"

namespace metarec::tools {
namespace {

using ::testing::HasSubstr;

constexpr char kRoot[] = "/pegasus/recovered";

class MetarecdBesideStockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MetarecdWorldOptions options;
    options.tables = 1;
    options.partitions = 4;
    auto world = MetarecdWorld::Make(options);
    ASSERT_TRUE(world.ok()) << world.status();
    world_ = *std::move(world);
    directory_ = LockDirectoryPath(absl::StrCat(kRoot, "/lock"));
  }

  std::string Create(MetaStore* store, const std::string& path, const std::string& data,
                     CreateMode mode = CreateMode::kPersistent) {
    using Created = absl::StatusOr<std::string>;
    const Created created = world_->Run<Created>([&] { return store->Create(path, data, mode); });
    EXPECT_TRUE(created.ok()) << created.status();
    return created.value_or("");
  }

  void MakeDirectory() {
    for (const char* path : {"/pegasus", kRoot}) Create(world_->store(), path, "");
    Create(world_->store(), absl::StrCat(kRoot, "/lock"), "");
    Create(world_->store(), directory_, "");
  }

  // A candidate for as long as the session lives.
  std::unique_ptr<ZooKeeperMetaStore> EnterStock(const std::string& name) {
    auto session = world_->NewSession();
    EXPECT_TRUE(session.ok()) << session.status();
    candidate_ = Create(session->get(), absl::StrCat(directory_, "/LOCKNODE"), name,
                        CreateMode::kEphemeralSequential);
    return *std::move(session);
  }

  // Those of the lock directory, the leader first.
  std::vector<std::string> Candidates() {
    using Listed = absl::StatusOr<NodeChildren>;
    const Listed listed =
        world_->Run<Listed>([&] { return world_->store()->Children(directory_); });
    EXPECT_TRUE(listed.ok()) << listed.status();
    return CandidatesInOrder(listed.value_or(NodeChildren()).names);
  }

  std::unique_ptr<Metarecd> Start(uint16_t port) {
    return world_->StartMetarecd(kRoot, port, {port});
  }

  std::unique_ptr<MetarecdWorld> world_;
  std::string directory_;
  std::string candidate_;  // the path of the stock one
};

TEST_F(MetarecdBesideStockTest, FollowsAStockLeaderSendsOnToItAndTakesOverWhenItGoes) {
  MakeDirectory();
  // What is no candidate's means nothing.
  Create(world_->store(), directory_ + "/LOCKNODE", "");
  Create(world_->store(), directory_ + "/a_note", "");
  const Ipv4Endpoint stock_address{.ip = 0x7F000001, .port = FreePort()};
  auto stock = EnterStock(absl::StrCat("localhost:", stock_address.port));
  const auto metarecd = Start(FreePort());
  ASSERT_TRUE(metarecd->AwaitLog(absl::StrCat("following localhost:", stock_address.port)));
  const rpc::Reply reply = world_->Ask(metarecd->endpoint());
  EXPECT_EQ(reply.error_name, "ERR_FORWARD_TO_OTHERS");
  idl::rpc_address leader;
  ASSERT_TRUE(idl::DecodeBody(reply.body, &leader).ok());
  EXPECT_EQ(leader, stock_address.ToRpcAddress());

  stock.reset();
  ASSERT_TRUE(metarecd->AwaitLog("leading as "));
  const Ended recover = world_->Recover({metarecd->port});
  EXPECT_EQ(recover.exit_code, 0) << recover.out << recover.err;
}

TEST_F(MetarecdBesideStockTest, ALeaderWhoseNameNobodyKnowsIsFollowedAllTheSame) {
  MakeDirectory();
  auto stock = EnterStock("no-such-host.invalid:34601");
  const auto metarecd = Start(FreePort());
  ASSERT_TRUE(metarecd->AwaitLog("following no-such-host.invalid:34601, whose name cannot be"));
  const rpc::Reply reply = world_->Ask(metarecd->endpoint());
  EXPECT_EQ(reply.error_name, "ERR_OK");
  idl::configuration_list_apps_response response;
  ASSERT_TRUE(idl::DecodeBody(reply.body, &response).ok());
  EXPECT_EQ(response.err.name, "ERR_FORWARD_TO_OTHERS");
}

TEST_F(MetarecdBesideStockTest, AStockFollowerLeadsAsSoonAsMetarecdIsTold) {
  auto metarecd = Start(FreePort());
  ASSERT_TRUE(metarecd->AwaitLog("leading as "));
  const auto stock = EnterStock("127.0.0.1:34601");
  ASSERT_EQ(Candidates().size(), 2u);
  const std::optional<NodeData> ours = world_->Get(absl::StrCat(directory_, "/", Candidates()[0]));
  ASSERT_TRUE(ours.has_value());
  EXPECT_EQ(ours->data, metarecd->name());
  const Ended recover = world_->Recover({metarecd->port});
  EXPECT_EQ(recover.exit_code, 0) << recover.out << recover.err;

  metarecd->process->Signal(SIGTERM);
  EXPECT_EQ(metarecd->process->Wait(absl::Seconds(60)), 0) << metarecd->process->Errors();
  ASSERT_EQ(Candidates().size(), 1u);
  EXPECT_EQ(absl::StrCat(directory_, "/", Candidates()[0]), candidate_);
  // A cluster is there now, and the stock one leads it.
  metarecd = Start(metarecd->port);
  EXPECT_TRUE(metarecd->AwaitLog("following 127.0.0.1:34601"));
}

}  // namespace
}  // namespace metarec::tools
