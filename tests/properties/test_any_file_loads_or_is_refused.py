"""Whatever stands in a file, loading it gives definitions or one error with place, problem and remedy."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.definitions import KINDS
from configs.errors import ConfigError
from configs.loading import load_definitions

EXAMPLES = Path(__file__).parents[2] / "configs" / "examples"
SOUND = (EXAMPLES / "presses.yaml").read_bytes()
BODIES = list(yaml.safe_load_all(SOUND))

MARKS = "ab:-[]{},&*!|>'\"%@`#\t\n 01~<?."
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner))


def load(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        for one in load_definitions([path]):
            assert one.definition.kind in KINDS
    except ConfigError as error:
        assert error.place.startswith(str(path))
        assert error.problem and error.remedy
        assert "\n" not in str(error)
        assert len(str(error)) < 1_500


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("definitions") / "some.yaml"


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text(alphabet=MARKS, max_size=60).map(str.encode)))
def test_any_bytes(path: Path, data: bytes) -> None:
    load(path, data)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(SOUND) - 1), st.integers(0, 40), st.binary(max_size=5))
def test_a_sound_file_with_a_piece_replaced(path: Path, at: int, length: int, piece: bytes) -> None:
    load(path, SOUND[:at] + piece + SOUND[at + length :])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(BODIES), st.data())
def test_a_sound_definition_with_any_value_in_a_field(path: Path, body: dict, data: st.DataObject) -> None:
    fields = sorted(set(body) | {info.alias or name for name, info in KINDS[body["kind"]].model_fields.items()})
    wrong = {**body, data.draw(st.sampled_from(fields)): data.draw(values)}
    load(path, yaml.safe_dump(wrong, allow_unicode=True).encode())
