"""Terraform: which resource needs which, past data sources, modules and mere configuration."""

from tests.cmdb.importers.terraform_states import State, block, resource, shown, state_file


def test_dependencies_pass_through_data_sources_and_configuration() -> None:
    found = State(
        shown(
            resource("aws_instance.a", "data.aws_x.d"),
            resource("data.aws_x.d", "aws_iam_role.r"),
            resource("aws_iam_role.r", "aws_db_instance.b"),
            resource("aws_db_instance.b"),
        )
    )
    assert set(found.cis) == {"aws_instance.a", "aws_db_instance.b"}
    assert found.relationships == [
        {
            "dependent": "aws_instance.a",
            "provider": "aws_db_instance.b",
            "type": "depends_on",
        }
    ]
    assert found.codes == ["configuration_left_out"]


def test_configuration_that_the_mapping_names_is_a_ci_with_optional_dependencies() -> None:
    found = State(
        shown(resource("aws_instance.a", "aws_iam_role.r"), resource("aws_iam_role.r")),
        classes={"aws_iam_role": "generic"},
    )
    assert set(found.cis) == {"aws_instance.a", "aws_iam_role.r"}
    assert [each["dependency"] for each in found.relationships] == ["optional"]


def test_what_follows_from_other_dependencies_is_left_out_unless_asked_for() -> None:
    state = shown(
        resource("aws_instance.a", "aws_db_instance.b", "aws_ebs_volume.c"),
        resource("aws_db_instance.b", "aws_ebs_volume.c"),
        resource("aws_ebs_volume.c"),
    )
    assert State(state).edges == [
        ("aws_db_instance.b", "aws_ebs_volume.c"),
        ("aws_instance.a", "aws_db_instance.b"),
    ]
    assert len(State(state, options={"indirect_dependencies": True}).edges) == 3


def test_a_dependency_stays_where_failure_does_not_travel_along_the_way_round() -> None:
    state = shown(
        resource("aws_instance.a", "aws_db_instance.b", "aws_ebs_volume.c"),
        resource("aws_db_instance.b", "aws_ebs_volume.c"),
        resource("aws_ebs_volume.c"),
    )
    optional = {"type": "depends_on", "dependency": "optional"}
    found = State(state, relationships={"aws_db_instance -> aws_ebs_volume": optional})
    assert ("aws_instance.a", "aws_ebs_volume.c") in found.edges


def test_several_instances_of_one_dependency_form_a_group_of_which_one_must_be_up() -> None:
    state = shown(
        *(resource(f"aws_instance.web[{n}]", "aws_db_instance.db") for n in (0, 1)),
        *(resource(f"aws_db_instance.db[{n}]") for n in (0, 1)),
    )
    group = State(state).relationships
    assert len(group) == 4
    assert {(each["redundancy_group"], each["min_up"]) for each in group} == {
        ("aws_db_instance.db", 1)
    }
    every = State(state, options={"several_instances": "required"}).relationships
    assert len(every) == 4
    assert not any("redundancy_group" in each for each in every)
    same = State(state, options={"several_instances": "same_index"})
    assert same.edges == [
        ("aws_instance.web[0]", "aws_db_instance.db[0]"),
        ("aws_instance.web[1]", "aws_db_instance.db[1]"),
    ]


def test_of_several_instances_of_a_module_the_own_one_is_meant() -> None:
    state = shown(
        *(
            resource(f'module.m["{z}"].aws_instance.web', "module.m.aws_db_instance.db")
            for z in "ab"
        ),
        *(resource(f'module.m["{z}"].aws_db_instance.db') for z in "ab"),
    )
    for each in state["values"]["root_module"]["resources"]:
        module = {"address": each["address"].rpartition(".aws_")[0], "resources": [each]}
        state["values"]["root_module"]["child_modules"].append(module)
    state["values"]["root_module"]["resources"] = []
    assert State(state).edges == [
        ('module.m["a"].aws_instance.web', 'module.m["a"].aws_db_instance.db'),
        ('module.m["b"].aws_instance.web', 'module.m["b"].aws_db_instance.db'),
    ]


def test_the_mapping_says_what_a_pair_of_types_means() -> None:
    state = shown(resource("aws_instance.a", "aws_ebs_volume.c"), resource("aws_ebs_volume.c"))
    pair = "aws_instance -> aws_ebs_volume"
    stored = State(state, relationships={pair: {"type": "stored_on"}})
    assert [each["type"] for each in stored.relationships] == ["stored_on"]
    assert not State(state, relationships={pair: "ignore"}).edges


def test_a_dependency_on_what_is_not_there_is_told_and_left_out() -> None:
    found = State(shown(resource("aws_instance.a", "aws_db_instance.gone")))
    assert not found.edges
    assert found.codes == ["unknown_dependencies"]
    assert "aws_db_instance.gone" in found.problems[0].message


def test_a_dependency_as_terraform_0_12_wrote_it_is_found_in_its_module() -> None:
    found = State(
        state_file(
            block("aws_instance", "a", {"depends_on": ["aws_lb.b"]}, module="module.m"),
            block("aws_lb", "b", {"attributes": {}}, module="module.m"),
        )
    )
    assert found.edges == [("module.m.aws_instance.a", "module.m.aws_lb.b")]
