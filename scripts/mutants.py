"""The mistakes that the tests must notice: see mutate.py.

Each is one replacement of a text that occurs exactly once in its file. A change of the source that moves a text has to
move it here too; `mutate.py --check`, part of every test run, says so. The tests named are those that are expected to
notice; any one of them is enough.
"""

from typing import NamedTuple

NUMBERS = "correctness.shape_classes correctness.every_kernel"
GRADIENTS = "correctness.gradient"
# Of layers on devices, whose kernels take minutes.
DRIVER = "cuda.driver"
COMPILED = "compile.cuda"
DEVICE_NUMBERS = "cuda.compiled_layer"
DRIVER_GRADIENTS = "cuda.driver_gradients"
DEVICE_GRADIENTS = "cuda.gradients"
DEVICES = (DRIVER, COMPILED, DEVICE_NUMBERS, DRIVER_GRADIENTS, DEVICE_GRADIENTS)
# Three of different kinds, for the short run.
SHORT = ("phase-dropped", "clamp-bounds-swapped", "overlap-unchecked")


class Mutant(NamedTuple):
    name: str
    file: str
    before: str
    after: str
    tests: str = NUMBERS
    isa: str = "baseline"  # that the text is of

    @property
    def kind(self):
        """Of the build that it is planted in: kernels for devices, or those of an instruction set."""
        return "devices" if self.tests in DEVICES else self.isa


