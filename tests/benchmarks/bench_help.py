"""``andon --help`` against ``python -c "import pydantic"``: at most 4 times."""

from __future__ import annotations

import sys

from tests.benchmarks.timing import paired, process, verdict


def main() -> int:
    helped, imported = paired(process("-m", "pipelines", "--help"), process("-c", "import pydantic"))
    print(f"andon --help {helped:.3f} s, import pydantic {imported:.3f} s")
    return 0 if verdict("andon --help to import pydantic", helped / imported, "<= 4", helped / imported <= 4) else 1


if __name__ == "__main__":
    sys.exit(main())
