"""Kubernetes: lists and manifests become CIs, and selectors, owners and names relationships."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers import kubernetes, registry
from cmdb.importers.opened import OpenedFile
from cmdb.importers.records import InputFile, Kind
from cmdb.incoming import Incoming, take_in
from cmdb.problems import Problems
from tests.cmdb.importers.by_mapping import Read, read, read_files
from tests.cmdb.importers.mutations import mutated

LABELS = {"app": "web"}


def thing(
    kind: str, name: str, spec: Any = None, *, api: str = "v1", ns: str | None = "shop", **more: Any
) -> dict[str, Any]:
    metadata = {"name": name, "uid": f"uid-{kind}-{name}", **more.pop("metadata", {})}
    if ns:
        metadata["namespace"] = ns
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec or {}, **more}


def owned_by(kind: str, name: str, api: str = "apps/v1", **labels: str) -> dict[str, Any]:
    owner = {"apiVersion": api, "kind": kind, "name": name, "controller": True, "uid": "1"}
    return {"metadata": {"ownerReferences": [owner], "labels": {**LABELS, **labels}}}


def template(image: str = "r.example/web:1.2", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": LABELS}, "spec": {"containers": [{"image": image}], **spec}}


def deployment(name: str = "web", ns: str = "shop", **spec: Any) -> dict[str, Any]:
    said = {"replicas": 2, "template": template(), **spec}
    return thing("Deployment", name, said, api="apps/v1", ns=ns)


def pod(name: str, node: str | None = "n1", owner: str = "web-5d9", **more: Any) -> dict[str, Any]:
    spec = {"nodeName": node, "containers": [{"image": "r.example/web:1.2"}]}
    said = {**owned_by("ReplicaSet", owner), "status": {"phase": "Running"}, **more}
    return thing("Pod", name, spec, **said)


REPLICA_SET = thing("ReplicaSet", "web-5d9", api="apps/v1", **owned_by("Deployment", "web"))
SERVICE = thing("Service", "web", {"selector": LABELS, "ports": [{"port": 80}]})
NODE = thing(
    "Node",
    "n1",
    {"providerID": "aws:///eu-west-1a/i-0abc"},
    ns=None,
    status={
        "addresses": [
            {"type": "Hostname", "address": "n1.example.org"},
            {"type": "InternalIP", "address": "10.0.0.7"},
        ],
        "capacity": {"cpu": "8", "memory": "32Gi"},
    },
)


def listed(*things: Any) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(things)})


def load(*things: Any, mapping: str = "") -> Read:
    return read(kubernetes, listed(*things), mapping=mapping)


def group(found: Read) -> list[tuple[str, Any]]:
    """The group of Pods and its limit, for every Pod of a workload."""
    return [
        (each.fields["redundancy_group"], each.fields["min_up"])
        for each in found.relationships
        if each.fields["type"] == "runs_on" and "redundancy_group" in each.fields
    ]


def test_a_cluster_becomes_cis_with_the_owners_between_left_away() -> None:
    ingress = thing(
        "Ingress",
        "front",
        {
            "defaultBackend": {"service": {"name": "web"}},
            "rules": [
                {
                    "host": "www.example.org",
                    "http": {"paths": [{"backend": {"service": {"name": "web"}}}]},
                }
            ],
        },
        api="networking.k8s.io/v1",
    )
    found = load(deployment(), REPLICA_SET, pod("web-5d9-a"), SERVICE, NODE, ingress)
    assert not found.problems
    assert {key: ci.fields["ci_class"] for key, ci in found.cis.items()} == {
        "kubernetes/Deployment/shop/web": "application",
        "kubernetes/Pod/shop/web-5d9-a": "container",
        "kubernetes/Service/shop/web": "technical_service",
        "kubernetes/Node/n1": "virtual_machine",
        "kubernetes/Ingress/shop/front": "load_balancer",
    }
    at = "kubernetes/"
    assert found.links == {
        (f"{at}Ingress/shop/front", "depends_on", f"{at}Service/shop/web"),
        (f"{at}Service/shop/web", "provided_by", f"{at}Deployment/shop/web"),
        (f"{at}Deployment/shop/web", "runs_on", f"{at}Pod/shop/web-5d9-a"),
        (f"{at}Pod/shop/web-5d9-a", "runs_on", f"{at}Node/n1"),
    }
    assert group(found) == [("containers", 1)]
    assert found.kinds == set(Kind)


def test_a_node_has_its_address_host_name_and_cloud_id() -> None:
    node = load(NODE).cis["kubernetes/Node/n1"]
    assert node.fields["ip_address"] == "10.0.0.7"
    assert node.fields["fqdn"] == "n1.example.org"
    assert node.attributes["cloud_id"] == "i-0abc"
    assert (node.attributes["cpu"], node.attributes["memory"]) == ("8", "32Gi")


def test_a_node_of_which_nobody_says_that_he_runs_it_is_a_server() -> None:
    bare = thing("Node", "n2", ns=None)
    assert load(bare).cis["kubernetes/Node/n2"].fields["ci_class"] == "server"
    found = load(bare, NODE, mapping='[classes]\nNode = "hypervisor"\n"Node/*" = "hypervisor"')
    assert {ci.fields["ci_class"] for ci in found.cis.values()} == {"hypervisor"}


def test_files_are_seen_together_in_any_order_and_mix() -> None:
    manifest = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata: {name: data, namespace: shop}
  spec: {volumeName: pv-1}
"""
    volume = {"name": "d", "persistentVolumeClaim": {"claimName": "data"}}
    files: dict[str, str | bytes] = {
        "a.yaml": manifest,
        "b.json": listed(deployment(template=template(volumes=[volume])), pod("web-5d9-a")),
        "c.json": json.dumps(thing("PersistentVolume", "pv-1", ns=None)),
        "d.json": listed(REPLICA_SET, NODE),
    }
    outcomes = []
    for order in itertools.permutations(files):
        found = read_files(kubernetes, {name: files[name] for name in order})
        assert not found.problems
        outcomes.append((found.cis, sorted(found.relationships, key=str)))
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert ("kubernetes/Deployment/shop/web", "stored_on") in {
        link[:2] for link in read_files(kubernetes, files).links
    }
    assert (
        "kubernetes/PersistentVolumeClaim/shop/data",
        "stored_on",
        "kubernetes/PersistentVolume/pv-1",
    ) in read_files(kubernetes, files).links


