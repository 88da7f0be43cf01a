"""What is tuned: a classifier on labelled rows, or a monitor's forecasters on readings."""

from __future__ import annotations

from configs.definitions import Monitor
from tune_jobs.study import StudySpec, Subject, typed


def open_subject(spec: StudySpec) -> Subject:
    """Read a study's files and return what is tuned."""
    definition = typed(spec)
    if isinstance(definition, Monitor):
        from tune_jobs.monitors import open_monitor

        return open_monitor(spec, definition)
    from tune_jobs.classifiers import open_classifier

    return open_classifier(spec, definition)
