"""The one error of these tools that a user is meant to read."""

import sys


class Problem(Exception):
    """What failed and what to do about it, in a sentence or two."""


def run(main):
    """Calls `main`; a `Problem` becomes one line on standard error and exit code 1 instead of a traceback."""
    try:
        main()
    except Problem as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)


def nearest(name, candidates):
    """A hint with the closest candidate, or with all of them."""
    import difflib

    close = difflib.get_close_matches(name, candidates, n=1)
    return f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(candidates)}"
