"""Recipes in files: what they may say, and that they come back as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cadyq_cli.degradations.degradation import Degradation
from cadyq_cli.errors import InputError
from cadyq_cli.training.recipes.plan import Plan, built_in, parse_plan, read_plan
from cadyq_cli.training.recipes.recipe import Recipe


@pytest.mark.parametrize("name", built_in())
def test_a_plan_comes_back_from_its_file(name: str) -> None:
    plan = read_plan(name)
    assert parse_plan(plan.to_toml(), "file") == plan


def test_a_plan_with_everything_comes_back_from_its_file() -> None:
    plan = Plan(
        backbone="carn",
        scales=(2, 4),
        settings={"features": 8, "multi_scale": True},
        stages=("static",),
        start=Path('/a "strange"\\ name'),
        degrade="photo",
        degradation=Degradation(noise=0.5, noise_levels=(1, 2.5), subsamplings=("4:4:4", "4:2:2")),
        recipes={"static": Recipe(target_bits=4.5, learning_rate=1e-7, fuse=False)},
    )
    assert parse_plan(plan.to_toml(), "file") == plan


def test_the_papers_recipe_is_the_papers() -> None:
    """Paper, section 4.1, and the released code's defaults."""
    recipe = read_plan("paper-edsr").recipes["dynamic"]
    assert (recipe.steps, recipe.batch, recipe.patch * 4) == (300_000, 16, 192)
    assert [recipe.rate_at(step) for step in (0, 149_999, 150_000)] == [1, 1, 0.5]
    rates = (recipe.learning_rate, recipe.bound_rate, recipe.selector_rate)
    assert rates == (1e-4, 1e-2, 1e-4)
    assert (recipe.bit_price, recipe.bit_price_growth) == (1e-4, 1e-6)
    assert (recipe.distill_last, recipe.distill_blocks, recipe.distill_output) == (1e3, 1e2, 0)
    carn = read_plan("paper-carn").recipes["dynamic"]
    assert (carn.steps, carn.selector_rate) == (600_000, 1e-3)
    assert [carn.rate_at(step) for step in (399_000, 401_000)] == [1, 0.5]


def test_rates_rise_in_equal_steps_while_a_run_warms_up() -> None:
    recipe = Recipe(warm_up=3)
    assert [recipe.rate_at(step) for step in range(5)] == [0.25, 0.5, 0.75, 1, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 3", "unknown setting colour"),
        ("[float]\ncolour = 3", r"\[float\]: unknown setting colour"),
        ("recipes = 3", "unknown setting recipes"),
        ("static = 3", "static should be a table"),
        ("scale = ", "is not TOML"),
        ("[float]\nsteps = 1.5", "steps = 1.5 should be a whole number"),
        ("[float]\nsteps = true", "steps = True should be a whole number"),
        ("[float]\nsteps = 0", "steps = 0 should be at least 1"),
        ("[float]\ndecay = 'none'", "should be one of halving, cosine"),
        ("[float]\naverage = 1", "average = 1.0 should be below 1"),
        ("widths = [4, 9]", "should be from 2 to 8"),
        ("widths = [4, 4]", r"widths = \[4, 4\] should be different"),
        ("[dynamic]\ntarget_bits = 20", "target_bits = 20 should be from 4 to 8"),
        ("[dynamic]\ntarget_bits = 3", "target_bits = 3 should be from 4 to 8"),
        ("stages = ['static', 'float']", "in the order"),
        ("scales = [2, 4]", "edsr has a body for one scale"),
        ("backbone = 'carn'\nscales = [2, 3]", "include the scale 4"),
        ("[dynamic]\nmeasure_selectors = true", "needs target_bits"),
    ],
)
def test_what_a_file_must_not_say_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"mine\.toml.*{message}"):
        parse_plan(text, "mine.toml")


def test_a_recipe_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(InputError, match="paper-carn, paper-edsr, paper-idn"):
        read_plan("papre-edsr")


def test_a_changed_setting_of_the_backbone_leaves_the_others() -> None:
    plan = Plan(backbone="span", settings={"features": 24, "activation": "relu"})
    changed = plan.with_changes({"settings": {"features": 32}})
    assert changed.settings == {"features": 32, "activation": "relu"}


def test_a_begun_run_takes_the_changes_that_were_asked_for_and_no_others() -> None:
    before = replace(Plan(), stages=("static", "dynamic"))
    longer = Plan().with_changes({"steps": 5})
    plan, notes = longer.continuing(before, {"steps"})
    assert plan.stages == ("static", "dynamic")
    assert "dynamic.steps is 5, and was 300000" in notes
    with pytest.raises(InputError, match=r"float\.steps is 5, and was 300000"):
        longer.continuing(before, set())
    with pytest.raises(InputError, match="scale is 2, and was 4; use a new folder"):
        Plan(scale=2).continuing(before, {"scale"})


def test_a_recipes_table_changes_the_degradation_that_it_names() -> None:
    plan = parse_plan('degrade = "noise5-jpeg75"\n[degradation]\nnoise = 0.5\n', "file")
    found = plan.degradation
    assert (found.noise, found.noise_levels, found.jpeg_qualities) == (0.5, (5, 5), (75, 75))
    assert not plan.with_changes({"degrade": "none"}).degradation.happens


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('degrade = "jpeg0"', "jpeg_qualities"),
        ('degrade = "jpeg75-noise5"', "in this order"),
        ("[degradation]\nblur = 2", r"\[degradation\]: blur = 2 should be at most 1"),
        ("[degradation]\nblur_widths = [2, 1]", "smaller one first"),
        ('[degradation]\nresamplers = ["nearest"]', "bicubic, bilinear"),
        ("[degradation]\njpeg = 0.6\nwebp = 0.6", "at most 1"),
        ("[degradation]\nrain = 1", "unknown setting rain"),
        ("degradation = 1", "should be a table"),
    ],
)
def test_a_degradation_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_plan(text, "file")


def test_a_run_that_has_begun_takes_another_degradation_only_if_asked() -> None:
    before = Plan().with_changes({"degrade": "photo"})
    plan, lines = before.with_changes({"degrade": "none"}).continuing(before, {"degrade"})
    assert not plan.degradation.happens
    assert lines == ["degrade is none, and was photo"]
    with pytest.raises(InputError, match="blur"):
        replace(before, degradation=replace(before.degradation, blur=0)).continuing(before, ())


def test_scale_1_is_for_networks_that_restore_what_was_done_to_pictures() -> None:
    plan = Plan(backbone="span", scale=1, degrade="photo")
    assert parse_plan(plan.to_toml(), "file") == plan
    with pytest.raises(InputError, match="needs `degrade`"):
        Plan(backbone="span", scale=1)
    with pytest.raises(InputError, match="carn cannot have scale 1"):
        Plan(backbone="carn", scale=1, degrade="photo")
