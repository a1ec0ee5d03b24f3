#include "split_pairs.h"

#include <functional>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace tconv::compiler {
namespace {

std::string first(const std::string &pair) {
    return "%lo" + pair.substr(3);
}
std::string second(const std::string &pair) {
    return "%hi" + pair.substr(3);
}
std::string move(const std::string &to, const std::string &from) {
    return to == "tmp" || to == "other" ? "" : "mov.b32 " + to + ", " + from;  // the names of halves that nobody reads
}
std::string both(const std::string &one, const std::string &other) {
    return one.empty() || other.empty() ? one + other : one + "; " + other;
}
std::string number(const std::string &digits) {
    return "0x" + digits;
}

// An instruction that a pair may be in, and what takes its place.
struct Form {
    std::regex pattern;
    bool packs, assigns;
    std::function<std::string(const std::smatch &)> split;
    bool into_another = false;  // its result is a number of 64 bits
};

const std::vector<Form> &forms() {
    const std::string pair = R"((%rd\d+))", halves = R"(\{([^{},]*), ([^{},]*)\})", space = R"(\s+)", address = R"((\[[^\]]*\]))";
    static const std::vector<Form> all = {
        {std::regex("mov.b64" + space + pair + ", " + halves), true, true,
         [](const std::smatch &m) { return both(move(first(m[1]), m[2]), move(second(m[1]), m[3])); }},
        {std::regex("mov.b64" + space + halves + ", " + pair), true, false,
         [](const std::smatch &m) { return both(move(m[1], first(m[3])), move(m[2], second(m[3]))); }},
        {std::regex("mov.b64" + space + pair + ", " + pair), false, true,
         [](const std::smatch &m) { return both(move(first(m[1]), first(m[2])), move(second(m[1]), second(m[2]))); }},
        {std::regex("mov.b64" + space + pair + ", 0d([0-9A-F]{8})([0-9A-F]{8})"), false, true,
         [](const std::smatch &m) { return both(move(first(m[1]), number(m[3])), move(second(m[1]), number(m[2]))); }},
        {std::regex("mov.b64" + space + pair + ", 0$"), false, true,
         [](const std::smatch &m) { return both(move(first(m[1]), "0"), move(second(m[1]), "0")); }},
        {std::regex("selp.b64" + space + pair + ", " + pair + ", " + pair + ", (%p\\d+)"), false, true,
         [](const std::smatch &m) {
             auto select = [&](std::string (*half)(const std::string &)) {
                 return "selp.b32 " + half(m[1]) + ", " + half(m[2]) + ", " + half(m[3]) + ", " + m[4].str();
             };
             return both(select(first), select(second));
         }},
        {std::regex("cvt.u32.u64" + space + "(%r\\d+), " + pair), false, false,
         [](const std::smatch &m) { return move(m[1], first(m[2])); }},
        {std::regex("shr.u64" + space + pair + ", " + pair + ", (3[2-9]|[45]\\d|6[0-3])$"), false, false,
         [](const std::smatch &m) {
             return "cvt.u64.u32 " + m[1].str() + ", " + second(m[2]) + "; shr.u64 " + m[1].str() + ", " + m[1].str() + ", " +
                    std::to_string(std::stoi(m[3]) - 32);
         }, true},
        {std::regex("(ld.global\\S*)\\.v2\\.b64" + space + "\\{" + pair + ", " + pair + "\\}, " + address), false, true,
         [](const std::smatch &m) {
             return m[1].str() + ".v4.b32 {" + first(m[2]) + ", " + second(m[2]) + ", " + first(m[3]) + ", " + second(m[3]) +
                    "}, " + m[4].str();
         }},
        {std::regex("(ld.global\\S*)\\.b64" + space + pair + ", " + address), false, true,
         [](const std::smatch &m) { return m[1].str() + ".v2.b32 {" + first(m[2]) + ", " + second(m[2]) + "}, " + m[3].str(); }},
        {std::regex("(st.global\\S*)\\.v2\\.b64" + space + address + ", \\{" + pair + ", " + pair + "\\}"), false, false,
         [](const std::smatch &m) {
             return m[1].str() + ".v4.b32 " + m[2].str() + ", {" + first(m[3]) + ", " + second(m[3]) + ", " + first(m[4]) + ", " +
                    second(m[4]) + "}";
         }},
        {std::regex("(st.global\\S*)\\.b64" + space + address + ", " + pair), false, false,
         [](const std::smatch &m) { return m[1].str() + ".v2.b32 " + m[2].str() + ", {" + first(m[3]) + ", " + second(m[3]) + "}"; }},
    };
    return all;
}

// A statement as far as registers of 64 bits are in it.
struct Statement {
    const Form *form = nullptr;
    std::smatch found;
    std::vector<std::string> pairs, others;  // operands that may be pairs, and what is none: addresses, and all of other forms

