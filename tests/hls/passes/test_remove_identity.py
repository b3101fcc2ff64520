from typing import Any

from weft.hls.passes.remove_identity import RemoveIdentityPass


def test_identity_and_dropout_go(build: Any, keeps_values: Any, operators: Any) -> None:
    text = "(float[N,4] x) => (float[N,4] y) { a = Identity(x) b = Relu(a) c = Dropout(b) y = Identity(c) }"
    assert operators(keeps_values(build(text), RemoveIdentityPass())) == ["Relu"]


def test_an_output_that_is_an_input_keeps_its_identity(build: Any, keeps_values: Any, operators: Any) -> None:
    model = build("(float[N,4] x) => (float[N,4] y) { y = Identity(x) }")
    assert operators(keeps_values(model, RemoveIdentityPass())) == ["Identity"]


def test_two_outputs_keep_their_names(build: Any, keeps_values: Any, operators: Any) -> None:
    model = build("(float[N,4] x) => (float[N,4] y, float[N,4] z) { y = Relu(x) z = Identity(y) }")
    assert operators(keeps_values(model, RemoveIdentityPass())) == ["Relu", "Identity"]


def test_dropout_whose_mask_is_read_stays(build: Any, keeps_values: Any, operators: Any) -> None:
    model = build("(float[N,4] x) => (float[N,4] y, bool[N,4] mask) { y, mask = Dropout(x) }")
    assert operators(keeps_values(model, RemoveIdentityPass())) == ["Dropout"]
