"""`python -m cloudapi.platform`: what `make run` calls."""

import os
import sys

import environ

from cloudapi.platform import BASE_DIR, PlatformError, environment, lock
from cloudapi.platform.runner import Runner, Stop


def main() -> int:
    os.umask(0o077)  # what it writes, the database and the logs too, is nobody else's on this machine
    environ.Env.read_env(BASE_DIR / ".env")
    try:
        asked = environment.wishes(os.environ)
        Runner(asked, lock.take(asked.data_dir, asked.http_url)).run()
    except PlatformError as error:
        print(f"cloudapi: {error}", file=sys.stderr, flush=True)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130
    except Stop:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
