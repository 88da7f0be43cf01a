"""A plain search as anyone would write it: a process for half of the lines, Optuna, one fit after another.

``python -m tests.benchmarks.two_processes FOLDER PART PARTS`` tries, on each line, the configurations that a search's
journals name: those that it stopped early as far as it let them grow.
"""

from __future__ import annotations

import sys
from pathlib import Path

from andon.evaluation.metrics import average_precision
from andon.evaluation.splits import split_rows
from andon.models.classifiers import classifier
from configs.durations import parse_duration
from tune_jobs.files import read_rows
from tune_jobs.lane import JOURNAL, read_journal
from tune_jobs.sampling import Configuration, Prefixed


def params_of(one: Configuration) -> dict:
    """Return a configuration with the rounds that were grown."""
    steps = one.sampled["steps"] if one.pruned and one.sampled else {}
    return {**one.params, "rounds": max(map(int, steps))} if steps and "rounds" in one.params else one.params


def search_line(folder: Path) -> None:
    """Try every configuration of a line."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = read_rows(folder).rows
    training, validation = split_rows(rows, None, None, parse_duration("30m"), pooled=False)
    study = optuna.create_study(direction="maximize")
    for journal in sorted(folder.glob(f"*/{JOURNAL}")):
        for one in read_journal(journal.parent):
            if one.sampled:
                study.enqueue_trial(one.sampled["params"])
            trial = study.ask()
            module = classifier(one.learner)
            if one.sampled:
                module.suggest(Prefixed(trial, one.learner))
            model = module.fit(training, params_of(one), seed=1, threads=1)
            study.tell(trial, average_precision(validation.labels, model.predict(validation.values)))


def main() -> None:
    """Search every ``PARTS``-th line."""
    folder, part, parts = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for study in sorted(path.parent for path in folder.glob("*/rows.json"))[part::parts]:
        search_line(study)


if __name__ == "__main__":
    main()
