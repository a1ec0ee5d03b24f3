#include <algorithm>
#include <cstdio>

#include "commands.h"
#include "element_type.h"
#include "geometry.h"
#include "layer_text.h"
#include "plan.h"
#include "roof.h"
#include "text_table.h"

namespace tconv::tool {

namespace {

Json candidates_of(const tconv_spec &spec, const std::vector<const Kernel *> &kernels, Isa usable) {
    Json candidates = Json::array();
    for (const Kernel *kernel : kernels) {
        Json candidate = {{"kernel", kernel->name},
                          {"usable", false},
                          {"why_not", ""},
                          {"mcycles", nullptr},
                          {"packed_bytes", nullptr}};
        char text[256];
        Message why(text, sizeof text);
        Blocking blocking;
        if (!isa_runs(kernel->isa, usable)) {
            candidate["why_not"] = std::string("needs ") + isa_name(kernel->isa);
        } else if (kernel->dtype != spec.dtype) {
            candidate["why_not"] = "another dtype";
        } else if (block_layer(spec, Direction::output, *kernel, &blocking, why) != TCONV_OK) {
            candidate["why_not"] = text;
        } else {
            candidate["usable"] = true;
            candidate["mcycles"] = cost_of(spec, *kernel, blocking, fmas_per_dot()).cycles * 1e-6;
            candidate["packed_bytes"] = packed_bytes_of(blocking);
        }
        candidates.push_back(std::move(candidate));
    }
    return candidates;
}

// The plan's own choice, or, where --kernel narrows it, its choice among those.
std::string chosen_kernel(const tconv_spec &spec, const std::vector<const Kernel *> &among, Isa usable) {
    std::vector<Kernel> kernels;
    for (const Kernel *kernel : among)
        kernels.push_back(*kernel);
    Choice choice;
    char text[512];
    Message ignored(nullptr, 0), error(text, sizeof text);
    if (choose_kernel(spec, Direction::output, kernels, usable, fmas_per_dot(), &choice, ignored, error) != TCONV_OK)
        throw Failure(kUnsupported, text);
    return choice.kernel->name;
}

Json explain(const Layer &layer, const Options &options, Isa usable, const Threads &threads) {
    const tconv_spec &spec = layer.spec;
    const std::string name = chosen_kernel(spec, usable_kernels(options, usable), usable);
    const Trial trial(spec, options.kernel.empty() ? nullptr : name.c_str(), threads);
    const Choice &choice = trial.plan()->choice;
    const Work work = work_of(spec);
    const Roof roof = roof_of(work, choice.cost.flops_executed, measure_fma_gflops(choice.kernel->isa, spec.dtype, threads),
                              measure_copy_gbs(compulsory_bytes(work), threads));
    std::string text;
    size_t capacity = 8192;
    do {  // until nothing is cut off
        capacity *= 2;
        text.assign(capacity, '\0');
        if (const tconv_status status = tconv_plan_explain(trial.plan(), text.data(), capacity); status != TCONV_OK)
            throw Failure(kBadInput, tconv_status_string(status));
        text.resize(text.find('\0'));
    } while (text.size() + 1 == capacity);

    if (prints_text(options)) {
        if (layer.id != "" && !layer.tier.empty())
            std::printf("id         %s (tier %s)\n", layer.id.c_str(), layer.tier.c_str());
        if (!layer.note.empty())
            std::printf("note       %s\n", layer.note.c_str());
        std::fputs(text.c_str(), stdout);
        std::printf(
            "roofline   with %d thread%s, measured now: %.1f GFLOP/s of %s multiply-adds (%s), %.1f GB/s of copying "
            "%s\n",
            threads.count(), threads.count() == 1 ? "" : "s", roof.fma_gflops, dtype_name(arithmetic_of(spec.dtype)),
            isa_name(choice.kernel->isa),
            roof.copy_gbs, bytes_text(compulsory_bytes(work)).c_str());
        std::printf("           %s for the flops executed, %s for the bytes: %s bound, no less than %s (1 us added)\n",
                    time_text(roof.compute_ns).c_str(), time_text(roof.bandwidth_ns).c_str(), roof.name(),
                    time_text(roof.ns()).c_str());
    }
    char canonical[TCONV_LAYER_TEXT_BYTES];
    tconv_spec_format(&spec, canonical, sizeof canonical);
    tconv_requirements needed;
    tconv_requirements_init(&needed, sizeof needed);
    tconv_plan_requirements(trial.plan(), &needed);
    return {{"id", layer.id},
            {"layer", canonical},
            {"note", layer.note},
            {"kernel", trial.kernel()},
            {"chosen", basis_text(choice.basis)},
            {"isa", isa_name(choice.kernel->isa)},
            {"threads", threads.count()},
            {"gflop_nominal", work.flops_nominal * 1e-9},
            {"gflop_in_bounds", work.flops_in_bounds * 1e-9},
            {"gflop_executed", choice.cost.flops_executed * 1e-9},
            {"compulsory_bytes", compulsory_bytes(work)},
            {"filter_bytes", needed.filter_bytes},
            {"packed_filter_bytes", needed.packed_filter_bytes},
            {"workspace_bytes", needed.workspace_bytes},
            {"fma_gflops", roof.fma_gflops},
            {"copy_gbs", roof.copy_gbs},
            {"ns_roof", roof.ns()},
            {"roof", roof.name()},
            {"candidates", candidates_of(spec, matching_kernels(options), usable)},
            {"text", text}};
}

}  // namespace

int explain_command(const Options &options) {
    const Isa usable = apply_isa(options);
    const std::vector<Layer> layers = select_layers(options.layers);
    const Threads threads(thread_count(options));
    Json document = json_head("explain", usable);
    document["layers"] = Json::array();
    for (const Layer &layer : layers) {
        if (&layer != &layers[0] && prints_text(options))
            std::printf("\n");
        document["layers"].push_back(explain(layer, options, usable, threads));
    }
    write_json(options, document);
    return kOk;
}

}  // namespace tconv::tool
