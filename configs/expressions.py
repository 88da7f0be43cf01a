"""The grammar of conditions: parse, and check against the variables. Evaluation is ``andon.expressions``."""

from __future__ import annotations

import difflib
import functools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from configs.errors import ConfigError

if TYPE_CHECKING:
    from lark import Lark

MAX_LENGTH = 2_000
MAX_DEPTH = 50
UNKNOWN = "unknown"
"""The type of a variable that is declared without one and has no data yet; `check` lets it pass."""
_EXAMPLE = "oil_temperature > 80 and jam == 1"
_HINTS = {
    "=": "compare with ==, <, <=, >, >= or !=",
    "&": "join conditions with and",
    "|": "join conditions with or",
    "!": "write != to compare, or not to negate",
    "%": "write the number without %",
    '"': "close the quote",
    "'": "close the quote",
    "`": "close the back-quote",
}
_WORDS = frozenset({"and", "or", "not", "in", "abs", "true", "false"})

_GRAMMAR = r"""
?start: either
?either: both ("or" both)*                   -> either
?both: negation ("and" negation)*            -> both
?negation: "not" negation                    -> negated
         | test
?test: sum (COMPARE sum)+                    -> compare
     | sum "in" options                      -> member
     | sum "not" "in" options                -> not_member
     | sum
options: "(" _listed ")" | "[" _listed "]"
_listed: option ("," option)* ","?
?option: literal | "-" NUMBER                -> negative
?sum: product (ADD product)*                 -> arithmetic
?product: signed (MULTIPLY signed)*          -> arithmetic
?signed: "-" signed                          -> minus
       | "abs" "(" sum ")"                   -> absolute
       | atom
?atom: literal | NAME -> name | QUOTED -> quoted | "(" either ")"
?literal: NUMBER -> number | STRING -> string | "true" -> true | "false" -> false
COMPARE: "<=" | ">=" | "==" | "!=" | "<" | ">"
ADD: "+" | "-"
MULTIPLY: "*" | "/"
NUMBER: /\d+(\.\d+)?([eE][+-]?\d+)?/
STRING: /"[^"\n]*"|'[^'\n]*'/
QUOTED: /`[^`\n]+`/
NAME: /[^\W\d]\w*(\.\w+)*/
%ignore /\s+/
"""


@dataclass(frozen=True, slots=True)
class Value:
    """A literal: number, text or truth."""

    value: float | str | bool


@dataclass(frozen=True, slots=True)
class Name:
    """A variable of the line."""

    name: str


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``left op right``, or ``abs``/``-`` of ``left`` where ``right`` is None."""

    op: str
    left: Node
    right: Node | None = None


@dataclass(frozen=True, slots=True)
class Compare:
    """``left op right``."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Member:
    """``value in options``."""

    value: Node
    options: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Logic:
    """``and``/``or`` over all parts, or ``not`` of the only one."""

    op: str
    parts: tuple[Node, ...]


