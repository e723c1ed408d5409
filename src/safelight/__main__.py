"""``python -m safelight``: the same as the command ``safelight``."""

from safelight.cli import main

if __name__ == "__main__":
    main()
