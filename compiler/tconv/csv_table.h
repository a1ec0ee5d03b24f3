// A CSV file (RFC 4180) with a header row, as named cells that know their line.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "failure.h"

namespace tconv::tool {

class CsvRow {
public:
    CsvRow(const std::string *file, size_t line, std::map<std::string, std::string> cells)
        : file_(file), line_(line), cells_(std::move(cells)) {}

    // Empty for a column that the file lacks.
    const std::string &text(const std::string &column) const;
    int integer(const std::string &column) const;
    float number(const std::string &column) const;

    // FILE:LINE: column COLUMN: 'VALUE' <complaint>
    [[noreturn]] void reject(const std::string &column, const std::string &complaint) const;
    // FILE:LINE: <complaint>
    [[noreturn]] void reject(const std::string &complaint) const;

private:
    const std::string *file_;
    size_t line_;
    std::map<std::string, std::string> cells_;
};

struct CsvTable {
    std::string file;
    std::vector<std::string> columns;
    std::vector<CsvRow> rows;  // point to `file`, hence not copied

    CsvTable() = default;
    CsvTable(const CsvTable &) = delete;
    CsvTable &operator=(const CsvTable &) = delete;

    void read(const std::string &path);  // Failure names the file, and the line where there is one
};

}  // namespace tconv::tool
