"""Merging over HTTP: the plan, the merge, what answers afterwards, and its undoing."""

from __future__ import annotations

from tests.api.asking import Asker, problem

ONE = "k1,web-01,server,Ann\nk9,db-9,database,\n"
TWO = "t1,lnx0815,virtual_machine,Bob\nt2,other,server,\n"
HEAD = "key,name,ci_class,owner\n"


def loaded(api: Asker) -> tuple[int, int]:
    """Two sources that know one thing by two names: the loser and the winner."""
    edges = "dependent,provider\nk1,k9\n"
    api.upload("/imports", ("a.csv", HEAD + ONE), ("e.csv", edges), source="one")
    edges = "dependent,provider\nt1,t2\n"
    api.upload("/imports", ("b.csv", HEAD + TWO), ("e.csv", edges), source="two")
    ids = {ci["name"]: ci["id"] for ci in api.get("/cis").json()["results"]}
    return ids["lnx0815"], ids["web-01"]


def test_a_merge_is_planned_done_and_undone(any_api: Asker) -> None:
    loser, winner = loaded(any_api)
    any_api.post("/incidents", {"title": "slow", "cis": ["lnx0815"]})
    plan = any_api.post(f"/cis/{loser}/merge?dry_run=true", {"into": winner}).json()
    assert (plan["id"], plan["dry_run"], plan["records"]) == (None, True, 1)
    (owner,) = [each for each in plan["fields"] if each["field"] == "owner"]
    assert (owner["value"], owner["why"]) == ("Ann", "'one' was there before 'two'")
    assert [each["becomes"] for each in plan["relationships"]] == ["moved"]
    assert any_api.get(f"/cis/{loser}").json()["merged_into"] is None

    done = any_api.post(f"/cis/{loser}/merge", {"into": winner}).json()
    assert {**done, "id": None, "dry_run": True} == plan
    tombstone = any_api.get(f"/cis/{loser}").json()
    assert (tombstone["status"], tombstone["merged_into"]) == ("retired", winner)
    assert len(any_api.get(f"/cis/{winner}").json()["keys"]) == 2
    failed = any_api.post("/impact", {"failed": ["LNX0815", {"id": loser}]}).json()["failed"]
    assert {each["id"] for each in failed} == {winner}
    problem(any_api.request("PATCH", f"/cis/{loser}", json={"owner": "x"}), 409, "merged")
    problem(any_api.post(f"/cis/{loser}/merge", {"into": winner}), 409, "merged")
    for name, text, source in (("a.csv", ONE, "one"), ("b.csv", TWO, "two")):
        report = any_api.upload("/imports", (name, HEAD + text), source=source).json()
        assert report["configuration_items"]["unchanged"] == 2, report

    dry = any_api.post(f"/merges/{done['id']}/undo?dry_run=true").json()
    undone = any_api.post(f"/merges/{done['id']}/undo").json()
    assert {**undone, "dry_run": True} == dry
    assert (undone["keys"], undone["records"], undone["conflicts"]) == (1, 1, [])
    assert any_api.get(f"/cis/{loser}").json()["owner"] == "Bob"
    problem(any_api.post(f"/merges/{done['id']}/undo"), 409, "not_undoable")
    assert any_api.get("/merges?undone_at__empty=true").json()["count"] == 0
    assert any_api.get(f"/merges/{done['id']}").json()["loser_id"] == loser


def test_what_cannot_be_one_is_refused(any_api: Asker) -> None:
    loser, winner = loaded(any_api)
    problem(any_api.post(f"/cis/{loser}/merge", {"into": loser}), 422, "invalid_merge")
    problem(any_api.post("/cis/2/merge", {"into": winner}), 422, "invalid_merge")
    problem(any_api.post(f"/cis/{loser}/merge", {"into": 999}), 404, "no_such_ci")
    decided = any_api.post("/duplicates/keep-apart", {"cis": [winner, loser]}).json()
    assert [ci["id"] for ci in decided["cis"]] == sorted([winner, loser])
    problem(any_api.post(f"/cis/{loser}/merge", {"into": winner}), 409, "kept_apart")
    assert any_api.get("/duplicates/keep-apart").json()["count"] == 1
    place = f"/duplicates/keep-apart/{decided['id']}"
    assert any_api.request("DELETE", place).status_code == 204
    assert any_api.post(f"/cis/{loser}/merge", {"into": winner}).status_code == 200


def test_likely_duplicates_come_in_pages(api: Asker) -> None:
    api.load_csv(*(f"{key},{name},database" for key, name in (("1", "Pay Db"), ("2", "pay-db"))),
                 header="key,name,ci_class")  # fmt: skip
    page = api.get("/duplicates?limit=1").json()
    assert (page["count"], page["next"]) == (1, None)
    assert [ci["name"] for ci in page["results"][0]["cis"]] == ["Pay Db", "pay-db"]
    problem(api.get("/duplicates?name=x"), 422, "invalid_query")