@pytest.mark.parametrize(
    ("said", "pods", "least"),
    [
        ({"minAvailable": 2}, 3, 2),
        ({"minAvailable": "50%"}, 3, "50%"),
        ({"minAvailable": 5}, 3, "100%"),
        ({"minAvailable": 0}, 3, 1),
        ({"minAvailable": "0%"}, 3, 1),
        ({"maxUnavailable": 1}, 3, 2),
        ({"maxUnavailable": "34%"}, 3, 1),
        ({"maxUnavailable": 0}, 3, 3),
        ({"maxUnavailable": 9}, 3, 1),
        ({}, 3, 1),
    ],
)
def test_a_disruption_budget_says_how_many_pods_must_be_up(
    said: dict[str, Any], pods: int, least: Any
) -> None:
    budget = thing(
        "PodDisruptionBudget", "web", {**said, "selector": {"matchLabels": LABELS}}, api="policy/v1"
    )
    some = [pod(f"web-5d9-{at}") for at in range(pods)]
    found = load(deployment(replicas=pods), REPLICA_SET, NODE, budget, *some)
    assert group(found) == [("containers", least)] * pods


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "x"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Near"}]}, False),
        ({"matchLabels": {"app": "other"}}, False),
        ({}, True),
        (None, False),
    ],
)
def test_a_budget_counts_where_its_selector_fits(selector: Any, fits: bool) -> None:
    budget = thing(
        "PodDisruptionBudget", "b", {"minAvailable": 2, "selector": selector}, api="policy/v1"
    )
    elsewhere = thing(
        "PodDisruptionBudget",
        "b",
        {"minAvailable": 2, "selector": {}},
        api="policy/v1",
        ns="other",
    )
    some = [pod("web-5d9-a"), pod("web-5d9-b")]
    found = load(deployment(), REPLICA_SET, NODE, budget, elsewhere, *some)
    assert group(found) == [("containers", 2 if fits else 1)] * 2


