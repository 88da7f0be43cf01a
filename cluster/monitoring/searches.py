"""The page of those who train: what a search tries and finds, and what became of challengers."""

from __future__ import annotations

from cluster.monitoring.panels import Dashboard, Panel

SEARCHES = Dashboard(
    "andon-searches",
    "Andon: searches and models",
    "For those who train: what the newest search tries and finds, and what became of challengers.",
    (
        Panel("Searches", "Searches that are kept.", (("andon_searches", ""),), kind="stat", width=4),
        Panel(
            "Since the newest wrote",
            "Time since the newest search wrote its last.",
            (("andon_search_age_seconds", ""),),
            unit="s",
            kind="stat",
            width=4,
        ),
        Panel(
            "Studies",
            "Of the newest search, by how they ended.",
            (("andon_search_studies", "{{state}}"),),
            kind="stat",
            width=8,
        ),
        Panel(
            "Configurations that failed",
            "Share of the newest search's configurations.",
            (('sum(andon_search_tried{outcome="failed"} or vector(0)) / sum(andon_search_tried)', ""),),
            unit="percentunit",
            kind="stat",
            width=8,
        ),
        Panel(
            "Configurations tried",
            "Of the newest search, by learner.",
            (("sum by (learner) (andon_search_tried)", "{{learner}}"),),
        ),
        Panel(
            "Best so far",
            "Mean over lines of each definition's best metric in the newest search.",
            (("andon_search_best", "{{definition}}: {{metric}}"),),
        ),
        Panel(
            "Configurations a minute",
            "Live, from the workers of a search that runs.",
            (("sum by (learner) (rate(ray_andon_search_configurations_total[5m])) * 60", "{{learner}}"),),
            empty_when="no search runs",
        ),
        Panel(
            "Time in fit and predict",
            "Seconds a second, over all workers: how many cores really learn.",
            (("sum by (definition) (rate(ray_andon_search_fit_seconds_total[5m]))", "{{definition}}"),),
            empty_when="no search runs",
        ),
        Panel(
            "Lines with a champion",
            "By definition.",
            (("andon_models_served", "{{definition}}"),),
            empty_when="no model was promoted yet",
        ),
        Panel(
            "Lines without a model",
            "By definition: train them.",
            (("andon_models_lacking", "{{definition}}"),),
            empty_when="every line has its models",
        ),
        Panel(
            "Challengers",
            "What became of them, since the beginning.",
            (("andon_promotion_decisions", "{{verdict}}"),),
            empty_when="nothing was retrained yet",
        ),
    ),
)
