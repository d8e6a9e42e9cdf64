"""Matching: which callback of a changed row goes into which stage, and what cannot be."""

from rtstft.callbacks import name_of
from rtstft.errors import ParameterError
from rtstft.plugin import Callback
from rtstft.runner import Runner
from rtstft.stage import Stage, let_pass, too_late


def reordered(before: list[Stage], after: list[Stage]) -> list[Stage]:
    """Of those that stay, the ones between which another order begins and ends, as they stood before."""
    old = [stage for stage in before if stage in after]
    new = [stage for stage in after if stage in before]
    moved = [place for place, stage in enumerate(old) if stage is not new[place]]
    return old[moved[0] : moved[-1] + 1] if moved else []


def is_overtaking(before: list[Stage], after: list[Stage]) -> bool:
    """Whether stages that look ahead have another order."""
    old = [stage for stage in before if stage.lookahead and stage in after]
    return old != [stage for stage in after if stage.lookahead and stage in before]


def match(wanted: list[Callback], planned: list[Stage]) -> list[Stage | None]:
    """For each callback the stage that has it, or still has it."""
    free = list(planned)
    places: list[Stage | None] = [None] * len(wanted)
    for having in (lambda stage, callback: stage.callback is callback, Stage.holds):
        for place, callback in enumerate(wanted):
            if places[place] is None:
                stage = next((stage for stage in free if having(stage, callback)), None)
                if stage is not None:
                    places[place] = stage
                    free.remove(stage)
    for callback, stage in zip(wanted, places):
        if stage is not None or not hasattr(callback, "process"):
            continue
        if any(old.holds(callback) and not old.let_go() for old in planned):
            raise ParameterError(
                f"{name_of(callback)} still fades out at another place: try again in a moment, use "
                f"reorder, or another instance"
            )
    return places


def hosts(fresh: dict[int, Runner], places: list[Stage | None], planned: list[Stage]) -> dict[int, Stage]:
    """For newcomers the stages of those that go from between the same neighbours; or PluginError."""
    found: dict[int, Stage] = {}
    for place, runner in fresh.items():
        before = next((stage for stage in reversed([*places[:place]]) if stage), None)
        after = next((stage for stage in places[place:] if stage), None)
        start = planned.index(before) + 1 if before else 0
        end = planned.index(after) if after else len(planned)
        taken = [planned.index(stage) + 1 for stage in found.values() if stage in planned[start:end]]
        gap = [stage for stage in planned[max([start, *taken]) : end] if stage not in places]
        fitting = [stage for stage in gap if stage.lookahead >= runner.lookahead]
        # An empty stage is a delay, and kept for one that looks ahead.
        going = [stage for stage in fitting if stage.callback is not let_pass]
        if not fitting and runner.lookahead:
            raise too_late(runner, max((stage.lookahead for stage in gap), default=0))
        if going or (fitting and runner.lookahead):
            found[place] = (going or fitting)[0]
    return found