def test_a_service_selects_only_in_its_namespace_and_no_job() -> None:
    job = thing("Job", "migrate", {"template": template()}, api="batch/v1")
    found = load(SERVICE, deployment(), deployment(ns="staging"), job)
    assert [link for link in found.links if link[1] == "provided_by"] == [
        ("kubernetes/Service/shop/web", "provided_by", "kubernetes/Deployment/shop/web")
    ]


def test_two_workloads_behind_one_service_stand_in_for_each_other() -> None:
    found = load(SERVICE, deployment("blue"), deployment("green"))
    assert [
        (each.fields["redundancy_group"], each.fields["min_up"]) for each in found.relationships
    ] == [("backends", 1)] * 2


def test_services_without_a_selector_or_with_a_name_outside() -> None:
    found = load(
        thing("Service", "plain"),
        thing("Service", "inside", {"type": "ExternalName", "externalName": "web.shop.svc.x.y"}),
        thing("Service", "outside", {"type": "ExternalName", "externalName": "db.example.org."}),
        thing("Service", "itself", {"type": "ExternalName", "externalName": "itself.shop.svc"}),
        thing("Service", "nobody", {"selector": {"app": "gone"}}),
        thing("Service", "headless", {"clusterIP": "None", "selector": LABELS}),
        SERVICE,
        deployment(),
    )
    assert (
        "kubernetes/Service/shop/inside",
        "depends_on",
        "kubernetes/Service/shop/web",
    ) in found.links
    assert (
        "kubernetes/Service/shop/headless",
        "provided_by",
        "kubernetes/Deployment/shop/web",
    ) in found.links
    assert found.codes == ["external_names", "selects_nothing"]
    asked = '[classes]\nExternalName = "generic"'
    outside = load(
        thing("Service", "outside", {"type": "ExternalName", "externalName": "db.example.org."}),
        mapping=asked,
    )
    assert outside.cis["kubernetes/ExternalName/db.example.org"].fields["fqdn"] == "db.example.org"
    assert not outside.problems
    assert len(outside.links) == 1


def test_an_old_ingress_names_its_service_otherwise() -> None:
    spec = {"rules": [{"http": {"paths": [{"backend": {"serviceName": "web"}}]}}]}
    found = load(SERVICE, deployment(), thing("Ingress", "i", spec, api="extensions/v1beta1"))
    assert ("kubernetes/Ingress/shop/i", "depends_on", "kubernetes/Service/shop/web") in found.links


def test_a_pod_finds_its_deployment_without_the_replica_set_in_the_export() -> None:
    named = owned_by("ReplicaSet", "web-5d9", **{"pod-template-hash": "5d9"})
    found = load(deployment(), NODE, pod("web-5d9-a", **named))
    assert not found.problems
    assert group(found) == [("containers", 1)]


def test_a_job_of_a_cron_job_is_none_of_its_own() -> None:
    cron = thing(
        "CronJob",
        "sync",
        {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template("r/sync:7")}}},
        api="batch/v1",
    )
    made = thing("Job", "sync-29", api="batch/v1", **owned_by("CronJob", "sync", "batch/v1"))
    alone = thing("Job", "once", {"template": template()}, api="batch/v1")
    running = pod("sync-29-x", None, **owned_by("Job", "sync-29", "batch/v1"))
    found = load(cron, made, alone, running)
    assert set(found.cis) == {
        "kubernetes/CronJob/shop/sync",
        "kubernetes/Job/shop/once",
        "kubernetes/Pod/shop/sync-29-x",
    }
    assert found.cis["kubernetes/CronJob/shop/sync"].attributes["version"] == "7"
    assert found.links == {
        ("kubernetes/CronJob/shop/sync", "runs_on", "kubernetes/Pod/shop/sync-29-x")
    }


