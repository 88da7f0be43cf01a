"""The four pages, each for one kind of reader."""

from __future__ import annotations

from cluster.monitoring.lines import LINES
from cluster.monitoring.machines import CLUSTER
from cluster.monitoring.searches import SEARCHES
from cluster.monitoring.serving import SERVING

DASHBOARDS = (LINES, SEARCHES, SERVING, CLUSTER)