MUTANTS = (
    # ---- What is computed
    Mutant("taps-swapped", "generators/pack.cpp",
           "Expr k = select(axis.phases == 1, t, distance / axis.dilation);",
           "Expr tap = select(axis.phases == 1, t, distance / axis.dilation);\n"
           "    Expr k = select(axis.kernel < 2, tap, tap == 0, 1, tap == 1, 0, tap);"),
    Mutant("merged-tap-of-another-phase", "generators/pack.cpp",
           "Expr distance = phase - axis.stride * (axis.nearest - t);",
           "Expr distance = phase - axis.stride * (axis.nearest - t) + axis.stride;"),
    Mutant("row-offset-sign", "generators/multiply.cpp",
           "row + offset_y - jy * step_y", "row + offset_y + jy * step_y"),
    Mutant("column-offset-sign", "generators/multiply.cpp",
           "m + offset_x - jx * step_x", "m + offset_x + jx * step_x"),
    Mutant("row-predicate-dropped", "generators/multiply.cpp",
           "taps.where(staged_row >= 0 && staged_row < rows_staged);", "taps.where(staged_row >= 0);"),
    Mutant("channel-block-lost", "generators/multiply.cpp",
           "once_if(first == 0)", "once_if(first == 7)"),
    Mutant("staged-column-past-the-end", "compiler/layer/phase_stage.cpp",
           "clamp(source.column_end - block.column_begin, block.inside_begin, block.columns)",
           "clamp(source.column_end + 1 - block.column_begin, block.inside_begin, block.columns)"),
    Mutant("gather-past-the-end", "generators/gather.cpp",
           "u >= 0 && u < width * stride_x", "u >= 0 && u <= width * stride_x"),
    Mutant("clamp-bounds-swapped", "generators/activation.cpp",
           "select(sloped < least, least, select(sloped > most, most, sloped))",
           "select(sloped < least, most, select(sloped > most, least, sloped))"),
    Mutant("relu-keeps-nothing-of-nan", "generators/activation.cpp",
           "select(sloped < least, least, select(sloped > most, most, sloped))",
           "select(sloped > least, select(sloped > most, most, sloped), least)", "correctness.nonfinite"),
    Mutant("bias-lost-before-a-curve", "generators/finish.cpp",
           "Expr biased = sums(a, m, row) + bias(a);", "Expr biased = sums(a, m, row) + 0.0f * bias(a);",
           "correctness.activation correctness.every_kernel"),
    # ---- Phases, tiles and boxes
    Mutant("phase-dropped", "compiler/layer/phase_axis.h",
           "select(all, 1, Halide::min(axis.stride, axis.out))",
           "select(all, 1, Halide::min(Halide::max(1, axis.stride - 1), axis.out))"),
    Mutant("empty-phase-without-bias", "compiler/layer/phase_axis.h",
           'phase.end = body.let("end", Halide::max(phase.begin, end));',
           'phase.end = body.let("end", Halide::select(phase.taps > 0, Halide::max(phase.begin, end), phase.begin));'),
    Mutant("tap-past-the-kernel", "compiler/layer/phase_axis.h",
           "(axis.kernel - 1 - phase.first_tap) / phase.tap_step + 1", "(axis.kernel - phase.first_tap) / phase.tap_step + 1"),
    Mutant("tile-lost", "compiler/layer/shared_row.cpp",
           "select(narrow == width, all - wide, 0)", "select(narrow == width, all - wide - 1, 0)"),
    Mutant("stride-of-the-other-axis", "compiler/layer/phase_finish.cpp",
           'box.output_m = w.stride * p.at("out_col");', 'box.output_m = h.stride * p.at("out_col");'),
    Mutant("bias-of-the-phase's-first-channel", "compiler/layer/phase_finish.cpp",
           'box.sums = sums_address(sums);\n        box.first_lane = unit.group * p.at("lanes") + begin;',
           'box.sums = sums_address(sums);\n        box.first_lane = unit.group * p.at("lanes") + phase_lane;'),
    Mutant("bias-of-a-cropped-phase", "compiler/layer/phase_finish.cpp",
           'box.first_lane = unit.group * p.at("lanes") + of.lane + begin;',
           'box.first_lane = unit.group * p.at("lanes") + unit.first_lane;'),
    Mutant("group-reads-the-first", "compiler/layer/phase_stage.cpp",
           'Expr first_channel = first_group * p.at("channels");', "Expr first_channel = 0;"),
    Mutant("depthwise-unit-reads-the-first", "compiler/layer/phase_multiply.cpp",
           '(unit.first_block - unit_begin * p.at("unit_blocks")) * p.at("panels") * p.at("staged_panel")', "0"),
    Mutant("flat-row-ends-early", "compiler/layer/phase_finish.cpp",
           "(w.crop + w.out - 1 - high_phase) / w.stride + 1);", "(w.crop + w.out - 1 - high_phase) / w.stride);"),
    Mutant("margin-not-cleared", "compiler/layer/stage_block.cpp",
           "clear(right > 0,", "clear(right > 1,"),
    Mutant("panels-overlap", "compiler/layer/phase_stage.cpp",
           'at + group * p.at("panels") * p.at("staged_panel"));', "at);"),
    Mutant("first-tap-in-32-bits", "compiler/layer/phase_axis.h",
           "Halide::cast<int64_t>(r / axis.gcd) * axis.inverse", "(r / axis.gcd) * axis.inverse"),
    # ---- Epilogue
    Mutant("residual-order-swapped", "compiler/layer/epilogue.cpp",
           "residual_before = 1, residual_after = 2", "residual_before = 2, residual_after = 1"),
    Mutant("slope-of-channel-zero", "compiler/layer/epilogue.cpp",
           'p.at("slope_at") + box.first_lane), {box.lanes}, {1}}', 'p.at("slope_at")), {box.lanes}, {1}}'),
    Mutant("softmax-total-starts-at-one", "compiler/layer/epilogue.cpp",
           'fill("total", 0.0f);', 'fill("total", 1.0f);', "correctness.softmax"),
    # ---- Gradients
    Mutant("gradient-phase-skipped", "compiler/layer/phase_axis.h",
           'body.let("phases", Halide::min(axis.kernel, tap_step))',
           'body.let("phases", Halide::min(Halide::max(1, axis.kernel - 1), tap_step))', GRADIENTS),
    Mutant("gradient-tap-offset-sign", "compiler/layer/filter_gradient_layer.cpp",
           "horizontal.offset - jx * horizontal.offset_step", "horizontal.offset + jx * horizontal.offset_step",
           GRADIENTS),
    Mutant("gradient-split-dropped", "runtime/src/gradient_run.cpp",
           "int64_t{sums.splits} * sums.units, partial_sums_worker",
           "std::max<int64_t>(sums.splits - 1, 1) * sums.units, partial_sums_worker", GRADIENTS),
    Mutant("gradient-block-in-two-splits", "runtime/src/gradient_run.cpp",
           "end = items * (split + 1) / sums.splits;", "end = std::min(items, items * (split + 1) / sums.splits + 1);",
           GRADIENTS),
    Mutant("gradient-sums-not-cleared", "runtime/src/gradient_run.cpp",
           "params.first = first;", "params.first = first && begin > 0;", GRADIENTS),
    Mutant("gradient-image-of-a-block-lost", "runtime/src/gradient_run.cpp",
           "params.image == images - 1 ? images : 0", "params.image == images - 1 ? 1 : 0", GRADIENTS),
    Mutant("gradient-missing-taps-not-zero", "compiler/layer/filter_gradient_layer.cpp",
           "rows > 0 || first", "rows > 0", GRADIENTS),
    Mutant("gradient-last-squares-skipped", "compiler/layer/filter_gradient_layer.cpp",
           "whole_t < t.count", "whole_t < t.count - 1", GRADIENTS, "avx512"),  # other instruction sets use no squares
    Mutant("gradient-input-rows-lost", "compiler/layer/phase_stage.cpp",
           "min(source.row_end, row_end + h.nearest)", "min(source.row_end, row_end)", GRADIENTS),
    Mutant("gradient-takes-the-layer's-filter", "runtime/src/pack.cpp",
           "static_cast<int32_t>(form.direction)", "0", "contract.gradient_pack"),
    Mutant("gradient-channels-overlap-unchecked", "runtime/src/views.cpp",
           "stride = stride < 0 ? -stride : stride;", "stride = stride < 0 ? INT32_MAX : stride;",
           "contract.gradient_run"),
    # ---- The runtime
    Mutant("crop-ignored", "runtime/src/layer_shape.cpp",
           "static_cast<int32_t>(geometry.w.crop)", "0"),
    Mutant("last-quotient-lost", "runtime/src/layer_shape.cpp",
           "floor_div(axis.crop + axis.out - 1, axis.stride) + 1", "floor_div(axis.crop + axis.out - 1, axis.stride)"),
    Mutant("first-quotient-truncated", "runtime/src/layer_shape.cpp",
           "first = static_cast<int32_t>(floor_div(axis.crop, axis.stride));",
           "first = static_cast<int32_t>(axis.crop / axis.stride);"),
    Mutant("segment-without-its-last-tap", "compiler/layer/column_segments.h",
           "clamp((to - 1 + shift) / max(step, 1) + 1, first, phase.taps)",
           "clamp((to - 1 + shift) / max(step, 1), first, phase.taps)"),
    Mutant("winograd-output-sign", "generators/winograd.cpp",
           "row.push_back(power_of(kPoints[i], power));", "row.push_back(power_of(i == 2 ? 1 : kPoints[i], power));"),
    Mutant("winograd-filter-backwards", "generators/winograd.cpp",
           "first_x + step_x * (form.x.taps - 1 - tap_x)", "first_x + step_x * tap_x"),
    Mutant("winograd-phase-of-another-output", "compiler/layer/phase_winograd.cpp",
           'position / (of_layer.stride * of_layer.dilation))', 'of_layer.crop / (of_layer.stride * of_layer.dilation))'),
    Mutant("winograd-residue-of-another-output", "compiler/layer/phase_winograd.cpp",
           "(of_layer.crop + residue) % of_layer.dilation", "residue % of_layer.dilation"),
    Mutant("winograd-rows-above-not-cleared", "compiler/layer/phase_winograd.cpp",
           "    clear(0, staged.above);\n", ""),
    Mutant("overlap-last-tap-lost", "generators/overlap.cpp",
           "select(a < more,", "select(a < more - 1,"),
    Mutant("overlap-row-kept-from-another", "compiler/layer/phase_overlap.cpp",
           "scratch_at(to + strip * p.at(\"products_row\"))", "scratch_at(to + (strip - 1) * p.at(\"products_row\"))"),
    Mutant("overlap-margin-not-cleared", "compiler/layer/phase_overlap.cpp",
           "    clear(0, left);\n", ""),
    Mutant("filter-channels-transposed", "runtime/src/bind.cpp",
           "params.filter_ci = stride_of(filter, extents, 0);", "params.filter_ci = stride_of(filter, extents, 1);"),
    Mutant("images-overlap", "runtime/src/views.h",
           "image * view.stride[0] * element_bytes", "image * view.stride[0] * element_bytes / 2"),
    Mutant("overlap-unchecked", "runtime/src/tensor_checks.cpp",
           "if (overlap(tensors.output, output, tensors.input, input, element))",
           "if (tensors.input.data == nullptr)", "contract.run"),
    Mutant("workspace-size-unchecked", "runtime/src/tensor_checks.cpp",
           "if (tensors.workspace_bytes < needs.workspace_bytes) {",
           "if (tensors.workspace_bytes < needs.workspace_bytes / 2) {", "contract.run"),
    Mutant("damaged-packed-filter-accepted", "runtime/src/pack.cpp",
           "found != header.checksum)", "found == 0)", "contract.pack"),
    Mutant("foreign-packed-filter-accepted", "runtime/src/pack.cpp",
           "if (header.layer != layer_hash(form) ||", "if (header.layer == 0 ||", "contract.run"),
    # ---- Parameters of the frameworks
    Mutant("numpy-ml-pads-not-recentred", "runtime/src/profiles/numpy_ml.cpp",
           "profile.keep(a, pads - pads / 2,", "profile.keep(a, same ? pads - pads / 2 : sides.begin[a],",
           "profiles.traps"),
    Mutant("chainer-outsize-one-sided", "runtime/src/profiles/chainer.cpp",
           "std::max<int64_t>(natural - (axis.stride - 1), 1)", "std::max<int64_t>(natural, 1)", "profiles.traps"),
    Mutant("onnx-halves-swapped", "runtime/src/profiles/onnx.cpp",
           "upper ? total / 2 : total - total / 2", "upper ? total - total / 2 : total / 2", "profiles.traps"),
    Mutant("paddle-same-with-dilation", "runtime/src/profiles/paddle.cpp",
           'profile.take_steps("stride", p.stride, "dilation", {1, 1});',
           'profile.take_steps("stride", p.stride, "dilation", p.dilation);', "profiles.traps"),
    Mutant("turned-weights-not-turned", "runtime/src/profiles/weights.cpp",
           "found.stride[3] = -found.stride[3];", "found.stride[3] += 0;", "profiles.weights"),
    Mutant("profile-written-on-failure", "runtime/src/profiles/profile.cpp",
           "    if (!failed())\n        *spec = spec_;", "    *spec = spec_;", "profiles.limits"),
    # ---- Devices
    Mutant("device-constants-of-the-first-call", "compiler/device/launch_recording.cpp",
           "values.at(constant.first) != constant.second;", "values.count(constant.first) == 0;", COMPILED),
    Mutant("device-batch-reaches-too-far", "runtime/cuda/device_run.cpp",
           "images = std::min(images, 1 + (2147483647", "images = std::min(images, 2 + (2147483647", DRIVER),
    Mutant("device-residual-of-the-first-image", "runtime/cuda/device_run.cpp",
           "add_outputs(t.residual.data, part.image, type,", "add_outputs(t.residual.data, 0, type,", DRIVER),
    Mutant("device-residual-after-of-the-first-image", "runtime/cuda/device_run.cpp",
           "add(t.residual.data, part.image, type,", "add(t.residual.data, 0, type,", COMPILED),
    Mutant("device-workspace-of-one-image", "runtime/cuda/device_plan.cpp",
           "layer.sums_in_workspace ? layer.workspace_images * image : 0", "layer.sums_in_workspace ? image : 0", DRIVER),
    Mutant("device-default-stream", "runtime/cuda/halide_calls.cpp",
           "call.stream, values, nullptr);", "nullptr, values, nullptr);", DRIVER),
    Mutant("device-failed-launch-succeeds", "runtime/cuda/halide_calls.cpp",
           "    if (result != 0)\n        call.status = driver_status(", "    if (result < 0)\n        call.status = driver_status(",
           DRIVER),
    Mutant("device-modules-of-another-context", "runtime/cuda/modules.cpp",
           "(found->context != context || found->images != images)", "found->images != images", DRIVER),
    Mutant("compiled-layer-of-another-context", "runtime/cuda/compiled_layer.cpp",
           "while (*link != nullptr && (*link)->context != context)", "while (*link != nullptr && context == nullptr)", COMPILED),
    Mutant("compiled-layer's-packed-filter-misaligned", "runtime/cuda/compiled_layer.cpp",
           "% table.alignment[place] != 0", "% (table.alignment[place] / 2 + 1) > table.alignment[place]", COMPILED),
    Mutant("compiled-layer-keeps-its-weights", "runtime/cuda/compiled_layer.cpp",
           "    if (loaded->baked != 0)\n        driver.memory_free(loaded->baked);\n", "", COMPILED),
    # After which all kernels are compiled anew.
    Mutant("device-last-tap-lost", "generators/dense_phases.cpp",
           "(kernel - 1 - tap) / step + 1, field", "(kernel - 1 - tap) / step + select(kernel > 2, 0, 1), field", DEVICE_NUMBERS),
    Mutant("device-row-below-the-input", "generators/dense_phases.cpp",
           "row >= 0 && row < height;", "row >= 0;", DEVICE_NUMBERS),
    Mutant("device-split-of-the-first-images", "runtime/cuda/device_gradient_run.cpp",
           "const int64_t first_split = image / g.splits.images * g.splits.of_image, tiles = g.tiles()",
           "const int64_t first_split = 0 * image, tiles = g.tiles()", DRIVER_GRADIENTS),
    Mutant("device-bias-of-the-first-images", "runtime/cuda/device_gradient_run.cpp",
           "const int64_t first_split = image / g.splits.images * g.splits.of_image, split =",
           "const int64_t first_split = 0 * image, split =", DRIVER_GRADIENTS),
    Mutant("device-gradient-turns-rows-for-columns", "runtime/cuda/device_gradient_run.cpp",
           "to.flip[0], to.flip[3], to.flip[2], to.flip[0]}", "to.flip[0], to.flip[2], to.flip[3], to.flip[0]}",
           DEVICE_GRADIENTS),
    Mutant("device-gradient-last-split-lost", "runtime/cuda/device_gradient_run.cpp",
           "splits = g.splits.count * (bias ? kBiasParts : 1);",
           "splits = (g.splits.count - (g.splits.count > 1)) * (bias ? kBiasParts : 1);", DEVICE_GRADIENTS),
    Mutant("device-gradient-left-of-the-output", "generators/device_correlate.cpp",
           "ix < width && ox >= 0 && ox < out_width", "ix < width && ox < out_width", DEVICE_GRADIENTS),
    Mutant("device-gradient-advances-by-one", "generators/dense_place.h",
           "d.of == Of::layer ? j : advance * Halide::min(j, last)", "d.of == Of::layer ? j : Halide::min(j, last) + 0 * advance",
           DEVICE_GRADIENTS),
)
