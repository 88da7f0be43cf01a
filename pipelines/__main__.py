"""``python -m pipelines`` is the ``andon`` command, for Ray jobs."""

from pipelines.cli import main

if __name__ == "__main__":
    main()