Node = Value | Name | Arithmetic | Compare | Member | Logic


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed condition, with the text it came from."""

    text: str
    root: Node

    @property
    def variables(self) -> frozenset[str]:
        """Names of the variables it reads."""
        return frozenset(node.name for node in walk(self.root) if isinstance(node, Name))

    def __str__(self) -> str:
        return self.text


def walk(node: Node) -> Iterator[Node]:
    """Yield ``node`` and all below it."""
    yield node
    for child in _below(node):
        yield from walk(child)


def _below(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Arithmetic):
        return (node.left,) if node.right is None else (node.left, node.right)
    if isinstance(node, Compare):
        return (node.left, node.right)
    if isinstance(node, Member):
        return (node.value, *node.options)
    return node.parts if isinstance(node, Logic) else ()


def parse(text: str) -> Expression:
    """Parse a condition.

    Grammar: comparisons (``< <= > >= == !=``, also chained), ``in``, ``and``, ``or``, ``not``, ``+ - * /``, ``abs()``,
    numbers, ``"text"``, ``true``, ``false``, names; names with blanks or signs stand in back-quotes.

    Raises
    ------
    ValueError
        With the column of the first mistake.

    Examples
    --------
    >>> sorted(parse("jam == 1 and `belt speed` > 10").variables)
    ['belt speed', 'jam']
    >>> parse("jam = 1")
    Traceback (most recent call last):
    ValueError: cannot be read at column 5: 'jam = 1'; compare with ==, <, <=, >, >= or !=
    """
    import lark

    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"must be a condition, got {text!r}; write for example oil_temperature > 80")
    if len(text) > MAX_LENGTH:
        raise ValueError(f"has {len(text)} characters, at most {MAX_LENGTH} are read; split the condition")
    try:
        tree = _parser().parse(text)
    except lark.UnexpectedInput as error:
        ended = isinstance(error, lark.UnexpectedEOF) or getattr(getattr(error, "token", None), "type", "") == "$END"
        if ended:
            raise ValueError(f"ends too early: {_short(text)}; write for example {_EXAMPLE}") from None
        column = error.column
        hint = _HINTS.get(text[column - 1 : column], f"write for example {_EXAMPLE}")
        raise ValueError(f"cannot be read at column {column}: {_short(text)}; {hint}") from None
    if _depth(tree) > MAX_DEPTH:
        raise ValueError(f"nests deeper than {MAX_DEPTH}: {_short(text)}; simplify the condition")
    expression = Expression(text, _build(tree))
    if _depth(expression.root) > MAX_DEPTH:
        raise ValueError(f"joins more than {MAX_DEPTH} terms: {_short(text)}; split the condition")
    for node in walk(expression.root):
        if isinstance(node, Value) and isinstance(node.value, float) and math.isinf(node.value):
            raise ValueError(f"holds a number too large to keep: {_short(text)}; write a smaller one")
        if isinstance(node, Name) and node.name in _WORDS:
            raise ValueError(f"lacks something beside {node.name!r}: {_short(text)}; write for example {_EXAMPLE}")
    return expression


def _short(text: str) -> str:
    return repr(text) if len(text) <= 120 else repr(text[:117] + "...")


def _depth(tree: Any) -> int:
    deepest, below = 0, [(tree, 1)]
    while below:
        node, depth = below.pop()
        deepest = max(deepest, depth)
        children = _below(node) if isinstance(node, Node) else getattr(node, "children", ())
        below.extend((child, depth + 1) for child in children)
    return deepest


@functools.cache
def _parser() -> Lark:
    from lark import Lark

    return Lark(_GRAMMAR, parser="lalr", maybe_placeholders=False)


def _build(tree: Any) -> Node:
    rule, parts = tree.data, tree.children
    if rule == "number":
        return Value(float(parts[0]))
    if rule == "negative":
        return Value(-float(parts[0]))
    if rule == "string":
        return Value(str(parts[0])[1:-1])
    if rule in ("true", "false"):
        return Value(rule == "true")
    if rule == "name":
        return Name(str(parts[0]))
    if rule == "quoted":
        return Name(str(parts[0])[1:-1])
    if rule in ("minus", "absolute"):
        return Arithmetic("-" if rule == "minus" else "abs", _build(parts[0]))
    if rule == "arithmetic":
        node = _build(parts[0])
        for op, part in zip(parts[1::2], parts[2::2], strict=True):
            node = Arithmetic(str(op), node, _build(part))
        return node
    if rule == "compare":
        sides = [_build(part) for part in parts[::2]]
        tests = tuple(Compare(str(op), a, b) for op, a, b in zip(parts[1::2], sides, sides[1:], strict=False))
        return tests[0] if len(tests) == 1 else Logic("and", tests)
    if rule in ("member", "not_member"):
        options = (_build(option) for option in parts[1].children)
        test = Member(_build(parts[0]), tuple(option for option in options if isinstance(option, Value)))
        return test if rule == "member" else Logic("not", (test,))
    if rule == "negated":
        return Logic("not", (_build(parts[0]),))
    if len(parts) == 1:
        return _build(parts[0])
    return Logic("or" if rule == "either" else "and", tuple(_build(part) for part in parts))


def check(expression: Expression, types: Mapping[str, str], place: str) -> None:
    """Refuse unknown variables and wrong types.

    Parameters
    ----------
    types
        Type of each variable of the line: ``number``, ``category``, ``boolean``, or `UNKNOWN`.

    Raises
    ------
    ConfigError
        Naming ``place``, the variable or part, and the remedy.

    Examples
    --------
    >>> check(parse("jam == 1"), {"jan": "boolean"}, "a.yaml: Alert jam: target")
    Traceback (most recent call last):
    configs.errors.ConfigError: a.yaml: Alert jam: target: unknown variable 'jam' in 'jam == 1'; did you mean 'jan'?
    """
    for name in sorted(expression.variables - set(types)):
        raise ConfigError(place, f"unknown variable {name!r} in {_short(expression.text)}", did_you_mean(name, types))
    found = _type(expression.root, types, expression, place)
    if found not in ("boolean", UNKNOWN):
        problem = f"{_short(expression.text)} is a {found}, not a condition"
        raise ConfigError(place, problem, "compare it, for example x > 80")


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return a remedy that names the nearest of ``words``, or lists them.

    Examples
    --------
    >>> did_you_mean("horizn", ["horizon", "target"])
    "did you mean 'horizon'?"
    """
    known = sorted(words)
    near = difflib.get_close_matches(word, known, 1)
    if near:
        return f"did you mean {near[0]!r}?"
    listed = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
    return f"choose one of: {listed}" if known else "there is none yet"


