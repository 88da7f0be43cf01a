"""The core of Andon: plain functions on frames. No Ray, and no client of any server outside the adapters."""
