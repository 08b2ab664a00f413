"""The pages that people open in a browser; their HTML, CSS and JavaScript are in files/."""

from pathlib import Path

FILES = Path(__file__).with_name("files")


def page_policy(**directives: str) -> str:
    """Return the content security policy of a page: all that it loads, and connects to, is its own service's.

    `directives`, with underscores in place of hyphens, replace or add to those of every page.
    """
    none = dict.fromkeys(("default-src", "base-uri", "form-action", "frame-ancestors"), "'none'")
    own = dict.fromkeys(("connect-src", "script-src", "style-src"), "'self'")
    more = {name.replace("_", "-"): sources for name, sources in directives.items()}
    return "; ".join(f"{name} {sources}" for name, sources in (none | own | more).items())
