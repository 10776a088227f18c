"""The rival of `bench.serve_impact`: what a developer writes in an afternoon.

FastAPI, a rustworkx graph and a dictionary of names, all read from the same database at the start:
no states, no groups, no reasons, no keys, and nothing that changes is ever seen.
"""

from __future__ import annotations

import sqlite3
import sys

import rustworkx
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel


class Question(BaseModel):
    failed: list[str]
    limit: int = 200


class Item(BaseModel):
    id: int
    name: str
    ci_class: str


class Service(Item):
    criticality: int | None
    owner: str | None
    support_group: str | None


class Answer(BaseModel):
    failed: list[Item]
    services: list[Service]
    configuration_items: list[Item]
    affected: int


def application(database: str) -> FastAPI:
    """The application over a copy of the database in memory."""
    connection = sqlite3.connect(database)
    rows = {
        row[0]: row
        for row in connection.execute(
            "SELECT id, name, ci_class, criticality, owner, support_group FROM configuration_item"
        )
    }
    by_name = {row[1]: row[0] for row in rows.values()}
    graph = rustworkx.PyDiGraph()
    graph.add_nodes_from(range(max(rows) + 1))
    graph.add_edges_from_no_data(
        connection.execute("SELECT provider_id, dependent_id FROM relationship").fetchall()
    )
    services = {each for each, row in rows.items() if row[2] == "business_service"}
    connection.close()
    app = FastAPI()

    @app.post("/impact")
    def impact(question: Question) -> Answer:
        try:
            failed = [by_name[name] for name in question.failed]
        except KeyError as error:
            raise HTTPException(422, f"unknown CI {error}") from error
        reached = set().union(*(rustworkx.descendants(graph, each) for each in failed))
        listed = sorted(reached)[: question.limit]
        return Answer(
            failed=[_item(rows[each]) for each in failed],
            services=[
                Service(
                    id=each,
                    name=rows[each][1],
                    ci_class=rows[each][2],
                    criticality=rows[each][3],
                    owner=rows[each][4],
                    support_group=rows[each][5],
                )
                for each in sorted(reached & services)
            ],
            configuration_items=[_item(rows[each]) for each in listed],
            affected=len(reached),
        )

    return app


def _item(row: tuple[int, str, str, int, str, str]) -> Item:
    return Item(id=row[0], name=row[1], ci_class=row[2])


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[1]), port=int(sys.argv[2]), log_level="error")
