"""A food plant, simulated from first principles, with faults that announce themselves."""

from andon.simulate.lines import Fault, SimulatedLine
from andon.simulate.plant import MACHINES, plant_definitions, simulate_line, write_plant

__all__ = ["MACHINES", "Fault", "SimulatedLine", "plant_definitions", "simulate_line", "write_plant"]
