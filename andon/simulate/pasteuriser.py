"""A plate pasteuriser: steam heats a loop of hot water, which heats the product after its heat recovery.

Heat balances and the plates' heat transfer (Singh and Heldman, *Introduction to Food Engineering*, 5th ed., ch. 4;
fouling by Visser and Jeurnink 1997, *Experimental Thermal and Fluid Science* 14: 407)::

    recovered  T_r = T_in + e (T_h - T_in),  e = 0.86 falling with flow
    duty       Q = m c (T_h - T_r) = U A (T_w - T_m),  U = U_0 (m / m_0)^0.6 / (1 + 0.55 fouling)
    loop       C_w dT_w/dt = K u sqrt(P_s) - Q - losses
    plates     dp = k m^1.75 mu (1 + 0.35 fouling, unsteady as deposits break off)

with U_0 A = 4.5 kW/K at 4000 l/h, C_w = 900 kJ/K, K u sqrt(P_s) = 125 kW fully open at 4 bar, c = 3.9 kJ/kgK. The
controller moves the steam valve to hold the temperature T_h of the holding tube.

Two ways to fail: *fouling* of the plates (bursts that grow with the temperature of the hot water beyond the product,
so less flow is a remedy) and a *waterlogged* steam trap (condensate gathers in the heater: the temperature swings; no
setting helps).
"""

from __future__ import annotations

import numba
import numpy as np

from andon.frames import Floats
from andon.simulate.machine import Machine, Product, Sensor, Setting, Wear

_DT = 10.0
_DT_HOUR = _DT / 3600.0


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def advance(state: Floats, inputs: Floats, shocks: Floats, uniforms: Floats, sensors: Floats, hidden: Floats) -> int:
    """Run the pasteuriser; see `andon.simulate.machine.Kernel`."""
    for i in range(len(uniforms)):
        fouling, trap, hold, loop, integral, steam, inlet, slug = state[:8]
        ramp, cleaning, ambient, burst_a, burst_b, solids = inputs[i, :6]
        target, flow, back_pressure, viscosity, protein = inputs[i, 6:11]

        litres = flow * (0.35 + 0.65 * ramp)
        mass = litres * 1.03 / 3600.0
        relative = litres / 4000.0
        recovery = 0.86 - 0.05 * (relative - 1.0)
        recovered = inlet + recovery * (hold - inlet)
        heat = 3.9 - 0.012 * (solids - 12.0)
        transfer = 4.5 * relative**0.6 / (1.0 + 0.55 * fouling)
        transfer *= 1.0 - 0.02 * (viscosity - 1.0)
        mean = 0.5 * (recovered + hold)
        passed = transfer * max(0.0, loop - mean)
        error = target - hold
        valve = min(1.0, max(0.02, 0.035 * error + integral))
        supply = 125.0 * np.sqrt(max(steam, 1.0) / 4.0)

        sensors[i, 0] = hold
        sensors[i, 1] = loop
        sensors[i, 2] = 100.0 * valve
        sensors[i, 3] = steam
        sensors[i, 4] = litres
        sensors[i, 5] = inlet
        sensors[i, 6] = recovered
        thick = 1.0 + 0.5 * (viscosity - 1.0) + 0.03 * (solids - 12.0)
        sensors[i, 7] = (
            1.1 * relative**1.75 * thick * (1.0 + 0.35 * fouling + (0.01 + 0.30 * fouling) * slug) + 0.1 * back_pressure
        )
        sensors[i, 8] = inlet + (1.0 - recovery) * (hold - inlet) + 0.02 * (ambient - 20.0)

        saturated = 143.6 + 6.3 * (steam - 4.0)
        sensors[i, 9] = saturated - 4.0 - 30.0 * valve - 16.0 * trap + 16.0 * trap * slug

        running = 1.0 if ramp > 0.3 else 0.0
        duty = mass * heat * (hold - recovered) / 45.0
        rate_a = running * 5.0 * min(1.5, max(0.0, (fouling * (0.35 + 0.65 * duty) - 0.60) / 0.45)) ** 2
        rate_b = running * 5.0 * min(1.5, max(0.0, (trap - 0.60) / 0.45)) ** 2
        hidden[i, 0] = fouling
        hidden[i, 1] = trap
        hidden[i, 2] = rate_a
        hidden[i, 3] = rate_b

        slug += _DT / 50.0 * -slug + 0.45 * shocks[i, 0]
        reaching = supply * valve * max(0.3, 1.0 - 0.10 * trap + 0.22 * trap * slug)
        loop += _DT / 900.0 * (reaching - passed - 0.08 * (loop - ambient)) + 0.02 * shocks[i, 1]
        loop = min(loop, 135.0)
        # The product in plates and holding tube: about 60 l.
        hold += _DT / (62.0 * heat) * (passed - mass * heat * (hold - recovered)) + 0.01 * shocks[i, 2]
        if 0.02 < valve < 1.0 or (valve >= 1.0) == (error < 0.0):
            integral = min(1.0, max(-0.2, integral + 0.035 * error * _DT / 200.0))
        steam += _DT / 1500.0 * (4.0 - steam) + 0.05 * shocks[i, 3]
        inlet += _DT / 1800.0 * (5.0 + 0.10 * (ambient - 20.0) - inlet) + 0.03 * shocks[i, 1]
        grown = 1.15 * burst_a * running * protein * (0.25 + 0.75 * duty)
        fouling += _DT_HOUR * (grown - 0.12 * fouling - 5.0 * cleaning * fouling)
        trap += _DT_HOUR * (1.5 * burst_b * running - 0.3 * trap - 5.0 * cleaning * trap)

        state[0], state[1], state[2], state[3] = fouling, trap, hold, loop
        state[4], state[5], state[6], state[7] = integral, steam, inlet, slug
        if uniforms[i] < 1.0 - np.exp(-(rate_a + rate_b) * _DT_HOUR):
            return i + 1
    return len(uniforms)


