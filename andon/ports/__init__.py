"""The stores as the core sees them. Each docstring is a promise that one contract suite checks on every adapter.

Stores are opened from URLs in the entry points and handed in as arguments; an adapter is never pickled, and is opened
lazily once per process and thread. Every method may raise ``StoreError``.
"""

from andon.ports.documents import Documents, Lease, StoredDefinition
from andon.ports.models import Models
from andon.ports.signals import Appended, Signals, StoredLine

__all__ = ["Appended", "Documents", "Lease", "Models", "Signals", "StoredDefinition", "StoredLine"]
