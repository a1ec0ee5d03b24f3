// Folders of tuned tables, as TCONV_DB names them, that last as long as the test.
#pragma once

#include <string>

#include "program.h"

namespace tconv::testing {

// A folder of its own, removed at the end. While it lives, TCONV_DB names it.
class TableFolder {
public:
    TableFolder();
    ~TableFolder();
    TableFolder(const TableFolder &) = delete;
    TableFolder &operator=(const TableFolder &) = delete;

    std::string path() const { return folder_.path().string(); }
    std::string file(const std::string &table) const { return folder_ / table; }
    void write(const std::string &table, const std::string &text) const;

private:
    TemporaryFolder folder_;
};

// A row for the layer's class on this processor; cut as "block_h,block_w,units".
std::string tuned_line(const std::string &layer, const std::string &kernel, const std::string &cut = "0,0,0");

// The table, by the name of its file, that plans for the layer read on this processor: "avx512-f32.csv".
std::string table_of(const std::string &dtype);

std::string table_text(const std::string &lines);  // with the header

}  // namespace tconv::testing
