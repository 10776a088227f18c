"""Docker Compose: services, volumes and what needs what, across files and projects."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers import compose, registry
from cmdb.importers.opened import OpenedFile
from cmdb.importers.records import InputFile, Kind, Where
from tests.cmdb.importers.by_mapping import read, read_files
from tests.cmdb.importers.mutations import mutated

SHOP = """\
name: shop
x-defaults: &defaults
  restart: always
  labels: {team: E-Commerce, env: prod}
services:
  web:
    <<: *defaults
    image: registry.example:5000/shop/web:6.14
    ports: ["8080:80", {target: 443, published: "8443", protocol: tcp}]
    environment: {PASSWORD: hush}
    depends_on:
      api: {condition: service_healthy}
      mail: {condition: service_started, required: false}
    volumes:
      - pictures:/srv
      - ./conf:/etc/web:ro
      - /var/run/docker.sock:/var/run/docker.sock
      - C:\\data:/data
      - ${FOLDER}:/x
      - /anonymous
  api:
    build: {context: ./api}
    deploy: {replicas: 3}
    depends_on: [db]
    env_file: [a.env, b.env]
  mail: {image: "mail:${TAG:-1.0}", profiles: [full], command: "--token hush"}
  db:
    image: postgres@sha256:0123
    volumes: [{type: volume, source: data, target: /var/lib/postgresql}, {type: bind, source: x}]
