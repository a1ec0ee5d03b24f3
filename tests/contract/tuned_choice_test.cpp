// Which table a plan follows, what it does with rows that it cannot follow, and that it says so.
#include "tuned_choice.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "plan.h"
#include "runner.h"
#include "table_folder.h"

namespace tconv {
namespace {

using testing::layer;
using testing::table_text;
using testing::TableFolder;
using testing::tuned_line;

// Of a stride of 1, so that merged kernels refuse it, and with channels for every other kind.
const char *const kLayer = "n1_c24_h25_w11_o40_k3x3_s1x1_p1,1,1,1_op0,0_d1x1_g1_f32_nchw";
const char *const kNear = "n1_c24_h25_w11_o48_k3x3_s1x1_p1,1,1,1_op0,0_d1x1_g1_f32_nchw";
const char *const kFar = "n1_c240_h25_w11_o40_k3x3_s1x1_p1,1,1,1_op0,0_d1x1_g1_f32_nchw";

struct Made {
    tconv_status status;
    std::string kernel, said, explained;
    Choice choice;
};

Made plan(const tconv_spec &spec, const char *kernel = nullptr, int32_t threads = 1) {
    Made made = {};
    tconv_hooks hooks = testing::listening(&made.said);
    if (threads > 1) {
        hooks.parallel_for = [](void *, int32_t, int (*)(void *, int32_t), void *) { return 1; };
        hooks.concurrency = threads;
    }
    tconv_plan *plan = nullptr;
    made.status = tconv_plan_create(&spec, kernel, &hooks, &plan);
    if (made.status == TCONV_OK) {
        made.kernel = tconv_plan_kernel(plan);
        made.choice = plan->choice;
        char text[16384];
        EXPECT_EQ(tconv_plan_explain(plan, text, sizeof text), TCONV_OK);
        made.explained = text;
        tconv_plan_destroy(plan);
    }
    return made;
}

class TunedChoice : public ::testing::Test {
protected:
    void SetUp() override {
        setenv("TCONV_DB", "none", 1);
        const Made untuned = plan(layer(kLayer));
        ASSERT_EQ(untuned.status, TCONV_OK) << untuned.said;
        EXPECT_EQ(untuned.choice.basis, Basis::estimate);
        best = untuned.kernel;
        // Another kernel of the best one's instruction set, and one that the cost model has no great objection to.
        Isa usable;
        Message ignored(nullptr, 0);
        ASSERT_EQ(usable_isa(&usable, ignored), TCONV_OK);
        double least = 0;
        for (const Kernel &kernel : kernels()) {
            Blocking blocking;
            if (kernel.dtype != TCONV_F32 || kernel.name == best || !isa_runs(kernel.isa, usable) ||
                block_layer(layer(kLayer), Direction::output, kernel, &blocking, ignored) != TCONV_OK)
                continue;
            const double cycles = cost_of(layer(kLayer), kernel, blocking, fmas_per_dot()).cycles;
            if (least == 0 || cycles < least) {
                least = cycles;
                other = kernel.name;
            }
        }
        if (other.empty())
            GTEST_SKIP() << "this build has one kernel only";
        near_enough = least <= 1.25 * untuned.choice.cost.cycles;
        setenv("TCONV_DB", folder.path().c_str(), 1);
    }

    void write(const std::string &lines) { folder.write(table, table_text(lines)); }

