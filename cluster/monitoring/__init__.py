"""What watches Andon: scrape configuration, alert rules, dashboards."""
