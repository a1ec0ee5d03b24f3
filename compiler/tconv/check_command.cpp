#include <algorithm>
#include <cstdio>
#include <map>

#include "commands.h"
#include "cost.h"
#include "geometry.h"
#include "layer_text.h"
#include "text_table.h"
#include "verify.h"

namespace tconv::tool {

namespace {

// Above this many flops of the definition the oracle answers for a sample of the outputs only; the sample's own share.
constexpr double kWholeFlops = 2e9, kSampleFlops = 2e8;
// For estimates of how long a kernel would take: cycles of the cost model a second, on the slow side.
constexpr double kCyclesPerSecond = 2e9;

enum class Outcome { compared, sampled, skipped, miss };
constexpr const char *kOutcomes[] = {"compared", "sampled", "skipped", "miss"};

struct Row {
    std::string id, layer, kernel, layout;
    Outcome outcome;
    std::string reason;  // skipped: why; miss: the first wrong output
    int64_t compared = 0, total = 0;
    double max_err = 0;
};

struct Counts {
    int of[4] = {};
    int operator[](Outcome outcome) const { return of[static_cast<int>(outcome)]; }
    void add(Outcome outcome) { of[static_cast<int>(outcome)]++; }
};

// Why this kernel is not run on this layer; empty if it is.
std::string reason_to_skip(const tconv_spec &spec, const Kernel &kernel, Isa usable, const CheckOptions &options) {
    if (!isa_runs(kernel.isa, usable))
        return std::string("needs ") + isa_name(kernel.isa) + "; this processor, or TCONV_ISA, allows " +
               isa_name(usable);
    if (kernel.dtype != spec.dtype)
        return std::string("computes ") + dtype_name(kernel.dtype);
    if (spec.batch == 0)
        return "batch 0 has no outputs";
    char text[256];
    Message why(text, sizeof text);
    Blocking blocking;
    if (block_layer(spec, Direction::output, kernel, &blocking, why) != TCONV_OK)
        return text;
    const double seconds =
        cost_of(spec, kernel, blocking, fmas_per_dot()).cycles / kCyclesPerSecond / std::max(1, thread_count(options));
    if (seconds > options.most_seconds)
        return "would take seconds on a layer of this size; --most-seconds raises the limit";
    return "";
}

class LayerCheck {
public:
    LayerCheck(const Layer &layer, const Threads &threads, Sums sums)
        : layer_(layer), threads_(threads), data_(layer.spec, sums), answer_(answer_of(layer.spec, data_)) {}

    Row check(const tconv_spec &spec, const Kernel &kernel, Tensors &tensors) {
        Row row = row_of(layer_, spec, kernel);
        Trial trial(spec, kernel.name, threads_);
        trial.pack(tensors);
        tensors.poison_output();
        trial.run(trial.complete(tensors.arguments()));
        Comparison comparison = answer_.compare(tensors);
        row.outcome = answer_.whole() ? Outcome::compared : Outcome::sampled;
        row.compared = comparison.compared;
        row.total = static_cast<int64_t>(tensors.outputs());
        // What the sample leaves out is held against the first kernel, in whichever layout that ran.
        if (!answer_.whole() && comparison.wrong == 0) {
            std::vector<double> outputs = tensors.logical_output();
            if (first_outputs_.empty())
                first_outputs_ = std::move(outputs);
            else if (Comparison all = compare_outputs(spec, outputs, first_outputs_); all.wrong > 0)
                comparison = std::move(all);
        }
        row.max_err = comparison.max_err;
        if (comparison.wrong > 0) {
            row.outcome = Outcome::miss;
            row.reason = formatted("%lld of %lld wrong, first at ", static_cast<long long>(comparison.wrong),
                                   static_cast<long long>(comparison.compared)) +
                         comparison.first;
        }
        return row;
    }

    const ExactData &data() const { return data_; }

    static Row row_of(const Layer &layer, const tconv_spec &spec, const Kernel &kernel) {
        char text[TCONV_LAYER_TEXT_BYTES];
        tconv_spec_format(&spec, text, sizeof text);
        return {layer.id, text, kernel.name, layout_name(spec.layout), Outcome::skipped, "", 0, 0, 0};
    }

private:
    static Answer answer_of(const tconv_spec &spec, const ExactData &data) {
        return Answer(spec, data, work_of(spec).flops_in_bounds <= kWholeFlops ? 2 * kWholeFlops : kSampleFlops);
    }

