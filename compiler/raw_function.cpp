#include "raw_function.h"

#include <stdexcept>

namespace tconv::compiler {

using namespace Halide;
using namespace Halide::Internal;

namespace {

// Removes the lets that unpack a halide_buffer_t, leaving their names free, and gives the output its public name.
class Unwrap : public IRMutator {
public:
    Unwrap(std::string from, std::string previous, std::string to, const Type &type,
           const std::vector<Argument> &arguments)
        : from(std::move(from)), previous(std::move(previous)), to(std::move(to)) {
        buffers.emplace(this->to, Parameter(type, true, 1, this->to));
        for (const Argument &argument : arguments) {
            if (argument.is_buffer()) {
                buffers.emplace(argument.name, Parameter(argument.type, true, argument.dimensions, argument.name));
            }
        }
    }

    std::map<std::string, Type> free_variables;  // sorted, so that the argument order is stable

private:
    std::string from, previous, to;
    std::map<std::string, Parameter> buffers;

    // A load or store without a parameter is taken for one of Halide's own allocations, which are aligned to a vector.
    // The caller's memory is aligned to its elements only.
    Parameter parameter_of(const std::string &name) const {
        auto found = buffers.find(name);
        return found != buffers.end() ? found->second : Parameter();
    }

    std::string renamed(const std::string &name) const {
        for (const std::string &own : {from, previous}) {
            if (own.empty()) {
                continue;
            }
            if (name == own) {
                return to;
            }
            for (const char *field : {".min.", ".extent.", ".stride."}) {
                if (name.rfind(own + field, 0) == 0) {
                    return to + name.substr(own.size());
                }
            }
        }
        return name;
    }

    using IRMutator::visit;

    Stmt visit(const LetStmt *op) override {
        const Call *call = op->value.as<Call>();
        if (call != nullptr && call->name.rfind("_halide_buffer_get_", 0) == 0) {
            free_variables.emplace(renamed(op->name), call->type);
            return mutate(op->body);
        }
        return IRMutator::visit(op);
    }
    Expr visit(const Variable *op) override {
        // Parameters are dropped: a raw function's variables are its arguments and nothing else.
        return Variable::make(op->type, renamed(op->name));
    }
    Expr visit(const Load *op) override {
        const std::string name = renamed(op->name);
        return Load::make(op->type, name, mutate(op->index), Buffer<>(), parameter_of(name), mutate(op->predicate),
                          op->alignment);
    }
    Stmt visit(const Store *op) override {
        const std::string name = renamed(op->name);
        return Store::make(name, mutate(op->value), mutate(op->index), parameter_of(name), mutate(op->predicate),
                           op->alignment);
    }
};

}  // namespace

RawFunction::RawFunction(Func output, const std::string &output_name, const std::vector<Argument> &arguments,
                         const std::string &name, const Target &target, const std::string &previous)
    : function(name, std::vector<LoweredArgument>{}, Stmt(), LinkageType::Internal, NameMangling::C) {
    Module module = Pipeline(output).compile_to_module(arguments, name, target, LinkageType::Internal);
    for (const LoweredFunc &lowered : module.functions()) {
        if (lowered.name == name) {
            function.body = lowered.body;
        }
    }
    if (!function.body.defined()) {
        throw std::logic_error("Halide lowered no function called " + name);
    }
    Unwrap unwrap(output.name(), previous, output_name, output.type(), arguments);
    function.body = unwrap.mutate(function.body);
    for (const auto &[variable, type] : unwrap.free_variables) {
        function.args.emplace_back(variable, Argument::InputScalar, type, 0, ArgumentEstimates{});
    }
    for (const Argument &argument : arguments) {
        if (argument.is_scalar()) {
            function.args.emplace_back(argument);
        }
    }
}

void RawFunction::rewrite(const std::vector<LoweredArgument> &arguments,
                          const std::function<Stmt(const Stmt &)> &rewritten) {
    function.args.insert(function.args.end(), arguments.begin(), arguments.end());
    function.body = rewritten(function.body);
}

Stmt RawFunction::call(const std::map<std::string, BufferArgument> &buffers,
                       const std::map<std::string, Expr> &scalars) const {
    std::vector<Expr> values;
    for (const LoweredArgument &argument : function.args) {
        const std::string &name = argument.name;
        const size_t dot = name.find('.');
        Expr value;
        if (auto scalar = scalars.find(name); scalar != scalars.end()) {
            value = scalar->second;
        } else if (auto buffer = buffers.find(name.substr(0, dot)); buffer != buffers.end()) {
            const BufferArgument &given = buffer->second;
            if (dot == std::string::npos) {
                value = reinterpret(Handle(), given.host);
            } else {
                const size_t last = name.rfind('.');
                const std::string field = name.substr(dot + 1, last - dot - 1);
                const size_t dimension = std::stoul(name.substr(last + 1));
                value = field == "extent"   ? given.extent.at(dimension)
                        : field == "stride" ? given.stride.at(dimension)
                                            : Expr(0);  // min: boxes start at zero
            }
        }
        if (!value.defined()) {
            throw std::logic_error(function.name + " needs a value for " + name);
        }
        values.push_back(argument.type.is_handle() ? value : cast(argument.type, value));
    }
    return Evaluate::make(Call::make(Int(32), function.name, values, Call::Extern));
}

}  // namespace tconv::compiler
