#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <optional>
#include <set>

#include "commands.h"
#include "geometry.h"
#include "layer_text.h"
#include "machine.h"
#include "microarchitecture.h"
#include "plan.h"
#include "roof.h"
#include "table_folders.h"
#include "text_table.h"
#include "tuned_table.h"
#include "tuner.h"

namespace tconv::tool {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string remaining_text(double seconds) {
    const auto whole = static_cast<long long>(std::ceil(std::max(seconds, 0.0)));
    return whole < 100 ? formatted("%lld s left", whole) : formatted("%lld min left", (whole + 59) / 60);
}

template<size_t capacity>
void copy(char (&to)[capacity], const std::string &from) {
    std::snprintf(to, capacity, "%s", from.c_str());
}

TunedRow row_of(const tconv_spec &spec, const Contestant &winner, double fma_gflops) {
    TunedRow row = {};
    copy(row.layer, class_text(spec).text);
    copy(row.microarchitecture, microarchitecture());
    copy(row.kernel, winner.choice.kernel->name);
    row.cut = winner.cut;
    const double nominal = work_of(spec).flops_nominal;
    // Where most taps fall outside the input, as with one of 1 x 1, executed flops are counted too high.
    const double executed = std::min(nominal, winner.choice.cost.flops_executed);
    copy(row.gflops, formatted("%.1f", nominal / winner.ns));
    copy(row.of_peak, formatted("%.3f", std::min(1.0, executed / winner.ns / fma_gflops)));
    std::string cpu = cpu_name();
    std::replace(cpu.begin(), cpu.end(), ',', ' ');
    copy(row.cpu, cpu);
    copy(row.version, formatted("%d.%d.%d", TCONV_VERSION_MAJOR, TCONV_VERSION_MINOR, TCONV_VERSION_PATCH));
    const std::time_t now = std::time(nullptr);
    std::tm utc;
    gmtime_r(&now, &utc);
    std::strftime(row.date, sizeof row.date, "%Y-%m-%d", &utc);
    return row;
}

std::string cut_text(const Cut &cut) {
    return is_given(cut) ? formatted("%d x %d, %d", cut.block_h, cut.block_w, cut.units) : "by its rules";
}

Json json_of(const Contestant &contestant) {
    Json json = {{"kernel", contestant.choice.kernel->name},
                 {"block_h", contestant.cut.block_h},
                 {"block_w", contestant.cut.block_w},
                 {"units", contestant.cut.units},
                 {"mcycles", contestant.choice.cost.cycles * 1e-6},
                 {"turns", contestant.turns},
                 {"ns", nullptr},
                 {"miss", contestant.miss}};
    if (std::isfinite(contestant.ns))
        json["ns"] = contestant.ns;
    return json;
}

// The kernels of the highest usable instruction set, which a plan prefers whatever their speed, but for gather, which it
// takes where nothing else is left.
std::vector<const Kernel *> kernels_to_try(const std::vector<const Kernel *> &usable, const tconv_spec &spec) {
    std::vector<const Kernel *> kernels;
    Isa highest = Isa::baseline;
    for (const Kernel *kernel : usable) {
        if (kernel->dtype != spec.dtype || kernel->family == Family::gather)
            continue;
        if (!same_vectors(kernel->isa, highest) && !isa_runs(kernel->isa, highest)) {
            highest = kernel->isa;
            kernels.clear();
        }
        if (same_vectors(kernel->isa, highest))
            kernels.push_back(kernel);
    }
    return kernels;
}

// What a plan takes for the layer now, by tables or by the cost model; none where there is no plan.
std::optional<Choice> taken_by_plans(const tconv_spec &spec, const Threads &threads) {
    tconv_plan *plan = nullptr;
    if (tconv_plan_create(&spec, nullptr, &threads.hooks(), &plan) != TCONV_OK)
        return std::nullopt;
    const Choice choice = plan->choice;
    tconv_plan_destroy(plan);
    return choice;
}

struct Found {
    std::string id;
    TunedRow row;
    double ns, ns_untuned, ns_taken;
    std::string untuned, taken;
};

int merge_tables(const TuneOptions &options, const std::string &folder) {
    TunedTable table = TunedTable::of_folder(folder);  // the later row wins, wherever it is
    for (const std::string &file : options.merge)
        table.merge_file(file);
    for (const std::string &path : table.store(folder)) {
        if (prints_text(options))
            std::printf("%s\n", path.c_str());
    }
    return kOk;
}

void print_found(std::vector<Found> found) {
    std::stable_sort(found.begin(), found.end(),
                     [](const Found &a, const Found &b) { return a.ns_untuned / a.ns > b.ns_untuned / b.ns; });
    TextTable table({"gain", "layer", "kernel", "blocks", "time", "untuned", "by the cost model", "GFLOP/s nominal"});
    double product = 0;
    for (const Found &one : found) {
        table.add({formatted("%.2f", one.ns_untuned / one.ns), one.id, one.row.kernel, cut_text(one.row.cut),
                   time_text(one.ns), time_text(one.ns_untuned), one.untuned, one.row.gflops});
        product += std::log(one.ns_untuned / one.ns);
    }
    table.print();
    std::printf("\n%zu layers, %.3f times as fast as by the cost model (geometric mean)\n", found.size(),
                std::exp(product / static_cast<double>(found.size())));
}

}  // namespace

