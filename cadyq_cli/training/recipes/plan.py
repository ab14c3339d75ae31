"""What a run trains: a network, and the recipe of each stage. People call its file a recipe."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from cadyq_cli.backbones.known import BACKBONES, Backbone, named
from cadyq_cli.degradations.degradation import Degradation
from cadyq_cli.degradations.naming import KNOWN, NONE, degradation_of
from cadyq_cli.errors import InputError
from cadyq_cli.settings import (
    check,
    from_table,
    setting,
    settings_of,
    to_lines,
    toml,
)
from cadyq_cli.training.recipes.recipe import Recipe
from cadyq_cli.typed import MAX_NUMBER

StageName = Literal["float", "static", "dynamic"]
STAGES: tuple[StageName, ...] = ("float", "static", "dynamic")

RECIPE_FILE = "recipe.toml"  # in the folder of a run
MAX_BYTES = 2**20  # of a recipe's file
MAX_DEPTH = 4  # of its tables and lists: a plan has settings, and one of these is a list

PAPER: Mapping[StageName, Recipe] = {  # where a file is silent
    "float": Recipe(distill_last=0, distill_blocks=0),
    "static": Recipe(distill_last=0, distill_blocks=0),
    "dynamic": Recipe(),
}

_FIXED = {"backbone", "scale", "scales", "widths", "unsigned", "relative", "logarithmic"}
_FIXED |= {"settings", "start"}  # what a run that has begun keeps


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run. The defaults are the paper's, for EDSR x4.

    Raises:
        InputError: a value that does not fit.
    """

    backbone: str = setting("edsr", named())
    scale: int = setting(
        4,
        "how many times as wide and high the result is; 1: restores what `degrade` has done",
        least=1,
    )
    scales: tuple[int, ...] = setting(
        (),
        "scales learned by one body, one per step"
        f" ({named('several_scales').upper()}); none: only `scale`",
    )
    widths: tuple[int, ...] = setting(
        (4, 6, 8), "bit widths that a patch chooses from, each 2 to 8"
    )
    unsigned: bool = setting(default=False, text="unsigned grids where features cannot be negative")
    relative: bool = setting(default=False, text="bounds that grow for patches stronger than usual")
    logarithmic: bool = setting(
        default=False, text="selectors that read the logarithms of gradient and spread"
    )
    stages: tuple[StageName, ...] = setting(
        (), "which of float, static, dynamic; none: those that follow the start's"
    )
    start: Path | None = setting(
        None,
        f"weights to start from, ours or the authors'; {named('edsr_sizes', last='and')} can also"
        " be fitted to an edsr of the same scale, on the photographs",
    )
    teacher: Path | None = setting(
        None,
        "network to imitate, which sees low resolution before `degrade`; none: what the stage"
        " starts from, in its own precision, which sees it after",
    )
    degrade: str = setting(
        NONE,
        f"what low resolution goes through: {KNOWN}, none; what a recipe's table [degradation] says"
        " comes instead of its values",
    )
    edges: bool = setting(
        default=False,
        text="whole numbers also in the convolutions that the paper leaves in float, except the"
        " first",
    )
    save_every: int = setting(200, "steps between saved states, and between validations", least=1)
    degradation: Degradation = None  # type: ignore[assignment]  # None: the name's
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the backbone, beside the scale
    recipes: Mapping[StageName, Recipe] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check(self)
        object.__setattr__(self, "recipes", {**PAPER, **self.recipes})
        if self.degradation is None:
            object.__setattr__(self, "degradation", degradation_of(self.degrade))
        if self.scale == 1:
            self._check_restoring()
        self._check_settings()
        if not self.widths or not all(2 <= bits <= 8 for bits in self.widths):
            raise InputError(f"widths = {list(self.widths)} should be from 2 to 8, such as 4,6,8")
        if len(set(self.widths)) < len(self.widths):
            raise InputError(f"widths = {list(self.widths)} should be different, such as 4,6,8")
        for recipe in self.recipes.values():
            target, least, most = recipe.target_bits, min(self.widths), max(self.widths)
            if target is not None and not least <= target <= most:
                raise InputError(
                    f"target_bits = {target:g} should be from {least} to {most}, as the widths are"
                )
        if [stage for stage in STAGES if stage in self.stages] != list(self.stages):
            raise InputError(f"stages = {list(self.stages)} should come in the order {STAGES}")
        if self.scales and self.scale not in self.scales:
            raise InputError(f"scales = {list(self.scales)} should include the scale {self.scale}")
        self._check_backbone()

    def _check_backbone(self) -> None:
        """That it can do what is asked of it."""
        known = BACKBONES.get(self.backbone, Backbone())  # what is unknown is told when it is built
        if self.scales and not known.several_scales:
            several = named("several_scales")
            raise InputError(
                f"{self.backbone} has a body for one scale only; {several} learns several"
            )
        asked = self.recipes["float"]
        if asked.fit_last and (self.start is not None or not known.linear_tail):
            raise InputError(
                f"fit_last is for a {named('linear_tail')} from scratch, without a start"
            )
        if asked.refit_tail and not known.linear_tail:
            raise InputError(f"refit_tail is for a {named('linear_tail')}")

    def _check_restoring(self) -> None:
        """That a network which does not enlarge can be built, and has something to learn."""
        if self.backbone in BACKBONES and not BACKBONES[self.backbone].restores:
            raise InputError(f"{self.backbone} cannot have scale 1; {named('restores')} can")
        if not self.degradation.happens:
            raise InputError("a network of scale 1 restores pictures, so it needs `degrade`")

    def _check_settings(self) -> None:
        """That the backbone has them, and that their values fit."""
        if not self.settings:
            return
        from cadyq_cli.backbones.registry import check_settings  # PyTorch, not for --help

        check_settings(self.backbone, self.settings)

    @property
    def all_scales(self) -> tuple[int, ...]:
        """The scales that are learned, at least one."""
        return self.scales or (self.scale,)

    def with_changes(self, changes: Mapping[str, Any]) -> Plan:
        """The plan with some settings changed, those of a recipe in every stage.

        What is not changed stays, of the backbone's settings too.

        Raises:
            InputError: a value that does not fit.
        """
        own = {f.name for f in fields(self)}
        recipe_changes = {name: value for name, value in changes.items() if name not in own}
        recipes = {stage: replace(r, **recipe_changes) for stage, r in self.recipes.items()}
        ours = {name: value for name, value in changes.items() if name in own}
        if "degrade" in ours:
            ours["degradation"] = degradation_of(ours["degrade"])
        if "settings" in ours:
            ours["settings"] = {**self.settings, **ours["settings"]}
        return replace(self, **{"recipes": recipes, **ours})

    def differences(self, other: Plan) -> dict[str, tuple[Any, Any]]:
        """The settings in which two plans differ, as ``steps`` or ``float.steps``: ours, theirs."""
        ours, theirs = self._flat(), other._flat()
        return {name: (v, theirs[name]) for name, v in ours.items() if v != theirs[name]}

    def continuing(self, before: Plan, asked: Collection[str]) -> tuple[Plan, list[str]]:
        """The plan for a run that was begun with another one.

        Args:
            before: What the run was begun with.
            asked: The settings that may change, such as ``steps``.

        Returns:
            It, and what has changed for it or for its stages, a line each.

        Raises:
            InputError: something else has changed, or something that makes it another network.
        """
        plan = self if self.stages else replace(self, stages=before.stages)
        changes = plan.differences(before)
        lines = {name: f"{name} is {new}, and was {old}" for name, (new, old) in changes.items()}
        if fixed := [line for name, line in lines.items() if name in _FIXED]:
            raise InputError(
                f"the run was begun with other settings: {'; '.join(fixed)}; use a new folder"
            )
        if "degrade" in asked:
            lines = {n: line for n, line in lines.items() if not n.startswith("degradation.")}
        if other := [line for name, line in lines.items() if name.split(".")[-1] not in asked]:
            hint = "give what should change as flags, or use a new folder"
            raise InputError(f"the run was begun with other settings: {'; '.join(other)}; {hint}")
        ours = {"", *plan.stages}
        return plan, [line for name, line in lines.items() if name.rpartition(".")[0] in ours]

    def _flat(self) -> dict[str, Any]:
        entries = {f.name: getattr(self, f.name) for f, _ in settings_of(Plan)}
        entries["settings"] = dict(self.settings)
        changes = asdict(self.degradation).items()
        entries |= {f"degradation.{name}": value for name, value in changes}
        for stage, recipe in self.recipes.items():
            entries |= {f"{stage}.{name}": value for name, value in asdict(recipe).items()}
        return entries

    def to_toml(self) -> str:
        """The whole plan as a file that `read_plan` reads."""
        lines = [*to_lines(self), "", "[settings]  # of the backbone"]
        lines += [f"{name} = {toml(value)}" for name, value in self.settings.items()]
        lines += ["", "[degradation]  # in the order of what happens", *to_lines(self.degradation)]
        for stage, recipe in self.recipes.items():
            lines += ["", f"[{stage}]", *to_lines(recipe)]
        return "\n".join(lines) + "\n"


