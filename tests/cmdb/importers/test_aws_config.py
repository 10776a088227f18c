"""AWS Config: resources become CIs, and what they say of one another becomes relationships once."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers import aws_config
from cmdb.importers.mapping import read_mapping
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import BY_CONTENT, Item, ReadContext
from cmdb.importers.records import InputFile, Kind, KindSeen, ParsedRecord
from cmdb.importers.registry import default_mapping
from cmdb.incoming import Incoming, take_in
from cmdb.problems import Problems
from cmdb.schemas import Problem, Severity

SAMPLES = sorted((Path(__file__).parents[3] / "seed_data/sources/aws_config").iterdir())
INSTANCE, VOLUME, VPC = "AWS::EC2::Instance", "AWS::EC2::Volume", "AWS::EC2::VPC"
GROUP = "AWS::AutoScaling::AutoScalingGroup"
TARGETS = "AWS::ElasticLoadBalancingV2::TargetGroup"
BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"


def item(kind: str, name: str, *relationships: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "awsAccountId": "1",
        "awsRegion": "eu-west-3",
        "resourceType": kind,
        "resourceId": name,
        "arn": f"arn:aws:x:::{name}",
        "configurationItemStatus": "OK",
        "relationships": list(relationships),
        **more,
    }


def related(name: str, kind: str, target: str) -> dict[str, Any]:
    return {"name": name, "resourceType": kind, "resourceId": target, "resourceName": None}


def snapshot(*items: Any) -> str:
    return json.dumps({"fileVersion": "1.0", "configurationItems": items})


def items_of(texts: list[str], mapping: str = "") -> list[Item]:
    own = read_mapping(InputFile("own.toml", mapping.encode()))
    context = ReadContext(own.over(default_mapping("aws_config")))
    files = [OpenedFile(f"{n}.json", text.encode()) for n, text in enumerate(texts)]
    return list(aws_config.read(files, context))


class Read:
    """What came of some files; the ends of relationships without `arn:aws:x:::`."""

    def __init__(self, *texts: str, mapping: str = "") -> None:
        self.items = items_of(list(texts), mapping)
        records = [each for each in self.items if isinstance(each, ParsedRecord)]
        self.cis = {r.fields["key"]: r for r in records if r.kind is Kind.CI}
        self.links = [
            (
                r.fields["dependent"].removeprefix("arn:aws:x:::"),
                r.fields["type"],
                r.fields["provider"].removeprefix("arn:aws:x:::"),
                r.fields.get("redundancy_group"),
                r.fields.get("min_up"),
            )
            for r in records
            if r.kind is Kind.RELATIONSHIP
        ]
        self.problems = [each for each in self.items if isinstance(each, Problem)]
        self.codes = [each.code for each in self.problems]


def test_a_resource_is_known_by_its_arn_and_has_its_class_from_the_type() -> None:
    said = item(
        INSTANCE,
        "i-1",
        tags={"Name": "web-1", "team": "Shop", "ENV": "prod"},
        configuration={"privateIpAddress": "10.0.0.5", "instanceType": "m6i.large"},
    )
    ci = Read(snapshot(said)).cis["arn:aws:x:::i-1"]
    assert ci.fields["name"] == "web-1"
    assert ci.fields["ci_class"] == "virtual_machine"
    assert ci.fields["status"] == "active"
    assert ci.fields["owner"] == "Shop"
    assert ci.fields["environment"] == "prod"
    assert ci.fields["ip_address"] == "10.0.0.5"
    assert ci.attributes["cloud_id"] == "arn:aws:x:::i-1"
    assert ci.attributes["instance_type"] == "m6i.large"


def test_without_an_arn_account_region_type_and_id_are_the_key() -> None:
    said = item(VPC, "vpc-1", arn=None)
    assert list(Read(snapshot(said)).cis) == ["1/eu-west-3/AWS::EC2::VPC/vpc-1"]


def test_nothing_of_the_configuration_is_taken_that_the_mapping_does_not_name() -> None:
    secret = {"environment": {"variables": {"KEY": "s3cr3t"}}, "userData": "s3cr3t"}
    said = item("AWS::Lambda::Function", "f", configuration={**secret, "runtime": "python3.12"})
    read = Read(snapshot(said))
    ci = read.cis["arn:aws:x:::f"]
    assert ci.attributes["runtime"] == "python3.12"
    assert read.codes == ["secrets_left_out"]
    assert "s3cr3t" not in json.dumps([ci.fields, ci.attributes])


def test_the_configuration_may_be_a_text_of_json() -> None:
    said = item(INSTANCE, "i-1", configuration='{"privateIpAddress": "10.0.0.6", "x": NaN}')
    assert Read(snapshot(said)).cis["arn:aws:x:::i-1"].fields["ip_address"] == "10.0.0.6"


def test_the_answer_to_a_query_holds_texts_of_json_and_tags_as_a_list() -> None:
    row = item(INSTANCE, "i-1", tags=[{"key": "Owner", "value": "Shop", "tag": "Owner=Shop"}])
    row["relationships"] = [
        {"relationshipName": "Is contained in Vpc", "resourceType": VPC, "resourceId": "vpc-1"}
    ]
    read = Read(json.dumps({"Results": [json.dumps(row)]}), snapshot(item(VPC, "vpc-1")))
    assert read.cis["arn:aws:x:::i-1"].fields["owner"] == "Shop"
    assert read.links == [("i-1", "hosted_on", "vpc-1", None, None)]


@pytest.mark.parametrize("name", ["configurationItems", "baseConfigurationItems", None])
def test_every_form_of_a_list_is_read(name: str | None) -> None:
    entries = [item(VPC, "vpc-1")]
    text = json.dumps({name: entries} if name else entries)
    assert len(Read(text).cis) == 1
    found = aws_config.recognises(OpenedFile("f", text.encode()))
    assert found is not None
    assert found.certainty == BY_CONTENT


def test_an_instance_depends_on_its_volume_whichever_side_says_it_and_once() -> None:
    instance_says = related("Is attached to Volume", VOLUME, "vol-1")
    volume_says = related("Attached to Instance", INSTANCE, "i-1")
    for mine, theirs in (
        ((instance_says,), ()),
        ((), (volume_says,)),
        ((instance_says,), (volume_says,)),
    ):
        read = Read(snapshot(item(INSTANCE, "i-1", *mine), item(VOLUME, "vol-1", *theirs)))
        assert read.links == [("i-1", "stored_on", "vol-1", None, None)]


def test_what_is_contained_depends_on_what_contains_it_and_both_sides_say_it_once() -> None:
    read = Read(
        snapshot(
            item(VPC, "vpc-1", related("Contains Instance", INSTANCE, "i-1")),
            item(INSTANCE, "i-1", related("Is contained in Vpc", VPC, "vpc-1")),
        )
    )
    assert read.links == [("i-1", "hosted_on", "vpc-1", None, None)]


def test_an_association_carries_no_failure_and_comes_once() -> None:
    table, stream = "AWS::DynamoDB::Table", "AWS::Kinesis::Stream"
    read = Read(
        snapshot(
            item(table, "t", related("Is associated with Stream", stream, "s")),
            item(stream, "s", related("Is associated with Table", table, "t")),
        )
    )
    assert [link[1] for link in read.links] == ["related_to"]


def test_an_unknown_relationship_is_reported_and_carries_no_failure() -> None:
    said = item(VPC, "a", related("Peers with Vpc", VPC, "b"))
    read = Read(snapshot(said, item(VPC, "b")))
    assert read.links[0][1] == "related_to"
    assert read.codes == ["unknown_source_relationship"]


def test_a_rule_of_the_admin_may_be_for_one_type_only() -> None:
    own = '[relationships]\n"AWS::EC2::VPC: Is associated with *" = { type = "depends_on" }'
    said = item(VPC, "a", related("Is associated with Vpc", VPC, "b"))
    assert Read(snapshot(said, item(VPC, "b")), mapping=own).links[0][1] == "depends_on"


def test_what_is_not_in_the_snapshot_is_left_out_and_counted() -> None:
    read = Read(snapshot(item(INSTANCE, "i-1", related("Is contained in Vpc", VPC, "vpc-9"))))
    assert not read.links
    assert read.codes == ["outside_this_load"]


def test_the_same_id_in_another_account_is_another_resource() -> None:
    bucket, function = "AWS::S3::Bucket", "AWS::Lambda::Function"
    says = related("Is contained in", bucket, "b")
    read = Read(
        snapshot(
            item(bucket, "b", arn="arn:aws:x:::b-1"),
            item(bucket, "b", arn="arn:aws:x:::b-2", awsAccountId="2"),
            item(function, "f", says, awsAccountId="2"),
        )
    )
    assert read.links == [("f", "hosted_on", "b-2", None, None)]


def members(*names: str) -> dict[str, Any]:
    return {"minSize": 2, "instances": [{"instanceId": name} for name in names]}


def test_the_instances_of_an_auto_scaling_group_are_its_redundancy_group() -> None:
    says = [related("Contains Instance", INSTANCE, name) for name in ("i-1", "i-2")]
    instance_says = related("Is contained in AutoScalingGroup", GROUP, "asg")
    text = snapshot(
        item(GROUP, "asg", *says, configuration=members("i-1", "i-2")),
        item(INSTANCE, "i-1", instance_says),
        item(INSTANCE, "i-2"),
    )
    assert sorted(Read(text).links) == [
        ("asg", "contains", "i-1", "instances", None),
        ("asg", "contains", "i-2", "instances", None),
    ]
    own = '[options]\nmembers_min_up = "min_size"'
    assert {link[4] for link in Read(text, mapping=own).links} == {2}


def test_a_load_balancer_depends_on_its_targets_as_a_group() -> None:
    said = {"Targets": [{"Id": "i-1"}, {"Id": "i-2"}], "LoadBalancerArns": ["arn:aws:x:::lb"]}
    read = Read(
        snapshot(
            item(BALANCER, "lb"),
            item(
                TARGETS,
                "tg",
                related("Is associated with Instance", INSTANCE, "i-1"),
                configuration=said,
            ),
            item(INSTANCE, "i-1"),
            item(INSTANCE, "i-2"),
        )
    )
    assert sorted(read.links, key=str) == [
        ("lb", "depends_on", "tg", None, None),
        ("tg", "depends_on", "i-1", "targets", None),
        ("tg", "depends_on", "i-2", "targets", None),
    ]


def test_instances_of_one_name_are_told_apart_by_their_ids() -> None:
    tags = {"Name": "worker"}
    read = Read(snapshot(item(INSTANCE, "i-1", tags=tags), item(INSTANCE, "i-2", tags=tags)))
    assert [ci.fields["name"] for ci in read.cis.values()] == ["worker (i-1)", "worker (i-2)"]
    scaled = {"Name": "worker", "aws:autoscaling:groupName": "g"}
    alone = Read(snapshot(item(INSTANCE, "i-1", tags=scaled)))
    assert alone.cis["arn:aws:x:::i-1"].fields["name"] == "worker (i-1)"


def test_a_deleted_resource_is_retired_or_left_out_and_nothing_leads_to_it() -> None:
    gone = item(VPC, "vpc-1", configurationItemStatus="ResourceDeleted")
    text = snapshot(gone, item(INSTANCE, "i-1", related("Is contained in Vpc", VPC, "vpc-1")))
    read = Read(text)
    assert read.cis["arn:aws:x:::vpc-1"].fields["status"] == "retired"
    assert not read.links
    without = Read(text, mapping="[options]\nkeep_deleted = false")
    assert "arn:aws:x:::vpc-1" not in without.cis
    assert "left_out_by_rule" in without.codes


@pytest.mark.parametrize("times", [("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"), (1.5, 2.5)])
def test_of_several_items_of_a_resource_the_latest_counts(times: tuple[Any, Any]) -> None:
    old = item(VPC, "v", tags={"Name": "old"}, configurationItemCaptureTime=times[0])
    new = item(VPC, "v", tags={"Name": "new"}, configurationItemCaptureTime=times[1])
    for entries in ((old, new), (new, old)):
        assert Read(snapshot(*entries)).cis["arn:aws:x:::v"].fields["name"] == "new"


def test_kinds_that_are_no_things_are_left_out_with_a_warning_unless_the_option_is_changed() -> (
    None
):
    text = snapshot(item("AWS::IAM::Role", "r"), item(VPC, "v"))
    read = Read(text)
    assert list(read.cis) == ["arn:aws:x:::v"]
    assert read.codes == ["left_out_by_rule"]
    assert "AWS::IAM::Role (1)" in read.problems[0].message
    assert len(Read(text, mapping="[options]\nleave_out = []").cis) == 2


def test_a_type_that_the_mapping_does_not_know_becomes_generic_with_a_warning() -> None:
    read = Read(snapshot(item("Acme::New::Thing", "x")))
    assert read.cis["arn:aws:x:::x"].fields["ci_class"] == "generic"
    assert read.codes == ["unknown_source_class"]


def test_an_answer_that_goes_on_keeps_everything_from_being_retired() -> None:
    more = Read(json.dumps({"Results": [json.dumps(item(VPC, "v"))], "NextToken": "abc"}))
    assert more.codes == ["incomplete_listing"]
    assert KindSeen(Kind.CI, whole=False) in more.items
    assert KindSeen(Kind.CI) in Read(snapshot()).items


def test_an_entry_that_is_no_configuration_item_is_an_error() -> None:
    read = Read(snapshot({"resourceId": "x"}, 7))
    assert read.codes == ["not_a_configuration_item"] * 2
    assert all(each.kind is Kind.CI for each in read.problems)


def test_the_order_of_files_does_not_matter() -> None:
    texts = [snapshot(item(VPC, "a", related("Contains", VPC, "b"))), snapshot(item(VPC, "b"))]
    read, turned = Read(*texts), Read(*texts[::-1])
    assert read.links == turned.links
    assert read.cis.keys() == turned.cis.keys()


def test_the_sample_files_are_recognised_and_have_no_errors() -> None:
    texts = [path.read_text("utf-8") for path in SAMPLES]
    assert all(aws_config.recognises(OpenedFile("f", text.encode())) for text in texts)
    read = Read(*texts)
    assert len(read.cis) > 20
    assert all(each.severity is Severity.WARNING for each in read.problems)
    assert "unknown_source_class" not in read.codes
    assert "unknown_source_relationship" not in read.codes


@pytest.mark.parametrize(
    "text",
    [
        '{"configuration_items": []}',
        '{"results": [{"id": 1}]}',
        '{"Results": ["{}"]}',
        "a,b\n1,2\n",
    ],
)
def test_other_files_are_not_taken_for_aws_config(text: str) -> None:
    assert aws_config.recognises(OpenedFile("f", text.encode())) is None


WORDS = st.sampled_from(
    ["resourceId", "resourceType", "resourceName", "name", "relationshipName", "i-1", INSTANCE,
     GROUP, "Contains Instance", "Is attached to Volume", "instances", "instanceId", "targets",
     "minSize", '{"a": [NaN]}', "{", "privateIpAddress", "state", "key", "value", "Name", ""]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
MEMBERS = st.sampled_from(
    ["arn", "awsAccountId", "awsRegion", "resourceId", "resourceName", "resourceType", "tags",
     "relationships", "configuration", "configurationItemStatus", "configurationItemCaptureTime"]
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A snapshot, some members of its items replaced by anything."""
    kind = draw(st.sampled_from([INSTANCE, GROUP, TARGETS, BALANCER, VOLUME]))
    base = item(kind, "i-1", related("Contains Instance", INSTANCE, "i-1"))
    changed = base | draw(st.dictionaries(MEMBERS, VALUES, max_size=5))
    return json.dumps({"configurationItems": [base, changed, draw(VALUES)], "x": draw(VALUES)})


@settings(max_examples=150, deadline=None)
@given(st.lists(mutated() | VALUES.map(json.dumps) | st.text(max_size=60), max_size=3))
def test_nothing_that_a_file_holds_makes_reading_raise(texts: list[str]) -> None:
    files = [OpenedFile(f"{n}", t.encode("utf-8", "replace")) for n, t in enumerate(texts)]
    for file in files:
        aws_config.recognises(file)
    incoming, problems = Incoming(), Problems(10)
    items = aws_config.read(files, ReadContext(default_mapping("aws_config")))
    take_in(items, incoming, problems, max_records=1000, max_depth=20)
