"""The linear map in a text as da4ml writes it, and texts that are none."""

from __future__ import annotations

import pytest

from weft.hls.da4ml_code import linear_maps
from weft.hls.precision import FixedType

CODE = """
template <typename inp_t, typename out_t>
void dense_da_2(inp_t model_inp[3], out_t model_out[2]) { // ap_fixed<4,2> -> ap_fixed<9,6>
    #pragma HLS INLINE

    ap_fixed<4,2> v0 = model_inp[0]; // 0.0
    ap_fixed<4,2> v1 = model_inp[1]; // 0.0
    ap_fixed<8,6> v3 = v0 - bit_shift<3>(v1); // 1.0
    ap_fixed<9,6> v4 = v3 + ap_ufixed<3,0>(0.625); // 2.0

    model_out[0] = ap_fixed<9,6>(-v4);
    model_out[1] = ap_fixed<8,4>(bit_shift<-2>(v3));
}
"""


def test_the_map_is_what_the_statements_add_up_to() -> None:
    (found,) = linear_maps(CODE, 3, 2, "layer dense")
    scale = 2.0**-found.fraction
    assert (found.matrix.astype(float) * scale).tolist() == [[-1, 0.25], [8, -2], [0, 0]]
    assert (found.bias.astype(float) * scale).tolist() == [-0.625, 0]
    assert found.casts == (FixedType(4, 2), FixedType(4, 2), None)


def test_a_fused_quantiser_is_what_an_input_is_cast_to() -> None:
    line = "#pragma HLS INLINE\n  ap_ufixed<3, 1, AP_RND, AP_SAT> model_inp_q_0 = model_inp[0];"
    code = CODE.replace("#pragma HLS INLINE", line).replace("v0 = model_inp[0];", "v0 = model_inp_q_0;")
    (found,) = linear_maps(code, 3, 2, "layer dense")
    assert found.casts[0] == FixedType(3, 1, False, "RND", "SAT")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("v0 - bit_shift<3>(v1)", "v0 * v1"),
        ("ap_fixed<8,6> v3", "ap_fixed<7,5> v3"),  # too narrow: bits are lost
        ("ap_fixed<8,6> v3", "ap_fixed<7,6> v3"),
        ("    model_out[1] = ap_fixed<8,4>(bit_shift<-2>(v3));\n", ""),
        ("v1 = model_inp[1]", "v1 = model_inp[0] > 0 ? 1 : 0"),
    ],
)
def test_what_is_not_linear_or_loses_bits_is_refused(old: str, new: str) -> None:
    assert old in CODE
    with pytest.raises(NotImplementedError, match="layer dense: the code of strategy distributed_arithmetic"):
        linear_maps(CODE.replace(old, new), 3, 2, "layer dense")
