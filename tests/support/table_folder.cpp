#include "table_folder.h"

#include <cstdlib>

#include "cpu_features.h"
#include "microarchitecture.h"
#include "runner.h"
#include "tuned_row.h"

namespace tconv::testing {

TableFolder::TableFolder() {
    setenv("TCONV_DB", path().c_str(), 1);
}

TableFolder::~TableFolder() {
    unsetenv("TCONV_DB");
}

void TableFolder::write(const std::string &table, const std::string &text) const {
    write_file(file(table), text);
}

std::string tuned_line(const std::string &text, const std::string &kernel, const std::string &cut) {
    return "\"" + std::string(class_text(layer(text)).text) + "\"," + microarchitecture() + "," + kernel + "," + cut +
           ",12.5,0.75,a processor,0.1.0,2026-11-27\n";
}

std::string table_of(const std::string &dtype) {
    Isa isa;
    Message ignored(nullptr, 0);
    usable_isa(&isa, ignored);
    return std::string(isa_name(least_with_vectors_of(isa))) + "-" + dtype + ".csv";
}

std::string table_text(const std::string &lines) {
    return std::string(kTunedHeader) + "\n" + lines;
}

}  // namespace tconv::testing
