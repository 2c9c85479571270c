"""Comparison of days: what is not yet published is before and after none.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language (6.9, effective time)
"""

import numpy as np
import pytest

from fhirserver.terminology.ecl.columns import days
from fhirserver.terminology.ecl.syntax import Op

GIVEN = np.array([0, 20200131, 20210131], np.int32)


@pytest.mark.parametrize(
    ("op", "wanted", "expected"),
    [
        pytest.param(Op.EQUAL, (0,), [True, False, False], id="not yet published"),
        pytest.param(Op.NOT_EQUAL, (20200131,), [True, False, True], id="any other day, or none"),
        pytest.param(Op.LESS, (20210131,), [False, True, False], id="before"),
        pytest.param(Op.AT_MOST, (20210131,), [False, True, True], id="until"),
        pytest.param(Op.MORE, (20200131,), [False, False, True], id="after"),
        pytest.param(Op.AT_LEAST, (20200131,), [False, True, True], id="since"),
        pytest.param(Op.LESS, (0,), [False, False, False], id="before no day"),
        pytest.param(Op.AT_LEAST, (0,), [False, False, False], id="since no day"),
        pytest.param(Op.MORE, (20210131, 20200131), [False, False, True], id="after any of several"),
    ],
)
def test_days(op: Op, wanted: tuple[int, ...], expected: list[bool]) -> None:
    assert days(GIVEN, op, wanted).tolist() == expected
