"""Every store, whole: copied to other stores, backed up, and brought back."""
