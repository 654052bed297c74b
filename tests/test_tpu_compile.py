"""What the benchmark that compiles for a TPU reads in a compiled program; the compiler itself is not needed."""

import pytest

from experiments.benchmarks.optimized_hlo import operations
from experiments.benchmarks.tpu_compile import COLUMNS, cells, most_expensive

LINES = """HloModule jit_explain, is_scheduled=true

%fused_computation (param_0: f32[8,3]) -> f32[8,3] {
  %param_0 = f32[8,3]{1,0:T(8,128)} parameter(0)
  ROOT %inner = f32[8,3]{1,0:T(8,128)} negate(%param_0), backend_config={"estimated_cycles":"999"}
}

%body (carry: (s32[], f32[8,3])) -> (s32[], f32[8,3]) {
  %carry = (s32[]{:T(128)}, f32[8,3]{1,0:T(8,128)}) parameter(0)
  %x = f32[8,3]{1,0:T(8,128)} get-tuple-element(%carry), index=1
  %scored = f32[8,3]{1,0:T(8,128)S(1)} fusion(%x), kind=kLoop, calls=%fused_computation, \
metadata={op_name="jit(explain)/Net/conv1/conv" stack_frame_id=3}, backend_config={"estimated_cycles":"70","bytes":"1"}
  ROOT %tuple = (s32[]{:T(128)}, f32[8,3]{1,0:T(8,128)}) tuple(%i, %scored)
}

%condition (carry: (s32[], f32[8,3])) -> pred[] {
  ROOT %less = pred[]{:T(512)} compare(%i, %n), direction=LT
}

ENTRY %main.5 (images: f32[8,3]) -> f32[8,3] {
  %images = f32[8,3]{1,0:T(8,128)} parameter(0), metadata={op_name="images"}
  %moved = (f32[8,3]{1,0:T(8,128)S(1)}, f32[8,3]{1,0:T(8,128)}, u32[]{:S(2)}) copy-start(%images)
  %blurred = f32[8,3]{1,0:T(8,128)} fusion(%images), kind=kLoop, calls=%fused_computation, \
metadata={op_name="jit(explain)/blur"}, backend_config={"window_config":{"estimated_cycles":"100"}}
  %loop = (s32[]{:T(128)}, f32[8,3]{1,0:T(8,128)}) while(%tuple.1), condition=%condition, body=%body, \
backend_config={"known_trip_count":{"n":"4"}}
  ROOT %summed = f32[8,3]{1,0:T(8,128)} all-reduce(%blurred), to_apply=%add
}
"""


def test_operations_of_a_program_and_their_cycles():
    found = [(one.name, one.kind, one.shape, one.scope, one.cycles, one.runs) for one in operations(LINES)]
    assert found == [
        ("moved", "copy-start", "(f32[8,3], f32[8,3], u32[])", "", None, 1),
        ("blurred", "fusion", "f32[8,3]", "jit(explain)/blur", 100, 1),
        ("scored", "fusion", "f32[8,3]", "jit(explain)/Net/conv1/conv", 280, 4),
        ("summed", "all-reduce", "f32[8,3]", "", None, 1),
    ]


def test_most_expensive_first_with_their_shares():
    found = [(one.name, share) for one, share in most_expensive(operations(LINES), 1)]
    assert found == [("scored", pytest.approx(280 / 380))]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"known_trip_count":{"n":"4"}', "", "loop: the loop's number of runs is not known"),
        ("fusion(%images)", "conditional(%images)", "blurred: the operations of a conditional are not counted"),
        ("ENTRY ", "", "expected the text of a compiled program"),
    ],
)
def test_what_cannot_be_counted_is_refused(old, new, told):
    with pytest.raises(ValueError, match=told):
        operations(LINES.replace(old, new))


def test_a_row_has_a_cell_for_each_column():
    row = {"network": "resnet18", "dtype": "bfloat16", "images": 8, "chips": 4, "mask_batch": None}
    row |= {"flops": 116.34e9, "bytes_accessed": 1.635e9, "temporary_bytes_of_the_program": 141 * 2**20}
    row |= {"estimated_cycles": 5.18e6, "explanations_a_second": 1161.2}
    shown = dict(zip(COLUMNS, cells(row), strict=True))
    assert shown["masks at once"] == "all"
    assert shown["GFLOP"] == "116.3"
    assert shown["temporary MiB"] == "141"
    assert shown["million cycles"] == "5.18"
    assert shown["a second"] == "1,161"
