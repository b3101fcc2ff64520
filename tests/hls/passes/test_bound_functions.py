import onnx
import onnx_ir as ir
import pytest

from weft.boards.errors import ModelError
from weft.hls.passes.bound_functions import BoundFunctionsPass


def _nested(depth: int, last: str) -> ir.Model:
    """Functions that call the next one twice each: 2**depth nodes."""
    functions = "".join(
        f'<opset_import: ["" : 21, "own" : 1], domain: "own"> f{i} (x) => (y) '
        f"{{ a = own.f{i + 1}(x) y = own.f{i + 1}(a) }}\n"
        for i in range(depth)
    )
    functions += f'<opset_import: ["" : 21, "own" : 1], domain: "own"> f{depth} (x) => (y) {{ y = {last}(x) }}'
    text = '<ir_version: 10, opset_import: ["" : 21, "own" : 1]> net (float[N] x) => (float[N] y) { y = own.f0(x) }\n'
    return ir.from_proto(onnx.parser.parse_model(text + functions))


def test_a_few_calls_are_fine() -> None:
    assert not BoundFunctionsPass()(_nested(3, "Relu")).modified


@pytest.mark.parametrize(("depth", "last", "reason"), [(30, "Relu", "nodes once"), (2, "own.f0", "calls itself")])
def test_functions_without_an_end_are_refused(depth: int, last: str, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        BoundFunctionsPass().call(_nested(depth, last))
