"""_core.pyi has what the extension has, under the same parameter names: neither more nor less."""

import ast
import importlib.resources
import re

from tconv import _core


def stub():
    return ast.parse(importlib.resources.files("tconv").joinpath("_core.pyi").read_text(encoding="utf-8"))


# Of builds with TCONV_BUILD_CUDA; the others have nothing of it.
WITH_CUDA = {"CudaGradientPlan", "CudaPacked", "CudaPlan", "cuda_kernels"}
MISSING = set() if hasattr(_core, "CudaPlan") else WITH_CUDA


def names_of(body):
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and not isinstance(node.annotation, ast.Name | ast.Constant):
            yield node.target.id
        elif isinstance(node, ast.AnnAssign) and node.annotation.id != "TypeAlias":
            yield node.target.id


def public(names):
    names = set(names)
    # What Python itself adds to every class and module, and what copies and compares.
    own = {name for name in names if not re.fullmatch(r"__\w+__", name)}
    return own | ({"__len__"} & names)


def test_the_module():
    assert public(names_of(stub().body)) - MISSING == public(vars(_core))


def test_the_classes():
    classes = [node for node in stub().body if isinstance(node, ast.ClassDef) and node.name not in MISSING]
    assert {node.name for node in classes if node.name != "profiles"} == {
        name for name, thing in vars(_core).items() if isinstance(thing, type)}
    for node in classes:
        assert public(names_of(node.body)) == public(vars(getattr(_core, node.name))), node.name


def test_the_parameters():
    checked = 0
    for node in stub().body:
        for method in getattr(node, "body", []) if getattr(node, "name", "") not in {"profiles", *MISSING} else []:
            if not isinstance(method, ast.FunctionDef) or method.decorator_list and method.name != "parse":
                continue
            if re.fullmatch(r"__\w+__", method.name) and method.name != "__init__":
                continue
            signature = getattr(getattr(_core, node.name), method.name).__doc__ or ""
            arguments = [argument.arg for argument in method.args.args + method.args.kwonlyargs if argument.arg != "self"]
            found = re.findall(r"(\w+):", signature.split(") ->")[0].partition("(")[2])
            assert found == arguments, f"{node.name}.{method.name}: {signature}"
            checked += 1
    assert checked >= 8