def test_pods_that_have_ended_are_counted_and_left_out() -> None:
    ended = [
        pod("web-5d9-a", status={"phase": "Succeeded"}),
        pod("web-5d9-b", status={"phase": "Failed", "reason": "Evicted"}),
    ]
    found = load(deployment(), REPLICA_SET, *ended)
    assert set(found.cis) == {"kubernetes/Deployment/shop/web"}
    assert [(each.code, each.severity.value) for each in found.problems] == [
        ("pods_ended", "warning")
    ]
    assert "2, such as Pod/shop/web-5d9-a" in found.problems[0].message


def test_what_is_not_described_is_told_once_and_not_an_error() -> None:
    claim = {"name": "d", "persistentVolumeClaim": {"claimName": "data"}}
    found = load(pod("a", "gone", "lost-1"), deployment(template=template(volumes=[claim])))
    assert found.codes == ["not_described", "owner_not_described"]
    assert not found.links
    assert all(each.severity.value == "warning" for each in found.problems)


def test_pods_of_a_stateful_set_are_stored_on_their_volumes() -> None:
    mounted = pod("db-0", **owned_by("StatefulSet", "db"))
    mounted["spec"]["volumes"] = [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}},
        {"name": "tmp", "ephemeral": {"volumeClaimTemplate": {}}},
    ]
    found = load(
        thing("StatefulSet", "db", {"template": template("postgres:16")}, api="apps/v1"),
        mounted,
        NODE,
        thing("PersistentVolumeClaim", "data-db-0"),
        thing("PersistentVolumeClaim", "db-0-tmp"),
    )
    assert not found.problems
    claims = {
        link[2] for link in found.links if link[:2] == ("kubernetes/Pod/shop/db-0", "stored_on")
    }
    assert claims == {
        "kubernetes/PersistentVolumeClaim/shop/data-db-0",
        "kubernetes/PersistentVolumeClaim/shop/db-0-tmp",
    }
    mapping = '[classes]\n"StatefulSet/postgres*" = "database"'
    mapped = load(
        thing("StatefulSet", "db", {"template": template("postgres:16")}, api="apps/v1"),
        mapping=mapping,
    )
    assert mapped.cis["kubernetes/StatefulSet/shop/db"].fields["ci_class"] == "database"


def test_secrets_variables_and_applied_manifests_never_become_attributes() -> None:
    secretive = deployment(
        template={
            "metadata": {"labels": LABELS},
            "spec": {
                "containers": [
                    {
                        "image": "web:1",
                        "command": ["run", "hush"],
                        "env": [{"name": "PASSWORD", "value": "hush"}],
                    }
                ]
            },
        }
    )
    secretive["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": '{"password": "hush"}'
    }
    secret = thing("Secret", "s", data={"password": "aHVzaA=="}, stringData={"p": "hush"})
    config = thing("ConfigMap", "c", data={"p": "hush"})
    asked = '[fields]\ndescription = "annotation:kubectl.kubernetes.io/last-applied-configuration"'
    found = load(secretive, secret, config, mapping=asked)
    assert set(found.cis) == {"kubernetes/Deployment/shop/web"}
    assert "hush" not in str(found)
    assert "aHVzaA" not in str(found)
    assert [(each.code, each.message[-1]) for each in found.problems] == [("secrets_left_out", "2")]


def test_labels_become_what_the_mapping_names_and_nothing_else() -> None:
    labelled = deployment()
    labelled["metadata"]["labels"] = {
        "team": "Orders",
        "env": "prod",
        "criticality": "very",
        "app.kubernetes.io/version": "1.9",
        "random": "x",
    }
    ci = load(labelled).cis["kubernetes/Deployment/shop/web"]
    assert (ci.fields["owner"], ci.fields["environment"]) == ("Orders", "prod")
    assert ci.attributes["version"] == "1.9"
    assert ci.attributes["images"] == ["r.example/web:1.2"]
    assert "x" not in ci.attributes.values()
    assert "criticality" not in ci.fields
    changed = load(labelled, mapping='[fields]\nrandom = "label:random"')
    assert changed.cis["kubernetes/Deployment/shop/web"].attributes["random"] == "x"


