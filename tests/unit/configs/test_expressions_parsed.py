import pytest

from configs.errors import ConfigError
from configs.expressions import UNKNOWN, Compare, Logic, Member, Name, Value, check, parse

TYPES = {"x": "number", "jam": "boolean", "product": "category", "late": UNKNOWN}


def test_and_binds_tighter_than_or() -> None:
    root = parse("a or b and not c").root
    assert root == Logic("or", (Name("a"), Logic("and", (Name("b"), Logic("not", (Name("c"),))))))


def test_chains_compare_neighbours() -> None:
    assert parse("1 < x <= 3").root == Logic(
        "and", (Compare("<", Value(1.0), Name("x")), Compare("<=", Name("x"), Value(3.0)))
    )


def test_members_are_literals() -> None:
    assert parse("x not in (1, -2,)").root == Logic("not", (Member(Name("x"), (Value(1.0), Value(-2.0))),))


@pytest.mark.parametrize("text", ["android == 1", "order > 2", "inner > 1", "nothing == 0", "a.b > 1", "öl > 1"])
def test_names_may_begin_as_words_of_the_grammar_do(text: str) -> None:
    assert len(parse(text).variables) == 1


def test_one_text_has_one_meaning() -> None:
    assert parse("x  >  1") != parse("x > 1")
    assert parse("x  >  1").root == parse("x > 1").root


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1", "column 3: 'x = 1'; compare with =="),
        ("x > 80%", "column 7: 'x > 80%'; write the number without %"),
        ("x > 1 and", "ends too early"),
        ("and", "lacks something beside 'and'"),
        ("x == 'a", "close the quote"),
        ("x > 1e999", "too large"),
        ("   ", "must be a condition"),
    ],
)
def test_a_mistake_is_shown_where_it_is(text: str, says: str) -> None:
    with pytest.raises(ValueError, match="; ") as caught:
        parse(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "x > 1", "jam", "not jam", "jam == 1", "1 == jam", "jam != false", "jam in (0, 1)", 'product == "a"',
        'product in ("a", "b")', "x + 1 > abs(x) * 2", "(x > 1) == jam", "late > 3", 'late == "a"', "late",
        "late + 1 > x", "late in (1, 2)", "product == late",
    ],
)  # fmt: skip
def test_what_fits_the_types_passes(text: str) -> None:
    check(parse(text), TYPES, "here")


@pytest.mark.parametrize(
    "text",
    [
        "x", "x + 1", "'a'", "jam > 0", "jam == 2", "jam == x", "product == 1", "product > 'a'", "x == 'a'", "-jam > 1",
        "x in ('a',)", "jam in (2,)", "product in (1,)", "jam and x", "not x", "y > 1", "late > 'a'", "late > product",
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_place_and_remedy(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(parse(text), TYPES, "here")
    assert caught.value.place == "here"
    assert caught.value.remedy
