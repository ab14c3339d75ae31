from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from tiny_networks import tiny, work_of

from cadyq_cli.evaluation.complexity import REFERENCE_SIZE
from cadyq_cli.evaluation.protocol import Measured, Widths
from cadyq_cli.evaluation.report import Result, to_csv, to_markdown


def measured(name: str, psnr: float, *bits: int, size: tuple[int, int] = (20, 20)) -> Measured:
    """An image of which every site of a small EDSR got these widths, one a patch."""
    sites = [f"block{block}.{part}" for block in (1, 2) for part in (1, 2)]
    widths: Widths = {site: np.array(bits, np.uint8) for site in sites} if bits else {}
    return Measured(name=name, size=size, psnr=psnr, ssim=0.5, widths=widths)


@pytest.fixture
def dynamic() -> Result:
    images = [measured("a", 30, 4, 4, 4, 8), measured("b", 40, 8, size=(40, 40))]
    workload = work_of(tiny("edsr"))
    return Result(model="edsr", dataset="Set", images=images, workload=workload, file_bytes=9)


@pytest.fixture
def bicubic() -> Result:
    return Result(model="bicubic", dataset="Set", images=[measured("a", 20.126)])


def test_each_image_counts_alike_whatever_its_number_of_patches(dynamic: Result) -> None:
    assert dynamic.psnr == 35
    assert dynamic.average_bits == (5 + 8) / 2
    assert dynamic.bits_by_macs == pytest.approx(6.5)


def test_work_at_the_images_own_size_is_in_proportion_to_it(dynamic: Result) -> None:
    first, second = dynamic.one_by_one()
    assert second.own_bit_operations["quantized"] == pytest.approx(
        4 * 8 / 5 * first.own_bit_operations["quantized"]
    )
    mean = (first.own_bit_operations["whole"] + second.own_bit_operations["whole"]) / 2
    assert dynamic.own_bit_operations["whole"] == pytest.approx(mean)
    share = 20 * 20 / (REFERENCE_SIZE[0] * REFERENCE_SIZE[1])
    assert first.own_bit_operations["whole"] == pytest.approx(first.bit_operations["whole"] * share)


def test_the_histogram_counts_patches(dynamic: Result) -> None:
    assert dynamic.histogram()["block2.1"] == {4: 3, 8: 2}


def test_a_float_network_has_32_bits_and_bicubic_none(bicubic: Result) -> None:
    workload = work_of(tiny("edsr", precision="float"))
    result = Result(model="f", dataset="S", images=[measured("a", 30)], workload=workload)
    assert result.average_bits == result.bits_by_macs == 32
    assert bicubic.average_bits is None
    assert bicubic.bit_operations == bicubic.own_bit_operations == {}


def test_json_holds_everything_and_no_infinity(dynamic: Result, bicubic: Result) -> None:
    entry = json.loads(json.dumps(dynamic.to_json(per_image=True)))
    assert entry["average_bits"] == 6.5
    assert [image["dataset"] for image in entry["per_image"]] == ["Set/a", "Set/b"]
    assert entry["per_image"][0]["widths"]["block1.1"] == {"4": 3, "8": 1}
    assert set(entry["bit_operations_1280x720"]) == {"whole", "whole-a2", "quantized"}
    assert entry["file_bytes"] == 9
    perfect = Result(model="m", dataset="S", images=[measured("a", float("inf"))])
    assert perfect.to_json()["psnr"] is None
    assert "average_bits" not in bicubic.to_json()


def test_csv_is_read_back_in_full_precision(dynamic: Result, bicubic: Result) -> None:
    first, second = csv.DictReader(to_csv([bicubic, dynamic]).splitlines())
    assert first["model"] == "bicubic"
    assert float(first["psnr_db"]) == 20.126
    assert first["average_bits"] == ""
    assert float(second["average_bits"]) == 6.5


def test_markdown_is_a_table_of_rounded_values(dynamic: Result, bicubic: Result) -> None:
    lines = to_markdown([bicubic, dynamic]).splitlines()
    assert lines[0].startswith("| Model | Data | PSNR | SSIM | Bits |")
    assert lines[2].startswith("| bicubic | Set | 20.13 | 0.5000 | - |")
    assert lines[3].startswith("| edsr | Set | 35.00 | 0.5000 | 6.50 | 6.50 |")
    assert len({line.count("|") for line in lines}) == 1
