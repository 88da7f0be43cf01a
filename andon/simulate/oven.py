"""A gas tunnel oven of two zones: dough that must be heated and dried, and burners that soot up or stick.

Heat balance of each zone (Singh and Heldman, *Introduction to Food Engineering*, 5th ed., ch. 3 and 4; combustion by
Baukal, *Industrial Burners Handbook*, ch. 2 and 3)::

    C dT/dt = eta(air) (1 - 0.25 soot) Q u sqrt(p) - m_d c_d dT_d - m_w h_fg - UA (T - T_hall) - exchange

with C = 900 kJ/K, Q = 260 and 220 kW, eta = 0.84 at 20 % excess air less 0.4 % a point of excess air, UA = 0.30 kW/K,
c_d = 2.8 kJ/kgK, 60 % of the water m_w leaving in the first zone; p is the gas pressure over 20 mbar. The oxygen of
dry flue gas is 20.9 e / (1 + e) for an excess air of e; carbon monoxide rises steeply as air runs short.

Two ways to a burner fault: *soot* on the first burner (more valve for the same heat, more CO; lean flames burn it off,
so more combustion air is a remedy) and *sticking* of the second zone's gas valve (it hunts around its set point,
whatever anybody sets).
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
    """Run the oven; see `andon.simulate.machine.Kernel`."""
    for i in range(len(uniforms)):
        soot, stick, t_1, t_2, i_1, i_2, flue, pressure, slip, flicker = state[:10]
        ramp, cleaning, ambient, burst_a, burst_b, moisture = inputs[i, :6]
        target_1, target_2, feed, speed, air, left, thickness = inputs[i, 6:13]

        dough = feed * ramp / 3600.0
        water = dough * max(0.0, (moisture - left) / (100.0 - left))
        excess = air / 100.0
        heating = 0.84 - 0.4 * (excess - 0.20)
        pressure += _DT / 900.0 * (20.0 - pressure) + 0.10 * shocks[i, 0]
        draw = np.sqrt(max(pressure, 5.0) / 20.0)

        error_1, error_2 = target_1 - t_1, target_2 - t_2
        u_1 = min(1.0, max(0.05, 0.02 * error_1 + i_1))
        u_2 = min(1.0, max(0.05, 0.02 * error_2 + i_2))
        # A sticking valve stays behind its order, then slips past it.
        slip += _DT / 60.0 * -slip + 0.5 * shocks[i, 3]
        position = min(1.0, max(0.03, u_2 * (1.0 + (0.01 + 0.28 * stick) * slip)))

        fuel = 260.0 * u_1 * draw
        flicker += _DT / 30.0 * -flicker + 0.4 * shocks[i, 1]
        sensors[i, 0] = t_1
        sensors[i, 1] = t_2
        sensors[i, 2] = 100.0 * u_1
        sensors[i, 3] = 100.0 * u_2
        sensors[i, 4] = pressure
        sensors[i, 5] = flue
        sensors[i, 6] = 20.9 * excess / (1.0 + excess) - 0.5 * soot + 0.12 * flicker
        short = np.exp(-(air - 22.0) / 9.0)
        sensors[i, 7] = (18.0 + 45.0 * short) * (0.4 + fuel / 150.0) * (1.0 + 0.4 * soot) * np.exp(0.16 * flicker)
        sensors[i, 8] = 3.0 + 7.0 * u_1**0.6 * draw * (1.0 - 0.22 * soot) + (0.10 + 0.80 * soot) * flicker
        sensors[i, 9] = 58.0 - 0.22 * (t_2 - 230.0) + 1.5 * (speed - 9.5) + 0.4 * (moisture - 33.0) - 0.5 * thickness

        sensors[i, 10] = 0.7 * pressure * position**1.3

        running = 1.0 if ramp > 0.3 else 0.0
        load = fuel / 140.0
        rate_a = running * 5.0 * min(1.5, max(0.0, (soot * (0.55 + 0.45 * load) - 0.60) / 0.45)) ** 2
        rate_b = running * 5.0 * min(1.5, max(0.0, (stick - 0.60) / 0.45)) ** 2
        hidden[i, 0] = soot
        hidden[i, 1] = stick
        hidden[i, 2] = rate_a
        hidden[i, 3] = rate_b

        heat_1 = fuel * heating * (1.0 - 0.25 * min(soot, 1.6)) * (0.15 + 0.85 * min(1.0, ramp + 0.4))
        heat_2 = 220.0 * position * draw * heating * (0.15 + 0.85 * min(1.0, ramp + 0.4))
        taken_1 = dough * 2.8 * 65.0 + 0.6 * water * 2257.0
        taken_2 = dough * 2.8 * 25.0 + 0.4 * water * 2257.0
        exchange = 0.12 * (t_1 - t_2)
        t_1 += _DT / 900.0 * (heat_1 - taken_1 - 0.30 * (t_1 - ambient) - exchange) + 0.06 * shocks[i, 2]
        t_2 += _DT / 900.0 * (heat_2 - taken_2 - 0.30 * (t_2 - ambient) + exchange) + 0.06 * shocks[i, 2]
        if 0.05 < u_1 < 1.0 or (u_1 >= 1.0) == (error_1 < 0.0):
            i_1 = min(1.0, max(-0.2, i_1 + 0.02 * error_1 * _DT / 300.0))
        if 0.05 < u_2 < 1.0 or (u_2 >= 1.0) == (error_2 < 0.0):
            i_2 = min(1.0, max(-0.2, i_2 + 0.02 * error_2 * _DT / 300.0))
        rising = ambient + 90.0 + 150.0 * u_1 * draw * (1.0 + 0.12 * soot) + 0.9 * air
        flue += _DT / 180.0 * (rising - flue) + 0.3 * shocks[i, 3]
        rich = max(0.15, 1.9 - air / 22.0)
        soot += _DT_HOUR * (1.3 * burst_a * running * rich - (0.2 + 0.12 * max(0.0, air - 22.0)) * soot * running)
        soot -= _DT_HOUR * 5.0 * cleaning * soot
        stick += _DT_HOUR * (1.5 * burst_b * running - 0.3 * stick - 5.0 * cleaning * stick)

        state[0], state[1], state[2], state[3], state[4], state[5] = soot, stick, t_1, t_2, i_1, i_2
        state[6], state[7], state[8], state[9] = flue, pressure, slip, flicker
        if uniforms[i] < 1.0 - np.exp(-(rate_a + rate_b) * _DT_HOUR):
            return i + 1
    return len(uniforms)


OVEN = Machine(
    name="oven",
    event="burner_fault",
    alert="burner-fault-soon",
    limit="gas_valve_1 > 85",
    limit_clear="gas_valve_1 < 80",
    cleaning_hour=1.0,
    ingredient=Sensor("dough_moisture", "%", 0.25, 0.1, "ingredient"),
    ingredient_spread=0.8,
    ambient=Sensor("ambient_temperature", "°C", 0.15, 0.1),
    settings=(
        Setting("zone_1_setpoint", "°C", 180, 280, 1, 3.0),
        Setting("zone_2_setpoint", "°C", 180, 280, 1, 3.0),
        Setting("dough_feed", "kg/h", 200, 700, 10, 28.0, cost=3.0),
        Setting("belt_speed", "m/min", 4, 16, 0.5, 0.6),
        Setting("combustion_air", "%", 10, 50, 2, 3.5),
    ),
    products=(
        Product("crackers", (250, 235, 380, 10.0, 22), 33.0, (4.0, 2.0)),
        Product("biscuits", (232, 222, 500, 8.5, 22), 26.0, (5.0, 6.0)),
        Product("flatbread", (262, 240, 520, 11.0, 24), 40.0, (28.0, 4.0)),
    ),
    sensors=(
        Sensor("zone_1_temperature", "°C", 0.3, 0.1),
        Sensor("zone_2_temperature", "°C", 0.3, 0.1),
        Sensor("gas_valve_1", "%", 0.5, 0.1),
        Sensor("gas_valve_2", "%", 0.5, 0.1),
        Sensor("gas_pressure", "mbar", 0.08, 0.1),
        Sensor("flue_temperature", "°C", 1.0, 0.1),
        Sensor("flue_oxygen", "%", 0.08, 0.01),
        Sensor("flue_co", "ppm", 1.5, 1.0),
        Sensor("flame_signal", "µA", 0.12, 0.01),
        Sensor("crust_colour", "L*", 0.9, 0.1, "quality"),
        Sensor("burner_2_pressure", "mbar", 0.06, 0.01),
    ),
    wears=(
        Wear("soot", 2.6, ("flame_signal", "gas_valve_1", "flue_co", "combustion_air"), ("combustion_air", "raise")),
        Wear("sticking_valve", 1.5, ("burner_2_pressure", "gas_valve_2", "zone_2_temperature"), None),
    ),
    initial=(0.0, 0.0, 245.0, 230.0, 0.5, 0.5, 220.0, 20.0, 0.0, 0.0),
    advance=advance,
)
