#include "split_pairs.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <regex>
#include <set>
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
    return to == "tmp" || to == "other" || to == "_" ? "" : "mov.b32 " + to + ", " + from;  // halves that nobody reads
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
    bool packs;
    std::function<std::string(const std::smatch &)> split;
    bool into_another = false;  // its result is a number of 64 bits
};

const std::vector<Form> &forms() {
    const std::string pair = R"((%rd\d+))", halves = R"(\{([^{},]*), ([^{},]*)\})", space = R"(\s+)", address = R"((\[[^\]]*\]))";
    static const std::vector<Form> all = {
        {std::regex("mov.b64" + space + pair + ", " + halves), true,
         [](const std::smatch &m) { return both(move(first(m[1]), m[2]), move(second(m[1]), m[3])); }},
        {std::regex("mov.b64" + space + halves + ", " + pair), true,
         [](const std::smatch &m) { return both(move(m[1], first(m[3])), move(m[2], second(m[3]))); }},
        {std::regex("mov.b64" + space + pair + ", " + pair), false,
         [](const std::smatch &m) { return both(move(first(m[1]), first(m[2])), move(second(m[1]), second(m[2]))); }},
        {std::regex("mov.b64" + space + pair + ", 0d([0-9A-F]{8})([0-9A-F]{8})"), false,
         [](const std::smatch &m) { return both(move(first(m[1]), number(m[3])), move(second(m[1]), number(m[2]))); }},
        {std::regex("mov.b64" + space + pair + ", 0$"), false,
         [](const std::smatch &m) { return both(move(first(m[1]), "0"), move(second(m[1]), "0")); }},
        {std::regex("selp.b64" + space + pair + ", " + pair + ", " + pair + ", (%p\\d+)"), false,
         [](const std::smatch &m) {
             auto select = [&](std::string (*half)(const std::string &)) {
                 return "selp.b32 " + half(m[1]) + ", " + half(m[2]) + ", " + half(m[3]) + ", " + m[4].str();
             };
             return both(select(first), select(second));
         }},
        {std::regex("cvt.u32.u64" + space + "(%r\\d+), " + pair), false,
         [](const std::smatch &m) { return move(m[1], first(m[2])); }},
        {std::regex("shr.u64" + space + pair + ", " + pair + ", (3[2-9]|[45]\\d|6[0-3])$"), false,
         [](const std::smatch &m) {
             return "cvt.u64.u32 " + m[1].str() + ", " + second(m[2]) + "; shr.u64 " + m[1].str() + ", " + m[1].str() + ", " +
                    std::to_string(std::stoi(m[3]) - 32);
         }, true},
        {std::regex("(ld.global\\S*)\\.v2\\.b64" + space + "\\{" + pair + ", " + pair + "\\}, " + address), false,
         [](const std::smatch &m) {
             return m[1].str() + ".v4.b32 {" + first(m[2]) + ", " + second(m[2]) + ", " + first(m[3]) + ", " + second(m[3]) +
                    "}, " + m[4].str();
         }},
        {std::regex("(ld.global\\S*)\\.b64" + space + pair + ", " + address), false,
         [](const std::smatch &m) { return m[1].str() + ".v2.b32 {" + first(m[2]) + ", " + second(m[2]) + "}, " + m[3].str(); }},
        {std::regex("(st.global\\S*)\\.v2\\.b64" + space + address + ", \\{" + pair + ", " + pair + "\\}"), false,
         [](const std::smatch &m) {
             return m[1].str() + ".v4.b32 " + m[2].str() + ", {" + first(m[3]) + ", " + second(m[3]) + ", " + first(m[4]) + ", " +
                    second(m[4]) + "}";
         }},
        {std::regex("(st.global\\S*)\\.b64" + space + address + ", " + pair), false,
         [](const std::smatch &m) { return m[1].str() + ".v2.b32 " + m[2].str() + ", {" + first(m[3]) + ", " + second(m[3]) + "}"; }},
    };
    return all;
}