def test_names_that_two_namespaces_share_get_the_namespace_in_front_of_both() -> None:
    both = [deployment(), deployment(ns="staging"), deployment("api")]
    found = load(*both)
    assert found.names == {"shop/web", "staging/web", "api"}
    assert found.codes == ["names_shared"]
    plain = load(*both, mapping='[options]\nplain_namespaces = ["prod", "shop"]')
    assert plain.names == {"web", "staging/web", "api"}
    spelt = load(*both, mapping='[options]\nname = "{namespace}.{name}"')
    assert spelt.names == {"shop.web", "staging.web", "shop.api"}
    kinds = thing("StatefulSet", "web", {"template": template()}, api="apps/v1")
    assert load(deployment(), kinds).names == {"shop/web (Deployment)", "shop/web (StatefulSet)"}


def test_numbered_pods_keep_key_and_name_when_they_are_replaced() -> None:
    numbered = '[options]\ncluster = "k8s-1"\npod_name = "{workload}-c{n}"'
    old = load(
        deployment(), REPLICA_SET, NODE, pod("web-5d9-a"), pod("web-5d9-b"), mapping=numbered
    )
    new = load(
        deployment(), REPLICA_SET, NODE, pod("web-5d9-y"), pod("web-5d9-z"), mapping=numbered
    )
    assert set(old.cis) == set(new.cis)
    assert old.links == new.links
    assert {"web-c1", "web-c2"} <= old.names
    assert "k8s-1/Pod/shop/Deployment/web#1" in old.cis


def test_namespaces_and_kinds_are_left_out_where_the_mapping_says_so() -> None:
    found = load(
        deployment(),
        deployment(ns="pr-17"),
        REPLICA_SET,
        pod("web-5d9-a"),
        mapping='[options]\nleave_out_namespaces = ["pr-*"]\n[ignore]\nclasses = ["Pod"]',
    )
    assert set(found.cis) == {"kubernetes/Deployment/shop/web"}
    assert found.codes == ["left_out_by_mapping", "namespaces_left_out"]


def test_a_kind_that_nobody_knows_is_told_unless_the_mapping_has_a_class_for_it() -> None:
    kafka = thing("Kafka", "events", api="kafka.strimzi.io/v1beta2")
    broker = pod("events-0", None, **owned_by("StrimziPodSet", "events-k", "core.strimzi.io/v1"))
    made = thing(
        "StrimziPodSet",
        "events-k",
        api="core.strimzi.io/v1",
        **owned_by("Kafka", "events", "kafka.strimzi.io/v1beta2"),
    )
    silent = load(kafka)
    assert [(each.code, each.value) for each in silent.problems] == [
        ("unknown_source_class", "Kafka.kafka.strimzi.io")
    ]
    mapping = """
[classes]
"Kafka.kafka.strimzi.io" = "middleware"
[options]
no_items = ["StrimziPodSet*"]
"""
    found = load(kafka, broker, made, SERVICE, mapping=mapping)
    assert not found.problems
    assert found.links == {
        (
            "kubernetes/Kafka.kafka.strimzi.io/shop/events",
            "runs_on",
            "kubernetes/Pod/shop/events-0",
        ),
        (
            "kubernetes/Service/shop/web",
            "provided_by",
            "kubernetes/Kafka.kafka.strimzi.io/shop/events",
        ),
    }


def test_what_the_cluster_says_counts_before_a_manifest_and_the_newest_of_it() -> None:
    old, new, manifest = (deployment(replicas=count) for count in (2, 3, 9))
    old["metadata"]["resourceVersion"], new["metadata"]["resourceVersion"] = "99", "100"
    del manifest["metadata"]["uid"]
    for order in itertools.permutations([old, new, manifest]):
        found = load(*order)
        assert found.cis["kubernetes/Deployment/shop/web"].attributes["replicas"] == 3
        assert found.codes == ["described_twice"]


