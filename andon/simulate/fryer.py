"""A continuous fryer: oil heated by gas, product that boils its water off, and foam that may boil over.

Heat balance of the oil (Singh and Heldman, *Introduction to Food Engineering*, 5th ed., ch. 4 and 12)::

    M c dT/dt = eta Q u - m_w (h_fg + c_w (100 - T_in)) - m_s c_s (T - T_in) - UA (T - T_ambient) - top-up

with M = 900 kg of oil, c = 2.2 kJ/kgK, Q = 520 kW of gas at eta = 0.85, UA = 0.35 kW/K, h_fg = 2257 kJ/kg,
c_w = 4.19 kJ/kgK, c_s = 1.8 kJ/kgK. The water that leaves, m_w, follows from the feed, its moisture and the moisture of
the product that leaves. Polar compounds of the oil grow with water and temperature (hydrolysis, oxidation), and fall
with fresh oil; above about 25 % oil is discarded (Codex and national limits), so it is kept below by topping up.

Two ways to boil over: *foam* (soaps and crumbs gather at the surface until skimmed; the foam's head rises with the
steam that passes through it and with the oil's degradation), and *wet load* (ice or surface water that the moisture of
the lot does not show: more steam for the same feed; it comes with the feed and matters with the square of it, so that
less feed is a remedy).
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
    """Run the fryer; see `andon.simulate.machine.Kernel`."""
    for i in range(len(uniforms)):
        foam, wet, temperature, integral, level, polar, exhaust, top_up, breath = state[:9]
        ramp, cleaning, ambient, burst_a, burst_b, moisture = inputs[i, :6]
        target, feed, skimming, circulation, left, soap, depth = inputs[i, 6:13]

        feed_s = feed * ramp / 3600.0
        load = (feed * ramp / 430.0) ** 2
        surface = 0.22 * wet
        water = feed_s * max(0.0, (moisture - left) / (100.0 - left) + surface)
        solids = feed_s * (1.0 - moisture / 100.0)
        steam = water * 3600.0 / 250.0
        head = foam * soap * steam * (0.75 + 0.025 * polar) * (1.0 + 0.006 * (level - depth))

        breath += _DT / 40.0 * -breath + 0.35 * shocks[i, 0]
        error = target - temperature
        valve = 0.06 * error + integral
        valve = min(1.0, max(0.04, valve))
        sensors[i, 0] = temperature
        sensors[i, 1] = 100.0 * valve
        sensors[i, 2] = level + 9.0 * head + (0.4 + 6.0 * head) * breath
        sensors[i, 3] = exhaust
        sensors[i, 4] = 12.0 + 95.0 * water * (1.0 - 0.10 * min(head, 1.5)) + (0.6 + 5.5 * head) * breath
        viscosity = 1.0 + 0.012 * polar - 0.004 * (temperature - 175.0)
        sensors[i, 5] = 3.0 + 17.0 * (circulation / 100.0) ** 2.2 * viscosity * (1.0 - 0.28 * min(head, 1.5))
        sensors[i, 6] = 100.0 * top_up
        sensors[i, 7] = left + 0.12 * (moisture - 60.0) * 0.2 + 0.03 * (175.0 - temperature) + 4.0 * wet * load

        running = 1.0 if ramp > 0.3 else 0.0
        rate_a = running * 5.0 * min(1.5, max(0.0, (head - 0.60) / 0.45)) ** 2
        rate_b = running * 5.0 * min(1.5, max(0.0, (wet * (0.30 + 0.70 * load) - 0.60) / 0.45)) ** 2
        hidden[i, 0] = foam
        hidden[i, 1] = wet
        hidden[i, 2] = rate_a
        hidden[i, 3] = rate_b

        heat = 0.85 * 520.0 * valve
        taken = water * (2257.0 + 4.19 * 90.0) + solids * 1.8 * (temperature - 10.0)
        lost = 0.35 * (temperature - ambient) + 0.12 * circulation / 100.0 * (temperature - ambient)
        fresh = 0.045 * top_up
        heating = heat - taken - lost - fresh * 2.2 * (temperature - 40.0)
        temperature += _DT / (900.0 * 2.2) * heating + 0.05 * shocks[i, 1]
        if 0.04 < valve < 1.0 or (valve >= 1.0) == (error < 0.0):
            integral = min(1.0, max(-0.2, integral + 0.06 * error * _DT / 350.0))
        exhaust += _DT / 120.0 * (ambient + 55.0 + 190.0 * valve - exhaust) + 0.25 * shocks[i, 2]
        uptake = 0.28 * solids + 0.002
        level += _DT * (fresh - uptake) / 2.55 * (1.0 - cleaning)
        top_up = min(1.0, max(0.0, top_up + _DT / 60.0 * (0.12 * (depth - level) + 0.3 - top_up)))
        hydrolysis = 0.5 * steam * np.exp(0.035 * (temperature - 175.0))
        polar += _DT_HOUR * (hydrolysis + 0.1 - fresh * 3600.0 / 900.0 * polar) - _DT_HOUR * cleaning * 8.0 * (
            polar - 6.0
        )
        skim = 0.15 + 7.0 * (skimming / 100.0) ** 2
        foam += _DT_HOUR * (1.95 * burst_a * running + 0.12 * running - skim * foam - 6.0 * cleaning * foam)
        wet += _DT_HOUR * (1.6 * burst_b * running * (0.35 + 0.65 * load) - 0.35 * wet - 6.0 * cleaning * wet)
        foam = max(0.0, foam + 0.002 * shocks[i, 3] * running)

        state[0], state[1], state[2], state[3], state[4] = foam, wet, temperature, integral, level
        state[5], state[6], state[7], state[8] = polar, exhaust, top_up, breath
        if uniforms[i] < 1.0 - np.exp(-(rate_a + rate_b) * _DT_HOUR):
            return i + 1
    return len(uniforms)


FRYER = Machine(
    name="fryer",
    event="boil_over",
    alert="boil-over-soon",
    limit="oil_level > 245",
    limit_clear="oil_level < 240",
    cleaning_hour=23.0,
    ingredient=Sensor("moisture", "%", 0.4, 0.1, "ingredient"),
    ingredient_spread=1.2,
    ambient=Sensor("ambient_temperature", "°C", 0.15, 0.1),
    settings=(
        Setting("oil_setpoint", "°C", 160, 190, 1, 2.0),
        Setting("feed_rate", "kg/h", 150, 600, 10, 32.0, cost=3.0),
        Setting("skimming", "%", 0, 100, 5, 14.0),
        Setting("circulation", "%", 55, 100, 5, 6.0),
    ),
    products=(
        Product("crisps", (178, 330, 30, 80), 77.0, (3.0, 0.95, 222.0)),
        Product("chips", (172, 430, 30, 75), 70.0, (35.0, 0.85, 238.0)),
        Product("nuggets", (182, 470, 35, 85), 62.0, (40.0, 1.45, 206.0)),
    ),
    sensors=(
        Sensor("oil_temperature", "°C", 0.25, 0.1),
        Sensor("gas_valve", "%", 0.5, 0.1),
        Sensor("oil_level", "mm", 0.8, 0.5),
        Sensor("exhaust_temperature", "°C", 1.0, 0.1),
        Sensor("hood_pressure", "Pa", 0.5, 0.1),
        Sensor("pump_current", "A", 0.12, 0.01),
        Sensor("top_up_valve", "%", 0.5, 0.1),
        Sensor("product_moisture", "%", 0.35, 0.1, "quality"),
    ),
    wears=(
        Wear("foam", 2.4, ("oil_level", "hood_pressure", "pump_current", "skimming"), ("skimming", "raise")),
        Wear("wet_load", 1.4, ("product_moisture", "gas_valve", "hood_pressure", "feed_rate"), ("feed_rate", "lower")),
    ),
    initial=(0.05, 0.0, 174.0, 0.45, 220.0, 10.0, 140.0, 0.3, 0.0),
    advance=advance,
)
