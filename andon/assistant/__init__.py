"""One tick of the assistant: the newest rows of a line in, what is to be stored out. It decides, and never applies."""

from andon.assistant.ticks import AHEAD, tick
from andon.assistant.views import FUTURE, LATE, NO_DATA, LineView, TickResult, silence

__all__ = ["AHEAD", "FUTURE", "LATE", "NO_DATA", "LineView", "TickResult", "silence", "tick"]
