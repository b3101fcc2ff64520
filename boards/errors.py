"""Every error weft raises on purpose, as one tree.

WeftError                   catch this one
 |- InputError              the user's input is at fault             (exit code 1)
 |   |- ModelError          an ONNX file or model
 |   |- BoardError          a board name or board file
 |   |- ArtefactError       a build directory, image or archive
 |   |- DeadlockError       a design's FIFOs are too shallow for it to finish
 |   |- TooLongError        a simulation takes longer than its caller allows
 |   +- DoesNotFitError     a design is larger than its board
 |- DeviceError             a device failed                          (exit code 3)
 +- ToolError               a tool or extra is missing or failed     (exit code 3)

Each message is one sentence: what was wrong, where, and what to do.
"""


class WeftError(Exception):
    """Base of every error that weft raises on purpose."""


class InputError(WeftError):
    """What the user gave cannot be used."""


class ModelError(InputError):
    """An ONNX model is malformed or asks for what weft cannot do."""


class BoardError(InputError):
    """A board does not exist or its file is wrong."""


class ArtefactError(InputError):
    """A build directory, virtual image or saved design is damaged or foreign."""


class DeadlockError(InputError):
    """A design's layers wait for each other through FIFOs that are too shallow."""


class TooLongError(InputError):
    """A simulation takes more work than its caller allows."""


class DoesNotFitError(InputError):
    """A design needs more than the usable part of the board's fabric."""


class DeviceError(WeftError):
    """A device failed while loading or running a region."""


class ToolError(WeftError):
    """A tool or an optional package is missing, or failed."""
