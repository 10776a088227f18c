"""Knowledge articles: runbooks, how-tos, post-mortems."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.auth import Held, Reader, Responder
from api.lists import Listing, Query, list_parameters
from api.one_or_many import OneOrMany
from api.preconditions import IfVersion
from api.record_work import (
    change_record,
    create_records,
    delete_record,
    get_record,
    list_records,
    load_records,
)
from api.strict_route import StrictRoute
from api.uploads import DryRun, Partial, Uploads
from kb.loads import LoadReport
from kb.nouns import ARTICLES
from kb.readers.raw import Section
from kb.schemas import ArticleIn, ArticleOut, ArticlePatch
from kb.stored import list_kinds

router = APIRouter(route_class=StrictRoute, prefix="/articles", tags=["articles"])

Number = Annotated[str, Path(description="What people call it: `KB-0001`")]


@router.get("", openapi_extra=list_parameters(list_kinds(ARTICLES)))
def list_articles(
    request: Request, query: Query, held: Held, caller: Reader
) -> Listing[ArticleOut]:
    """The articles, the newest first."""
    return list_records(request, held, caller, query, ARTICLES)


@router.post("", status_code=201)
def create_articles(
    body: OneOrMany[ArticleIn], request: Request, response: Response, held: Held, actor: Responder
) -> ArticleOut | list[ArticleOut]:
    """Record an article, or a list of them: all or none."""
    return create_records(request, response, held, actor, ARTICLES, body)


@router.post("/imports")
def load_articles(
    files: Uploads, held: Held, actor: Responder, dry_run: DryRun = False, partial: Partial = False
) -> LoadReport:
    """Load articles from files; a number that is known already is brought up to date."""
    return load_records(files, held, actor, Section.ARTICLES, dry_run=dry_run, partial=partial)


@router.get("/{number}")
def get_article(number: Number, response: Response, held: Held, caller: Reader) -> ArticleOut:
    """One article, by its number."""
    return get_record(response, held, caller, ARTICLES, number)


@router.patch("/{number}")
def change_article(
    number: Number,
    body: ArticlePatch,
    response: Response,
    held: Held,
    actor: Responder,
    if_version: IfVersion,
) -> ArticleOut:
    """Change the fields that are sent; null empties a field."""
    return change_record(response, held, actor, ARTICLES, number, body, if_version)


@router.delete("/{number}", status_code=204)
def delete_article(number: Number, held: Held, actor: Responder, if_version: IfVersion) -> None:
    """Delete an article; others may go on naming its number."""
    delete_record(held, actor, ARTICLES, number, if_version)