volumes:
  data:
  pictures: {driver: local, driver_opts: {type: cifs, device: //nas/p, o: "password=hush"}}
networks: {default: {}}
"""


def test_services_and_named_volumes_become_cis_and_networks_do_not() -> None:
    found = read(compose, SHOP)
    assert {key: ci.fields["ci_class"] for key, ci in found.cis.items()} == {
        "shop/web": "application",
        "shop/api": "application",
        "shop/mail": "application",
        "shop/db": "application",
        "shop/volume:data": "storage",
        "shop/volume:pictures": "storage",
    }
    assert found.names == {"web", "api", "mail", "db", "shop_data", "shop_pictures"}
    assert found.links == {
        ("shop/web", "depends_on", "shop/api"),
        ("shop/web", "depends_on", "shop/mail"),
        ("shop/web", "stored_on", "shop/volume:pictures"),
        ("shop/api", "depends_on", "shop/db"),
        ("shop/db", "stored_on", "shop/volume:data"),
    }
    optional = [each for each in found.relationships if "dependency" in each.fields]
    assert [each.fields["provider"] for each in optional] == ["shop/mail"]
    assert found.kinds == set(Kind)
    assert found.cis["shop/web"].where == Where("file-1", 7, "/services/web")


def test_attributes_are_what_the_file_says_without_variables_filled_in() -> None:
    cis = read(compose, SHOP).cis
    web = cis["shop/web"]
    assert (web.fields["owner"], web.fields["environment"]) == ("E-Commerce", "prod")
    assert web.attributes["version"] == "6.14"
    assert web.attributes["ports"] == ["8080:80", "8443:443/tcp"]
    assert web.attributes["restart"] == "always"
    assert cis["shop/mail"].attributes["image"] == "mail:${TAG:-1.0}"
    assert "version" not in cis["shop/mail"].attributes
    assert cis["shop/mail"].attributes["profiles"] == ["full"]
    assert cis["shop/api"].attributes["replicas"] == 3


def test_variables_commands_and_mount_options_are_left_out_and_counted() -> None:
    found = read(compose, SHOP)
    assert "hush" not in str(found)
    assert [(each.code, each.message[-1]) for each in found.problems] == [("secrets_left_out", "4")]


def test_links_shared_volumes_and_shared_networks_are_dependencies() -> None:
    found = read(
        compose,
        """
name: p
services:
  a: {image: a, links: ["b:alias"], depends_on: {b: {required: false}}}
  b: {image: b, volumes_from: ["c:ro", "container:p2-old-1:rw"]}
  c: {image: c, network_mode: "service:d", pid: "container:named"}
  d: {image: d, external_links: ["elsewhere_1:x", "p_a_1"]}
""",
        "{name: p2, services: {old: {image: x}, n: {image: y, container_name: named}}}",
    )
    assert found.links == {
        ("p/a", "depends_on", "p/b"),
        ("p/b", "depends_on", "p/c"),
        ("p/b", "depends_on", "p2/old"),
        ("p/c", "depends_on", "p/d"),
        ("p/c", "depends_on", "p2/n"),
        ("p/d", "depends_on", "p/a"),
    }
    assert all("dependency" not in each.fields for each in found.relationships)
    assert found.codes == ["not_described"]


def test_extends_takes_over_from_the_same_file_and_warns_of_another() -> None:
    found = read(
        compose,
        """
name: p
services:
  base: {image: "base:1", depends_on: [db], volumes: ["vo:/v"], environment: [A=1]}
  middle: {extends: base, image: "middle:2"}
  top: {extends: {service: middle}, depends_on: {cache: {}}}
  far: {extends: {file: other.yaml, service: base}, image: x}
  round: {extends: circle, image: x}
  circle: {extends: round}
  db: {image: db}
  cache: {image: cache}
volumes: {vo: }
""",
    )
    assert found.cis["p/top"].attributes["image"] == "middle:2"
    for link in (
        ("p/top", "depends_on", "p/db"),
        ("p/top", "depends_on", "p/cache"),
        ("p/top", "stored_on", "p/volume:vo"),
    ):
        assert link in found.links
    assert found.codes == ["extends_elsewhere", "secrets_left_out"]


def test_projects_are_named_by_the_file_the_option_the_folder_or_the_file_name() -> None:
    files: dict[str, str | bytes] = {
        "x/compose.yaml": "name: said\nservices: {a: {image: a}}",
        "srv/My Shop/docker-compose.yml": "services: {b: {image: b}}",
        "docker-compose.mail.yml": "services: {c: {image: c}}",
        "compose.yaml": "services: {d: {image: d}}",
    }
    assert set(read_files(compose, files).cis) == {"said/a", "myshop/b", "mail/c", "compose/d"}
    option = read_files(compose, files, '[options]\nproject = "one"')
    assert set(option.cis) == {"said/a", "one/b", "one/c", "one/d"}


def test_files_of_one_project_are_laid_over_each_other_in_any_order() -> None:
    files: dict[str, str | bytes] = {
        "shop/compose.override.yaml": "services: {web: {image: 'web:2', depends_on: {c: {}}}}",
        "shop/compose.yaml": "services: {web: {image: 'web:1', depends_on: [b]}, b: {image: b}}",
        "shop/compose.z.yaml": "services: {c: {image: c}}",
    }
    for order in itertools.permutations(files):
        found = read_files(compose, {name: files[name] for name in order})
        assert set(found.cis) == {"shop/web", "shop/b", "shop/c"}
        assert found.cis["shop/web"].attributes["image"] == "web:2"
        assert {link[2] for link in found.links} == {"shop/b", "shop/c"}
        assert found.codes == ["files_merged"]


def test_a_name_that_two_projects_share_gets_the_project_in_front() -> None:
    files = ("{name: p, services: {db: {image: x}}}", "{name: q, services: {db: {image: x}}}")
    found = read(compose, *files)
    assert found.names == {"p/db", "q/db"}
    assert found.codes == ["names_shared"]
    spelt = read(compose, *files, mapping='[options]\nname = "{project}-{service}"')
    assert (spelt.names, spelt.problems) == ({"p-db", "q-db"}, [])


def test_an_external_volume_is_one_for_all_projects() -> None:
    one = (
        "services: {a: {image: a, volumes: ['vo:/v']}}\nvolumes: {vo: {external: true, name: nas}}"
    )
    found = read(compose, f"name: p\n{one}", f"name: q\n{one}")
    assert found.names == {"p/a", "q/a", "nas"}
    assert {link[2] for link in found.links} == {"volume:nas"}


def test_classes_can_go_by_the_image_and_services_be_left_out() -> None:
    found = read(
        compose,
        SHOP,
        mapping="""
[classes]
"service/postgres" = "database"
[ignore]
classes = ["volume"]
records = [{ field = "service", is = ["mai*"] }]
""",
    )
    assert found.cis["shop/db"].fields["ci_class"] == "database"
    assert set(found.cis) == {"shop/web", "shop/api", "shop/db"}
    assert "left_out_by_mapping" in found.codes


def test_what_is_missing_or_has_another_shape_is_told() -> None:
    found = read(
        compose,
        "name: p\ninclude: [more.yaml]\nservices:\n  a: {image: a, depends_on: [gone]}\n  b: 7\n",
    )
    assert [(each.code, each.severity.value) for each in found.problems] == [
        ("unexpected_shape", "error"),
        ("includes_not_read", "warning"),
        ("not_described", "warning"),
    ]
    assert found.problems[0].pointer == "/services/b"
    assert read(compose, "a: 1").codes == ["unexpected_shape"]
    assert read(compose, "services: [a]").codes == ["unexpected_shape"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.yml", SHOP),
        ("compose.yaml", "services: {}\n"),
        ("x.json", json.dumps({"name": "p", "services": {"a": {"image": "a"}}})),
        ("docker-compose.prod.yml", "services:\n  a: {ports: ['1:1']}\n"),
    ],
)
def test_compose_files_are_recognised(name: str, content: str) -> None:
    found = registry.choose(InputFile(name, content.encode()))
    assert getattr(found, "NAME", found) == "compose"


@pytest.mark.parametrize(
    "content",
    [
        "image: ruby\nservices:\n  - postgres:15\ntest:\n  image: x\n",
        "services:\n  App\\Mailer: {arguments: ['%mail%']}\n",
        "apiVersion: v1\nkind: Pod\nservices: {a: {image: b}}\n",
        '{"bomFormat": "CycloneDX", "services": [{"image": "x"}]}',
        "configuration_items: []\n",
    ],
)
def test_other_files_with_services_are_not_taken_for_compose(content: str) -> None:
    assert compose.recognises(OpenedFile("x.yaml", content.encode())) is None


WHOLE: dict[str, Any] = {
    "name": "p",
    "services": {
        "web": {
            "image": "web:1",
            "depends_on": {"db": {"required": False}},
            "volumes": ["v:/v", {"type": "volume", "source": "v"}],
            "labels": ["team=x"],
            "links": ["db"],
            "deploy": {"replicas": 2},
            "extends": {"service": "db"},
            "network_mode": "service:db",
        },
        "db": {"image": "db", "environment": {"A": "1"}, "ports": [{"target": 80}]},
    },
    "volumes": {"v": {"external": {"name": "w"}}},
    "include": ["x"],
}


@settings(max_examples=300, deadline=None)
@given(mutated(WHOLE))
def test_odd_values_anywhere_never_raise_nor_leave_an_end_open(document: Any) -> None:
    found = read(compose, json.dumps(document))
    for link in found.links:
        assert {link[0], link[2]} <= set(found.cis)
    compose.recognises(OpenedFile("compose.yaml", json.dumps(document).encode()))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([b"", b"services:\n", b'{"services":']))
def test_any_bytes_never_raise(content: bytes, before: bytes) -> None:
    file = OpenedFile("compose.yaml", before + content)
    compose.recognises(file)
    read(compose, before + content)


def test_the_seed_companys_files_are_taken_in_without_an_error() -> None:
    folder = Path(__file__).parents[3] / "seed_data" / "sources" / "compose"
    files: dict[str, str | bytes] = {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/*.y*ml")
    }
    found = read_files(compose, files)
    assert found.codes == ["files_merged", "secrets_left_out"]
    assert {"prometheus", "grafana", "edi-gateway", "ci-runner"} <= found.names
    assert ("edi/edi-watch", "depends_on", "monitoring/alertmanager") in found.links