def _type(node: Node, types: Mapping[str, str], expression: Expression, place: str) -> str:
    def refuse(problem: str, remedy: str) -> ConfigError:
        return ConfigError(place, f"{problem} in {_short(expression.text)}", remedy)

    if isinstance(node, Value):
        return "boolean" if isinstance(node.value, bool) else "number" if isinstance(node.value, float) else "category"
    if isinstance(node, Name):
        return types[node.name]
    if isinstance(node, Arithmetic):
        for side in (node.left, node.right):
            found = "number" if side is None else _type(side, types, expression, place)
            if found not in ("number", UNKNOWN):
                raise refuse(f"arithmetic ({node.op}) on {_named(side, found)}", "use it on numbers only")
        return "number"
    if isinstance(node, Compare):
        left, right = (_type(side, types, expression, place) for side in (node.left, node.right))
        if UNKNOWN in (left, right):
            known = right if left == UNKNOWN else left
            if known == "category" and node.op not in ("==", "!="):
                raise refuse(f"{node.op} on text", "use == or !=")
            return "boolean"
        if {left, right} == {"boolean", "number"}:
            number, boolean = (node.left, node.right) if left == "number" else (node.right, node.left)
            if not _is_truth(number):
                problem = f"{_named(boolean, 'boolean')} compared with {_named(number, 'number')}"
                raise refuse(problem, "compare it with 0, 1, true or false")
            left = right = "boolean"
        if left != right:
            problem = f"{_named(node.left, left)} compared with {_named(node.right, right)}"
            raise refuse(problem, 'compare numbers with numbers, and text with "text"')
        if left != "number" and node.op not in ("==", "!="):
            side = node.left if isinstance(node.left, Name) else node.right
            raise refuse(f"{node.op} on {_named(side, left)}", "use == or !=")
        return "boolean"
    if isinstance(node, Member):
        value = _type(node.value, types, expression, place)
        for option in node.options:
            found = _type(option, types, expression, place)
            if value not in (found, UNKNOWN) and not (value == "boolean" and _is_truth(option)):
                problem = f"{_named(node.value, value)} looked up beside {_named(option, found)}"
                raise refuse(problem, "list values of its own type")
        return "boolean"
    for part in node.parts:
        found = _type(part, types, expression, place)
        if found not in ("boolean", UNKNOWN):
            raise refuse(f"{node.op} joins {_named(part, found)}", "join conditions, for example a > 1 and b == 0")
    return "boolean"


def _is_truth(node: Node) -> bool:
    return isinstance(node, Value) and not isinstance(node.value, str) and node.value in (0.0, 1.0)


def _named(node: Node | None, found: str) -> str:
    if isinstance(node, Name):
        return f"the {found} {node.name!r}"
    if isinstance(node, Value) and isinstance(node.value, str):
        return f"the text {node.value!r}"
    if isinstance(node, Value) and isinstance(node.value, float):
        return f"the number {node.value:g}"
    return f"a {found}"


class _ConditionType:
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any) -> Expression:
            return value if isinstance(value, Expression) else parse(value)

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return {"type": "string", "examples": ["oil_temperature > 80"]}


Condition = Annotated[Expression, _ConditionType]
