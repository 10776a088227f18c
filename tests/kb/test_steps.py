"""The part of an article that says what to do."""

from kb.steps import MAX_CHARACTERS, steps


def test_the_section_with_the_steps_is_taken_with_its_heading() -> None:
    body = "Intro.\n\n## Symptoms\n- slow\n- red\n\n## Steps\n1. `restart`\n\n## Pitfalls\n- none"
    assert steps(body) == "Steps\n1. `restart`"


def test_of_several_such_sections_the_one_about_the_question_is_taken() -> None:
    body = "## Repair the clock\n1. set it\n\n## Repair the modem\n1. unplug the antenna"
    assert steps(body, ["antenna", "modem"]).startswith("Repair the modem")


def test_a_heading_inside_of_code_is_no_heading() -> None:
    assert "# not a heading" in steps("## Fix\n```\n# not a heading\n```")


def test_an_article_without_instructions_has_none() -> None:
    assert steps("It broke and we were sad.") == ""
    assert steps("") == ""


def test_a_long_section_is_cut_at_a_line() -> None:
    cut = steps("## Steps\n" + "\n".join(f"{n}. do it" for n in range(1000)))
    assert len(cut) <= MAX_CHARACTERS + 2
    assert cut.endswith("do it\n…")
