"""Wide tables that people have: CSV (also gzipped), Parquet and XLSX, of one line or of many."""
