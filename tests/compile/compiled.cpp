#include "compiled.h"

#include <dlfcn.h>

#include <map>

#include "random_spec.h"

namespace tconv::testing {

Outcome compile(const std::vector<std::string> &arguments) {
    std::vector<std::string> command = {TCONV_COMPILER, "compile"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run_program(command);
}

CompiledLayer::CompiledLayer(const Request &request) {
    const tconv_spec &spec = request.spec;
    const bool baked = !request.weights.empty();
    parameters_ = {"input"};
    if (!baked)
        parameters_.emplace_back("packed");
    if (!baked && spec.has_bias)
        parameters_.emplace_back("bias");
    if (!baked && spec.activation == TCONV_ACT_PRELU)
        parameters_.emplace_back("slope");
    if (spec.residual != TCONV_RESIDUAL_NONE)
        parameters_.emplace_back("residual");
    parameters_.emplace_back("output");
    parameters_.emplace_back("workspace");
    error = load(request);
}

CompiledLayer::~CompiledLayer() {
    if (library_ != nullptr)
        dlclose(library_);
}

std::vector<const void *> CompiledLayer::values(const Pointers &pointers) const {
    const std::map<std::string, const void *> by_name = {
        {"input", pointers.input}, {"packed", pointers.packed},     {"bias", pointers.bias},
        {"slope", pointers.slope}, {"residual", pointers.residual}, {"output", pointers.output},
        {"workspace", pointers.workspace}};
    std::vector<const void *> values;
    for (const std::string &name : parameters_)
        values.push_back(by_name.at(name));
    return values;
}

// A C program's view of the header, with one signature for every layer. Output and workspace come last.
std::string CompiledLayer::caller(const Request &request) const {
    std::string values;
    for (size_t i = 0; i < parameters_.size(); ++i) {
        const bool written = i + 2 >= parameters_.size();
        values += std::string(i == 0 ? "" : ", ") + (written ? "(void *)" : "") + "p[" + std::to_string(i) + "]";
    }
    std::string c =
        "#include \"layer.h\"\n#include <stdint.h>\n"
        "const char *text(void) { return LAYER_LAYER; }\n"
        "const char *kernel(void) { return LAYER_KERNEL; }\n"
        "double flops(void) { return LAYER_FLOPS; }\n"
        "void sizes(int64_t *s) {\n"
        "    s[0] = LAYER_INPUT_BYTES; s[1] = LAYER_FILTER_BYTES; s[2] = LAYER_PACKED_BYTES; s[3] = LAYER_BIAS_BYTES;\n"
        "    s[4] = LAYER_OUTPUT_BYTES; s[5] = LAYER_WORKSPACE_BYTES; s[6] = LAYER_ALIGNMENT;\n";
    c += request.hooks ? "    s[7] = LAYER_TASKS;\n}\n" : "    s[7] = 0;\n}\n";
    c += "int run(const void *const *p) { return layer_run(" + values + "); }\n";
    if (request.weights.empty())
        c += "int pack(const void *filter, void *packed) { return layer_pack(filter, packed); }\n";
    if (request.hooks) {
        c += "int run_task(int32_t task, const void *const *p) { return layer_run_task(task, " + values + "); }\n";
        c += "int run_hooks(const tconv_hooks *h, const void *const *p) { return layer_run_hooks(h, " + values +
             "); }\n";
    }
    return c;
}

template<typename Function>
void CompiledLayer::find(Function *&function, const char *name) const {
    function = reinterpret_cast<Function *>(dlsym(library_, name));
}

std::string CompiledLayer::load(const Request &request) {
    std::vector<std::string> arguments = {"--layer", text_of(request.spec), "--name", "layer", "--out",
                                          folder_.path().string(), "--threads", request.hooks ? "hooks" : "serial"};
    if (!request.weights.empty()) {
        write_npz(folder_ / "weights.npz", request.weights);
        arguments.insert(arguments.end(), {"--weights", folder_ / "weights.npz"});
    }
    arguments.insert(arguments.end(), request.options.begin(), request.options.end());
    const Outcome compiled = compile(arguments);
    said = compiled.err;
    if (compiled.status != 0)
        return "tconv-compiler: status " + std::to_string(compiled.status) + ": " + compiled.err;

    write_file(folder_ / "caller.c", caller(request));
    // -z defs: what is undefined must come from libc.
    const Outcome linked =
        run_program({TCONV_CC, "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I",
                     TCONV_INCLUDE, "-o", folder_ / "layer.so", folder_ / "caller.c", "-Wl,-z,defs",
                     "-Wl,--whole-archive", folder_ / "liblayer.a", "-Wl,--no-whole-archive"});
    if (linked.status != 0)
        return "the C compiler: " + linked.err;
    library_ = dlopen((folder_ / "layer.so").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library_ == nullptr)
        return dlerror();

    const char *(*string)() = nullptr;
    find(string, "text");
    text = string();
    find(string, "kernel");
    kernel = string();
    double (*flops)() = nullptr;
    find(flops, "flops");
    header.flops = flops();
    void (*sizes)(int64_t *) = nullptr;
    find(sizes, "sizes");
    int64_t s[8];
    sizes(s);
    header.input_bytes = s[0], header.filter_bytes = s[1], header.packed_bytes = s[2], header.bias_bytes = s[3];
    header.output_bytes = s[4], header.workspace_bytes = s[5], header.alignment = s[6], header.tasks = s[7];
    find(pack_, "pack");
    find(run_, "run");
    find(run_task_, "run_task");
    find(run_hooks_, "run_hooks");
    return "";
}

}  // namespace tconv::testing