int tune_command(const TuneOptions &options) {
    const std::string folder = options.db.empty() ? cache_folder() : options.db;
    if (folder.empty())
        throw Failure(kBadInput, "no folder for the results: HOME is not set; give one with --db DIR");
    if (folder == "none")
        throw Failure(kBadInput, "--db none: tune writes into a folder; none is for commands that read");
    if (folder.find(':') != std::string::npos)
        throw Failure(kBadInput, "--db " + folder + ": tune writes into one folder, in whose name no colon may be: "
                                 "those who read tables take colons to separate folders");
    if (!options.merge.empty()) {
        if (!options.layers.empty())
            throw Failure(kBadInput, "--merge takes tables and no layers: merge first, or tune first");
        if (options.missing || options.threads || !(options.json + options.kernel + options.isa).empty())
            throw Failure(kBadInput, "--merge takes tables and --db, and nothing that is measured: no --missing, --json, "
                                     "--kernel, --isa or --threads");
        return merge_tables(options, folder);
    }
    const Isa usable = apply_isa(options);
    const std::vector<Layer> layers = select_layers(options.layers);
    const std::vector<const Kernel *> kernels = usable_kernels(options, usable);
    if (!(options.seconds > 0) || !(options.total_seconds > 0) || !std::isfinite(options.seconds + options.total_seconds))
        throw Failure(kBadInput, "--seconds and --total-seconds must be numbers above 0");
    const Threads threads(thread_count(options));
    const TunedTable known = options.missing ? TunedTable::of_folder(folder) : TunedTable();

    print_notes(layers);
    const auto begin = Clock::now();
    std::set<std::string> seen;
    std::vector<Found> found;
    std::vector<std::string> written;
    bool missed = false, passed_over = false, empty = false, late = false, prepared = false;
    Json document = json_head("tune", usable);
    document["microarchitecture"] = microarchitecture();
    document["threads"] = threads.count();
    document["rows"] = Json::array();
    Progress progress(layers.size());
    for (size_t i = 0; i < layers.size(); i++) {
        const tconv_spec &spec = layers[i].spec;
        const ClassText key = class_text(spec);
        const double left = options.total_seconds - seconds_since(begin);
        const std::vector<const Kernel *> candidates = kernels_to_try(kernels, spec);
        if (!candidates.empty() && known.has(candidates[0]->name, key.text, microarchitecture())) {
            passed_over = true;
            continue;
        }
        // Before its class counts as seen, of which another layer has images.
        if (spec.batch == 0) {
            empty = true;
            continue;
        }
        late = late || left <= 0;
        if (!seen.insert(key.text).second || left <= 0)
            continue;
        if (!candidates.empty() && !prepared) {
            TunedTable::prepare(folder);
            prepared = true;
        }
        const double seconds = std::min(options.seconds, left);
        Tuner tuner(spec, candidates, taken_by_plans(spec, threads), threads);
        const double later = std::min(static_cast<double>(layers.size() - i - 1) * options.seconds, left - seconds);
        const auto started = Clock::now();
        const bool any = tuner.run(seconds, [&](const Contestant &contestant) {
            progress.step(i, remaining_text(later + seconds - seconds_since(started)) + ", " + layers[i].id + " " +
                                 contestant.choice.kernel->name);
        });
        for (const auto &contestant : tuner.contestants()) {
            if (contestant->miss.empty())
                continue;
            missed = true;
            progress.clear();
            std::fprintf(stderr, "MISS %s %s: %s; not timed\n", layers[i].id.c_str(), contestant->choice.kernel->name,
                         contestant->miss.c_str());
        }
        if (!any)
            continue;
        const Contestant &winner = tuner.winner(), &untuned = tuner.untuned(), &taken = tuner.taken();
        found.push_back({layers[i].id,
                         row_of(spec, winner, measure_fma_gflops(winner.choice.kernel->isa, spec.dtype, threads)),
                         winner.ns, untuned.ns, taken.ns, untuned.choice.kernel->name, taken.choice.kernel->name});
        const Found &one = found.back();
        // After each layer, so that an interruption costs one.
        TunedTable table;
        table.put(one.row);
        written = table.store(folder);
        Json row = {{"id", one.id},
                    {"layer", one.row.layer},
                    {"kernel", one.row.kernel},
                    {"block_h", one.row.cut.block_h},
                    {"block_w", one.row.cut.block_w},
                    {"units", one.row.cut.units},
                    {"ns", one.ns},
                    {"gflops_nominal", std::stod(one.row.gflops)},
                    {"of_peak", std::stod(one.row.of_peak)},
                    {"kernel_untuned", one.untuned},
                    {"ns_untuned", one.ns_untuned},
                    {"kernel_before", one.taken},
                    {"ns_before", one.ns_taken},
                    {"candidates", Json::array()}};
        for (const char *ns : {"ns_untuned", "ns_before"}) {
            if (!std::isfinite(row[ns].get<double>()))
                row[ns] = nullptr;
        }
        for (const auto &contestant : tuner.contestants())
            row["candidates"].push_back(json_of(*contestant));
        document["rows"].push_back(std::move(row));
    }
    progress.clear();
    write_json(options, document);
    if (found.empty() && !missed && !passed_over) {
        const bool dtype = std::any_of(layers.begin(), layers.end(), [&](const Layer &layer) {
            return !kernels_to_try(kernels, layer.spec).empty();
        });
        if (!dtype) {
            throw Failure(kUnsupported, std::string("nothing was tuned: no kernel here computes dtype ") +
                                            dtype_name(layers[0].spec.dtype));
        }
        throw Failure(kBadInput, late    ? "nothing was tuned: --total-seconds were over before the first layer"
                                 : empty ? "nothing was tuned: a layer of batch 0 has no outputs"
                                         : "nothing was tuned: no kernel that --kernel matches computes one of these layers");
    }
    if (prints_text(options) && found.empty() && passed_over)
        std::printf("nothing to tune: %s has rows of the layers asked for\n", folder.c_str());
    if (prints_text(options) && !found.empty()) {
        print_found(found);
        std::printf("written to %s\n", written[0].c_str());
    }
    return missed ? kMiss : kOk;
}

}  // namespace tconv::tool
