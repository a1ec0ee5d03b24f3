// Tables of tuned rows as files: read strictly, merged, written sorted and at once.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "failure.h"
#include "tuned_row.h"

namespace tconv::tool {

// By layer and microarchitecture.
class TunedTable {
public:
    // Adds the rows of a file; Failure (kBadInput) names file, line, column and value. Where both know a layer, the later
    // date wins, on one date the faster.
    void merge_file(const std::string &path);
    // Replaces what was known.
    void put(const TunedRow &row);

    bool has(const std::string &layer, const std::string &microarchitecture) const;
    size_t size() const { return rows_.size(); }

    // Into the files of the folder that the rows' kernels name, merged with what these hold and under a lock, so that
    // several processes may tune at once. Rows of this table replace. Returns the files' paths.
    std::vector<std::string> store(const std::string &folder) const;
    // Reads all tables of a folder; none if there is no such folder.
    static TunedTable of_folder(const std::string &folder);

private:
    using Key = std::pair<std::string, std::string>;
    std::map<Key, TunedRow> rows_;
};

}  // namespace tconv::tool
