#include "report.h"

namespace tconv::compiler {

using Json = nlohmann::ordered_json;

void Report::add(const std::string &id, const CompiledLayer &layer, const std::string &target, const std::string &folder,
                 const std::string &library) {
    char text[TCONV_LAYER_TEXT_BYTES];
    tconv_spec_format(&layer.spec, text, sizeof text);
    const std::string in = folder.empty() ? "" : folder + "/";
    layers_.push_back({{"id", id},
                       {"layer", text},
                       {"name", layer.name},
                       {"target", target},
                       {"library", in + "lib" + library + ".a"},
                       {"header", in + library + ".h"},
                       {"kernel", layer.kernel},
                       {"chosen", layer.chosen},
                       {"packed_bytes", layer.packed_bytes},
                       {"workspace_bytes", layer.workspace_bytes},
                       {"alignment", layer.alignment},
                       {"baked", layer.baked},
                       {"hooks", layer.hooks},
                       {"device", layer.device}});
}

std::string Report::text() const {
    const std::string version = std::to_string(TCONV_VERSION_MAJOR) + "." + std::to_string(TCONV_VERSION_MINOR) + "." +
                                std::to_string(TCONV_VERSION_PATCH);
    const Json document = {{"tconv", version}, {"command", "compile"}, {"layers", layers_}};
    // Ids and paths may be in another encoding than UTF-8.
    return document.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tconv::compiler
