#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>

#include "choose.h"
#include "commands.h"
#include "layer_text.h"
#include "machine.h"
#include "plan.h"
#include "roof.h"
#include "text_table.h"
#include "verify.h"

namespace tconv::tool {

namespace {

constexpr double kRateNoise = 1.05;  // how far a measured rate may be off
constexpr int kRepetitions = 15, kFewestRepetitions = 5;

struct Row {
    std::string id, layer, kernel, isa, layout, dtype;
    bool verified = false;
    double max_err = 0;
    double median = 0, p10 = 0, p90 = 0;  // ns
    double gflops_nominal = 0, gflops_executed = 0;
    double pct_roof = 0;
    Roof roof = {};
};

// Keeps each repetition's time of one run, in nanoseconds.
class Collector : public benchmark::BenchmarkReporter {
public:
    bool ReportContext(const Context &) override { return true; }
    void ReportRuns(const std::vector<Run> &runs) override {
        for (const Run &run : runs) {
            if (run.run_type == Run::RT_Iteration)
                times.push_back(run.GetAdjustedRealTime());
        }
    }
    std::vector<double> times;
};

// By linear interpolation between the sorted values.
double quantile(const std::vector<double> &sorted, double fraction) {
    const double at = fraction * static_cast<double>(sorted.size() - 1);
    const size_t below = static_cast<size_t>(at), above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::vector<double> time_runs(const tconv_plan *plan, const tconv_tensors &tensors, double seconds) {
    const auto begin = std::chrono::steady_clock::now();
    tconv_run(plan, &tensors);  // the second run at the latest: caches and branch predictors are warm
    const double one = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const int repetitions =
        std::clamp(static_cast<int>(2 * seconds / std::max(one, 1e-9)), kFewestRepetitions, kRepetitions);

    tconv_status status = TCONV_OK;
    benchmark::ClearRegisteredBenchmarks();
    benchmark::RegisterBenchmark("run",
                                 [&](benchmark::State &state) {
                                     for (auto _ : state)
                                         status = tconv_run(plan, &tensors);
                                 })
        ->UseRealTime()
        ->Unit(benchmark::kNanosecond)
        ->Repetitions(repetitions)
        ->MinTime(std::max(seconds / repetitions, 1e-4));
    Collector collector;
    benchmark::RunSpecifiedBenchmarks(&collector);
    if (status != TCONV_OK || collector.times.empty())
        throw Failure(kUnsupported, std::string("the timed runs failed: ") + tconv_status_string(status));
    std::sort(collector.times.begin(), collector.times.end());
    return collector.times;
}

// Measured just before and just after a row, since clocks move; the higher counts, for noise only lowers it.
struct Rates {
    double fma_gflops = 0, copy_gbs = 0;
    void measure(const Kernel &kernel, double footprint, const Threads &threads) {
        fma_gflops = std::max(fma_gflops, measure_fma_gflops(kernel.isa, kernel.dtype, threads));
        copy_gbs = std::max(copy_gbs, measure_copy_gbs(footprint, threads));
    }
};

class LayerBench {
public:
    LayerBench(const Layer &layer, const BenchOptions &options, const Threads &threads, Sums sums)
        : layer_(layer),
          options_(options),
          threads_(threads),
          work_(work_of(layer.spec)),
          data_(layer.spec, sums),
          answer_(layer.spec, data_, kFlopsBeforeTiming),
          tensors_(layer.spec, data_) {}

    Row bench(const char *kernel) {
        Trial trial(layer_.spec, kernel, threads_);
        const Choice &choice = trial.plan()->choice;
        Row row = row_of(choice);
        trial.pack(tensors_);
        const tconv_tensors arguments = trial.complete(tensors_.arguments());
        tensors_.poison_output();
        trial.run(arguments);
        const Comparison comparison = answer_.compare(tensors_);
        row.max_err = comparison.max_err;
        row.verified = comparison.wrong == 0;
        if (!row.verified) {
            std::fprintf(stderr, "MISS %s %s: %s; not timed\n", row.id.c_str(), row.kernel.c_str(),
                         comparison.first.c_str());
            return row;
        }
        Rates rates;
        const double footprint = compulsory_bytes(work_);
        rates.measure(*choice.kernel, footprint, threads_);
        const std::vector<double> times = time_runs(trial.plan(), arguments, options_.seconds);
        rates.measure(*choice.kernel, footprint, threads_);

        row.median = quantile(times, 0.5);
        row.p10 = quantile(times, 0.1);
        row.p90 = quantile(times, 0.9);
        row.gflops_nominal = work_.flops_nominal / row.median;
        row.gflops_executed = choice.cost.flops_executed / row.median;
        row.roof = roof_of(work_, choice.cost.flops_executed, rates.fma_gflops, rates.copy_gbs);
        // Faster than its roof: the executed flops are counted too high, or the rates were measured too low.
        row.pct_roof = 100 * row.roof.ns() / row.median;
        if (row.pct_roof > 100 * kRateNoise) {
            std::fprintf(stderr, "note: %s on %s took %.0f %% of the time of its roof; shown as 100 %%\n",
                         row.id.c_str(), row.kernel.c_str(), 1e4 / row.pct_roof);
        }
        row.pct_roof = std::min(row.pct_roof, 100.0);
        return row;
    }

private:
    Row row_of(const Choice &choice) const {
        char text[TCONV_LAYER_TEXT_BYTES];
        tconv_spec_format(&layer_.spec, text, sizeof text);
        Row row;
        row.id = layer_.id;
        row.layer = text;
        row.kernel = choice.kernel->name;
        row.isa = isa_name(choice.kernel->isa);
        row.layout = layout_name(layer_.spec.layout);
        row.dtype = dtype_name(layer_.spec.dtype);
        return row;
    }

    const Layer &layer_;
    const BenchOptions &options_;
    const Threads &threads_;
    Work work_;
    ExactData data_;
    Answer answer_;
    Tensors tensors_;
};

Json json_of(const Row &row, const std::string &cpu, int threads) {
    Json json = {{"id", row.id},         {"layer", row.layer},       {"kernel", row.kernel},
                 {"isa", row.isa},       {"threads", threads},       {"dtype", row.dtype},
                 {"layout", row.layout}, {"verified", row.verified}, {"max_err", nullptr}};
    if (std::isfinite(row.max_err))
        json["max_err"] = row.max_err;
    const auto figure = [&](const char *name, double value) {
        json[name] = row.verified ? Json(value) : Json(nullptr);  // what is wrong is not timed
    };
    figure("ns_median", row.median);
    figure("ns_p10", row.p10);
    figure("ns_p90", row.p90);
    figure("gflops_nominal", row.gflops_nominal);
    figure("gflops_executed", row.gflops_executed);
    figure("pct_roof", row.pct_roof);
    json["roof"] = row.verified ? Json(row.roof.name()) : Json(nullptr);
    figure("ns_roof", row.roof.ns());
    figure("fma_gflops", row.roof.fma_gflops);
    figure("copy_gbs", row.roof.copy_gbs);
    json["commit"] = build_commit();
    json["cpu"] = cpu;
    return json;
}

void print_rows(std::vector<Row> rows) {
    std::stable_sort(rows.begin(), rows.end(), [](const Row &a, const Row &b) { return a.pct_roof < b.pct_roof; });
    TextTable table(
        {"% roof", "roof", "layer", "layout", "kernel", "median", "p10", "p90", "GFLOP/s nominal", "executed"});
    for (const Row &row : rows) {
        if (!row.verified) {
            table.add({"MISS", "-", row.id, row.layout, row.kernel, "-", "-", "-", "-", "-"});
            continue;
        }
        table.add({formatted("%.1f", row.pct_roof), row.roof.name(), row.id, row.layout, row.kernel,
                   time_text(row.median), time_text(row.p10), time_text(row.p90), formatted("%.1f", row.gflops_nominal),
                   formatted("%.1f", row.gflops_executed)});
    }
    table.print();
}

// NULL, the plan's own choice, unless --kernel asks for certain ones.
std::vector<const char *> kernels_for(const Layer &layer, const Options &options, Isa usable) {
    if (options.kernel.empty())
        return {nullptr};
    std::vector<const char *> names;
    for (const Kernel *kernel : usable_kernels(options, usable)) {
        Blocking blocking;
        Message ignored(nullptr, 0);
        if (kernel->dtype == layer.spec.dtype &&
            block_layer(layer.spec, Direction::output, *kernel, &blocking, ignored) == TCONV_OK)
            names.push_back(kernel->name);
    }
    return names;
}

}  // namespace

int bench_command(const BenchOptions &options) {
    const Isa usable = apply_isa(options);
    const std::vector<Layer> layers = select_layers(options.layers);
    usable_kernels(options, usable);
    if (!(options.seconds > 0) || !std::isfinite(options.seconds))
        throw Failure(kBadInput, "--seconds must be a number above 0");
    const Threads threads(thread_count(options));

    print_notes(layers);
    std::vector<Row> rows;
    bool empty = false;
    Progress progress(layers.size());
    for (size_t i = 0; i < layers.size(); i++) {
        std::map<Sums, LayerBench> benches;
        for (const char *kernel : kernels_for(layers[i], options, usable)) {
            progress.step(i, layers[i].id + (kernel == nullptr ? "" : std::string(" ") + kernel));
            // Says what is not supported before data are made for it.
            const Sums sums = sums_of(*Trial(layers[i].spec, kernel, threads).plan()->choice.kernel);
            if (layers[i].spec.batch == 0) {
                empty = true;
                progress.clear();
                std::fprintf(stderr, "note: %s has batch 0, so no outputs: not timed\n", layers[i].id.c_str());
                break;
            }
            LayerBench &bench = benches.try_emplace(sums, layers[i], options, threads, sums).first->second;
            rows.push_back(bench.bench(kernel));
        }
    }
    progress.clear();
    if (rows.empty()) {
        throw Failure(kBadInput, empty ? "nothing was compared: a layer of batch 0 has no outputs"
                                       : "nothing was timed: no kernel that --kernel matches computes one of these layers");
    }

    const std::string cpu = cpu_name();
    if (prints_text(options)) {
        print_rows(rows);
        std::printf("\n%zu rows, %d thread%s, %s, commit %s\n", rows.size(), threads.count(),
                    threads.count() == 1 ? "" : "s", cpu.c_str(), build_commit());
    }
    Json document = json_head("bench", usable);
    document["threads"] = threads.count();
    document["rows"] = Json::array();
    for (const Row &row : rows)
        document["rows"].push_back(json_of(row, cpu, threads.count()));
    write_json(options, document);
    const bool all = std::all_of(rows.begin(), rows.end(), [](const Row &row) { return row.verified; });
    return all ? kOk : kMiss;
}

}  // namespace tconv::tool