PASTEURISER = Machine(
    name="pasteuriser",
    event="pasteurisation_failure",
    alert="pasteurisation-failure-soon",
    limit="steam_valve > 65",
    limit_clear="steam_valve < 60",
    cleaning_hour=3.0,
    ingredient=Sensor("solids", "%", 0.12, 0.1, "ingredient"),
    ingredient_spread=0.7,
    ambient=Sensor("ambient_temperature", "°C", 0.15, 0.1),
    settings=(
        Setting("hold_setpoint", "°C", 72, 92, 0.5, 0.6, actionable=False),
        Setting("flow_setpoint", "l/h", 2000, 6000, 100, 280.0, cost=3.0),
        Setting("back_pressure", "bar", 1, 4, 0.1, 0.35),
    ),
    products=(
        Product("milk", (75, 4300, 2.0), 12.5, (1.0, 1.0)),
        Product("cream", (85, 3300, 2.5), 21.0, (2.2, 1.1)),
        Product("juice", (88, 3700, 1.8), 11.0, (0.7, 0.9)),
    ),
    sensors=(
        Sensor("hold_temperature", "°C", 0.08, 0.1),
        Sensor("hot_water_temperature", "°C", 0.12, 0.1),
        Sensor("steam_valve", "%", 0.5, 0.1),
        Sensor("steam_pressure", "bar", 0.02, 0.01),
        Sensor("flow", "l/h", 22.0, 1.0),
        Sensor("inlet_temperature", "°C", 0.1, 0.1),
        Sensor("recovered_temperature", "°C", 0.15, 0.1),
        Sensor("pressure_drop", "bar", 0.02, 0.01),
        Sensor("outlet_temperature", "°C", 0.1, 0.1),
        Sensor("condensate_temperature", "°C", 0.8, 0.1),
    ),
    wears=(
        Wear(
            "plate_fouling",
            2.6,
            ("hot_water_temperature", "pressure_drop", "steam_valve", "flow"),
            ("flow_setpoint", "lower"),
        ),
        Wear("waterlogged_trap", 1.5, ("condensate_temperature", "steam_pressure", "hold_temperature"), None),
    ),
    initial=(0.05, 0.0, 75.0, 84.0, 0.4, 4.0, 5.0, 0.0),
    advance=advance,
)
