// A layer compiled by tconv-compiler, linked with a caller in C99 that includes its header, and loaded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "npz.h"
#include "program.h"
#include "tconv/tconv.h"

namespace tconv::testing {

// tconv-compiler compile ARGUMENTS...
Outcome compile(const std::vector<std::string> &arguments);

class CompiledLayer {
public:
    struct Request {
        tconv_spec spec;
        bool hooks = false;
        std::vector<NpyArray> weights;  // none: not baked in
        std::vector<std::string> options;
    };
    // What went wrong is in `error`; nothing else may be used then.
    explicit CompiledLayer(const Request &request);
    ~CompiledLayer();
    CompiledLayer(const CompiledLayer &) = delete;
    CompiledLayer &operator=(const CompiledLayer &) = delete;

    // The parameters of NAME_run that the layer must have, in the order of the contract.
    const std::vector<std::string> &parameters() const { return parameters_; }
    // Values for all of them, from these by name.
    struct Pointers {
        const void *input, *packed, *bias, *slope, *residual;
        void *output, *workspace;
    };
    std::vector<const void *> values(const Pointers &pointers) const;

    int pack(const void *filter, void *packed) const { return pack_(filter, packed); }
    int run(const std::vector<const void *> &values) const { return run_(values.data()); }
    int run_task(int32_t task, const std::vector<const void *> &values) const { return run_task_(task, values.data()); }
    int run_hooks(const tconv_hooks *hooks, const std::vector<const void *> &values) const {
        return run_hooks_(hooks, values.data());
    }

    std::string error;
    // What NAME.h defines; the baked layer's packed filter and a serial layer's tasks are 0 here.
    struct Header {
        int64_t input_bytes, filter_bytes, packed_bytes, bias_bytes, output_bytes, workspace_bytes, alignment, tasks;
        double flops;
    } header = {};
    std::string text, kernel;
    std::string said;  // by tconv-compiler, on standard error

private:
    std::string load(const Request &request);
    std::string caller(const Request &request) const;
    template<typename Function>
    void find(Function *&function, const char *name) const;

    TemporaryFolder folder_;
    std::vector<std::string> parameters_;
    void *library_ = nullptr;
    int (*pack_)(const void *, void *) = nullptr;
    int (*run_)(const void *const *) = nullptr;
    int (*run_task_)(int32_t, const void *const *) = nullptr;
    int (*run_hooks_)(const tconv_hooks *, const void *const *) = nullptr;
};

}  // namespace tconv::testing
