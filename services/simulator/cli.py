"""`minsheng simulate`: play the city against a deployment."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.simulator.domain.people import MAX_POPULATION

if TYPE_CHECKING:
    from services.simulator.settings import SimulatorSettings


class Profile(StrEnum):
    """How the rate moves with the time."""

    CITY = "city"
    FLAT = "flat"


def simulate(
    rate: Annotated[float, typer.Option(min=0.001, max=100_000, help="Requests per second on average.")] = 2.0,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The city's seed; with the same --start, the same requests. Default: any.")
    ] = None,
    start: Annotated[
        datetime | None, typer.Option(help="When the city's day begins to be played, city time. Default: now.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="How long to post. Default: until Ctrl-C.")] = None,
    linger: Annotated[
        float, typer.Option(min=0, help="Minutes that officers and citizens go on after the last request.")
    ] = 0.0,
    profile: Annotated[Profile, typer.Option(help="City: by hour and weekday. Flat: for measurements.")] = Profile.CITY,
    repeats: Annotated[float, typer.Option(min=0, max=1, help="Share of requests that were brought before.")] = 0.2,
    burst_every: Annotated[float, typer.Option(min=0, help="Minutes between bursts on average; 0 for none.")] = 20.0,
    burst_factor: Annotated[float, typer.Option(min=0, max=100, help="A burst's requests, times --rate.")] = 1.0,
    population: Annotated[int, typer.Option(min=1, max=MAX_POPULATION, help="Inhabitants.")] = 200_000,
    speed: Annotated[float, typer.Option(min=0.01, help="How much faster than people officers and citizens are.")] = (
        3_600.0
    ),
    neglect: Annotated[
        float, typer.Option(min=0, max=1, help="Share of steps that officers leave until the deadline has passed.")
    ] = 0.01,
    intake: Annotated[str | None, typer.Option(help="Intake's address. Default: its port here.")] = None,
    routing: Annotated[str | None, typer.Option(help="Routing's address.")] = None,
    followup: Annotated[str | None, typer.Option(help="Follow-up's address.")] = None,
    channels: Annotated[bool, typer.Option(help="Post requests.")] = True,
    officers: Annotated[
        bool | None, typer.Option(help="Work on cases. Default: unless the deployment's own simulator does.")
    ] = None,
    carrier: Annotated[
        bool | None,
        typer.Option(help="Take messages, and let citizens answer. Default: unless its own simulator does."),
    ] = None,
    carrier_port: Annotated[int | None, typer.Option(min=0, max=65535, help="Where the carrier listens.")] = None,
    connections: Annotated[int, typer.Option(min=1, max=10_000, help="HTTP connections to intake.")] = 256,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for a service that is away, before ending.")
    ] = 120.0,
    summary: Annotated[Path | None, typer.Option(help="Keep the summary (JSON) in this file.")] = None,
    journal: Annotated[
        Path | None, typer.Option(help="Append one JSON line to this file for each accepted request.")
    ] = None,
) -> None:
    """Play a city against a demonstration: channels, officers, citizens, a carrier. Ends with a summary as JSON.

    Until Ctrl-C, or for --minutes. Refuses a deployment that does not say it is a demonstration.

    Example: minsheng simulate --rate 2 --minutes 10
    """
    # Loaded now: the options alone need none of it.
    import secrets
    from zoneinfo import ZoneInfo

    import uvloop
    from rich.console import Console

    from services.simulator.app import MissingTokenError, Options, Simulation
    from services.simulator.deployment import DeploymentError
    from services.simulator.domain.arrivals import BurstPlan, Rhythm
    from services.simulator.domain.stream import Plan
    from services.simulator.paging import ListRefusedError
    from services.simulator.registry import CityError, load_city, load_script
    from services.simulator.report import write_summary
    from services.simulator.settings import SimulatorSettings
    from shared.ports import PortTakenError
    from shared.privacy.keys import KeyRingError
    from shared.settings import MissingSettingError
    from shared.telemetry.logging import configure
    from shared.web.server import HttpServerError

    ending = (
        CityError,
        DeploymentError,
        HttpServerError,
        KeyRingError,
        ListRefusedError,
        MissingSettingError,
        MissingTokenError,
        OSError,
        PortTakenError,
    )
    console = Console(emoji=False)
    failed = False
    try:
        settings = SimulatorSettings()
        configure("simulator", settings.log_level)
        city = load_city(settings.channels_file, settings.organisation_file)
        zone = ZoneInfo(city.timezone)
        # Whole seconds: what is printed must be all that there is to it.
        began = (
            datetime.now(zone).replace(microsecond=0) if start is None else start.replace(tzinfo=start.tzinfo or zone)
        )
        plan = Plan(
            seed=secrets.randbelow(2**31) if seed is None else seed,
            start=began,
            rate=rate,
            repeats=repeats,
            rhythm=Rhythm(flat=profile is Profile.FLAT),
            bursts=BurstPlan(every=burst_every * 60, factor=burst_factor),
            population=population,
        )
        played = carrier is not True and officers is not True and _is_played(settings)
        options = Options(
            plan=plan,
            intake=_address(intake, settings, "intake"),
            routing=_address(routing, settings, "routing"),
            followup=_address(followup, settings, "followup"),
            seconds=None if minutes is None else minutes * 60,
            linger=linger * 60,
            speed=speed,
            neglect=neglect,
            channels=channels,
            officers=officers if officers is not None else not played,
            carrier=carrier if carrier is not None else not played,
            carrier_port=settings.simulator_port if carrier_port is None else carrier_port,
            connections=connections,
            journal=journal,
            patience=patience,
        )
        if played:
            console.print(
                "The deployment's own simulator plays officers, citizens and carrier; this one only posts requests.",
                soft_wrap=True,
            )
        console.print(
            f"Playing {city.channel_count:,} channels at {rate:g}/s against {options.intake}; again the same with "
            f"--seed {plan.seed} --start {began:%Y-%m-%dT%H:%M:%S}",
            highlight=False,
            soft_wrap=True,
        )
        simulation = Simulation(options, settings, city, load_script(), console)
        write_summary(console, uvloop.run(simulation.run()), summary)
    except* ending as ended:
        # A parallel part of the simulation tells its failure in a group; each gets its line.
        _tell(ended)
        failed = True
    if failed:
        raise typer.Exit(1)


def _tell(ended: BaseExceptionGroup[BaseException]) -> None:
    for error in ended.exceptions:
        if isinstance(error, BaseExceptionGroup):
            _tell(error)
        else:
            typer.echo(f"minsheng simulate: {error}", err=True)


def _is_played(settings: SimulatorSettings) -> bool:
    """Whether a simulator listens here already, as `minsheng up --simulate` starts it."""
    import json
    import urllib.request

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{settings.simulator_port}/healthz", timeout=2) as answer:
            return bool(json.load(answer).get("service") == "simulator")
    except (OSError, ValueError):
        return False


def _address(given: str | None, settings: SimulatorSettings, service: str) -> str:
    return (given or f"http://127.0.0.1:{settings.port_of(service)}").rstrip("/")
