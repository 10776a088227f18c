"""Ansible inventories: the command's list, YAML and INI, one inventory whatever the form."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers import ansible, native_yaml
from cmdb.importers.host_patterns import PatternError, expand, split_port
from cmdb.importers.opened import OpenedFile
from cmdb.importers.records import Kind
from cmdb.importers.registry import recognise
from tests.cmdb import reading
from tests.cmdb.importers.by_mapping import Read, read, read_files

INI = """\
# the shop
mail.fjellvik.example:2222 ansible_host=10.0.0.5

[web]
web[01:03].fjellvik.example rack="a 1" serial_number=0012 # behind the load balancer

[db]
db-[a:c] ansible_password=hunter2

[production:children]
web
db

[production:vars]
env=prod
ansible_become_pass = "hunter2"
"""
YAML = """\
all:
  hosts:
    mail.fjellvik.example:2222:
      ansible_host: 10.0.0.5
  children:
    web:
      hosts:
        web[01:03].fjellvik.example: {rack: a 1, serial_number: "0012"}
    db:
      hosts:
        db-[a:c]:
          ansible_password: !vault |
            $ANSIBLE_VAULT;1.1;AES256
            6138
    production:
      vars: {env: prod}
      children: {web: , db: }
"""


def listed(**hosts: dict[str, Any]) -> str:
    """What `ansible-inventory --list` says of hosts in the group web."""
    return json.dumps(
        {
            "_meta": {"hostvars": hosts},
            "all": {"children": ["ungrouped", "web"]},
            "web": {"hosts": list(hosts)},
        }
    )


def groups(found: Read) -> dict[str, Any]:
    return {name: ci.attributes.get("groups") for name, ci in found.cis.items()}


@pytest.mark.parametrize("form", [INI, YAML])
def test_an_inventory_means_the_same_as_ini_and_as_yaml(form: str) -> None:
    found = read(ansible, form)
    assert found.names == {
        "mail.fjellvik.example",
        *(f"web0{number}.fjellvik.example" for number in (1, 2, 3)),
        *(f"db-{letter}" for letter in "abc"),
    }
    web = found.cis["web02.fjellvik.example"]
    assert web.fields == {
        "key": "web02.fjellvik.example",
        "name": "web02.fjellvik.example",
        "fqdn": "web02.fjellvik.example",
        "serial_number": "0012",
        "environment": "prod",
        "ci_class": "server",
    }
    assert web.attributes == {"rack": "a 1", "groups": ["production", "web"]}
    mail = found.cis["mail.fjellvik.example"]
    assert (mail.fields["ip_address"], mail.attributes) == ("10.0.0.5", {"ansible_port": 2222})
    assert found.codes == ["secrets_left_out"]
    assert "hunter2" not in repr(found)
    assert found.kinds == {Kind.CI}


def test_the_list_of_the_command_line_gives_hosts_and_their_groups() -> None:
    found = read(ansible, listed(a={"ansible_host": "a.fjellvik.example"}, b={}))
    assert groups(found) == {"a": ["web"], "b": ["web"]}
    assert found.cis["a"].fields["fqdn"] == "a.fjellvik.example"
    assert not found.problems


def test_the_old_short_form_of_a_script_is_read() -> None:
    assert groups(read(ansible, '{"_meta": {"hostvars": {}}, "web": ["a", "b"]}')) == {
        "a": ["web"],
        "b": ["web"],
    }


@pytest.mark.parametrize(
    ("content", "certainty"),
    [
        (listed(a={}), 4),
        (YAML, 3),
        (INI, 3),
        ("[web]\nweb01\nweb02\n", 3),
        ("web:\n  hosts:\n    web01:\n", 3),
        ("---\n# ours\nall:\n  vars: # for all\n    a: 1\n  hosts: {b: }\n", 3),
        ('{"all": {"hosts": {"a": {}}}}', 3),
    ],
)
def test_an_inventory_is_recognised_by_what_it_holds(content: str, certainty: int) -> None:
    found = recognise(OpenedFile("hosts", content.encode()))
    assert [(each.NAME, said.certainty) for each, said in found] == [("ansible", certainty)]


@pytest.mark.parametrize(
    "content",
    [
        "[tool]\nname = 'x'\n",
        "[Unit]\nDescription=A service\n",
        "services:\n  web:\n    image: nginx\n",
        "- hosts: all\n  tasks: []\n",
        "output.search:\n  hosts:\n    - search.fjellvik.example\n",
        "spec:\n  tls:\n    hosts:\n      a: b\n",
        '["web", "db"]',
        '{"data": []}',
        "name,ci_class\nweb,server\n",
        "",
    ],
)
def test_other_files_are_not_taken_for_an_inventory(content: str) -> None:
    assert ansible.recognises(OpenedFile("file", content.encode())) is None


def test_hosts_are_of_the_class_of_the_first_rule_that_fits_one_of_their_groups() -> None:
    inventory = "[web]\na\nb\n[db]\nb\n[other]\nc\n"
    rules = '[classes]\n"d*" = "database"\nweb = "application"\n'
    found = read(ansible, inventory, mapping=rules)
    assert {name: ci.fields["ci_class"] for name, ci in found.cis.items()} == {
        "a": "application",
        "b": "database",
        "c": "server",
    }


def test_a_group_becomes_a_cluster_only_where_it_is_asked_for() -> None:
    inventory = "[kafka]\nk1\nk2\n[kafka_old]\nk3\n[kafka:children]\nkafka_old\n[web]\nw1\n"
    assert not read(ansible, inventory).relationships
    found = read(
        ansible,
        inventory,
        mapping='[options]\ngroups_as_clusters = ["KAFKA"]\ncluster_min_up = "50%"',
    )
    assert found.cis["group:kafka"].fields["ci_class"] == "cluster"
    assert found.links == {("group:kafka", "contains", host) for host in ("k1", "k2", "k3")}
    assert {(r.fields["redundancy_group"], r.fields["min_up"]) for r in found.relationships} == {
        ("hosts", "50%")
    }
    assert found.kinds == {Kind.CI, Kind.RELATIONSHIP}


def test_a_group_that_is_only_a_list_carries_no_failure() -> None:
    found = read(ansible, "[oslo]\na\n", mapping='[options]\ngroups_as_items = ["*"]')
    assert found.links == {("a", "in_group", "group:oslo")}


def test_variables_of_inner_groups_go_before_those_of_outer_ones_and_hosts_before_all() -> None:
    inventory = (
        "[inner]\na\nb owner=Host\n[outer:children]\ninner\n"
        "[outer:vars]\nowner=Outer\nteam=Outer\n[inner:vars]\nowner=Inner\n[all:vars]\nrack=r1\n"
    )
    found = read(ansible, inventory)
    assert found.cis["a"].fields["owner"] == "Inner"
    assert found.cis["a"].fields["support_group"] == "Outer"
    assert found.cis["b"].fields["owner"] == "Host"
    assert found.cis["a"].attributes["rack"] == "r1"


def test_groups_in_a_circle_end() -> None:
    inventory = "[a]\nh\n[a:children]\nb\n[b:children]\na\n[b:vars]\nrack=r\n"
    found = read(ansible, inventory, mapping='[options]\ngroups_as_clusters = ["a", "b"]')
    assert groups(found)["h"] == ["a", "b"]
    assert len(found.links) == 2


@pytest.mark.parametrize(
    "variables",
    [
        {"ansible_ssh_pass": "hunter2"},
        {"ansible_become_password": "hunter2"},
        {"description": {"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\nhunter2"}},
        {"description": {"__ansible_vault": "hunter2"}},
        {"description": "$ANSIBLE_VAULT;1.1;AES256 hunter2"},
        {"description": "-----BEGIN RSA PRIVATE KEY-----\nhunter2"},
        {"description": {"nested": {"api_token": "hunter2"}}},
        {"ansible_ssh_private_key_file": "/home/hunter2"},
        {"vault_db": "hunter2"},
    ],
)
def test_secrets_never_enter_whatever_is_asked_for(variables: dict[str, Any]) -> None:
    found = read(ansible, listed(a=variables), mapping='[options]\nvariables = ["*"]')
    assert found.codes == ["secrets_left_out"]
    assert "hunter2" not in repr(found)


def test_vaulted_values_in_yaml_do_not_keep_the_rest_from_being_read() -> None:
    found = read(
        ansible,
        "all:\n  hosts:\n    a:\n      rack: !vault |\n        $ANSIBLE_VAULT;1.1\n        61\n"
        "      description: !unsafe 100%\n      role: web\n",
    )
    assert found.cis["a"].attributes == {"role": "web"}
    assert found.codes == ["secrets_left_out", "unreadable_variables"]


def test_the_native_yaml_still_refuses_tags() -> None:
    problem = reading.the_problem(native_yaml, "configuration_items:\n- {name: !vault x}\n")
    assert problem.code == "tag_refused"


def test_variables_enter_only_where_they_are_asked_for_and_are_counted_otherwise() -> None:
    found = read(ansible, listed(a={"nginx_port": 80, "patch_window": "Sunday"}))
    assert found.cis["a"].attributes == {"groups": ["web"]}
    problem = found.problems[0]
    assert problem.code == "variables_left_out"
    assert "2 in all: nginx_port, patch_window" in problem.message
    asked = read(
        ansible,
        listed(a={"nginx_port": 80, "patch_window": "Sunday"}),
        mapping='[options]\nvariables = ["nginx_*"]\n[fields]\nwindow = "patch_window"',
    )
    assert asked.cis["a"].attributes == {"nginx_port": 80, "window": "Sunday", "groups": ["web"]}
    assert not asked.problems


def test_templates_are_not_taken_for_values() -> None:
    found = read(ansible, listed(a={"ansible_host": "{{ inventory_hostname }}.fjellvik.example"}))
    assert "fqdn" not in found.cis["a"].fields
    assert found.codes == ["templates_left_out"]


def test_a_field_that_holds_a_list_is_left_out_and_not_the_host() -> None:
    found = read(ansible, listed(a={"owner": ["x", "y"], "rack": "r1"}))
    assert found.cis["a"].attributes["rack"] == "r1"
    assert found.codes == ["unreadable_variables"]


@pytest.mark.parametrize(
    ("host", "reached", "fields", "attributes"),
    [
        ("10.0.0.7", None, {"ip_address": "10.0.0.7"}, {}),
        ("a", "10.0.0.7", {"ip_address": "10.0.0.7"}, {}),
        ("a.x.example", "b.x.example", {"fqdn": "a.x.example"}, {"ansible_host": "b.x.example"}),
        ("a", "127.0.0.1", {}, {"ansible_host": "127.0.0.1"}),
        ("a", "b", {}, {"ansible_host": "b"}),
        ("web.1", None, {}, {}),
        ("2001:db8::7", None, {"ip_address": "2001:db8::7"}, {}),
    ],
)
def test_address_and_full_name_come_from_the_name_and_the_way_to_the_host(
    host: str, reached: str | None, fields: dict[str, Any], attributes: dict[str, Any]
) -> None:
    ci = read(ansible, listed(**{host: {"ansible_host": reached} if reached else {}})).cis[host]
    assert {k: v for k, v in ci.fields.items() if k in ("ip_address", "fqdn")} == fields
    assert ci.attributes == {"groups": ["web"], **attributes}


def test_short_names_are_an_option() -> None:
    found = read(ansible, "[web]\na.x.example\n", mapping="[options]\nshort_names = true")
    assert found.cis["a.x.example"].fields["name"] == "a"
    assert found.cis["a.x.example"].fields["fqdn"] == "a.x.example"


def test_localhost_and_ignored_groups_are_left_out_and_counted() -> None:
    found = read(
        ansible,
        "localhost ansible_connection=local\n[web]\na\n[gone]\nb\n",
        mapping='[ignore]\nclasses = ["gone"]',
    )
    assert found.names == {"a"}
    assert next(p for p in found.problems if p.code == "hosts_left_out").message.endswith(": 2")


@pytest.mark.parametrize(
    ("pattern", "hosts"),
    [
        ("web[1:3]", ["web1", "web2", "web3"]),
        ("web[08:10].x", ["web08.x", "web09.x", "web10.x"]),
        ("db-[a:c]", ["db-a", "db-b", "db-c"]),
        ("n[0:6:3]", ["n0", "n3", "n6"]),
        ("r[1:2]-n[a:b]", ["r1-na", "r1-nb", "r2-na", "r2-nb"]),
        ("n[:1]", ["n0", "n1"]),
        ("plain", ["plain"]),
        ("::1", ["::1"]),
    ],
)
def test_ranges_stand_for_hosts(pattern: str, hosts: list[str]) -> None:
    assert list(expand(pattern, 100)) == hosts


@pytest.mark.parametrize("pattern", ["a[3:1]", "a[01:100]", "a[1:b]", "a[x", "a[1:2:0]", "a[]"])
def test_a_range_that_stands_for_nothing_is_an_error(pattern: str) -> None:
    with pytest.raises(PatternError):
        expand(pattern, 100)
    found = read(ansible, f"[web]\n{pattern}\nb\n")
    assert found.names == {"b"}
    assert found.codes == ["invalid_host"]
    assert found.problems[0].kind is Kind.CI


def test_ranges_cannot_fill_the_memory() -> None:
    lines = "\n".join(f"h{number}-[1:1000]-[1:60]" for number in range(50))
    found = read(ansible, f"[web]\n{lines}\nx[0:999999999]\ny[0:9]-[0:999999999]\n")
    assert len(found.cis) == 60_000
    assert len(found.problems) == 51


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("a:2222", "a", 2222),
        ("a[1:2]:22", "a[1:2]", 22),
        ("[2001:db8::7]:22", "2001:db8::7", 22),
        ("2001:db8::7", "2001:db8::7", None),
        ("a[1:2]", "a[1:2]", None),
    ],
)
def test_a_port_is_told_from_a_range_and_from_an_address(
    written: str, host: str, port: int | None
) -> None:
    assert split_port(written) == (host, port)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("a b", "not_understood"),
        ('a rack="open', "invalid_host"),
        ("ansible_password=hunter2", "invalid_host"),
        ("a ansible_password=x hunter2", "not_understood"),
        ("[web:users]\nhunter2", "not_understood"),
        ("[web:vars]\npassword: hunter2", "not_understood"),
        ("[web:children]\nnobody", "undefined_group"),
    ],
)
def test_lines_that_are_not_understood_are_reported_without_repeating_them(
    line: str, code: str
) -> None:
    found = read(ansible, f"[web]\nz\n{line}\n")
    assert "z" in found.names
    assert code in found.codes
    assert "hunter2" not in repr(found)


def test_several_files_are_one_inventory_in_the_order_of_their_names() -> None:
    files: dict[str, str | bytes] = {
        "01-hosts": "[web]\na rack=r1\n",
        "02-vars.yml": "web:\n  hosts:\n    a: {rack: r2}\n",
        "03-more": listed(b={}),
    }
    turned = dict(reversed(files.items()))
    one, other = read_files(ansible, files), read_files(ansible, turned)
    assert one.cis == other.cis
    assert one.cis["a"].attributes["rack"] == "r2"
    assert set(one.cis) == {"a", "b"}


def test_misplaced_values_do_not_keep_the_rest_from_being_read() -> None:
    found = read(
        ansible,
        "all:\n  children:\n    web: [a, 7, ~]\n    db: text\n"
        "    x: {hosts: 3, password: hunter2}\n"
        "    y: {hosts: {c: 5}, vars: [1]}\n",
    )
    assert found.names == {"a", "7", "c"}
    assert found.codes == ["invalid_host", "not_understood"]
    assert "hunter2" not in repr(found)


def test_a_broken_file_is_a_problem_and_lists_nothing() -> None:
    found = read(ansible, b'{"_meta": {"hostvars"')
    assert (found.codes, found.kinds) == (["malformed_json"], set())


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["hosts", "children", "vars", "all", "web", "_meta", "hostvars", "a[1:2]"]
            )
            | st.text(max_size=6),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(JSON_VALUES)
def test_no_document_makes_it_raise(document: Any) -> None:
    opened = OpenedFile("x", json.dumps(document).encode())
    ansible.recognises(opened)
    read(ansible, opened.content)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([INI, YAML, listed(a={"owner": "x"})]), st.randoms(use_true_random=False))
def test_no_damage_to_a_file_makes_it_raise(content: str, chance: random.Random) -> None:
    raw = bytearray(content.encode())
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(raw))
        raw[at : at + chance.randint(0, 3)] = bytes(
            chance.choice(b"[]{}:=\"'\n #\x00\xff!a1") for _ in range(chance.randint(0, 2))
        )
    ansible.recognises(OpenedFile("x", bytes(raw)))
    read(ansible, bytes(raw))