std::vector<std::string> pairs_in(const std::string &text) {
    static const std::regex pair(R"(%rd\d+)");
    std::vector<std::string> found;
    for (std::sregex_iterator i(text.begin(), text.end(), pair), end; i != end; i++)
        found.push_back(i->str());
    return found;
}

// A statement as far as registers of 64 bits are in it.
struct Statement {
    std::string text;
    const Form *form = nullptr;
    std::smatch found;
    std::vector<std::string> pairs, others;  // operands that may be pairs, and what is none: addresses, and all of other forms
    std::vector<std::string> assigned;

    // `found` refers to `text`.
    Statement(const Statement &) = delete;
    explicit Statement(const std::string &with_comments) {
        static const std::regex comment("//[^\n]*"), address(R"(\[[^\]]*\])");
        static const std::regex instruction(R"((?:^|\s)(@!?%p\d+\s+)?[a-z]\w*(?:\.\w+)+\s+(\{[^{}]*\}|%\w+))");
        if (with_comments.find("%rd") == std::string::npos)
            return;
        text = std::regex_replace(with_comments, comment, "");
        std::smatch parts;
        const bool readable = std::regex_search(text, parts, instruction);
        if (readable)
            assigned = pairs_in(parts[2]);
        if (!readable || !parts[1].matched) {  // of a predicate only one of two halves would be
            for (const Form &one : forms()) {
                if (std::regex_search(text, found, one.pattern)) {
                    form = &one;
                    break;
                }
            }
        }
        for (std::sregex_iterator i(text.begin(), text.end(), address), end; i != end; i++) {
            for (const std::string &name : pairs_in(i->str()))
                others.push_back(name);
        }
        bool result = form != nullptr && form->into_another;  // the first one
        for (const std::string &name : pairs_in(std::regex_replace(text, address, ""))) {
            (form != nullptr && !result ? pairs : others).push_back(name);
            result = false;
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

// A kernel's text, in which each name stands for one register.
std::string split_in_kernel(const std::string &ptx) {
    std::vector<std::string> texts(1);
    for (const char c : ptx) {
        if (c == ';')
            texts.emplace_back();
        else
            texts.back() += c;
    }
    const std::deque<Statement> statements(texts.begin(), texts.end());
    Together together;
    std::map<std::string, int> assigned;
    for (const Statement &statement : statements) {
        together.join(statement.pairs);
        for (const std::string &name : statement.assigned)
            assigned[name]++;
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
    for (const Statement &statement : statements) {
        for (const std::string &name : statement.assigned) {
            const std::string leader = together.leader(name);
            if (assigned[name] > 1 && packed.count(leader) > 0 && whole.count(leader) > 0) {
                throw std::runtime_error(name + " of the PTX is a pair of numbers, assigned in several places, and not only a pair:" +
                                         statement.text);
            }
        }
    }
    std::string made;
    for (size_t i = 0; i < texts.size(); i++) {
        const Statement &statement = statements[i];
        const std::string leader = statement.pairs.empty() ? "" : together.leader(statement.pairs[0]);
        const bool splits = packed.count(leader) > 0 && whole.count(leader) == 0;
        made += i > 0 ? ";" : "";
        made += splits ? statement.found.prefix().str() + statement.form->split(statement.found) + statement.found.suffix().str()
                       : texts[i];
    }
    static const std::regex declared(R"(\.reg \.b64\s+%rd<(\d+)>;)");
    return std::regex_replace(made, declared, "$&\n\t.reg .b32 \t%lo<$1>, %hi<$1>;");
}

}  // namespace

std::string with_pairs_split(const std::string &ptx) {
    const std::string entry = ".entry ";
    std::string made;
    for (size_t from = 0; from < ptx.size();) {
        const size_t next = std::min(ptx.find(entry, from + entry.size()), ptx.size());
        made += split_in_kernel(ptx.substr(from, next - from));
        from = next;
    }
    return made;
}

}  // namespace tconv::compiler
