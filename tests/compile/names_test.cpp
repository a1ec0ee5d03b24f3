// Ids that read like names which another layer's library uses inside: libraries and bundles of both stay whole.
#include <gtest/gtest.h>

#include <set>

#include "compiled.h"
#include "object_file.h"

namespace tconv {
namespace {

using testing::Outcome;
using testing::TemporaryFolder;

const std::string kTable =
    "id,N,C_in,H_in,W_in,C_out,kH,kW,stride_h,stride_w,pad_top,pad_left,pad_bottom,pad_right,out_pad_h,out_pad_w,"
    "dil_h,dil_w,groups\n"
    "up,1,3,4,4,5,3,3,2,2,1,1,1,1,0,0,1,1,1\n"
    "up_stages,1,3,4,4,7,2,2,2,2,0,0,0,0,0,0,1,1,1\n"
    "up_compiled,1,3,4,4,6,3,3,1,1,1,1,1,1,0,0,1,1,1\n";

void compile_table(const TemporaryFolder &folder, std::vector<std::string> options) {
    testing::write_file(folder / "layers.csv", kTable);
    options.insert(options.end(), {"--layers", folder / "layers.csv", "--out", folder.path().string()});
    const Outcome compiled = testing::compile(options);
    ASSERT_EQ(compiled.status, 0) << compiled.err;
}

// All members, so that no name may be defined twice.
void expect_links(const TemporaryFolder &folder, const std::vector<std::string> &libraries,
                  const std::vector<std::string> &options) {
    std::vector<std::string> command = {TCONV_CC, "-shared", "-o", folder / "all.so", "-Wl,--whole-archive"};
    for (const std::string &library : libraries)
        command.push_back(folder / library);
    command.push_back("-Wl,--no-whole-archive");
    command.insert(command.end(), options.begin(), options.end());
    const Outcome linked = testing::run_program(command);
    EXPECT_EQ(linked.status, 0) << linked.err;
}

TEST(Names, BundlesHoldAllObjects) {
    const TemporaryFolder folder;
    compile_table(folder, {"--bundle", "--name", "net"});
    std::set<std::string> names;
    for (const testing::Member &member : testing::members_of(folder / "libnet.a"))
        EXPECT_TRUE(names.insert(member.name).second) << member.name << " twice";
    EXPECT_EQ(names.size(), 6u);
    const testing::Library library = testing::read_elf_library(folder / "libnet.a");
    for (const char *layer : {"net_up", "net_up_stages", "net_up_compiled"}) {
        for (const char *function : {"_run", "_pack"})
            EXPECT_TRUE(library.defined.count(std::string(layer) + function)) << layer << function;
    }
    expect_links(folder, {"libnet.a"}, {"-Wl,-z,defs"});
}

TEST(Names, LibrariesLinkTogether) {
    const TemporaryFolder folder;
    compile_table(folder, {});
    expect_links(folder, {"libup.a", "libup_stages.a", "libup_compiled.a"}, {"-Wl,-z,defs"});
}

TEST(Names, LibrariesForDevicesLinkTogether) {
    const TemporaryFolder folder;
    compile_table(folder, {"--target", "cuda", "--ptxas", "none"});
    expect_links(folder, {"libup.a", "libup_stages.a", "libup_compiled.a"}, {});
}

}  // namespace
}  // namespace tconv
