// Tables of tuned rows as files: read strictly, merged, written sorted and at once.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "failure.h"
#include "tuned_row.h"

namespace tconv::tool {

// The file of a folder that holds a kernel's rows, as runtime/src/tuned_tables.cpp looks for it: by instruction set and dtype.
std::string table_file_of(const std::string &kernel);

// By file, layer and microarchitecture.
class TunedTable {
public:
    // Adds the rows of a file; Failure (kBadInput) names file, line, column and value. Where both know a layer, the later
    // date wins, on one date the faster.
    void merge_file(const std::string &path);
    // Replaces what was known.
    void put(const TunedRow &row);

    // A row that plans would find which take the kernel's instruction set and dtype.
    bool has(const std::string &kernel, const std::string &layer, const std::string &microarchitecture) const;
    size_t size() const { return rows_.size(); }

    // Into the files of the folder that the rows' kernels name, merged with what these hold and under a lock, so that
    // several processes may tune at once. Rows of this table replace. Returns the files' paths.
    std::vector<std::string> store(const std::string &folder) const;
    // Before anything is measured: makes the folder; Failure (kBadInput) where store could not write there, or read its tables.
    static void prepare(const std::string &folder);
    // Reads all tables of a folder; none if there is no such folder.
    static TunedTable of_folder(const std::string &folder);

private:
    using Key = std::tuple<std::string, std::string, std::string>;
    static Key key_of(const TunedRow &row) { return {table_file_of(row.kernel), row.layer, row.microarchitecture}; }
    std::map<Key, TunedRow> rows_;
};

}  // namespace tconv::tool
