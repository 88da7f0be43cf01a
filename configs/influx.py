"""How lines and variables lie in InfluxDB's measurements, tags and fields: for readings, and for what Andon writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self
from urllib.parse import parse_qsl, quote, urlencode

from pydantic import Field, field_validator, model_validator

from configs.definitions import Closed

Part = Literal["line", "variable"]
Place = Literal["measurement", "field", "tag"]
TAG = "tag."
"""What stands before the name of a tag in a URL."""


class InfluxLayout(Closed):
    """Where a reading lies. ``{line}`` and ``{variable}`` stand for names; each is used in exactly one place.

    The default is one measurement a line, with a field for each variable. One measurement a variable, as many gateways
    write it, is ``measurement: "{variable}"``, ``field: value``, ``tags: {machine: "{line}"}``. A tag without a name
    in braces is the same for all readings: it is written, and only series that have it are read.

    Examples
    --------
    >>> layout = InfluxLayout(measurement="{variable}", field="value", tags={"machine": "{line}", "site": "lyon"})
    >>> layout.place_of("line"), layout.tag_of("line"), layout.place_of("variable")
    ('tag', 'machine', 'measurement')
    """

    measurement: str = "{line}"
    field: str = "{variable}"
    tags: Mapping[str, str] = Field(default_factory=dict)
    text: str = Field(default="text", min_length=1, description="where `field` is one for all: the field of categories")
    flag: str = Field(default="flag", min_length=1, description="where `field` is one for all: the field of booleans")
    forecasts: str = Field(default="andon_forecasts", min_length=1, description="measurement of forecasts")
    forecasts_bucket: str | None = Field(
        default=None, min_length=1, description="bucket of forecasts; default: that of the readings"
    )

    @field_validator("measurement", "field", "tags")
    @classmethod
    def _template(cls, given: str | Mapping[str, str]) -> str | Mapping[str, str]:
        for template in given.values() if isinstance(given, Mapping) else (given,):
            bare = template
            for part in ("line", "variable"):
                bare = bare.replace(f"{{{part}}}", "", 1)
            if "{" in bare or "}" in bare or not template:
                raise ValueError(f"is text with at most one {{line}} or {{variable}} in it, got {template!r}")
            if "{line}" in template and "{variable}" in template:
                raise ValueError(f"parts no line from its variable in {template!r}; use a tag for one of them")
        return given

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if "{line}" in self.field:
            raise ValueError("field: cannot name the line; use the measurement or a tag")
        for part in ("line", "variable"):
            places = [name for _, name, template in self._templates() if f"{{{part}}}" in template]
            if len(places) != 1:
                raise ValueError(f"{{{part}}} must be used in one place, is in {', '.join(places) or 'none'}")
        if self.measurement == self.forecasts and self.forecasts_bucket is None:
            raise ValueError(f"forecasts: {self.forecasts!r} is the measurement of the readings; name another")
        if len({self.field, self.text, self.flag}) < 3:
            raise ValueError("field, text and flag must differ")
        return self

    def place_of(self, part: Part) -> Place:
        """Return what names the line or the variable."""
        return next(place for place, _, template in self._templates() if f"{{{part}}}" in template)

    def tag_of(self, part: Part) -> str | None:
        """Return the tag that names the line or the variable, if one does."""
        return next((tag for tag, template in self.tags.items() if f"{{{part}}}" in template), None)

    @property
    def fixed_tags(self) -> dict[str, str]:
        """Tags that are the same for all readings."""
        return {tag: template for tag, template in self.tags.items() if "{" not in template}

    def _templates(self) -> list[tuple[Place, str, str]]:
        tags: list[tuple[Place, str, str]] = [("tag", f"tag {tag}", value) for tag, value in self.tags.items()]
        return [("measurement", "measurement", self.measurement), ("field", "field", self.field), *tags]


def with_layout(url: str, layout: InfluxLayout) -> str:
    """Return an InfluxDB URL that carries a layout; what the URL itself says of it wins.

    Examples
    --------
    >>> with_layout("influx://plant/factory", InfluxLayout(measurement="m", tags={"id": "{line}"}))
    'influx://plant/factory?measurement=m&tag.id=%7Bline%7D'
    """
    base, _, query = url.partition("?")
    given = layout.model_dump(exclude_defaults=True, exclude={"tags"})
    given |= {f"{TAG}{tag}": value for tag, value in layout.tags.items()}
    given |= dict(parse_qsl(query, keep_blank_values=True))
    return base if not given else f"{base}?{urlencode(given, quote_via=quote)}"
