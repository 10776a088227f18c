"""The packaged model as an ONNX graph, made from the very weights that PyTorch would read.

Only the graph is made (some 6 KB, in 50 ms); the weights stay arrays that the session is handed.
So nothing is exported to a file that could be stale or damaged. The operators of ONNX Runtime's
domain `com.microsoft` are those that its own optimiser would put in for BERT.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

Weights = Mapping[str, NDArray[Any]]

_FUSED = "com.microsoft"
_OPSET, _FUSED_OPSET, _IR = 17, 1, 10
# Tensors up to this many bytes are part of the graph: shapes and indices that it computes with.
_WITHIN = 64


def read_weights(file: Path) -> dict[str, NDArray[np.float32]]:
    """The float32 tensors of a safetensors file, mapped into memory."""
    raw = np.memmap(file, dtype=np.uint8, mode="r")
    size = int.from_bytes(raw[:8].tobytes(), "little")
    header = json.loads(raw[8 : 8 + size].tobytes())
    found = {}
    for name, entry in header.items():
        if entry.get("dtype") == "F32":
            start, end = (8 + size + offset for offset in entry["data_offsets"])
            found[name] = raw[start:end].view("<f4").reshape(entry["shape"])
    return found


class BertGraph:
    """The graph being built: its nodes, and the arrays that they refer to by name."""

    def __init__(self, weights: Weights, config: Mapping[str, Any], *, int8: bool) -> None:
        """`config` is the model's `config.json`; int8: matrices and activations in 8 bits."""
        self._weights = weights
        self._config = config
        self._int8 = int8
        self._nodes: list[NodeProto] = []
        self.arrays: dict[str, NDArray[Any]] = {}
        """What the session must be handed beside the graph."""
        self._small: list[TensorProto] = []
        found = self._embeddings()
        for layer in range(config["num_hidden_layers"]):
            self._words, found = found, self._layer(found, f"encoder.layer.{layer}.")
        self._pooled(found)

    def serialized(self) -> bytes:
        """`input_ids` (int64) and `attention_mask` (int32), both (n, s), to `vectors` (n, d) and,
        of the last layer but one, `states` (n, s, d)."""
        inputs = [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n", "s"]),
            helper.make_tensor_value_info("attention_mask", TensorProto.INT32, ["n", "s"]),
        ]
        size = self._config["hidden_size"]
        self._nodes.append(helper.make_node("Identity", [self._words], ["states"]))
        outputs = [
            helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", size]),
            helper.make_tensor_value_info("states", TensorProto.FLOAT, ["n", "s", size]),
        ]
        outside = [_outside(name, array) for name, array in self.arrays.items()]
        graph = helper.make_graph(self._nodes, "bert", inputs, outputs, self._small + outside)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, _FUSED_OPSET)]
        serialized: bytes = helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR
        ).SerializeToString()
        return serialized

    def _embeddings(self) -> str:
        at = "embeddings."
        words = self._array("words", self._weights[at + "word_embeddings.weight"])
        # All tokens are of the first type, so its embedding is part of every position's.
        types = self._weights[at + "token_type_embeddings.weight"][0]
        places = self._array("places", self._weights[at + "position_embeddings.weight"] + types)
        of_words = self._node("Gather", [words, "input_ids"])
        length = self._node("Shape", ["input_ids"], start=1, end=2)
        start = self._array("zero", np.array([0], dtype=np.int64))
        of_places = self._node("Slice", [places, start, length])
        norm = at + "LayerNorm"
        return self._node(
            "LayerNormalization",
            [self._node("Add", [of_words, of_places]), *self._norm(norm)],
            axis=-1,
            epsilon=self._config["layer_norm_eps"],
        )

    def _layer(self, given: str, at: str) -> str:
        attended = self._attention(given, at + "attention.self.")
        settled = self._dense_and_norm(attended, given, at + "attention.output.")
        wide = self._product(settled, at + "intermediate.dense")
        bias = self._parameter(at + "intermediate.dense.bias")
        active = self._node("BiasGelu", [wide, bias], _FUSED)
        return self._dense_and_norm(active, settled, at + "output.")

    def _attention(self, given: str, at: str) -> str:
        parts = ("query", "key", "value")
        matrix = np.concatenate([self._weights[f"{at}{part}.weight"].T for part in parts], axis=1)
        bias = np.concatenate([self._weights[f"{at}{part}.bias"] for part in parts])
        heads = self._config["num_attention_heads"]
        name, of_bias = at + "qkv", self._array(at + "qkv.bias", bias)
        if not self._int8:
            inputs = [given, self._array(name, matrix), of_bias, "attention_mask"]
            return self._node("Attention", inputs, _FUSED, num_heads=heads)
        levels, scale, zero = self._quantized(name, matrix)
        found, its_scale, its_zero = (f"{name}.{part}" for part in ("input", "of", "from"))
        node = helper.make_node("DynamicQuantizeLinear", [given], [found, its_scale, its_zero])
        self._nodes.append(node)
        inputs = [found, levels, of_bias, its_scale, scale, "attention_mask", its_zero, zero]
        return self._node("QAttention", inputs, _FUSED, num_heads=heads)

    def _dense_and_norm(self, given: str, before: str, at: str) -> str:
        inputs = [
            self._product(given, at + "dense"),
            before,
            *self._norm(at + "LayerNorm"),
            self._parameter(at + "dense.bias"),
        ]
        epsilon = self._config["layer_norm_eps"]
        return self._node("SkipLayerNormalization", inputs, _FUSED, epsilon=epsilon)

    def _product(self, given: str, at: str) -> str:
        matrix = self._weights[at + ".weight"].T
        if not self._int8:
            return self._node("MatMul", [given, self._array(at, matrix)])
        return self._node("DynamicQuantizeMatMul", [given, *self._quantized(at, matrix)], _FUSED)

    def _pooled(self, given: str) -> None:
        """The sum over the tokens, to unit length: the same direction as their mean."""
        mask = self._node("Cast", ["attention_mask"], to=TensorProto.FLOAT)
        axis = self._array("one", np.array([1], dtype=np.int64))
        summed = self._node("MatMul", [self._node("Unsqueeze", [mask, axis]), given])
        flat = self._node("Squeeze", [summed, axis])
        self._nodes.append(helper.make_node("LpNormalization", [flat], ["vectors"], axis=1, p=2))

    def _quantized(self, name: str, matrix: NDArray[np.float32]) -> tuple[str, str, str]:
        """Levels from -127 to 127, with one scale a column; names of levels, scales and zeros."""
        scale = np.abs(matrix).max(axis=0) / np.float32(127)
        levels = np.rint(matrix / scale).astype(np.int8)
        zeros = np.zeros(matrix.shape[1], dtype=np.int8)
        return (
            self._array(name, levels),
            self._array(f"{name}.scale", scale),
            self._array(f"{name}.zero", zeros),
        )

    def _norm(self, at: str) -> tuple[str, str]:
        return self._parameter(at + ".weight"), self._parameter(at + ".bias")

    def _parameter(self, name: str) -> str:
        return self._array(name, self._weights[name])

    def _array(self, name: str, array: NDArray[Any]) -> str:
        if array.nbytes > _WITHIN:
            self.arrays[name] = np.ascontiguousarray(array)
        else:
            code = helper.np_dtype_to_tensor_dtype(array.dtype)
            self._small.append(
                helper.make_tensor(name, code, array.shape, array.tobytes(), raw=True)
            )
        return name

    def _node(self, kind: str, inputs: list[str], domain: str = "", **attributes: Any) -> str:
        output = f"{len(self._nodes)}.{kind}"
        self._nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output


def _outside(name: str, array: NDArray[Any]) -> TensorProto:
    """A tensor whose values are handed to the session beside the graph."""
    tensor = TensorProto(
        name=name,
        dims=array.shape,
        data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
        data_location=TensorProto.EXTERNAL,
    )
    tensor.external_data.add(key="location", value="handed over")
    return tensor