    TableFolder folder;
    std::string best, other, table = testing::table_of("f32");
    bool near_enough = false;
};

TEST_F(TunedChoice, ARowIsFollowedAndSaidSo) {
    write(tuned_line(kLayer, other, "12,0,0"));
    const Made made = plan(layer(kLayer));
    EXPECT_EQ(made.kernel, other) << made.said;
    EXPECT_EQ(made.said, "");
    EXPECT_EQ(made.choice.basis, Basis::tuned_row);
    EXPECT_EQ(made.choice.blocking.params.block_h, 12);
    EXPECT_NE(made.explained.find("chosen     by the tuned row of this layer"), std::string::npos) << made.explained;
    EXPECT_NE(made.explained.find(folder.file(table) + ":2"), std::string::npos) << made.explained;
}

TEST_F(TunedChoice, ForEverySpellingBatchAndThreadCount) {
    write(tuned_line(kLayer, other, "12,0,0"));
    tconv_spec spelt = layer(kLayer);
    spelt.batch = 3, spelt.output_padding_h = 0, spelt.activation = TCONV_ACT_RELU, spelt.has_bias = 0;
    for (const int32_t threads : {1, 2, 7}) {
        const Made made = plan(spelt, nullptr, threads);
        EXPECT_EQ(made.kernel, other);
        // Several threads may want the row's blocks cut further (thread_cut.h).
        const int32_t tasks = plan(spelt).choice.blocking.tasks;
        EXPECT_GE(made.choice.blocking.tasks, tasks) << threads;
        EXPECT_LE(made.choice.blocking.params.block_h, 12) << threads;
        if (threads == 1) {
            EXPECT_EQ(made.choice.blocking.tasks, tasks);
        }
    }
}

TEST_F(TunedChoice, TheFirstFolderWinsAndNoneRulesOutAll) {
    TableFolder second;
    write(tuned_line(kLayer, other));
    second.write(table, table_text(tuned_line(kLayer, best, "12,0,0")));
    setenv("TCONV_DB", (folder.path() + ":" + second.path()).c_str(), 1);
    EXPECT_EQ(plan(layer(kLayer)).kernel, other);
    setenv("TCONV_DB", (second.path() + ":" + folder.path()).c_str(), 1);
    const Made made = plan(layer(kLayer));
    EXPECT_EQ(made.kernel, best);
    EXPECT_EQ(made.choice.blocking.params.block_h, 12);
    setenv("TCONV_DB", ("::" + folder.path() + "/missing:" + folder.path()).c_str(), 1);
    EXPECT_EQ(plan(layer(kLayer)).kernel, other);
    setenv("TCONV_DB", "none", 1);
    EXPECT_EQ(plan(layer(kLayer)).kernel, best);
    EXPECT_EQ(plan(layer(kLayer)).choice.basis, Basis::estimate);
}

TEST_F(TunedChoice, AnotherMicroarchitectureSaysNothing) {
    std::string line = tuned_line(kLayer, other);
    const size_t at = line.find("\",") + 2;
    line.replace(at, line.find(',', at) - at, "another");
    write(line);
    const Made made = plan(layer(kLayer));
    EXPECT_EQ(made.kernel, best);
    EXPECT_EQ(made.said, "");
}

TEST_F(TunedChoice, StaleRowsAreNamedAndTheNextIsTaken) {
    TableFolder second;
    second.write(table, table_text(tuned_line(kLayer, other)));
    setenv("TCONV_DB", (folder.path() + ":" + second.path()).c_str(), 1);
    const struct {
        std::string line, says;
    } stale[] = {
        {tuned_line(kLayer, "tconv_f32_phase_channels999x9_avx512"), "its kernel is not in this library"},
        {tuned_line(kLayer, other, "999,0,0"), "blocks of another size were asked for"},
        {tuned_line(kLayer, other, "0,0,999"), "blocks of another size were asked for"},
        {"\"n1_c24\",znver4\n", "column layer"},
    };
    for (const auto &one : stale) {
        write(one.line);
        const Made made = plan(layer(kLayer));
        EXPECT_EQ(made.kernel, other);
        EXPECT_EQ(made.choice.basis, Basis::tuned_row);
        // The row of znver4 is read on that processor only: anywhere else it is another's.
        if (one.line.find("znver4") == std::string::npos || std::string(tuned_sources().microarchitecture) == "znver4") {
            EXPECT_NE(made.said.find(one.says), std::string::npos) << one.line << made.said;
            EXPECT_NE(made.said.find(folder.file(table) + ":2"), std::string::npos) << made.said;
        }
    }
}

TEST_F(TunedChoice, MalformedTablesAreNamed) {
    folder.write(table, "layer,kernel\n");
    Made made = plan(layer(kLayer));
    EXPECT_EQ(made.kernel, best);
    EXPECT_NE(made.said.find(folder.file(table) + ":1: the header is not layer,microarchitecture"), std::string::npos)
        << made.said;
    write("nonsense\n" + std::string(3000, 'x') + "\n" + tuned_line(kLayer, other));
    made = plan(layer(kLayer));
    EXPECT_EQ(made.kernel, other);
    EXPECT_NE(made.said.find(folder.file(table) + ":2: column"), std::string::npos) << made.said;
}

// To open the FIFO would wait for a writer that never comes.
TEST_F(TunedChoice, WhatIsNoRegularFileIsNamedAndPassedOver) {
    TableFolder second;
    second.write(table, table_text(tuned_line(kLayer, other)));
    setenv("TCONV_DB", (folder.path() + ":" + second.path()).c_str(), 1);
    ASSERT_EQ(mkfifo(folder.file(table).c_str(), 0600), 0);
    for (const char *what : {"a FIFO", "a folder", "a device"}) {
        const Made made = plan(layer(kLayer));
        EXPECT_EQ(made.kernel, other) << what;
        EXPECT_NE(made.said.find(folder.file(table) + ": is no regular file"), std::string::npos) << what << made.said;
        std::filesystem::remove(folder.file(table));
        if (*what == 'a' && what[2] == 'F')
            std::filesystem::create_directory(folder.file(table));
        else
            std::filesystem::create_symlink("/dev/zero", folder.file(table));
    }
}

TEST_F(TunedChoice, BoundsOfTheCallerRuleARowOutSilently) {
    for (const Kernel &kernel : kernels()) {
        if (outputs_of_tile(kernel.family) == 0 || kernel.dtype != TCONV_F32 || kernel.isa != kernel_by_name(best.c_str())->isa)
            continue;
        write(tuned_line(kLayer, kernel.name));
        EXPECT_EQ(plan(layer(kLayer)).kernel, kernel.name);
        const Made strict = plan(layer(std::string(kLayer) + "_strict"));
        EXPECT_EQ(strict.choice.basis, Basis::estimate);
        EXPECT_EQ(strict.said, "");
        tconv_spec small = layer(kLayer);
        small.max_packed_bytes = 3 * 3 * 24 * 48 * 4 + 4096;  // for direct kernels only
        EXPECT_EQ(plan(small).choice.basis, Basis::estimate);
        EXPECT_EQ(plan(small).said, "");
        return;
    }
    GTEST_SKIP() << "no kernel of Winograd's families in this build";
}

TEST_F(TunedChoice, TheNearestClassGivesItsKernelButNotItsBlocks) {
    write(tuned_line(kFar, best) + tuned_line(kNear, other, "3,0,0"));
    const Made made = plan(layer(kLayer));
    if (near_enough) {
        EXPECT_EQ(made.kernel, other);
        EXPECT_EQ(made.choice.basis, Basis::nearest_row);
        setenv("TCONV_DB", "none", 1);
        EXPECT_EQ(made.choice.blocking.params.block_h, plan(layer(kLayer), other.c_str()).choice.blocking.params.block_h);
    } else {
        EXPECT_EQ(made.kernel, best) << "the cost model objects";
    }
    setenv("TCONV_DB", folder.path().c_str(), 1);
    write(tuned_line(kFar, other));
    EXPECT_EQ(plan(layer(kLayer)).choice.basis, Basis::estimate);
    // The layer's own row comes before a nearer table's neighbour.
    TableFolder second;
    second.write(table, table_text(tuned_line(kLayer, best, "12,0,0")));
    setenv("TCONV_DB", (folder.path() + ":" + second.path()).c_str(), 1);
    write(tuned_line(kNear, other));
    EXPECT_EQ(plan(layer(kLayer)).choice.basis, Basis::tuned_row);
}

TEST_F(TunedChoice, ANamedKernelTakesItsOwnRow) {
    write(tuned_line(kLayer, other, "12,0,0"));
    EXPECT_EQ(plan(layer(kLayer), other.c_str()).choice.blocking.params.block_h, 12);
    const Made made = plan(layer(kLayer), best.c_str());
    EXPECT_EQ(made.kernel, best);
    EXPECT_EQ(made.choice.basis, Basis::estimate);
    EXPECT_EQ(made.said, "");
    // Each explains itself, and not what a plan of all kernels would have followed.
    EXPECT_EQ(made.explained.find(folder.path()), std::string::npos) << made.explained;
    EXPECT_NE(made.explained.find("  " + other + ": "), std::string::npos) << made.explained;
    EXPECT_NE(plan(layer(kLayer), other.c_str()).explained.find(folder.file(table) + ":2"), std::string::npos);
}

// Sizes that no map has would overflow what is measured of Winograd's blocks: the sanitizers' builds run this too.
TEST_F(TunedChoice, HostileCutsOfWinogradsKernelsAreStale) {
    int kernels_tried = 0;
    for (const Kernel &kernel : kernels()) {
        if (outputs_of_tile(kernel.family) == 0 || kernel.dtype != TCONV_F32 || kernel.isa != kernel_by_name(best.c_str())->isa)
            continue;
        kernels_tried++;
        // Multiples of every tile among them, and what is one tile too many.
        for (const char *cut : {"2147483647,2147483647,2147483647", "2147483640,2147483640,0", "2147483640,0,1",
                                "0,2147483640,0", "0,0,2147483647", "36,0,0", "0,12,0", "5,7,1", "0,0,9"}) {
            write(tuned_line(kLayer, kernel.name, cut));
            const Made made = plan(layer(kLayer));
            EXPECT_EQ(made.choice.basis, Basis::estimate) << kernel.name << " " << cut;
            EXPECT_NE(made.said.find(kUnsuitableCut), std::string::npos) << kernel.name << " " << cut << made.said;
        }
    }
    if (kernels_tried == 0)
        GTEST_SKIP() << "no kernel of Winograd's families in this build";
}

// Masked tiles store single blocks of lanes; of a row that says otherwise no unit is made.
TEST_F(TunedChoice, UnitsOfMaskedTilesAreSingleBlocks) {
    const std::string ragged = "n1_c72_h9_w11_o72_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g72_f32_nhwc";
    Isa usable;
    Message ignored(nullptr, 0);
    ASSERT_EQ(usable_isa(&usable, ignored), TCONV_OK);
    int tried = 0;
    for (const Kernel &kernel : kernels()) {
        if (kernel.dtype != TCONV_F32 || kernel.lanes != Lanes::depthwise || kernel.isa != Isa::avx512 ||
            !isa_runs(kernel.isa, usable))
            continue;
        tried++;
        write(tuned_line(ragged, kernel.name, "0,0,2"));
        const Made made = plan(layer(ragged));
        EXPECT_EQ(made.choice.basis, Basis::estimate) << kernel.name;
        EXPECT_NE(made.said.find(kUnsuitableCut), std::string::npos) << made.said;
        write(tuned_line(ragged, kernel.name, "3,0,1"));
        EXPECT_EQ(plan(layer(ragged)).choice.basis, Basis::tuned_row) << kernel.name;
        EXPECT_EQ(plan(layer(ragged)).choice.blocking.params.unit_blocks, 1);
    }
    if (tried == 0)
        GTEST_SKIP() << "[SKIP] no kernel with masked tiles here";
}

}  // namespace
}  // namespace tconv