def test_a_typed_list_says_the_kind_for_its_entries_and_an_empty_list_is_one() -> None:
    bare = {"metadata": {"name": "n9"}}
    found = read(kubernetes, json.dumps({"apiVersion": "v1", "kind": "NodeList", "items": [bare]}))
    assert set(found.cis) == {"kubernetes/Node/n9"}
    empty = load()
    assert (empty.cis, empty.kinds, empty.problems) == ({}, set(Kind), [])
    manifest = read(kubernetes, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n")
    assert (set(manifest.cis), manifest.kinds) == ({"kubernetes/Deployment/default/web"}, set())


def test_wrong_shapes_are_told_with_their_places() -> None:
    found = load(deployment(), 7, {"kind": "Pod"}, {**deployment(), "metadata": {}})
    assert [(each.code, each.pointer) for each in found.problems] == [
        ("unexpected_shape", "/items/1"),
        ("unexpected_shape", "/items/2"),
        ("missing_value", "/items/3/metadata.name"),
    ]
    helm = read(kubernetes, "apiVersion: v1\nkind: Pod\n{{- if .Values.x }}\nspec: 1\n")
    assert "helm template" in str(helm.problems[0].hint)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (listed(deployment()), "kubernetes"),
        ("# x\napiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Pod\nkind: List\n", "kubernetes"),
        ('apiVersion: "apps/v1"\r\nkind: Deployment\r\nmetadata:\r\n  name: x\r\n', "kubernetes"),
        (listed(deployment()).encode("utf-16"), "kubernetes"),
        ("apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: x}\n", "kubernetes"),
    ],
)
def test_kubernetes_files_are_recognised(content: str | bytes, name: str) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    found = registry.choose(InputFile("x.yaml", raw))
    assert getattr(found, "NAME", found) == name


@pytest.mark.parametrize(
    "content",
    [
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: x}\n",
        '{"apiVersion": "backstage.io/v1alpha1", "kind": "API", "metadata": {"name": "x"}}',
        "configuration_items:\n- {name: x, ci_class: server}\n",
        "all:\n  hosts:\n    web-1: {}\n",
        "services: {web: {image: x}}\n",
        "name: chart\napiVersion: v2\n",
        "[]",
    ],
)
def test_other_yaml_and_json_is_not_taken_for_kubernetes(content: str) -> None:
    assert kubernetes.recognises(OpenedFile("x.yaml", content.encode())) is None


WHOLE: dict[str, Any] = json.loads(
    listed(
        *(deployment(), REPLICA_SET, pod("web-5d9-a"), SERVICE, NODE),
        thing(
            "Ingress", "i", {"rules": [{"http": {"paths": [{"backend": {"serviceName": "web"}}]}}]}
        ),
        thing(
            "PodDisruptionBudget", "b", {"minAvailable": "50%", "selector": {"matchLabels": LABELS}}
        ),
        thing("PersistentVolumeClaim", "data", {"volumeName": "pv"}),
    )
)


@settings(max_examples=300, deadline=None)
@given(mutated(WHOLE))
def test_odd_values_anywhere_never_raise_nor_leave_an_end_open(document: Any) -> None:
    found = read(kubernetes, json.dumps(document))
    for link in found.links:
        assert {link[0], link[2]} <= set(found.cis)
        assert link[0] != link[2]
    kubernetes.recognises(OpenedFile("x", json.dumps(document).encode()))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([b"", b"apiVersion: v1\nkind: Pod\n", b'{"kind":']))
def test_any_bytes_never_raise(content: bytes, before: bytes) -> None:
    file = OpenedFile("x.yaml", before + content)
    kubernetes.recognises(file)
    read(kubernetes, before + content)


def test_the_seed_companys_export_is_taken_in_without_an_error() -> None:
    folder = Path(__file__).parents[3] / "seed_data" / "sources" / "kubernetes"
    files: dict[str, str | bytes] = {
        path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".toml"
    }
    found = read_files(kubernetes, files, mapping=(folder / "mapping.toml").read_text())
    incoming, problems = Incoming(), Problems(100)
    records = [*found.cis.values(), *found.relationships]
    take_in(records, incoming, problems, max_records=1000, max_depth=50)
    assert not problems.errors
    assert found.codes == ["external_names", "pods_ended", "secrets_left_out"]
    assert {"orders-api", "orders-api-c3", "k8s-ham1-w01"} <= found.names


def test_objects_that_get_their_name_later_are_counted() -> None:
    once = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "once-"}}
    found = load(once, once, deployment())
    assert set(found.cis) == {"kubernetes/Deployment/shop/web"}
    assert [(each.code, "2" in each.message) for each in found.problems] == [
        ("nameless_objects", True)
    ]
