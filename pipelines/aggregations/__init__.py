"""Features of many lines as Parquet files that are kept, so that the next search computes the new rows only."""
