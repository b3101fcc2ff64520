"""`python -m weft.host` is the command `weft`, for where the script is not on PATH."""

from weft.host.cli import main

main()