    const Layer &layer_;
    const Threads &threads_;
    ExactData data_;
    Answer answer_;
    std::vector<double> first_outputs_;
};

std::vector<int32_t> layouts_of(const Options &options, const Layer &layer) {
    if (options.layers.layout.empty())
        return {TCONV_NCHW, TCONV_NHWC};
    return {layer.spec.layout};
}

Json json_of(const Row &row) {
    Json json = {{"id", row.id},
                 {"layer", row.layer},
                 {"kernel", row.kernel},
                 {"layout", row.layout},
                 {"outcome", kOutcomes[static_cast<int>(row.outcome)]},
                 {"reason", row.reason},
                 {"outputs_compared", row.compared},
                 {"outputs", row.total},
                 {"max_err", nullptr}};
    if (row.outcome != Outcome::skipped && row.max_err <= 1e300)  // JSON has no infinity
        json["max_err"] = row.max_err;
    return json;
}

// Printed as soon as they are known: the whole suite takes minutes.
void print_counts(const std::string &name, const Counts &counts) {
    std::printf("%-44s %8d %8d %8d %8d\n", name.c_str(), counts[Outcome::compared], counts[Outcome::sampled],
                counts[Outcome::skipped], counts[Outcome::miss]);
    std::fflush(stdout);
}

void print_title(const char *title) {
    std::printf("%-44s %8s %8s %8s %8s\n", title, "compared", "sampled", "skipped", "missed");
}

void print_kernels(const std::vector<const Kernel *> &kernels, const std::vector<Row> &rows) {
    std::map<std::string, Counts> counts;
    std::map<std::string, std::map<std::string, int>> reasons;
    for (const Row &row : rows) {
        counts[row.kernel].add(row.outcome);
        if (row.outcome == Outcome::skipped)
            reasons[row.kernel][row.reason]++;
    }
    std::printf("\n");
    print_title("kernel");
    for (const Kernel *kernel : kernels)
        print_counts(kernel->name, counts[kernel->name]);
    std::printf("\n");
    for (const Kernel *kernel : kernels) {
        for (const auto &[reason, count] : reasons[kernel->name])
            std::printf("skipped %d  %s: %s\n", count, kernel->name, reason.c_str());
    }
}

}  // namespace

int check_command(const CheckOptions &options) {
    const Isa usable = apply_isa(options);
    const std::vector<Layer> layers = select_layers(options.layers);
    const std::vector<const Kernel *> kernels = matching_kernels(options);
    usable_kernels(options, usable);  // fails if nothing of what was asked for runs here
    if (!(options.most_seconds > 0))
        throw Failure(kBadInput, "--most-seconds must be a number above 0");
    const Threads threads(thread_count(options));

    print_notes(layers);
    std::vector<Row> rows;
    Counts counts;
    Progress progress(layers.size());
    if (prints_text(options))
        print_title("layer");
    for (size_t i = 0; i < layers.size(); i++) {
        std::map<Sums, LayerCheck> checks;  // made, with the oracle's answer, once a kernel is to be run
        for (const int32_t layout : layouts_of(options, layers[i])) {
            tconv_spec spec = layers[i].spec;
            spec.layout = layout;
            std::map<Sums, Tensors> tensors;
            Counts here;
            for (const Kernel *kernel : kernels) {
                progress.step(i, layers[i].id + " " + layout_name(layout) + " " + kernel->name);
                Row row = LayerCheck::row_of(layers[i], spec, *kernel);
                row.reason = reason_to_skip(spec, *kernel, usable, options);
                if (row.reason.empty()) {
                    const Sums sums = sums_of(*kernel);
                    LayerCheck &check =
                        checks.try_emplace(sums, layers[i], threads, sums).first->second;
                    row = check.check(spec, *kernel, tensors.try_emplace(sums, spec, check.data()).first->second);
                }
                if (row.outcome == Outcome::miss) {
                    progress.clear();
                    std::fprintf(stderr, "MISS %s %s %s: %s\n", row.id.c_str(), row.layout.c_str(), row.kernel.c_str(),
                                 row.reason.c_str());
                }
                counts.add(row.outcome);
                here.add(row.outcome);
                rows.push_back(std::move(row));
            }
            progress.clear();
            if (prints_text(options))
                print_counts(layers[i].id + " " + layout_name(layout), here);
        }
    }
    progress.clear();

    if (prints_text(options)) {
        print_kernels(kernels, rows);
        std::printf(
            "%zu layers, %zu kernels: %d compared, %d sampled (the oracle on some outputs, all outputs with one "
            "another), %d skipped, %d missed\n",
            layers.size(), kernels.size(), counts[Outcome::compared], counts[Outcome::sampled],
            counts[Outcome::skipped], counts[Outcome::miss]);
    }
    Json document = json_head("check", usable);
    document["threads"] = threads.count();
    document["compared"] = counts[Outcome::compared];
    document["sampled"] = counts[Outcome::sampled];
    document["skipped"] = counts[Outcome::skipped];
    document["missed"] = counts[Outcome::miss];
    document["rows"] = Json::array();
    for (const Row &row : rows)
        document["rows"].push_back(json_of(row));
    write_json(options, document);

    if (counts[Outcome::miss] > 0)
        return kMiss;
    if (counts[Outcome::compared] + counts[Outcome::sampled] == 0) {
        const bool dtype = std::any_of(kernels.begin(), kernels.end(), [&](const Kernel *kernel) {
            return std::any_of(layers.begin(), layers.end(),
                               [&](const Layer &layer) { return layer.spec.dtype == kernel->dtype; });
        });
        throw Failure(dtype ? kBadInput : kUnsupported,
                      dtype ? "nothing was compared: every kernel was skipped, for the reasons above"
                            : std::string("nothing was compared: no kernel here computes dtype ") +
                                  dtype_name(layers[0].spec.dtype));
    }
    return kOk;
}

}  // namespace tconv::tool