def built_in() -> dict[str, str]:
    """The recipes that come with the package: name and text."""
    found = files("cadyq_cli.training.recipes").joinpath("built_in").iterdir()
    texts = {Path(file.name).stem: file.read_text("utf-8") for file in found}
    return dict(sorted(texts.items()))


def read_plan(source: str) -> Plan:
    """A built-in recipe by its name, or a recipe in a TOML file.

    Raises:
        InputError: it does not exist, cannot be read, or does not hold what it should.
    """
    texts = built_in()
    if source in texts:
        return parse_plan(texts[source], source)
    try:
        with Path(source).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except FileNotFoundError as error:
        names = ", ".join(texts)
        raise InputError(f"`recipe` {source}: neither a file nor one of {names}") from error
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{source}: is not UTF-8 text") from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{source}: is no recipe: it has more than {MAX_BYTES // 2**20} MiB")
    return parse_plan(text, source)


def parse_plan(text: str, where: str) -> Plan:
    """A plan from TOML, in a file that is called `where`.

    Raises:
        InputError: it is not TOML, or does not hold what it should.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}: is not TOML: {error}") from error
    except (RecursionError, ValueError) as error:
        reason = "it is nested too deeply, or a number is too long"
        raise InputError(f"{where}: cannot be read: {reason}") from error
    _check_extent(table, where)
    if "recipes" in table:
        raise InputError(f"{where}: unknown setting recipes")
    for name in (*STAGES, "settings", "degradation"):
        if not isinstance(table.get(name, {}), dict):
            raise InputError(f"{where}: {name} should be a table")
    tables = {stage: table.pop(stage, {}) for stage in STAGES}
    recipes = {
        stage: from_table(Recipe, {**asdict(PAPER[stage]), **content}, f"{where}, [{stage}]")
        for stage, content in tables.items()
    }
    table["degradation"] = _degradation(table, where)
    return from_table(Plan, {**table, "recipes": recipes}, where)


def _degradation(table: Mapping[str, Any], where: str) -> Degradation:
    """The one of the name that a plan's table has, with the values of its own table."""
    name = table.get("degrade", NONE)
    try:
        base = degradation_of(name if isinstance(name, str) else NONE)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    own = table.get("degradation", {})
    return from_table(Degradation, {**asdict(base), **own}, f"{where}, [degradation]")


def _check_extent(value: Any, where: str, depth: int = 0) -> None:
    """Refuse numbers and nesting of a size that no setting has, and that could not be shown."""
    if depth > MAX_DEPTH:
        raise InputError(f"{where}: is nested too deeply")
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise InputError(f"{where}: a whole number is above {MAX_NUMBER}")
    if isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            _check_extent(part, where, depth + 1)
