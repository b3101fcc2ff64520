from typing import Any

from weft.hls.passes.name_nodes import NameNodesPass


def test_names_that_are_there_stay_and_none_is_given_twice(build: Any) -> None:
    text = "(float[N,4] x) => (float[N,4] y) { a = Relu(x) b = Relu(a) c = Relu(b) d = Relu(c) y = Relu(d) }"
    model = build(text)
    for node, name in zip(model.graph, ("", "Relu_a", "int", "int", '../../x\n"'), strict=True):
        node.name = name
    names = [node.name for node in NameNodesPass()(model).model.graph]
    assert names == ["Relu_a_2", "Relu_a", "int", "int_2", '../../x\n"']