    explicit Statement(const std::string &text) {
        if (text.find("%rd") == std::string::npos)
            return;
        for (const Form &one : forms()) {
            if (std::regex_search(text, found, one.pattern)) {
                form = &one;
                break;
            }
        }
        static const std::regex name(R"(\[[^\]]*\]|%rd\d+)"), in_address(R"(%rd\d+)");
        for (std::sregex_iterator i(text.begin(), text.end(), name), end; i != end; i++) {
            const std::string one = i->str();
            const bool result = form != nullptr && form->into_another && pairs.empty() && others.empty();
            if (one[0] != '[')
                (form != nullptr && !result ? pairs : others).push_back(one);
            else if (std::smatch inner; std::regex_search(one, inner, in_address))
                others.push_back(inner.str());
        }
    }
};

// Registers that are split together, or not at all.
class Together {
public:
    const std::string &leader(const std::string &name) {
        auto at = leader_.emplace(name, name).first;
        while (at->second != at->first)
            at = leader_.find(at->second);
        return at->first;
    }
    void join(const std::vector<std::string> &names) {
        for (const std::string &name : names)
            leader_[leader(name)] = leader(names[0]);
    }

private:
    std::map<std::string, std::string> leader_;
};

}  // namespace

std::string with_pairs_split(const std::string &ptx) {
    std::vector<std::string> texts;
    std::istringstream parts(ptx);
    for (std::string one; std::getline(parts, one, ';');)
        texts.push_back(one);
    std::vector<Statement> statements(texts.begin(), texts.end());
    Together together;
    std::map<std::string, int> assigned;
    for (const Statement &statement : statements) {
        together.join(statement.pairs);
        if (statement.form != nullptr && statement.form->assigns)
            assigned[statement.pairs[0]]++;
    }
    std::set<std::string> packed, whole;  // leaders of what is packed somewhere, and of what is one number of 64 bits somewhere
    for (const Statement &statement : statements) {
        for (const std::string &name : statement.others)
            whole.insert(together.leader(name));
        for (const std::string &name : statement.pairs) {
            if (statement.form->packs)
                packed.insert(together.leader(name));
        }
    }
    std::string made;
    for (size_t i = 0; i < texts.size(); i++) {
        const Statement &statement = statements[i];
        const std::string leader = statement.pairs.empty() ? "" : together.leader(statement.pairs[0]);
        const std::string end = i + 1 < texts.size() ? ";" : "";
        if (packed.count(leader) == 0) {
            made += texts[i] + end;
        } else if (whole.count(leader) > 0) {
            if (assigned[statement.pairs[0]] > 1)
                throw std::runtime_error("a pair of numbers that is assigned in several places is not only a pair, in the PTX\n" +
                                         texts[i]);
            made += texts[i] + end;
        } else {
            made += statement.found.prefix().str() + statement.form->split(statement.found) + statement.found.suffix().str() + end;
        }
    }
    static const std::regex declared(R"(\.reg \.b64\s+%rd<(\d+)>;)");
    return std::regex_replace(made, declared, "$&\n\t.reg .b32 \t%lo<$1>, %hi<$1>;");
}

}  // namespace tconv::compiler
