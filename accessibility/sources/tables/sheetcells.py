"""Run as a program of its own: the cells of a workbook as JSON, so that a bad workbook ends it and nothing else.

The reader is native code; a workbook that asks for more memory than there is makes it abort instead of raising.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

_MEMORY = 4 << 30  # bytes
_MOST_CELLS = 20_000_000


def read_cells(path: str, sheet: str) -> dict[str, Any]:
    """Return the names of the sheets, those hidden, and of the chosen one its name, cells and merged ranges.

    Parameters
    ----------
    path
        The workbook, of any name: its content decides.
    sheet
        The sheet wanted; where empty, the first that is shown.
    """
    with open(path, "rb") as file, CalamineWorkbook.from_filelike(file) as book:  # noqa: PTH123 -- starts lighter
        sheets = [known for known in book.sheets_metadata if known.typ == SheetTypeEnum.WorkSheet]
        hidden = [known.name for known in sheets if known.visible != SheetVisibleEnum.Visible]
        names = [known.name for known in sheets]
        chosen = sheet or next((name for name in names if name not in hidden), next(iter(names), ""))
        told: dict[str, Any] = {"names": names, "hidden": hidden, "chosen": chosen}
        if chosen not in names:
            return told
        cells = book.get_sheet_by_name(chosen)
        if cells.total_height * cells.total_width > _MOST_CELLS:
            size = f"{cells.total_height:,} rows and {cells.total_width:,} columns"
            return {"error": f"sheet {chosen!r} reaches over {size}"}
        rows = cells.to_python(skip_empty_area=False)
        return told | {"rows": rows, "merged": cells.merged_cell_ranges or []}


def _bounded() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 -- not on every system

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _main() -> None:
    _bounded()
    try:
        told = read_cells(sys.argv[1], sys.argv[2])
    except PasswordError:
        told = {"error": "protected by a password"}
    except CalamineError as error:
        told = {"error": f"no workbook, or a damaged one ({error})"}
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    json.dump(told, sys.stdout, default=str)


if __name__ == "__main__":
    _main()
