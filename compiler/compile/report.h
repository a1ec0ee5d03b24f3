// What `tconv compile --json` says of the libraries it made: docs/schemas/compile.json.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "compile_layer.h"

namespace tconv::compiler {

class Report {
public:
    // A layer of the library FOLDER/libLIBRARY.a, where FOLDER, empty for none, is below --out.
    void add(const std::string &id, const CompiledLayer &layer, const std::string &target, const std::string &folder,
             const std::string &library);

    std::string text() const;

private:
    nlohmann::ordered_json layers_ = nlohmann::ordered_json::array();
};

}  // namespace tconv::compiler
