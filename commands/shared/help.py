"""The end of a command's help: photos and results, settings, and exit status."""

from dataclasses import fields

from commands.shared.names import result_name
from commands.shared.photos import Reason
from config import Settings
from core.outputs import OUTPUTS

# The settings of the model, which the commands read from the environment.
MODEL_SETTINGS = (
    *("model_type", "image_size", "canvas", "precision", "model_path", "model_labels", "model_cache"),
    *("max_image_megapixels", "threads"),
)
# The rules of predict, batch and watch.
PHOTOS_AND_RESULTS = f"""\
Results: with --output mask, the result of INPUT/day/a.jpg is OUTPUT/day/{result_name("a.jpg", "mask")}. The other
outputs have the endings {", ".join(result_name("", output) for output in OUTPUTS if output != "mask")}.

Photos: in a folder, a file is a photo by its ending or by its first bytes. The others are left out, and printed with
the reason: {", ".join(Reason)}.

Errors: a photo that can't be segmented is printed with the reason, and the others are segmented.
"""
# What a signal does to predict and batch, and their exit statuses.
INTERRUPTED = """130  ended by Ctrl-C; 143 by SIGTERM, 129 by SIGHUP. Photos that finish within a second are kept, a
       second signal waits for none"""
# What holds after every end of predict, and of batch and watch.
COMPLETE = "After every end, a result is complete or not there. The same command does all photos again."
KEPT = "After every end, also SIGKILL or a power cut, the same command goes on with the photos that have no result."
# Meanings of the exit status 1.
NO_RESULT = "a photo has no result"
UNUSABLE = "a setting or the model can't be used"


def epilog(*names: str, done: str, failed: str, more: str = "", rules: str = "", ends: str = "") -> str:
    """Return the end of a command's help: `rules`, the settings `names`, or all without names, and the exit status.

    `done` tells what status 0 means, `failed` what 1 means, and `more` is a line about another one. `ends` tells what
    holds after every end.
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
            *([rules] if rules else []),
            "\b\nSettings are environment variables:",
            *(f"  {name:{width}}{text}" for name, text in rows),
            "\n\b\nExit status:",
            *status,
            *([f"  {more}"] if more else []),
            *([f"\n{ends}"] if ends else []),
        ]
    )
