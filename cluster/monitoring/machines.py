"""The page of those who keep the machines: nodes, cores, memory, disks, and the stores behind."""

from __future__ import annotations

from cluster.monitoring.panels import Dashboard, Panel

CLUSTER = Dashboard(
    "andon-cluster",
    "Andon: cluster",
    "For those who keep the machines: nodes, cores, memory, disks, and the stores behind.",
    (
        Panel("Nodes", "Nodes of Ray that are scraped.", (("count(ray_node_cpu_count)", ""),), kind="stat", width=6),
        Panel(
            "What does not answer",
            "Targets of Prometheus that are down.",
            (("count(up == 0) or vector(0)", ""),),
            kind="stat",
            width=6,
        ),
        Panel(
            "Stores that answer",
            "1: it does.",
            (("andon_store_up", "{{store}}"),),
            kind="stat",
            width=6,
        ),
        Panel(
            "What the stores take to answer",
            "Time to read all that is shown of lines and alerts.",
            (("andon_collect_seconds", ""),),
            unit="s",
            kind="stat",
            width=6,
        ),
        Panel(
            "Cores",
            "Share in use, by node.",
            (("ray_node_cpu_utilization / 100", "{{instance}}"),),
            unit="percentunit",
        ),
        Panel(
            "Memory",
            "Share in use, by node.",
            (("ray_node_mem_used / ray_node_mem_total", "{{instance}}"),),
            unit="percentunit",
        ),
        Panel(
            "Disk",
            "Free, by node.",
            (("ray_node_disk_free", "{{instance}}"),),
            unit="bytes",
        ),
        Panel(
            "Ray's cores",
            "What work has taken, and what there is.",
            (
                ('sum(ray_resources{Name="CPU", State="USED"})', "used"),
                ('sum(ray_resources{Name="CPU"})', "there are"),
            ),
        ),
        Panel(
            "Ray's objects",
            "In shared memory, on disk, and spilled.",
            (("sum by (Location) (ray_object_store_memory)", "{{Location}}"),),
            unit="bytes",
        ),
        Panel(
            "Tasks",
            "By state.",
            (("sum by (State) (ray_tasks)", "{{State}}"),),
            empty_when="no task ran",
        ),
        Panel(
            "Actors",
            "By state: workers of searches, replicas, proxies.",
            (("sum by (State) (ray_actors)", "{{State}}"),),
            empty_when="no actor ran",
        ),
        Panel(
            "Network",
            "Received and sent, by node.",
            (
                ("ray_node_network_receive_speed", "received {{instance}}"),
                ("ray_node_network_send_speed", "sent {{instance}}"),
            ),
            unit="Bps",
        ),
        Panel(
            "Workers that died",
            "Unexpectedly, within an hour.",
            (("sum(increase(ray_node_manager_unexpected_worker_failure_total[1h]))", ""),),
            empty_when="none died",
        ),
    ),
)
