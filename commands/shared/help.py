"""The end of a command's help: its settings and its exit status."""

from dataclasses import fields

from config import Settings

# The settings of the model, which the commands read from the environment.
MODEL_SETTINGS = (
    *("model_type", "image_size", "canvas", "precision", "model_path", "model_labels", "model_cache"),
    *("max_image_megapixels", "threads"),
)


def epilog(*names: str, done: str, failed: str, more: str = "") -> str:
    """Return the end of a command's help: the settings `names`, or all without names, and the exit status.

    `done` tells what status 0 means, `failed` what 1 means, and `more` is a line about another one.
    """
    rows = [
        (field.name.upper(), f"{field.metadata['purpose']} ({field.metadata['kind'].allowed})")
        for field in fields(Settings)
        if not names or field.name in names
    ]
    width = max(len(name) for name, _ in rows) + 2
    status = ["  0    " + done, "  1    " + failed, "  2    an argument can't be used; nothing was done"]
    return "\n".join(
        [
            "\b\nSettings are environment variables:",
            *(f"  {name:{width}}{text}" for name, text in rows),
            "\n\b\nExit status:",
            *status,
            *([f"  {more}"] if more else []),
        ]
    )
