"""A vertical form-fill-seal packer: a drive, a belt, film from a reel and heated jaws.

Drive and jaws (Groover, *Automation, Production Systems*, 4th ed., ch. 4; web tension by Shelton 1986, *Dynamics of
web tension control*)::

    motor current   I = I_0 + k speed^1.15 drag(product) (1 + 0.55 crumbs)
    web tension     N = N_0 (0.72 + 0.28 D / D_0) (1 + 0.04 wander + (0.01 + 0.11 wander) swing)
    jaws            C dT/dt = P u - h speed (T - T_film) - k (T - T_hall)

with C = 12 kJ/K, P = 1.6 kW, film at hall temperature. The reel's diameter D falls as film of 60 µm runs out
(D^2 falls by 4/pi times thickness times length), and a new reel of 400 mm is spliced on at 90 mm, so the tension
follows a sawtooth.

Two ways to jam: *crumbs* that gather in jaws and belt (more current and an unsteady belt at the same speed; they
matter with the square of the speed, so a slower line is a remedy) and a *wandering film* (the tension swings; no
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
    """Run the packer; see `andon.simulate.machine.Kernel`."""
    for i in range(len(uniforms)):
        crumbs, film, jaws, integral, reel, swing, warmth, shake = state[:8]
        ramp, cleaning, ambient, burst_a, burst_b, density = inputs[i, :6]
        speed, target, vacuum, drag, brittle, length, volume, film_load = inputs[i, 6:14]

        packs = speed * ramp
        shake += _DT / 20.0 * -shake + 0.6 * shocks[i, 0]
        swing += _DT / 60.0 * -swing + 0.4 * shocks[i, 1]
        error = target - jaws
        heater = min(1.0, max(0.0, 0.05 * error + integral))
        pull = (
            drag * (1.0 + 0.001 * (density - 400.0)) * (1.0 + 0.004 * (24.0 - ambient)) * (1.0 + 0.05 * (1.0 - warmth))
        )
        sensors[i, 0] = 0.8 + 0.034 * packs**1.15 * pull * (1.0 + 0.55 * crumbs) if packs > 1.0 else 0.3
        sensors[i, 1] = packs * length / 60.0 * (1.0 + (0.003 + 0.02 * crumbs + 0.05 * crumbs**2) * shake)
        sensors[i, 2] = jaws
        sensors[i, 3] = 100.0 * heater
        turning = min(1.0, packs / 20.0)
        tension = film_load * (0.72 + 0.28 * reel / 400.0) * (1.0 + 0.0015 * (packs - 60.0))
        sensors[i, 4] = turning * tension * (1.0 + 0.04 * film + (0.010 + 0.06 * film + 0.12 * film**2) * swing)
        sensors[i, 5] = reel
        sensors[i, 6] = density * volume / 1000.0 * (1.0 + 0.010 * shake) * turning
        sensors[i, 7] = vacuum - 2.5 * (packs / 60.0) - 1.2 * crumbs
        sensors[i, 8] = turning * (
            2.2 * brittle - 1.3 + 0.8 * (packs / 60.0) ** 2 + 0.5 * crumbs + 0.5 * film
        ) + 0.25 * abs(shake)

        sensors[i, 9] = 0.3 + turning * (0.5 + 1.6 * (packs / 60.0) ** 2 * drag) * (1.0 + 1.1 * crumbs + 0.04 * shake)
        sensors[i, 10] = (0.004 * (reel - 250.0) + (0.12 + 2.2 * film) * swing) * turning

        running = 1.0 if ramp > 0.3 else 0.0
        haste = (packs / 62.0) ** 2
        rate_a = running * 5.0 * min(1.5, max(0.0, (crumbs * (0.25 + 0.75 * haste) - 0.60) / 0.45)) ** 2
        rate_b = running * 5.0 * min(1.5, max(0.0, (film - 0.60) / 0.45)) ** 2
        hidden[i, 0] = crumbs
        hidden[i, 1] = film
        hidden[i, 2] = rate_a
        hidden[i, 3] = rate_b

        heating = 1.6 * heater - (0.0018 + 0.0045 * packs / 60.0) * (jaws - ambient)
        jaws += _DT / 12.0 * heating + 0.05 * shocks[i, 2]
        if 0.0 < heater < 1.0 or (heater >= 1.0) == (error < 0.0):
            integral = min(1.0, max(-0.2, integral + 0.05 * error * _DT / 150.0))
        used = packs * length * _DT / 60.0
        reel = np.sqrt(max(0.0, reel**2 - 4.0 / np.pi * 0.06 * used))
        if reel < 90.0:
            reel = 400.0
        warmth += _DT / 1500.0 * ((1.0 if packs > 1.0 else 0.0) - warmth)
        grown = 1.15 * burst_a * running * brittle * (0.35 + 0.65 * haste)
        crumbs += _DT_HOUR * (grown - 0.25 * crumbs - 5.0 * cleaning * crumbs)
        film += _DT_HOUR * (1.5 * burst_b * running - 0.3 * film - 5.0 * cleaning * film)
        crumbs = max(0.0, crumbs + 0.002 * shocks[i, 3] * running)

        state[0], state[1], state[2], state[3] = crumbs, film, jaws, integral
        state[4], state[5], state[6], state[7] = reel, swing, warmth, shake
        if uniforms[i] < 1.0 - np.exp(-(rate_a + rate_b) * _DT_HOUR):
            return i + 1
    return len(uniforms)


PACKER = Machine(
    name="packer",
    event="jam",
    alert="jam-soon",
    limit="motor_current > 8.5",
    limit_clear="motor_current < 8",
    cleaning_hour=5.0,
    ingredient=Sensor("bulk_density", "g/l", 3.0, 1.0, "ingredient"),
    ingredient_spread=12.0,
    ambient=Sensor("ambient_temperature", "°C", 0.15, 0.1),
    settings=(
        Setting("speed", "1/min", 30, 90, 1, 4.0, cost=3.0),
        Setting("jaw_setpoint", "°C", 130, 190, 1, 2.5),
        Setting("vacuum_setpoint", "kPa", 30, 70, 1, 2.0),
    ),
    products=(
        Product("crisps-150g", (62, 158, 48), 300.0, (0.95, 1.15, 280.0, 500.0, 42.0)),
        Product("crackers-250g", (55, 165, 52), 420.0, (1.60, 0.95, 240.0, 595.0, 56.0)),
        Product("nuts-80g", (74, 152, 45), 520.0, (0.60, 0.85, 160.0, 154.0, 32.0)),
    ),
    sensors=(
        Sensor("motor_current", "A", 0.06, 0.01),
        Sensor("belt_speed", "mm/s", 0.5, 0.1),
        Sensor("jaw_temperature", "°C", 0.25, 0.1),
        Sensor("jaw_heater", "%", 0.6, 0.1),
        Sensor("film_tension", "N", 0.35, 0.1),
        Sensor("reel_diameter", "mm", 0.5, 1.0),
        Sensor("pack_weight", "g", 0.4, 0.1, "quality"),
        Sensor("vacuum", "kPa", 0.3, 0.1),
        Sensor("reject_rate", "%", 0.25, 0.1, "quality"),
        Sensor("vibration", "mm/s", 0.08, 0.01),
        Sensor("film_edge", "mm", 0.08, 0.01),
    ),
    wears=(
        Wear("crumbs", 2.6, ("motor_current", "vibration", "belt_speed", "speed"), ("speed", "lower")),
        Wear("wandering_film", 1.5, ("film_edge", "film_tension"), None),
    ),
    initial=(0.05, 0.0, 158.0, 0.4, 300.0, 0.0, 1.0, 0.0),
    advance=advance,
)
