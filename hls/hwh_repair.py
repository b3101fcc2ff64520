"""Mends what pynq 4.0.0 misreads in a Zynq-7000 .hwh that Vivado wrote.

pynq asks every processing system for the clock parameters of a Zynq UltraScale+ (pynqmetadata's
`ProcSysCore.clk_freq_param_name`); on a Zynq-7000 it finds none, takes None for the frequency and fails with a
TypeError when it sets the clock. Vivado writes the figure under another name: it is added under the one pynq wants.
"""

from __future__ import annotations

from xml.etree import ElementTree

from weft.boards.errors import ArtefactError
from weft.hls.xml_text import parse_xml

_CLOCKS = range(4)  # fabric clocks of a Zynq-7000 (UG585, "Clocks")


def repair_hwh(data: bytes) -> bytes:
    """The .hwh with its fabric clocks' frequencies where pynq looks for them; the same bytes if nothing is missing.

    Raises ArtefactError for what is not a .hwh, is larger than 64 MiB, or declares a document type or entities.
    """
    root = _parse(data)
    changed = False
    for module in root.iter("MODULE"):
        if module.get("MODTYPE") == "processing_system7":
            changed = _add_frequencies(module) or changed
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True) if changed else data


def _parse(data: bytes) -> ElementTree.Element:
    root = parse_xml(data, "a .hwh")
    if root.tag != "EDKSYSTEM":
        raise ArtefactError(f"a .hwh begins with {root.tag[:40]!r} and not with EDKSYSTEM: it is not one of Vivado's")
    return root


def _add_frequencies(module: ElementTree.Element) -> bool:
    """Add the frequency parameters that one processing system lacks; returns whether there were any."""
    parameters = module.find("PARAMETERS")
    if parameters is None:
        return False
    values = {parameter.get("NAME"): parameter.get("VALUE", "") for parameter in parameters}
    added = False
    for clock in _CLOCKS:
        wanted = f"PSU__CRL_APB__PL{clock}_REF_CTRL__ACT_FREQMHZ"
        frequency = values.get(f"PCW_ACT_FPGA{clock}_PERIPHERAL_FREQMHZ")
        if frequency is not None and wanted not in values:
            ElementTree.SubElement(parameters, "PARAMETER", NAME=wanted, VALUE=frequency)
            added = True
    return added
