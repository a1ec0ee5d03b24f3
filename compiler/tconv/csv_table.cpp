#include "csv_table.h"

#include <csv.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tconv::tool {

namespace {

struct Record {
    size_t line;  // where it begins
    std::vector<std::string> fields;
};

// libcsv is fed byte by byte, so that the line of each record is known: it reports none, and a quoted field may hold
// line ends of its own.
class Reader {
public:
    explicit Reader(const std::string &file) : file_(file) {
        if (csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) != 0)
            throw std::bad_alloc();
    }
    ~Reader() { csv_free(&parser_); }
    Reader(const Reader &) = delete;
    Reader &operator=(const Reader &) = delete;

    std::vector<Record> read(const std::string &text) {
        for (const char &c : text) {
            if (csv_parse(&parser_, &c, 1, on_field, on_record, this) != 1)
                fail();
            if (c == '\n')
                ++line_;
            if (!inside_)
                begin_ = line_;
            inside_ = inside_ || (c != '\n' && c != '\r');
        }
        if (csv_fini(&parser_, on_field, on_record, this) != 0)
            fail();
        return std::move(records_);
    }

private:
    static void on_field(void *field, size_t length, void *self) {
        static_cast<Reader *>(self)->fields_.emplace_back(static_cast<const char *>(field), length);
    }

    static void on_record(int, void *self_pointer) {
        auto *self = static_cast<Reader *>(self_pointer);
        self->records_.push_back({self->begin_, std::move(self->fields_)});
        self->fields_.clear();
        self->inside_ = false;
    }

    [[noreturn]] void fail() {
        throw Failure(kBadInput, file_ + ":" + std::to_string(line_) + ": " + csv_strerror(csv_error(&parser_)) +
                                     " (a field with a comma, a quote or a line end stands in quotes, and a quote in "
                                     "it is doubled)");
    }

    const std::string &file_;
    csv_parser parser_;
    size_t line_ = 1, begin_ = 1;
    bool inside_ = false;
    std::vector<std::string> fields_;
    std::vector<Record> records_;
};

std::string contents_of(const std::string &path) {
    if (std::error_code none; std::filesystem::is_directory(path, none))
        throw Failure(kBadInput, path + ": cannot be read: it is a folder");
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    if (file)
        text << file.rdbuf();
    if (!file || file.bad())
        throw Failure(kBadInput, path + ": cannot be read: " + std::strerror(errno));
    constexpr const char *kByteOrderMark = "\xEF\xBB\xBF";  // what spreadsheets write first
    return text.str().starts_with(kByteOrderMark) ? text.str().substr(3) : text.str();
}

}  // namespace

const std::string &CsvRow::text(const std::string &column) const {
    static const std::string none;
    const auto found = cells_.find(column);
    return found == cells_.end() ? none : found->second;
}

int CsvRow::integer(const std::string &column) const {
    const std::string &cell = text(column);
    int value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (cell.empty() || error != std::errc() || end != cell.data() + cell.size())
        reject(column, "is not an integer of 32 bits");
    return value;
}

float CsvRow::number(const std::string &column) const {
    const std::string &cell = text(column);
    float value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (cell.empty() || error != std::errc() || end != cell.data() + cell.size() || !std::isfinite(value))
        reject(column, "is not a number");
    return value;
}

void CsvRow::reject(const std::string &column, const std::string &complaint) const {
    reject("column " + column + ": '" + text(column) + "' " + complaint);
}

void CsvRow::reject(const std::string &complaint) const {
    throw Failure(kBadInput, *file_ + ":" + std::to_string(line_) + ": " + complaint);
}

void CsvTable::read(const std::string &path) {
    file = path;
    const std::string text = contents_of(path);
    std::vector<Record> records = Reader(file).read(text);
    if (records.empty())
        throw Failure(kBadInput, path + ": is empty; the first line must name the columns");
    columns = records[0].fields;
    for (size_t i = 0; i < columns.size(); i++) {
        for (size_t j = 0; j < i; j++) {
            if (columns[i] == columns[j] && !columns[i].empty())
                throw Failure(kBadInput, path + ":1: two columns are named '" + columns[i] + "'");
        }
    }
    for (size_t r = 1; r < records.size(); r++) {
        const Record &record = records[r];
        if (record.fields.size() != columns.size()) {
            CsvRow(&file, record.line, {})
                .reject(std::to_string(record.fields.size()) + " fields, but the first line names " +
                        std::to_string(columns.size()) + " columns");
        }
        std::map<std::string, std::string> cells;
        for (size_t i = 0; i < columns.size(); i++)
            cells[columns[i]] = record.fields[i];
        rows.emplace_back(&file, record.line, std::move(cells));
    }
}

}  // namespace tconv::tool
