"""The lines of generated C++, one by one; no hls4ml is needed."""

from __future__ import annotations

import pytest

from weft.boards.errors import ArtefactError
from weft.hls.precision import FixedType
from weft.hls.project.cpp import Call, Carried, Variable, read_structs, read_top, read_types

TYPES = """
typedef ap_fixed<16,6> input_t;
typedef nnet::array<ap_ufixed<8,3,AP_RND,AP_SAT,0>, 4*1> layer2_t;
typedef ap_uint<1> layer2_index;
typedef struct w {ap_uint<8> row_index; } w_t;
"""
PARAMETERS = """
struct config2 : nnet::dense_config {
    static const unsigned n_in = 2*3*4;
    static const unsigned strategy = nnet::resource;
    static const bool count_pad = false;
    static const unsigned multiplier_limit = DIV_ROUNDUP(n_in * n_out, reuse_factor);
    static constexpr float exp_scale = 0.5;
    static const input_t slope;
    typedef input_t accum_t;
    typedef ap_ufixed<15, 13> inp_norm_t;
    typedef config2_mult mult_config;
    using product = nnet::product::mult<x_T, y_T>;
};
const input_t config2::slope = 0.25;
unsigned config2_perm[2] = {1, 0};
"""
TOP = """
void net(
    hls::stream<input_t> &x, hls::stream<input_t> &z,
    hls::stream<layer2_t> &y
) {
    #pragma HLS DATAFLOW
#ifndef __SYNTHESIS__
    anything();
#endif
    // a comment
    hls::stream<layer2_t> a("a");
    #pragma HLS STREAM variable=a depth=7
    auto& b = a;
    nnet::add<input_t, input_t, layer2_t, config2>(x, z, a); // the sum
}
anything after it
"""


def test_types() -> None:
    assert read_types(TYPES) == {
        "input_t": Carried(FixedType(16, 6)),
        "layer2_t": Carried(FixedType(8, 3, False, "RND", "SAT"), 4),
        "layer2_index": Carried(FixedType(1, 1, False)),
    }


def test_a_type_that_is_too_wide_is_refused_by_name() -> None:
    with pytest.raises(ArtefactError, match=r"type wide_t .* width 65 is outside 1 to 64 bits"):
        read_types("typedef ap_fixed<65,6> wide_t;")


def test_a_struct() -> None:
    struct = read_structs(PARAMETERS, read_types(TYPES))["config2"]
    values = {"n_in": 24, "strategy": "resource", "count_pad": False, "exp_scale": 0.5, "slope": 0.25, "perm": (1, 0)}
    assert struct.values == values
    assert struct.types == {
        "slope_t": FixedType(16, 6),
        "accum_t": FixedType(16, 6),
        "inp_norm_t": FixedType(15, 13, signed=False),
    }
    assert struct.names == {"product": "mult", "mult_config": "config2_mult"}


def test_the_top() -> None:
    top = read_top(TOP, "net")
    assert top.ports == (Variable("x", "input_t"), Variable("z", "input_t"), Variable("y", "layer2_t"))
    assert top.calls == (Call("add", ("input_t", "input_t", "layer2_t", "config2"), ("x", "z", "a"), "the sum"),)
    assert (top.renamed, top.depths, top.stream) == ({"a": ["b"]}, {"a": 7}, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("void other(", "has no function net"),
        ("void net(\n    int *x\n) {\n}", "port that weft does not know: 'int \\*x'"),
        ("void net(\n    input_t x[4]\n) {\n    for (;;) {\n}", "line that weft does not know: 'for"),
    ],
)
def test_other_text_is_refused(text: str, words: str) -> None:
    with pytest.raises(ArtefactError, match=words):
        read_top(text, "net")
